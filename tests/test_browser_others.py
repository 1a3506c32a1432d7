"""Notebooks 02, 04, 08 and 09 in JupyterLab and headless Chromium: their explorers answer."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPEC = importlib.util.spec_from_file_location("driver_01", Path(__file__).with_name("test_browser_01.py"))
one = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(one)
driver, browser = one.driver, one.browser  # the second is the fixture

# Plotly's first drawing of notebook 08's explorer says this of the frames of its pictures, which it draws
# again at once. Why is not known; that nothing of it is left is tested.
PASSING = {"08_cifar10_reproduction": 'attribute d: Expected number, "MNaN,NaN'}
EXPLORER = ".jp-OutputArea-output:has([role=status]):has(.noUi-handle)"


@pytest.mark.parametrize(
    "name",
    [
        "02_robustness_is_regularisation",
        "04_algorithm_1",
        "08_cifar10_reproduction",
        "09_stress_test",
    ],
)
def test_the_first_slider_moves_the_text_and_the_figure(browser, tmp_path, monkeypatch, name):
    monkeypatch.setattr(driver, "NOTEBOOK", driver.NOTEBOOK.with_name(f"{name}.ipynb"))
    with driver.jupyterlab(tmp_path) as address:
        page, errors = driver.open_notebook(browser, address)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        explorer = one.bring(page, EXPLORER)
        for _ in range(2):
            before = explorer.locator(".gtitle").first.text_content()
            explorer.locator(".noUi-handle").first.focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_function(
                "([selector, before]) => {"
                " const output = document.querySelector(selector);"
                " const title = output.querySelector('.gtitle').textContent;"
                " const said = output.querySelector('[role=status]').innerText;"
                " return title != before && said.includes(title); }",
                arg=[EXPLORER, before],
                timeout=driver.MINUTES,
            )
        page.screenshot(path=tmp_path / "explorer.png", timeout=driver.MINUTES)
        assert page.locator('path[d*="NaN"]').count() == 0
        passing = PASSING.get(name)
        assert [error for error in driver.serious(errors) if not passing or passing not in error] == []
