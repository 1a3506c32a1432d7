"""The explorer of sweeps: live widget, standing figure and table hold the same numbers."""

import gc
import html
import json
import re
import tracemalloc
from html.parser import HTMLParser

import pytest
import torch
from ipywidgets import Button
from live_charts import page_of
from perturbation_sweeps import Nearest, colourful
from standing_figures import slides
from torch import nn

from rolab.attacks import first_order
from rolab.course.nb03_perturbations.sweep_explorer import PerturbationExplorer
from rolab.data import CIFAR10_CLASSES, Dataset
from rolab.evaluation import predict
from rolab.sets import Ball


def shown(live):
    """The figure that the browser shows: the one that it was given, with what has moved since."""
    return page_of(live.chart)


def drawn(live):
    """What the browser shows: sources of the pictures, curves, radius, title."""
    plot = shown(live)
    *pictures, _, _, line = plot["layout"]["images"]  # then what lies ahead, the flip, ε
    curves = [trace.get("y") for trace in plot["data"][:10]]
    return [each["source"] for each in pictures], curves, line["x"], plot["layout"]["title"]["text"]


def test_live_and_standing_figure_and_table_agree(explorer):
    live = explorer.live(plain=False, net="baseline", index=3, norm="l2")
    standing = explorer.figure(net="baseline", index=3, norm="l2").plotly()
    numbers = explorer.table(net="baseline", index=3, norm="l2")
    steps = standing["layout"]["sliders"][0]["steps"]
    assert len(steps) == len(numbers) == 21
    for k, (step, row) in enumerate(zip(steps, numbers, strict=True)):
        live.controls["epsilon"].value = row["ε"]
        assert live.error.value == "" and step["method"] == "relayout"
        sources, curves, radius, title = drawn(live)
        (moved,) = step["args"]
        assert [moved["images[1].source"], moved["images[2].source"]] == sources[1:]
        assert moved["images[5].x"] == radius == row["ε"]
        assert moved["title.text"] == title and title in live.summary.value
        assert [curve[k] for curve in curves] == pytest.approx([row[str(c)] for c in range(10)], rel=1e-5)
        assert f"says {row['answer']} " in title
    assert curves == [trace["y"] for trace in standing["data"][:10]]
    assert sources[0] == standing["layout"]["images"][0]["source"]


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    (
        live.controls["norm"].value,
        live.controls["net"].value,
        live.controls["index"].value,
        live.controls["in_pixel_box"].value,
    ) = "l1", "robust-l2", 7, True
    live.controls["epsilon"].value = 5.0
    fresh = explorer.live(plain=False, net="robust-l2", index=7, norm="l1", in_pixel_box=True, epsilon=5.0)
    assert live.error.value == fresh.error.value == ""
    assert (
        live.controls["epsilon"].value == 5.0
        and live.controls["epsilon"].max == live.controls["epsilon"].max == 20.0
    )
    assert shown(live) == shown(fresh)
    assert live.summary.value == fresh.summary.value


def test_a_slide_computes_nothing_anew(explorer):
    model = explorer.nets["baseline"]
    live = explorer.live(plain=False, net="baseline")
    calls = model.calls
    assert calls == 2, "one gradient, one batched forward pass"
    for epsilon in (0.1, 0.2, 0.1):
        live.controls["epsilon"].value = epsilon
    assert model.calls == calls
    live.controls["index"].value = 1
    live.controls["index"].value = 0
    assert model.calls == calls + 2, "a digit seen before is in the cache"


def test_the_cache_does_not_grow_for_ever(explorer):
    for index in range(explorer.KEPT + 10):
        explorer.sweep(net="baseline", index=index)
    assert len(explorer._sweeps) == explorer.KEPT


def test_the_attack_can_be_chosen(explorer):
    live = explorer.live(plain=False, index=3, norm="l2", in_pixel_box=True, epsilon=1.0)
    before = drawn(live)
    live.controls["method"].value = "PGD"
    fresh = explorer.live(plain=False, index=3, norm="l2", in_pixel_box=True, epsilon=1.0, method="PGD")
    assert live.error.value == "" and drawn(live) == drawn(fresh) != before
    assert explorer.next_misread(-1, net="baseline", epsilon=0.06, method="PGD") <= explorer.next_misread(
        -1, net="baseline", epsilon=0.06
    )


def test_two_nets_follow_the_other_controls(explorer):
    live = explorer.live(plain=False, beside="robust-l2")
    (
        live.controls["norm"].value,
        live.controls["index"].value,
        live.controls["in_pixel_box"].value,
        live.controls["epsilon"].value,
    ) = "l1", 7, True, 5.0
    fresh = explorer.live(plain=False, beside="robust-l2", index=7, norm="l1", in_pixel_box=True, epsilon=5.0)
    assert live.error.value == "" and shown(live) == shown(fresh)


