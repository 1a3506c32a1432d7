"""The drawn digit in headless Chromium: its numbers beside torch's, its controls, its pace."""

import base64
import os

import browser_driver as driver
import numpy as np
import pytest
import torch

from rolab import data, zoo
from rolab.attacks import first_order, input_gradient, log_loss, pgd
from rolab.course.nb00_start.drawn_digit import drawn_digit, weights
from rolab.sets import Ball, pixel_box

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NETS = ("baseline", "robust-l1", "robust-l2", "robust-linf", "masked")
RADII = {"l1": 5.0, "l2": 1.0, "linf": 0.1}
SETS = [(norm, box) for norm in RADII for box in (False, True)]
COUNT = 100


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if driver.CHROMIUM is None:
        pytest.skip("no Chromium here; install it with: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=driver.CHROMIUM, args=driver.FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page in a folder."""
    path = tmp_path_factory.mktemp("drawn") / "drawn_digit.html"
    drawn_digit().write(path)
    return path.as_uri()


@pytest.fixture
def opened(chromium, address):
    """A function that opens the page at a state; the console must stay silent, and nothing may be asked for."""
    pages = []

    def open_(state="", **how):
        page = chromium.new_page(**{"viewport": {"width": 1280, "height": 900}} | how)
        page.said = []
        page.on("console", lambda said: page.said.append(said.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda asked: page.said.append(asked.url) if asked.url != page.url else None)
        page.goto(address + state)
        pages.append(page)
        return page

    yield open_
    for page in pages:
        assert [said for said in page.said if not said.startswith(address)] == []
        page.close()


# All that the page computes of some digits: logits, gradients, the steps of the sets, PGD's Δ; float64 in base64.
COMPUTED = """([net, pixels, labels, sets, digits]) => {
    const layers = readNet(net), bytes = atob(pixels), found = [];
    labels.forEach((y, n) => {
        const x = Float64Array.from({length: 784}, (_, i) => bytes.charCodeAt(784 * n + i) / 255);
        found.push(logits(layers, x), inputGradient(layers, x, y));
        for (const set of sets) found.push(firstOrder(layers, x, y, set));
        if (n < digits) for (const set of sets) found.push(pgd(layers, x, y, set, 10));
    });
    const all = new Uint8Array(Float64Array.from(found.flatMap(each => [...each])).buffer);
    let text = "";
    for (let i = 0; i < all.length; i += 30000) text += String.fromCharCode(...all.subarray(i, i + 30000));
    return btoa(text);
}"""
