"""Notebook 03 as a reader meets it, in JupyterLab and headless Chromium: sliders, clicks and keys."""

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

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "03_worst_case_perturbations.ipynb"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
HOMES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
MINUTES = 60_000  # in playwright's milliseconds
HARMLESS = ("favicon", "ResizeObserver", "[anywidget] Failed to initialize model.")
# The last: anywidget gives up waiting after two seconds, which a busy machine needs to read plotly.js.
BADGES = ("https://colab.research.google.com/assets/", "https://mybinder.org/badge")
STEERED = ".widget-hbox:has(.noUi-handle)"  # the line of controls that holds the slider
SLIDER = ".jp-OutputArea-output:has(.noUi-handle)"  # the explorer with the slider
IDLE = "text=/ipykernel\\) \\| Idle/"  # what the status bar says of the kernel
CLICKED = ".rolab-pixels"  # the explorer of the pixels


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, driven by playwright; playwright's own browsers are not needed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium here; install it with: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@contextmanager
def jupyterlab(folder: Path):
    """The address of a JupyterLab that serves a copy of the notebooks, with settings of its own."""
    served = folder / "notebooks"
    shutil.copytree(NOTEBOOK.parent, served, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
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
        for _ in range(240):
            assert server.poll() is None, (folder / "jupyterlab.log").read_text()[-3000:]
            try:
                urllib.request.urlopen(f"{address}/api/status", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


def answer(route, errors):
    """Stands in for the internet, which has the two badges and nothing that the course needs."""
    if not route.request.url.startswith(BADGES):
        errors.append(f"asked for {route.request.url}")
    picture = "<svg xmlns='http://www.w3.org/2000/svg' width='90' height='20'/>"
    route.fulfill(content_type="image/svg+xml", body=picture)


def open_notebook(browser, address):
    """A page with notebook 03, and the list that its console's errors are collected in."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route(lambda url: not url.startswith(address), lambda route: answer(route, errors))
    page.goto(f"{address}/lab/tree/{NOTEBOOK.name}", timeout=3 * MINUTES)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=3 * MINUTES)
    page.wait_for_selector(IDLE, timeout=3 * MINUTES)  # else nothing is run
    return page, errors


def serious(errors):
    return [error for error in errors if not any(word in error for word in HARMLESS)]


def bring_explorer(page):
    """Scrolls to the live explorer until it stays there, drawn: cells above it grow when they are seen."""
    page.wait_for_selector(STEERED, timeout=10 * MINUTES, state="attached")
    for _ in range(300):
        page.locator(STEERED).scroll_into_view_if_needed(timeout=MINUTES)
        page.wait_for_timeout(1000)
        if len(picture(page)[0]) == 4 and page.locator(STEERED).is_visible():
            return
    raise AssertionError("the explorer was not drawn within five minutes")


def picture(page):
    """What the live explorer draws: the sources of its three images, of the line of ε, and its title."""
    return page.evaluate(
        """() => {
            const handle = document.querySelector('.widget-hbox .noUi-handle');
            const output = handle?.closest('.jp-OutputArea-output');
            if (!output?.querySelector('.gtitle')) return [[], ''];
            const images = [...output.querySelectorAll('.js-plotly-plot image')];
            const sources = images.map(image => image.href.baseVal);
            return [sources, output.querySelector('.gtitle').textContent];
        }"""
    )


def test_the_slider_moves_the_picture(browser, tmp_path):
    with jupyterlab(tmp_path) as address:
        page, errors = open_notebook(browser, address)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        bring_explorer(page)
        page.wait_for_selector(IDLE, timeout=5 * MINUTES)  # a kernel answers no slider while it runs cells
        status = page.locator(f"{SLIDER} [role=status]")
        images, title = picture(page)
        assert "radius 0:" in title
        said = status.inner_text()
        assert title in said
        page.screenshot(path=tmp_path / "before.png", timeout=MINUTES)

        handle = page.locator(f"{STEERED} .noUi-handle")
        for pressed in range(1, 4):
            before = status.inner_text()
            handle.focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_function(
                "([where, before]) => document.querySelector(where).innerText != before",
                arg=[f"{SLIDER} [role=status]", before],
                timeout=MINUTES,
            )
            now = status.inner_text()
            page.wait_for_function(
                "said => said.includes(document.querySelector('.widget-hbox .noUi-handle')"
                ".closest('.jp-OutputArea-output').querySelector('.gtitle').textContent)",
                arg=now,
                timeout=MINUTES,
            )
            assert f"radius {0.01 * pressed:g}:" in now
        moved, new_title = picture(page)
        assert (
            moved[0] == images[0] and moved[1] != images[1] and moved[2] != images[2] and new_title != title
        )
        page.locator(STEERED).scroll_into_view_if_needed()
        page.screenshot(path=tmp_path / "after.png", timeout=MINUTES)

        explorer = page.locator(CLICKED)
        explorer.scroll_into_view_if_needed(timeout=MINUTES)
        explorer.locator(".gtitle").wait_for(timeout=2 * MINUTES)
        click_pixel(page, explorer, row=19, column=18)
        expect_pixel(page, explorer, row=19, column=18)
        changed = explorer.locator(".js-plotly-plot image").first.get_attribute("href")
        explorer.locator("input[type=number]").nth(2).focus()
        page.keyboard.press("ArrowUp")  # one row further down: its number grows
        expect_pixel(page, explorer, row=20, column=18)
        assert explorer.locator(".js-plotly-plot image").first.get_attribute("href") != changed
        hidden = explorer.locator(".js-plotly-plot image").nth(2).get_attribute("href")
        assert "in truth" not in explorer.locator("[role=status]").inner_text()
        explorer.locator("input[type=checkbox]").last.focus()
        page.keyboard.press("Space")
        page.wait_for_function(
            "where => document.querySelector(where).innerText.includes('in truth')",
            arg=f"{CLICKED} [role=status]",
            timeout=MINUTES,
        )
        assert explorer.locator(".js-plotly-plot image").nth(2).get_attribute("href") != hidden
        page.screenshot(path=tmp_path / "pixel.png", timeout=MINUTES)
        assert serious(errors) == []


def click_pixel(page, explorer, row, column):
    """Clicks a pixel of the gradient, the second picture, when plotly says that the pointer is over it.

    Cells above may still grow, and a busy page hears of the pointer late: so look, and point again.
    """
    x, y = (column + 0.5) / 28, (row + 0.5) / 28
    label = explorer.locator(".hovertext", has_text=f"row {row}, column {column}")
    for _ in range(60):
        explorer.scroll_into_view_if_needed(timeout=MINUTES)
        box = explorer.locator(".js-plotly-plot image").nth(1).bounding_box(timeout=MINUTES)
        page.mouse.move(box["x"], box["y"])
        there = box["x"] + x * box["width"], box["y"] + y * box["height"]
        page.mouse.move(*there, steps=5)
        page.wait_for_timeout(1000)
        if label.count():
            return page.mouse.click(*there)
    raise AssertionError(f"plotly did not see the pointer over pixel ({row}, {column}) within a minute")


def expect_pixel(page, explorer, row, column):
    """Waits until the fields, the sentence and the title name this pixel."""
    for part in ("[role=status]", ".gtitle"):
        page.wait_for_function(
            "([where, said]) => document.querySelector(where).textContent.includes(said)",
            arg=[f"{CLICKED} {part}", f"Pixel ({row}, {column})"],
            timeout=MINUTES,
        )
    fields = explorer.locator("input[type=number]")
    assert [fields.nth(i).input_value() for i in (2, 3)] == [str(row), str(column)]


def test_the_committed_file_reads_without_a_kernel(browser, tmp_path):
    """Opened and not run: the standing figures are drawn, and the slider of one moves its picture."""
    with jupyterlab(tmp_path) as address:
        page, errors = open_notebook(browser, address)
        plots = page.locator(".jp-RenderedPlotly")
        for _ in range(120):  # cells are put on the page while it is idle, or as they come into view
            if plots.count() >= 4:
                break
            page.mouse.move(700, 500)
            page.mouse.wheel(0, 700)
            page.wait_for_timeout(500)
        assert plots.count() == 4, "the pixels, the turning direction, one net, two nets"
        for figure in range(4):
            slide(page, plots.nth(figure))
            page.screenshot(path=tmp_path / f"without-kernel-{figure}.png", timeout=MINUTES)
        page.screenshot(path=tmp_path / "without-kernel.png", timeout=MINUTES)
        assert serious(errors) == []


def slide(page, explorer):
    """Moves a figure's own slider, and sees its title change."""
    page.mouse.move(700, 500)
    for turn in range(60):  # a figure is drawn when it comes into view, if the page sees that it is scrolled
        explorer.evaluate("drawn => drawn.scrollIntoView({block: 'center'})")
        page.mouse.wheel(0, 60 if turn % 2 else -60)
        page.wait_for_timeout(500)
        if explorer.locator(".slider-group").is_visible():
            break
    title = explorer.locator(".gtitle").text_content()
    track = explorer.locator(".slider-rail-touch-rect").bounding_box()
    page.mouse.click(track["x"] + 0.9 * track["width"], track["y"] + track["height"] / 2)
    for _ in range(60):
        page.wait_for_timeout(1000)
        if explorer.locator(".gtitle").text_content() != title:
            return
    raise AssertionError(f"the slider was clicked, and the title stayed {title!r} for a minute")
