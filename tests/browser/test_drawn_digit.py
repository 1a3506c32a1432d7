"""The drawn digit in headless Chromium: its numbers beside torch's, its controls, its pace."""

import base64
import os
import shutil

import browser_driver as driver
import numpy as np
import pytest
import torch

from rolab import zoo
from rolab.attacks import first_order, input_gradient, log_loss, pgd
from rolab.course.nb00_start.drawn_digit import drawn_digit, weights
from rolab.sets import Ball, pixel_box

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NETS = ("baseline", "robust-l1", "robust-l2", "robust-linf", "masked")
RADII = {"l1": 5.0, "l2": 1.0, "linf": 0.1}
SETS = [(norm, box) for norm in RADII for box in (False, True)]
COUNT, DEEPER = 100, 10  # digits of which logits, gradients and steps are compared; and PGD


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page in a folder."""
    path = tmp_path_factory.mktemp("drawn") / "drawn_digit.html"
    drawn_digit().write(path)
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """A function that opens the page at a state; the console must stay silent, and nothing be asked for."""
    pages = []

    def open_(state="", **how):
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | how)
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


# What the page computes of some digits: logits, gradients, the steps of the sets, PGD's Δ; float64 in base64.
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


@pytest.mark.parametrize("name", NETS)
def test_logits_gradients_and_steps_are_those_of_torch(opened, mnist_test, name):
    """In double precision on both sides, with the zoo's weights as they are on torch's."""
    net, few = zoo.load(f"mnist/{name}"), mnist_test[:COUNT]
    pixels, y = (255 * few.images).round().byte(), few.labels
    sets = [{"norm": norm, "radius": RADII[norm], "box": box} for norm, box in SETS]
    given = [weights(net), base64.b64encode(pixels.numpy().tobytes()).decode(), y.tolist(), sets, DEEPER]
    numbers = torch.from_numpy(np.frombuffer(base64.b64decode(opened().evaluate(COMPUTED, given))).copy())
    net, x = net.double(), pixels.double() / 255
    with torch.no_grad():
        z = net(x)
    g = input_gradient(net, x, y).flatten(1)
    found = rows_of(numbers)
    assert (found["z"] - z).abs().max() < 1e-5
    assert ((found["g"] - g).abs() / g.abs().amax(1, keepdim=True)).max() < 1e-5
    for k, (norm, box) in enumerate(SETS):
        ball = Ball(norm, RADII[norm])
        U = (lambda images, ball=ball: ball & pixel_box(images)) if box else ball
        step = first_order(net, x, y, U).flatten(1)
        assert (found[f"step {k}"] - step).abs().max() < 1e-5 * RADII[norm]
        some, classes = x[:DEEPER], y[:DEEPER]
        searched = pgd(net, some, classes, U, steps=10), found[f"pgd {k}"].view_as(some)
        with torch.no_grad():
            losses, others = (log_loss(net(some + d), classes) for d in searched)
        assert ((losses - others).abs() <= 1e-4 * losses).all()


def rows_of(numbers):
    """What `COMPUTED` gives, by its name: one row for each digit."""
    parts = [("z", 10), ("g", 784)] + [(f"step {k}", 784) for k in range(len(SETS))]
    deeper = [(f"pgd {k}", 784) for k in range(len(SETS))]
    found, at = {name: [] for name, _ in parts + deeper}, 0
    for n in range(COUNT):
        for name, width in parts + deeper * (n < DEEPER):
            found[name].append(numbers[at : at + width])
            at += width
    assert at == len(numbers)
    return {name: torch.stack(rows) for name, rows in found.items()}


def says(page):
    """The sentence, once what was done is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.locator("#sentence").inner_text()


def test_one_drags_until_the_network_is_wrong_and_the_robust_one_is_wrong_later(opened):
    page = opened("#digit=5")
    assert says(page).startswith("Nothing is changed")
    slider, first = page.locator("#epsilon"), {}
    slider.focus()
    for _ in range(200):
        page.keyboard.press("ArrowRight")
        for name in ("baseline", "robust ℓ∞"):
            if name not in first and f"{name} reads 5" not in says(page):
                first[name] = float(slider.input_value())
    assert 0 < first["baseline"] < first["robust ℓ∞"]
    page.wait_for_function("document.getElementById('status').textContent.includes('which is wrong')")


