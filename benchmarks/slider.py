#!/usr/bin/env python3
"""How long does the ε slider of notebook 03 take to answer? In the kernel, and until Chromium has drawn.

    python benchmarks/slider.py [--events N] [--out FILE]

In the kernel: from the slider's new value, as the browser sends it, until all that the figure needs is on its
way. Every radius is new to the kernel, so its pictures are drawn there. In the browser: from the key press on
the focused slider until the frame in which the figure bears its new title, in JupyterLab.

The result replaces the keys `slider_kernel` and `slider_browser` of results/benchmarks.json and no others.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
from nbclient import NotebookClient

from rolab.storage import environment, update_json

ROOT = Path(__file__).parents[1]
OUT = ROOT / "results" / "benchmarks.json"

EXPLORER = """
from rolab import data, zoo
from rolab.course.nb03_perturbations.sweep_explorer import PerturbationExplorer

explorer = PerturbationExplorer({"baseline": zoo.load("mnist/baseline")}, data.mnist("test"))
live = explorer.live(plain=False, index=36)
live
"""
KERNEL = """
import json, time

times = []
while len(times) < EVENTS:
    live.set(epsilon=0.0, index=live.state["index"] + 1)
    for radius in explorer.radii["linf"][1:]:
        began = time.perf_counter()
        live.controls["epsilon"].set_state({"value": radius})
        times.append(1000 * (time.perf_counter() - began))
assert live.error.value == ""
print(json.dumps(times[:EVENTS]))
"""
WATCH = """() => {
    const slider = document.querySelector('.noUi-handle');
    const output = slider.closest('.jp-OutputArea-output');
    const title = () => output.querySelector('.gtitle')?.textContent;
    window.times = [];
    document.addEventListener('keydown', event => {
        const before = title();
        const look = () => title() === before
            ? requestAnimationFrame(look) : window.times.push(performance.now() - event.timeStamp);
        requestAnimationFrame(look);
    }, true);
    slider.focus();
}"""


def summary(times: list[float]) -> dict[str, Any]:
    """The median, the 95th percentile and the number, in milliseconds."""
    p95 = statistics.quantiles(times, n=20)[-1]
    return {"p95_ms": round(p95, 2), "median_ms": round(statistics.median(times), 2), "events": len(times)}


def in_kernel(events: int) -> list[float]:
    """Milliseconds of each event, in a kernel of its own."""
    cells = [nbformat.v4.new_code_cell(source) for source in (EXPLORER, f"EVENTS = {events}\n{KERNEL}")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", coalesce_streams=True).execute()
    return json.loads(notebook.cells[1].outputs[0].text)


def in_browser(events: int) -> list[float]:
    """Milliseconds of each key press, in JupyterLab and headless Chromium."""
    from playwright.sync_api import sync_playwright

    driver = browser_driver()
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(EXPLORER)], metadata=metadata)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=driver.CHROMIUM, args=driver.FLAGS)
        with driver.jupyterlab(Path(name)) as address:
            nbformat.write(notebook, Path(name) / "notebooks" / "slider.ipynb")
            page, _ = driver.open_notebook(chromium, address, "slider.ipynb")
            driver.run_all(page)
            driver.bring(page, driver.find(page, driver.EXPLORER, 1)[0])
            page.evaluate(WATCH)
            for pressed in range(1, events + 1):
                page.keyboard.press("ArrowRight" if (pressed - 1) // 40 % 2 == 0 else "ArrowLeft")
                page.wait_for_function("count => window.times.length >= count", arg=pressed)
            times = page.evaluate("() => window.times")
        chromium.close()
    return times


def browser_driver() -> ModuleType:
    """What the browser tests share: it knows how to serve and open a notebook."""
    spec = importlib.util.spec_from_file_location("browser_driver", ROOT / "tests" / "browser_driver.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    found = {}
    for key, measure in (("slider_kernel", in_kernel), ("slider_browser", in_browser)):
        found[key] = summary(measure(arguments.events)) | {"environment": environment()}
        print(
            f"{key}: median {found[key]['median_ms']:.1f} ms, 95th percentile {found[key]['p95_ms']:.1f} ms"
        )
    update_json(arguments.out, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
