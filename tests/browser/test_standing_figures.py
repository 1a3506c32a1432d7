"""Figures without a kernel, in JupyterLab and in a page: their texts, and sliders by the keyboard."""

import json
import os
import shutil

import browser_driver as driver
import plotly
import pytest

from rolab.plotting import Curves

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FIGURE = "figure.rolab-figure"
# Three kinds of sliders: over polygons, over pictures, over curves; `make browser` takes all notebooks.
FEW = () if "ROLAB_BROWSER_RECORD" in os.environ else ("01", "03", "07")
NOTEBOOKS = [path for path in sorted(driver.NOTEBOOKS.glob("*.ipynb")) if path.name.startswith(FEW or "")]
# Figures in a closed fold are hidden from all readers: they are looked at once it is open.
UNFOLD = """each => {
    for (let d = each.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
}"""


def standing(notebook):
    """The HTML of each figure in the file."""
    cells = (cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code")
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for cell in cells for o in cell["outputs"])
    return html.split(f"<figure {driver.STANDING}")[1:]


def drawn(page, figure):
    """What plotly has drawn in a figure."""
    plot = figure.locator(".js-plotly-plot")
    return plot.evaluate(driver.DRAWN) if plot.count() else ""


def slide(page, figure):
    """Moves a slider by one key, and returns its text once the figure is another."""
    handle, before = figure.locator("input[type=range]"), drawn(page, figure)
    handle.focus()
    page.keyboard.press("Home" if handle.input_value() != "0" else "End")
    for _ in range(240):
        page.wait_for_timeout(250)
        if drawn(page, figure) != before:
            return handle.get_attribute("aria-valuetext")
    raise AssertionError("the slider does not move its figure")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_file_reads_without_a_kernel(browser, tmp_path, notebook):
    """Opened and not run: pictures have their texts; once the notebook is trusted, sliders move them."""
    figures = standing(notebook)
    with driver.jupyterlab(tmp_path) as address:
        page, errors = driver.open_notebook(browser, address, notebook.name)
        for figure in driver.find(page, FIGURE, len(figures)):
            figure.evaluate(UNFOLD)
            alt = figure.locator("img").get_attribute("alt")
            assert figure.get_by_role("img", name=alt, exact=True).count() == 1 and len(alt) > 60
            assert figure.locator("input").count() == 0, "no slider where no script may run"
        page.close()
        driver.trust(tmp_path, tmp_path / "notebooks" / notebook.name)
        page, more = driver.open_notebook(browser, address, notebook.name)
        sliding = sum("application/json" in figure for figure in figures)
        for number, handle in enumerate(driver.find(page, f"{FIGURE} input[type=range]", sliding)):
            figure = handle.locator("xpath=ancestor::figure")
            figure.evaluate(UNFOLD)
            figure.evaluate("each => each.scrollIntoView({block: 'center'})")
            text = slide(page, figure)
            assert figure.get_by_role("img", name=text.split(". ", 1)[1], exact=True).count() == 1
            page.screenshot(path=tmp_path / f"{number}.png", timeout=driver.MINUTES)
        assert driver.serious(errors + more) == []
        page.close()


CURVES = Curves("a < b & c", [0.0, 1.0, 2.0], {"a": [3, 2, 1]}, "k", "y", alt="One line falls.").sliding("k")


@pytest.mark.parametrize("has_plotly", [True, False])
def test_a_page_of_ones_own_opens_from_a_folder(browser, tmp_path, has_plotly):
    """With plotly.js beside it the slider draws; without, the picture stays and a sentence says why."""
    if has_plotly:
        source = f"{plotly.__path__[0]}/package_data/plotly.min.js"
        shutil.copy(source, tmp_path / "plotly.min.js")
    html, head = CURVES.standing(), '<meta charset="utf-8"><meta name="plotly" content="plotly.min.js">'
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><head>{head}</head><body>{html}{html}</body>")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((tmp_path / "page.html").as_uri())
    first = page.locator(FIGURE).first
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, (
        "a narrow page scrolls the figure alone"
    )
    if has_plotly:
        for figure in (first, page.locator(FIGURE).last):
            text = slide(page, figure)
            assert text.startswith("0. ") and figure.locator(".gtitle").text_content() == CURVES.message(0)
            assert figure.get_by_role("img", name=CURVES.at(0).alt, exact=True).count() == 1
    else:
        first.locator("input").press("End")
        page.wait_for_selector("text=plotly.js could not be loaded")
        assert first.locator("img").is_visible()
    page.close()