def test_with_the_keyboard_alone(opened):
    """A 1, drawn by arrows and space; then the slider."""
    page = opened("#digit=0")
    page.keyboard.press("Tab")
    for key in ["Delete", *["ArrowUp"] * 9, " ", *["ArrowDown"] * 18, " "]:
        page.keyboard.press(key)
    assert "baseline reads 1; robust ℓ∞ reads 1" in says(page)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "epsilon":
            break
    page.keyboard.press("End")
    assert "baseline reads 1;" not in says(page)
    assert page.locator("#number").input_value() == "0.4"


def test_a_drawing_is_seen_in_the_middle_and_travels_in_the_link(opened):
    page = opened("#norm=l2&eps=0.5&steps=10&box=0")
    pad = page.locator("#pad")
    corner, size = pad.bounding_box(), pad.bounding_box()["width"] / 28
    page.mouse.move(corner["x"] + 6 * size, corner["y"] + 3 * size)
    page.mouse.down()
    page.mouse.move(corner["x"] + 6 * size, corner["y"] + 20 * size, steps=5)
    page.mouse.up()
    said = says(page)
    assert "length 0.5" in said
    x = torch.tensor(page.evaluate("[...seen()]")).view(28, 28)
    places = torch.arange(28)
    for axis in (0, 1):
        assert abs((x.sum(1 - axis) * places).sum() / x.sum() - 13.5) < 0.501
    assert 1.5 < (x.sum(1)[8:20]).mean() < 2.5  # the pen's width
    page.wait_for_function("document.getElementById('link').value.includes('ink=')")
    link = page.locator("#link").input_value()
    other = opened("#" + link.partition("#")[2])
    assert says(other) == said
    for name in ("drawn", "seen"):
        assert other.evaluate(f"[...{name}()]") == page.evaluate(f"[...{name}()]")
    pasted = opened()
    pasted.locator("#link").fill(link)
    pasted.keyboard.press("Enter")
    assert says(pasted) == said


def test_what_a_link_does_not_say_rightly_is_left_out(opened):
    page = opened("#digit=12&norm=l7&eps=-1&steps=3&ink=short&is=x")
    assert says(page) == says(opened())


def test_another_norm_keeps_the_place_of_the_slider(opened):
    page = opened("#digit=7&eps=0.2")
    for norm, expected in (("l1", 10.0), ("l2", 2.0), ("linf", 0.2)):
        page.locator(f"[value={norm}]").check()
        says(page)
        assert float(page.locator("#number").input_value()) == pytest.approx(expected)
        assert float(page.locator("#epsilon").input_value()) == pytest.approx(expected)


