"""Notebook 01 as a reader meets it, in JupyterLab and headless Chromium: its explorers answer."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPEC = importlib.util.spec_from_file_location("driver", Path(__file__).with_name("test_browser.py"))
driver = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(driver)
browser = driver.browser  # the fixture

EXPLORER = ".jp-OutputArea-output:has([role=status]:has-text('worst z'))"
BUTTON = "button:has-text('add the worst scenario')"
CUTS = f".jp-OutputArea-output:has({BUTTON})"


def bring(page, selector):
    """Scrolls down until the output is there and drawn."""
    page.wait_for_selector(selector, timeout=10 * driver.MINUTES, state="attached")
    for _ in range(120):
        page.locator(selector).first.scroll_into_view_if_needed(timeout=driver.MINUTES)
        page.wait_for_timeout(1000)
        if page.locator(f"{selector} .gtitle").count():
            return page.locator(selector).first
    raise AssertionError(f"{selector} was not drawn within two minutes")


def test_the_sliders_and_the_button_move_the_figures(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "NOTEBOOK", driver.NOTEBOOK.with_name("01_robust_linear_programs.ipynb"))
    with driver.jupyterlab(tmp_path) as address:
        page, errors = driver.open_notebook(browser, address)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        explorer = bring(page, EXPLORER)
        title = explorer.locator(".gtitle").text_content()
        assert "Γ = 1.5, ρ = 0.2: the objective is 16,650.00" in title
        for handle, expected in ((0, "Γ = 1.5, ρ = 0.22:"), (1, "Γ = 1.6, ρ = 0.22:")):
            explorer.locator(".noUi-handle").nth(handle).focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_selector(f"{EXPLORER} .gtitle:has-text('{expected}')", timeout=driver.MINUTES)
        page.screenshot(path=tmp_path / "explorer.png", timeout=driver.MINUTES)

        cuts = bring(page, CUTS)
        assert "Round 1: at most 17,700.00" in cuts.locator(".gtitle").text_content()
        for expected in ("Round 2: at most 16,846.15", "Round 3: at most 16,650.00"):
            page.locator(BUTTON).click()
            page.wait_for_selector(f"{CUTS} .gtitle:has-text('{expected}')", timeout=driver.MINUTES)
        assert page.locator(BUTTON).is_disabled()
        page.screenshot(path=tmp_path / "cuts.png", timeout=driver.MINUTES)
        assert driver.serious(errors) == []