@pytest.mark.parametrize("boxed", [False, True])
def test_the_next_misread_digit(explorer, boxed):
    for epsilon in (0.0, 0.04):
        place = explorer.place("linf", epsilon)
        wrong = [
            i
            for i in range(150)
            if (sweep := explorer.sweep(net="baseline", index=i, norm="linf", in_pixel_box=boxed)).answers[
                place
            ]
            != sweep.label
        ]
        assert explorer.next_misread(-1, in_pixel_box=boxed, epsilon=epsilon) == wrong[0]
        assert explorer.next_misread(index=wrong[0], in_pixel_box=boxed, epsilon=epsilon) == wrong[1]
    live = explorer.live(plain=False, net="baseline", index=wrong[0], in_pixel_box=boxed, epsilon=epsilon)
    live.controls["next"].click()
    assert live.controls["index"].value == wrong[1] and live.error.value == ""


def test_no_misread_digit_is_said(explorer):
    right = (predict(explorer.nets["baseline"], explorer.data.images) == explorer.data.labels).nonzero()[
        :20, 0
    ]
    easy = PerturbationExplorer(explorer.nets, explorer.data[right])
    assert easy.next_misread(norm="l2", epsilon=0.0) is None
    live = easy.live(plain=False, net="baseline")
    live.controls["next"].click()
    assert "Try a larger one" in live.error.value


def test_errors_are_shown_where_the_reader_looks(explorer):
    live = explorer.live(plain=False)
    explorer.nets["broken"] = nn.Linear(3, 3)
    live.controls["net"].options = ["baseline", "broken"]
    live.controls["net"].value = "broken"
    assert 'role="alert"' in live.error.value and "RuntimeError" in live.error.value
    live.controls["net"].value = "baseline"
    assert live.error.value == ""


def test_the_browser_never_sees_an_empty_figure(explorer, monkeypatch):
    """On a slow machine it would draw it before the data come, and keep it."""
    from ipywidgets import Widget

    seen, opened = [], Widget.open

    def watched(self):
        if self.has_trait("patch"):
            seen.append(len(self.get_state("figure")["figure"]["data"]))
        opened(self)

    monkeypatch.setattr(Widget, "open", watched)
    explorer.live(plain=False)
    assert seen == [15], "twelve lines, and a trace that is empty for each of three pictures"


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["epsilon"].value = 0.2
    after = bytes(live.chart.widget.value)
    assert after.startswith(b"\x89PNG") and after != before
    assert live.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "PictureChart"


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda e: e.sweep(net="other"), "net"),
        (lambda e: e.sweep(norm="l7"), "norm"),
        (lambda e: e.sweep(index=300), "index"),
        (lambda e: e.sweep(index=-1), "index"),
        (lambda e: e.sweep(method="magic"), "method"),
        (lambda e: e.sweep(colour="red"), "colour"),
        (lambda e: PerturbationExplorer(e.nets, e.data, attacks={}), "attacks"),
        (lambda e: PerturbationExplorer({}, e.data), "nets"),
        (lambda e: PerturbationExplorer(e.nets, e.data, points=1), "points"),
        (lambda e: PerturbationExplorer(e.nets, e.data, largest={}), "largest"),
        (lambda e: PerturbationExplorer(e.nets, e.data, gain=0), "gain"),
        (lambda e: PerturbationExplorer(e.nets, e.data, noun=""), "noun"),
        (
            lambda e: PerturbationExplorer(e.nets, e.data, classes=CIFAR10_CLASSES[:9]).sweep(),
            "classes",
        ),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        call(explorer)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("beside", [None, "robust-linf"])
def test_colour_images_slide_live(colour, beside, plain):
    explorer = colourful(colour, classes=CIFAR10_CLASSES, noun="image", gain=50)
    live = explorer.live(plain=plain, net="baseline", beside=beside, index=2)
    seen = set()
    norms, places = (("linf",), (1, 4)) if plain else (("linf", "l1", "l2"), range(5))  # a PNG takes its time
    for norm in norms:
        live.controls["norm"].value = norm
        for k in places:
            live.controls["epsilon"].value = radius = explorer.radii[norm][k]
            assert live.error.value == "" and live.shown.shown == k
            assert live.controls["epsilon"].value == live.controls["epsilon"].value == radius, (
                "all digits of the radius are kept"
            )
            assert f"radius {radius:g}" in live.summary.value
            state = bytes(live.chart.widget.value) if plain else json.dumps(live.chart.widget.patch)
            seen.add(state)
        assert live.controls["epsilon"].max == live.controls["epsilon"].max == explorer.radii[norm][-1]
        assert live.controls["epsilon"].step == live.controls["epsilon"].step == explorer.radii[norm][1]
    assert len(seen) == len(norms) * len(places), "every radius has a picture of its own"
    live.controls["epsilon"].value, live.controls["index"].value = 0.0, 2
    live.controls["next"].click()
    assert live.error.value == "" and live.controls["index"].value == 4, (
        "the first of the two that are misread"
    )


