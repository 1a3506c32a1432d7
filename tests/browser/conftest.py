"""One Chromium for the tests of a file."""

import browser_driver as driver
import pytest


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, driven by playwright; playwright's own browsers are not needed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if driver.CHROMIUM is None:
        pytest.skip("no Chromium here; install it with: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=driver.CHROMIUM, args=driver.FLAGS)
        yield chromium
        chromium.close()