def test_a_blank_pad_is_said_to_be_one(opened):
    page = opened()
    page.locator("#wipe").click()
    assert says(page).startswith("The pad is blank")
    page.locator("#digits button").nth(3).click()
    assert "baseline reads 3" in says(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_finger_draws_and_nothing_scrolls(opened, scheme):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme)
    pad = page.locator("#pad").bounding_box()
    fingers = page.context.new_cdp_session(page)
    x, y = pad["x"] + pad["width"] / 2, pad["y"] + 40
    touch = {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    fingers.send("Input.dispatchTouchEvent", touch)
    for down in range(20, 200, 20):
        moved = {"type": "touchMove", "touchPoints": [{"x": x, "y": y + down}]}
        fingers.send("Input.dispatchTouchEvent", moved)
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert "baseline reads 1" in says(page)
    assert page.evaluate("[scrollX, scrollY]") == [0, 0]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


AROUND = """<!DOCTYPE html><html><head><meta charset="utf-8"><style>body {{ background: #111 }}
* {{ color: red !important; font-size: 60px !important; display: block !important }}</style></head>
<body><script>const state = 1, NETS = 2;
addEventListener("keydown", () => {{ document.title = "heard" }})</script>
{}</body></html>"""


def test_within_another_page_nothing_leaks_and_the_frame_fits(browser, tmp_path):
    """The output of a cell on a dark page with styles, names and keys of its own."""
    path = tmp_path / "around.html"
    path.write_text(AROUND.format(drawn_digit()._repr_mimebundle_()["text/html"]), encoding="utf-8")
    page = browser.new_page(viewport={"width": 900, "height": 1000})
    said = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("#pad").press("Delete")
    frame.locator("#digits button").nth(2).click()
    sentence = frame.locator("#sentence")
    sentence.filter(has_text="baseline reads 2").wait_for()
    assert sentence.evaluate("each => getComputedStyle(each).fontSize") == "16px"
    assert frame.locator(":root").get_attribute("data-theme") == "dark"
    assert page.title() != "heard" and not said
    height = frame.locator("body").evaluate("each => each.offsetHeight")
    assert page.locator("iframe").bounding_box()["height"] == height
    page.wait_for_function("document.querySelector('iframe').dataset.state.includes('digit=2')")
    page.evaluate("document.body.append(document.querySelector('div'))")  # as a cell that is seen again
    frame.locator("#sentence").filter(has_text="baseline reads 2").wait_for()
    page.close()


@pytest.fixture
def notebook_00(tmp_path):
    """A folder with a copy of the notebook alone."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(driver.NOTEBOOKS / "00_start_here.ipynb", folder)
    return folder


def test_in_jupyterlab_a_picture_stands_for_it_until_the_cell_is_run(browser, tmp_path, notebook_00):
    """Then it is live, and arrows and space are the pen's, not JupyterLab's."""
    with driver.jupyterlab(tmp_path, notebook_00) as address:
        page, errors = driver.open_notebook(browser, address, "00_start_here.ipynb")
        (picture,) = driver.find(page, '.jp-OutputArea img[alt^="The digit"]', 1)
        assert picture.is_visible() and picture.evaluate("each => each.naturalWidth") == 140
        assert page.locator(".jp-OutputArea iframe").count() == 0
        assert page.locator('.jp-OutputArea a[href*="03_"] img').evaluate("each => each.naturalWidth") == 220
        driver.run_all(page)
        frame = page.frame_locator(".jp-OutputArea iframe")
        for key in ["Delete", *["ArrowUp"] * 9, " ", *["ArrowDown"] * 18, " "]:
            frame.locator("#pad").press(key)
        frame.locator("#sentence").filter(has_text="baseline reads 1;").wait_for()
        assert not picture.is_visible()
        assert driver.serious(errors) == []
        page.close()


def test_in_the_page_that_nbconvert_makes(browser, tmp_path):
    from nbconvert import HTMLExporter

    path, notebook = tmp_path / "00.html", driver.NOTEBOOKS / "00_start_here.ipynb"
    path.write_text(HTMLExporter().from_filename(notebook)[0], encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.route(lambda url: not url.startswith("file:"), lambda route: route.abort())  # MathJax's
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    frame = page.frame_locator("iframe")
    frame.locator("#epsilon").press("End")
    frame.locator("#sentence").filter(has_text="Each pixel may change by 0.4").wait_for()
    width = "() => document.documentElement.scrollWidth - innerWidth"
    assert frame.locator(":root").evaluate(width) <= 0
    page.close()


# Drags the slider for so many frames, from one end to the other and back: milliseconds for each.
PACE = """count => new Promise(done => {
    const slider = document.getElementById("epsilon"), times = [];
    const next = now => {
        times.push(now);
        if (times.length > count) return done(times.slice(1).map((time, k) => time - times[k]));
        slider.value = slider.max * Math.abs(1 - 2 * times.length / count);
        slider.dispatchEvent(new Event("input"));
        requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
})"""


def test_its_pace(opened, capsys):
    """Measured and printed, with the processor time of a frame, which other programs hardly change."""
    for norm in RADII:
        for steps in (1, 10):
            page = opened(f"#digit=5&norm={norm}&steps={steps}")
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            before = busy(session)
            times = sorted(page.evaluate(PACE, 60))
            rate, work = 1000 * len(times) / sum(times), 1000 * (busy(session) - before) / len(times)
            with capsys.disabled():
                print(f"\n{norm}, {steps} step{'s' * (steps > 1)}: {rate:.0f} frames a second;", end=" ")
                print(f"processor time of a frame {work:.0f} ms;", end=" ")
                print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            assert "reads" in says(page) and len(times) == 60


def busy(session):
    """Seconds of the processor that the page's main thread has taken."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "TaskDuration")
