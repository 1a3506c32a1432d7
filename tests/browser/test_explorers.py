"""Every explorer of every notebook, in JupyterLab and Chromium on a busy machine: its controls move it."""

import os
import time
from itertools import product
from pathlib import Path

import browser_driver as driver
import pytest

from rolab.storage import environment, load_result, read_json, write_json

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WITH_EXPLORERS = [
    path for path in sorted(driver.NOTEBOOKS.glob("*.ipynb")) if "Explorer(" in path.read_text()
]
SLOW = ("04", "05", "08", "09")  # these train or attack for a minute and more, on a busy machine for many
RECORD = os.environ.get("ROLAB_BROWSER_RECORD")  # a file: all notebooks, three times, and what came of it
TRIED = [(path, 1) for path in WITH_EXPLORERS if not path.name.startswith(SLOW)]
if RECORD:
    TRIED = [(path, k) for k in (1, 2, 3) for path in WITH_EXPLORERS if not path.name.startswith(SLOW)]
    TRIED += [(path, k) for k in (1, 2, 3) for path in WITH_EXPLORERS if path.name.startswith(SLOW)]


def test_there_are_explorers():
    assert len(WITH_EXPLORERS) >= 6


@pytest.mark.parametrize(("notebook", "run"), TRIED, ids=[f"{path.stem}-{k}" for path, k in TRIED])
def test_every_explorer_is_alive_on_a_busy_machine(browser, tmp_path, notebook, run):
    busy, began = 6 if RECORD else max(4, 2 * (os.cpu_count() or 2)), time.monotonic()
    with driver.busy_machine(busy), driver.jupyterlab(tmp_path) as address:
        page, errors = driver.open_notebook(browser, address, notebook.name)
        driver.run_all(page)
        written = driver.saved(page, tmp_path / "notebooks" / notebook.name)
        expected = driver.outputs(written, "application/vnd.jupyter.widget-view+json")
        explorers = driver.find(page, f"{driver.EXPLORER}", count_of_explorers(written))
        assert 0 < len(explorers) <= expected
        for number, explorer in enumerate(explorers):
            plot = driver.bring(page, explorer)
            page.screenshot(path=tmp_path / f"{number}-before.png", timeout=driver.MINUTES)
            assert move(page, explorer, plot), (
                f"explorer {number} of {notebook.name}: no control moves its figure"
            )
            page.screenshot(path=tmp_path / f"{number}-after.png", timeout=driver.MINUTES)
            assert explorer.locator("[role=alert]").count() == 0, explorer.locator(
                "[role=alert]"
            ).inner_text()
        load = os.getloadavg()[0]
        assert driver.serious(errors) == []
        page.close()
    note(notebook.stem, run, explorers=len(explorers), load=load, seconds=round(time.monotonic() - began))


def note(notebook, run, **found):
    """Puts a run without a dead figure into the record, in the place of an earlier one, if asked for."""
    if RECORD:
        known = read_json(Path(RECORD)) if Path(RECORD).exists() else {"runs": []}
        others = [other for other in known["runs"] if (other["notebook"], other["run"]) != (notebook, run)]
        runs = sorted([*others, {"notebook": notebook, "run": run, **found}], key=lambda r: r["notebook"])
        write_json(Path(RECORD), {"environment": environment(), "runs": runs})


def test_the_record_has_three_runs_of_each_notebook():
    runs = load_result("browser")["runs"]
    known = {run["notebook"] for run in runs}
    assert known <= {path.stem for path in WITH_EXPLORERS} and len(known) >= 6
    assert sorted((run["notebook"], run["run"]) for run in runs) == sorted(product(known, (1, 2, 3)))
    assert all(run["explorers"] > 0 and run["load"] >= 8 for run in runs)


def count_of_explorers(notebook):
    """Outputs that have both the live widget and the figure that stands without a kernel."""
    cells = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    kinds = (output.get("data", {}) for cell in cells for output in cell["outputs"])
    return sum(
        "application/vnd.jupyter.widget-view+json" in kind and driver.STANDING in "".join(kind["text/html"])
        for kind in kinds
        if "text/html" in kind
    )


def move(page, explorer, plot):
    """Moves each slider by the keyboard, then presses each button: how many of them changed the figure."""
    moved = 0
    sliders = explorer.locator(".noUi-handle:not([disabled])")
    for k in range(sliders.count()):
        handle = sliders.nth(k)
        if handle.locator("xpath=ancestor::*[@disabled]").count():
            continue
        before = plot.evaluate(driver.DRAWN)
        at_end = float(handle.get_attribute("aria-valuenow")) >= float(handle.get_attribute("aria-valuemax"))
        handle.focus()
        page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
        moved += driver.changed(page, plot, before, 60 if not moved else 10) is not None
        agree(page, explorer)
    buttons = explorer.locator("button:not([disabled])")
    for k in range(buttons.count()):
        button = buttons.nth(k)
        if button.is_enabled() and button.is_visible():
            before = plot.evaluate(driver.DRAWN)
            button.focus()
            page.keyboard.press("Enter")
            moved += driver.changed(page, plot, before, 60 if not moved else 10) is not None
    return moved


def agree(page, explorer):
    """Waits until the sentence and the title of the figure say the same."""
    for _ in range(120):
        title = explorer.locator(".gtitle").text_content()
        if title and title in explorer.locator("[role=status]").inner_text():
            return
        page.wait_for_timeout(250)
    raise AssertionError(
        f"{title!r} is the title, and said is {explorer.locator('[role=status]').inner_text()!r}"
    )
