"""JupyterLab and headless Chromium, as a reader meets a notebook: what browser tests and benchmarks share."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat.sign import NotebookNotary

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
HOMES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
MINUTES = 60_000  # in playwright's milliseconds
HARMLESS = ("favicon", "ResizeObserver")
BADGES = ("https://colab.research.google.com/assets/", "https://mybinder.org/badge")
IDLE, BUSY = (f"text=/ipykernel\\) \\| {state}/" for state in ("Idle", "Busy"))  # as the status bar says
EXPLORER = ".rolab-explorer"
STANDING = 'class="rolab-figure"'  # a figure without a kernel, in the HTML of an output

# All that plotly has drawn but the title: curves, pictures, where they are.
DRAWN = """plot => {
    const copy = plot.cloneNode(true);
    copy.querySelectorAll('.g-gtitle, .slider-container, .hoverlayer').forEach(part => part.remove());
    return [...copy.querySelectorAll('.main-svg')].map(svg => svg.innerHTML).join('');
}"""


@contextmanager
def jupyterlab(folder: Path, notebooks: Path = NOTEBOOKS):
    """The address of a JupyterLab that serves a copy of the notebooks, with settings of its own."""
    served = folder / "notebooks"
    shutil.copytree(notebooks, served, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    home = {name: str(folder / name.lower()) for name in HOMES}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={served}"]
    command += ["--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.collaborative=False"]
    command += [
        f"--LabApp.workspaces_dir={folder / 'workspaces'}",
        f"--LabApp.user_settings_dir={folder / 'settings'}",
    ]
    log = (folder / "jupyterlab.log").open("w")
    server = subprocess.Popen(command, env=os.environ | home, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert server.poll() is None, (folder / "jupyterlab.log").read_text()[-3000:]
            try:
                urllib.request.urlopen(f"{address}/api/status", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise AssertionError("JupyterLab did not answer within five minutes")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


@contextmanager
def busy_machine(count: int):
    """So many processes that do nothing but take time."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def answer(route, errors):
    """Stands in for the internet, which has the two badges and nothing that the course needs."""
    if not route.request.url.startswith(BADGES):
        errors.append(f"asked for {route.request.url}")
    picture = "<svg xmlns='http://www.w3.org/2000/svg' width='90' height='20'/>"
    route.fulfill(content_type="image/svg+xml", body=picture)


def open_notebook(browser, address, name):
    """A page with a notebook, and the list that its console's errors are collected in."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route(lambda url: not url.startswith(address), lambda route: answer(route, errors))
    page.goto(f"{address}/lab/tree/{name}?reset", timeout=3 * MINUTES)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=3 * MINUTES)
    page.wait_for_selector(IDLE, timeout=3 * MINUTES)  # else nothing is run
    return page, errors


def serious(errors):
    """What the console must not say: a widget whose model was not made is a figure that does not move."""
    return [error for error in errors if not any(word in error for word in HARMLESS)]


def run_all(page):
    """Runs all cells, and waits for the last."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_selector(BUSY, timeout=3 * MINUTES)  # on a busy machine the click takes its time
    quiet = 0
    for _ in range(2400):
        quiet = quiet + 1 if page.locator(IDLE).count() else 0
        if quiet == 8:  # between two cells it may be idle for a moment
            return
        page.wait_for_timeout(500)
    raise AssertionError("the notebook ran for more than twenty minutes")


def saved(page, path):
    """The notebook as JupyterLab saves it now."""
    page.keyboard.press("Escape")
    before = path.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    for _ in range(120):
        page.wait_for_timeout(500)
        if path.stat().st_mtime_ns != before and path.read_text().endswith("}\n"):  # whole, not half written
            return json.loads(path.read_text())
    raise AssertionError(f"{path.name} was not saved within a minute")


def outputs(notebook, kind):
    """How many outputs of a notebook have this MIME type."""
    found = (o for cell in notebook["cells"] if cell["cell_type"] == "code" for o in cell["outputs"])
    return sum(kind in output.get("data", {}) for output in found)


def trust(folder, path):
    """Signs a notebook, as a reader does who trusts it: its scripts may run."""
    notary = NotebookNotary(data_dir=str(folder / "jupyter_data_dir"))
    notary.sign(nbformat.read(path, as_version=4))
    notary.store.close()


def find(page, selector, count):
    """All elements, once so many are on the page and drawn: cells come onto it as they are seen."""
    page.mouse.move(700, 500)
    for turn in range(600):
        if page.locator(selector).count() >= count:
            break
        page.mouse.wheel(0, 500 if turn % 120 < 100 else -60_000)
        page.wait_for_timeout(250)
    assert page.locator(selector).count() == count, f"{count} × {selector} expected"
    return [page.locator(selector).nth(k) for k in range(count)]


def bring(page, element):
    """Scrolls to a figure until it is drawn and stays there: cells above it grow when they are seen."""
    for turn in range(120):
        element.evaluate("each => each.scrollIntoView({block: 'center'})")
        page.mouse.move(700, 500)
        page.mouse.wheel(
            0, 120 if turn % 2 else -120
        )  # a figure is drawn if the page sees that it is scrolled
        page.wait_for_timeout(500)
        if element.locator(".gtitle").count() and element.locator(".gtitle").is_visible():
            itself = element.evaluate("each => each.classList.contains('js-plotly-plot')")
            return element if itself else element.locator(".js-plotly-plot").first
    raise AssertionError("a figure was not drawn within a minute")


def changed(page, plot, before, seconds=60):
    """What is drawn when it is no longer what it was, None if it stays."""
    for _ in range(4 * seconds):
        page.wait_for_timeout(250)
        if (now := plot.evaluate(DRAWN)) != before:
            return now
    return None