@pytest.mark.parametrize("noun, opening", [("digit", "A digit with"), ("image", "An image with")])
def test_what_is_shown_has_a_noun(colour, noun, opening):
    explorer = colourful(colour, noun=noun)
    live = explorer.live(plain=False, net="baseline")
    assert (
        live.controls["index"].description == f"{noun} no."
        and live.controls["next"].description == f"next misread {noun}"
    )
    for beside in (None, "robust-linf"):
        assert explorer.figure(net="baseline", index=0, beside=beside).alt.startswith(opening)
    nets, data = colour
    right = data[[i for i in range(12) if i not in (4, 9)]]
    live = PerturbationExplorer(nets, right, noun=noun).live(plain=False, net="baseline")
    live.controls["next"].click()
    assert f"all of these {noun}s correctly" in live.error.value
    with pytest.raises(ValueError, match=noun):
        PerturbationExplorer(nets, data[:0], noun=noun)


# A net that is trained while it is shown


def retrained(net):
    """One step of descent, in place."""
    optimizer = torch.optim.SGD(net.parameters(), 5.0)
    x = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.nn.functional.cross_entropy(net(x), torch.arange(20) % 10).backward()
    optimizer.step()


@pytest.mark.parametrize(
    "change",
    [
        lambda e: retrained(e.nets["baseline"]),
        lambda e: e.nets["baseline"].linear.weight.data.mul_(0.1),
        lambda e: e.nets["baseline"].load_state_dict(e.nets["robust-l2"].state_dict()),
        lambda e: e.nets.update(baseline=e.nets["robust-l2"]),
        lambda e: e.data.images[3].mul_(0.5),
        lambda e: e.data.labels[3].add_(1).remainder_(10),
    ],
)
def test_the_net_is_shown_as_it_is_now(explorer, mnist_test, change):
    """Against an explorer that has seen nothing before."""
    data = Dataset(mnist_test.images[:5].clone(), mnist_test.labels[:5].clone())
    explorer = PerturbationExplorer(explorer.nets, data, points=21)
    state = {"net": "baseline", "index": 3, "norm": "l2"}
    live, shown = explorer.live(plain=False, **state, epsilon=1.0), explorer.at(**state)
    before = slides(shown._repr_mimebundle_())
    change(explorer)
    fresh = PerturbationExplorer(explorer.nets, data, points=21)
    now = slides(fresh.at(**state)._repr_mimebundle_())
    assert slides(shown._repr_mimebundle_()) == now != before
    assert (
        shown._view.error.value == ""
        and page_of(shown._view.chart) == fresh.live(plain=False, **state).shown.still()
    )
    live.controls["epsilon"].value = 2.0
    assert drawn(live) == drawn(fresh.live(plain=False, **state, epsilon=2.0)) and live.error.value == ""


# What a user calls things is text


HOSTILE = (
    '<img src=x onerror="alert(1)">',
    "<a href='javascript:alert(2)'>",
    "</script><script>",
    "&lt;b&gt;",
    "a<b & c>d",
)


def texts(page):
    """All that plotly reads tags in."""
    if isinstance(page, dict):
        for key, value in page.items():
            if key in ("text", "name", "label", "prefix", "hovertemplate") and isinstance(value, str):
                yield value
            yield from texts(value)
    elif isinstance(page, list):
        for value in page:
            yield from texts(value)


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attributes):
        self.found.add(tag)
        assert not any(name.startswith("on") for name, _ in attributes)


def read(markup):
    """What a browser shows of text with entities; tags must not be in it."""
    assert not re.search(r"<(?!br>|extra></extra>)|&(?!(amp|lt|gt|quot|#x27);)", markup), markup
    return html.unescape(markup)


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("beside", [None, "other"])
def test_what_a_user_calls_things_arrives_as_text(mnist_test, tmp_path, word, beside, monkeypatch):
    nets = {word: Nearest(mnist_test), "other": Nearest(mnist_test, 0.1)}
    classes = [word, *range(1, 10)]
    explorer = PerturbationExplorer(
        nets, mnist_test[3:5], {word: Ball("l2", 1.0)}, {word: 2.0}, 3, {word: first_order}, classes, word
    )
    shown = explorer.at(net=word, beside=beside, index=0)  # a nought
    page = slides(shown._repr_mimebundle_())
    assert any(word in read(text) for text in texts(page))
    assert any(word in read(text) for text in texts(explorer.figure("norm").plotly()))
    for version in ("7.7.1", "8.1.0"):
        monkeypatch.setattr("ipywidgets.__version__", version)
        live = explorer.live(plain=False, net=word, beside=beside)
        assert word in html.unescape(live.summary.value) and word not in live.summary.value.replace(
            html.escape(word), ""
        )
        live.controls["next"].click()
        assert "<" not in live.error.value
        labels = [
            control.description for control in live.controls.values() if not isinstance(control, Button)
        ]
        assert version == "8.1.0" or all(read(label) for label in labels)
    shown.figure().html(path := tmp_path / "page.html")
    parser = Tags()
    parser.feed(path.read_text(encoding="utf-8"))
    assert not parser.found - set(
        "html head meta title style body div script p details summary table tr th td".split()
    )


def test_ten_live_explorers_share_plotly_js(explorer):
    """A few hundred kilobytes each, of widgets that ipywidgets keeps; plotly.js alone has four megabytes."""
    explorer.live(plain=False)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(10):
            explorer.live(plain=False)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 5e6
