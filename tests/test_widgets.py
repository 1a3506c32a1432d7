"""The explorer: live widget, standing figure and table hold the same numbers, and these are the model's."""

import base64
import io
import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from rolab.attacks import pgd
from rolab.data import CIFAR10_CLASSES, Dataset
from rolab.evaluation import predict
from rolab.figures import Figure
from rolab.nets import WhitenedNet
from rolab.pictures import ORANGE, PURPLE
from rolab.sets import Ball, pixel_box
from rolab.walks import PairFigure, Walk, WalkFigure
from rolab.walks.figure import legend_rows
from rolab.widgets import EpsilonExplorer


class Nearest(nn.Module):
    """Nearest class mean: a linear softmax that needs no training and gets four digits of five right."""

    def __init__(self, data: Dataset, sharpness: float = 0.2):
        super().__init__()
        means = torch.stack([data.images[data.labels == c].flatten(1).mean(0) for c in range(10)])
        self.linear = nn.Linear(784, 10)
        self.linear.weight.data = 2 * sharpness * means
        self.linear.bias.data = -sharpness * means.square().sum(1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.linear(x.flatten(1))


@pytest.fixture
def explorer(mnist_test):
    nets = {"baseline": Nearest(mnist_test), "robust-l2": Nearest(mnist_test, 0.1)}
    return EpsilonExplorer(nets, mnist_test[:300], points=21)


def softmax(model, x):
    with torch.no_grad():
        return model(x).softmax(1)[0]


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_probabilities_are_the_models_one_by_one(explorer, norm, boxed):
    model, data = explorer.nets["baseline"], explorer.data
    walk = explorer.walk("baseline", 3, norm, boxed)
    x = data.images[3:4].clone().requires_grad_()
    nn.functional.cross_entropy(model(x), data.labels[3:4]).backward()
    for radius, d, probability in zip(walk.radii, walk.perturbation, walk.probability, strict=True):
        U = Ball(norm, radius) & pixel_box(x.detach()) if boxed else Ball(norm, radius)
        assert torch.allclose(d, U.maximizer(x.grad)[0], atol=1e-5)
        assert torch.allclose(probability, softmax(model, x.detach() + d), atol=1e-5)
    assert torch.equal(walk.perturbation[0], torch.zeros(1, 28, 28))
    assert torch.allclose(walk.probability[0], softmax(model, x.detach()), atol=1e-6), "ε = 0 changes nothing"
    changed = walk.image[0] + walk.perturbation
    assert not boxed or (changed.min() >= -1e-6 and changed.max() <= 1 + 1e-6)


def test_the_flip_is_the_first_wrong_answer(explorer):
    found = set()
    for index in range(40):
        walk = explorer.walk("baseline", index, "linf")
        model, label = explorer.nets["baseline"], int(explorer.data.labels[index])
        answers = [int(predict(model, walk.image + d)) for d in walk.perturbation]
        wrong = [k for k, answer in enumerate(answers) if answer != label]
        assert walk.answers == answers and walk.flip == (wrong[0] if wrong else None)
        found.add(walk.flips().split(" ")[0])
        assert f"says {answers[5]} " in walk.sentence(5)
        assert walk.sentence(5).endswith("right" if answers[5] == label else f"the label is {label}")
    assert found >= {"flips", "wrong"}
    explorer.radii["linf"] = (0.0, 1e-4)
    assert explorer.walk("robust-l2", 0, "linf").flips() == "no flip up to 0.0001"


def shown(live):
    """The figure that the browser shows, as JSON: the one that it was given, with what has moved since."""
    figure = go.Figure(live.chart.widget.figure)
    figure.plotly_relayout(live.chart.widget.moving)
    return json.loads(figure.to_json())


def drawn(live):
    """What the browser shows: sources of the pictures, curves, radius, title."""
    plot = shown(live)
    *pictures, line = plot["layout"]["images"]
    curves = [trace.get("y") for trace in plot["data"][:10]]
    return [each["source"] for each in pictures], curves, line["x"], plot["layout"]["title"]["text"]


def test_live_and_standing_figure_and_table_agree(explorer):
    live = explorer.live(plain=False, net="baseline", index=3, norm="l2")
    standing = json.loads(explorer.figure("baseline", 3, "l2").plotly().to_json())
    numbers = explorer.table("baseline", 3, "l2")
    steps = standing["layout"]["sliders"][0]["steps"]
    assert len(steps) == len(numbers) == 21
    for k, (step, row) in enumerate(zip(steps, numbers, strict=True)):
        live.epsilon.value = row["ε"]
        assert live.error.value == "" and step["method"] == "relayout"
        sources, curves, radius, title = drawn(live)
        (moved,) = step["args"]
        assert [moved["images[1].source"], moved["images[2].source"]] == sources[1:]
        assert moved["images[3].x"] == radius == row["ε"]
        assert moved["title.text"] == title and title in live.summary.value
        assert [curve[k] for curve in curves] == [row[str(c)] for c in range(10)]
        assert f"says {row['answer']} " in title
    assert curves == [trace["y"] for trace in standing["data"][:10]]
    assert sources[0] == standing["layout"]["images"][0]["source"]


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    live.norm.value, live.net.value, live.index.value, live.boxed.value = "l1", "robust-l2", 7, True
    live.number.value = 5.0
    fresh = explorer.live(plain=False, net="robust-l2", index=7, norm="l1", boxed=True, epsilon=5.0)
    assert live.error.value == fresh.error.value == ""
    assert live.epsilon.value == 5.0 and live.epsilon.max == live.number.max == 20.0
    assert shown(live) == shown(fresh)
    assert live.summary.value == fresh.summary.value


def test_a_slide_computes_nothing_anew(explorer):
    model = explorer.nets["baseline"]
    live = explorer.live(plain=False, net="baseline")
    calls = model.calls
    assert calls == 2, "one gradient, one batched forward pass"
    for epsilon in (0.1, 0.2, 0.1):
        live.epsilon.value = epsilon
    assert model.calls == calls
    live.index.value = 1
    live.index.value = 0
    assert model.calls == calls + 2, "a digit seen before is in the cache"


def test_the_cache_does_not_grow_for_ever(explorer):
    for index in range(explorer.KEPT + 10):
        explorer.walk("baseline", index)
    assert len(explorer._walks) == explorer.KEPT


def test_a_model_keeps_its_mode_and_gets_no_gradients(explorer):
    model = explorer.nets["baseline"].train()
    explorer.walk("baseline", 0)
    assert model.training and all(p.grad is None for p in model.parameters())


# Another attack, and two nets side by side


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_pgd_walks_as_if_called_radius_by_radius(explorer, norm, boxed):
    model, data = explorer.nets["baseline"], explorer.data
    x, y = data.images[3:4], data.labels[3:4]
    found = explorer.walk("baseline", 3, norm, boxed, "PGD")
    one_step = explorer.walk("baseline", 3, norm, boxed)
    box = pixel_box(x)
    for k in range(0, 21, 5):
        ball = Ball(norm, found.radii[k])
        alone = pgd(model, x, y, ball & box if boxed else ball)
        loss = [float(-softmax(model, x + d)[int(y)].log()) for d in (alone, found.perturbation[k : k + 1])]
        assert loss[0] == pytest.approx(loss[1], rel=1e-2, abs=1e-4)
        assert bool(ball.contains(found.perturbation[k : k + 1], atol=1e-4))
    assert not boxed or bool(box.contains(found.perturbation[-1:], atol=1e-5))
    assert "PGD" in found.x_title and "PGD" not in one_step.x_title


def test_the_attack_can_be_chosen(explorer):
    live = explorer.live(plain=False, index=3, norm="l2", boxed=True, epsilon=1.0)
    before = drawn(live)
    live.method.value = "PGD"
    fresh = explorer.live(plain=False, index=3, norm="l2", boxed=True, epsilon=1.0, method="PGD")
    assert live.error.value == "" and drawn(live) == drawn(fresh) != before
    assert explorer.next_misread("baseline", -1, "linf", False, 0.06, "PGD") <= explorer.next_misread(
        "baseline", -1, "linf", False, 0.06
    )


def test_two_nets_side_by_side_hold_the_numbers_of_each(explorer):
    live = explorer.live(plain=False, net="baseline", index=3, norm="l2")
    live.beside.value = "robust-l2"
    assert live.error.value == "" and live.children[-1] is live.chart.widget
    figure = explorer.figure("baseline", 3, "l2", beside="robust-l2")
    standing = json.loads(figure.plotly().to_json())
    numbers = explorer.table("baseline", 3, "l2", beside="robust-l2")
    walks = [explorer.walk(net, 3, "l2") for net in ("baseline", "robust-l2")]
    steps = standing["layout"]["sliders"][0]["steps"]
    assert figure.walks == tuple(walks) and len(steps) == len(numbers) == 21
    for k, (step, row) in enumerate(zip(steps, numbers, strict=True)):
        live.epsilon.value = row["ε"]
        plot = shown(live)
        images = plot["layout"]["images"]
        assert step["args"] == [live.chart.widget.moving]
        assert step["args"][0]["title.text"] == plot["layout"]["title"]["text"] in live.summary.value
        assert images[4]["x"] == images[5]["x"] == row["ε"]
        for i, (w, label) in enumerate(zip(walks, ("baseline", "robust ℓ2"), strict=True)):
            assert [images[2 * i + j]["source"] for j in (0, 1)] == list(w.pictures(k))
            curves = [trace["y"] for trace in plot["data"][12 * i : 10 + 12 * i]]
            assert curves == w.probability.T.tolist()
            assert row[label] == w.answers[k]
            assert row[f"p({w.label}), {label}"] == curves[w.label][k]
    assert figure.png_bytes().startswith(b"\x89PNG")
    live.beside.value = ""
    alone = explorer.live(plain=False, net="baseline", index=3, norm="l2", epsilon=row["ε"])
    assert drawn(live) == drawn(alone)


def test_two_nets_follow_the_other_controls(explorer):
    live = explorer.live(plain=False, beside="robust-l2")
    live.norm.value, live.index.value, live.boxed.value, live.number.value = "l1", 7, True, 5.0
    fresh = explorer.live(plain=False, beside="robust-l2", index=7, norm="l1", boxed=True, epsilon=5.0)
    assert live.error.value == "" and shown(live) == shown(fresh)


@pytest.mark.parametrize("boxed", [False, True])
def test_the_next_misread_digit(explorer, boxed):
    for epsilon in (0.0, 0.04):
        place = explorer.place("linf", epsilon)
        wrong = [
            i
            for i in range(150)
            if (walk := explorer.walk("baseline", i, "linf", boxed)).answers[place] != walk.label
        ]
        assert explorer.next_misread("baseline", -1, "linf", boxed, epsilon) == wrong[0]
        assert explorer.next_misread("baseline", wrong[0], "linf", boxed, epsilon) == wrong[1]
    live = explorer.live(plain=False, net="baseline", index=wrong[0], boxed=boxed, epsilon=epsilon)
    live.next.click()
    assert live.index.value == wrong[1] and live.error.value == ""


def test_no_misread_digit_is_said(explorer):
    right = (predict(explorer.nets["baseline"], explorer.data.images) == explorer.data.labels).nonzero()[
        :20, 0
    ]
    easy = EpsilonExplorer(explorer.nets, explorer.data[right])
    assert easy.next_misread("baseline", 0, "l2", False, 0.0) is None
    live = easy.live(plain=False, net="baseline")
    live.next.click()
    assert "Try a larger one" in live.error.value


def test_errors_are_shown_where_the_reader_looks(explorer):
    live = explorer.live(plain=False)
    explorer.nets["broken"] = nn.Linear(3, 3)
    live.net.options = ["baseline", "broken"]
    live.net.value = "broken"
    assert 'role="alert"' in live.error.value and "RuntimeError" in live.error.value
    live.net.value = "baseline"
    assert live.error.value == ""


def test_the_browser_never_sees_an_empty_figure(explorer, monkeypatch):
    """On a slow machine it would draw it before the data come, and keep it."""
    from ipywidgets import Widget

    seen, opened = [], Widget.open

    def watched(self):
        if self.has_trait("moving"):
            seen.append((len(self.get_state("figure")["figure"]["data"]), len(self.moving)))
        opened(self)

    monkeypatch.setattr(Widget, "open", watched)
    explorer.live(plain=False)
    assert seen == [(12, 4)]


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.epsilon.value = 0.2
    after = bytes(live.chart.widget.value)
    assert after.startswith(b"\x89PNG") and after != before
    assert live.error.value == ""


def test_old_widgets_get_the_plain_explorer(explorer, monkeypatch):
    monkeypatch.setattr("ipywidgets.__version__", "7.7.1")
    assert type(explorer.live().chart).__name__ == "Pictures"


def test_the_standing_figure_needs_no_kernel(explorer):
    figure = explorer.figure("baseline", 3, "l2", epsilon=2.0)
    assert isinstance(figure, Figure) and figure.walk.radii[figure.k] == 2.0
    data, metadata = figure._repr_mimebundle_()
    assert {"application/vnd.plotly.v1+json", "image/png", "text/plain"} == set(data)
    assert metadata["image/png"]["alt"] == figure.alt and figure.walk.flips() in figure.alt
    assert len(json.dumps(data)) < 250_000
    opening = explorer.figure("baseline", 3, "l2")
    assert opening.k == opening.walk.flip


def test_a_walk_without_a_flip_can_be_drawn(explorer):
    walk = explorer.walk("baseline", 0, "linf")
    assert walk.flip
    short = EpsilonExplorer(explorer.nets, explorer.data, largest={"l1": 1, "l2": 1, "linf": 1e-4}, points=3)
    figure = short.figure("baseline", 0, "linf")
    assert figure.walk.flip is None and figure.png_bytes() and "no flip" in figure.alt
    assert WalkFigure(figure.walk, 0).plotly().data[11].x == (None, None)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda e: e.walk("other", 0), "net"),
        (lambda e: e.walk("baseline", 0, "l7"), "norm"),
        (lambda e: e.walk("baseline", 300), "index"),
        (lambda e: e.walk("baseline", -1), "index"),
        (lambda e: e.walk("baseline", 0, method="magic"), "method"),
        (lambda e: EpsilonExplorer(e.nets, e.data, attacks={}), "attacks"),
        (lambda e: EpsilonExplorer({}, e.data), "nets"),
        (lambda e: EpsilonExplorer(e.nets, e.data, points=1), "points"),
        (lambda e: EpsilonExplorer(e.nets, e.data, largest={}), "largest"),
        (lambda e: EpsilonExplorer(e.nets, e.data, gain=0), "gain"),
        (lambda e: EpsilonExplorer(e.nets, e.data, noun=""), "noun"),
        (
            lambda e: EpsilonExplorer(e.nets, e.data, classes=CIFAR10_CLASSES[:9]).walk("baseline", 0),
            "classes",
        ),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        call(explorer)


# Colour images: the names of their classes, what they are called, how strongly Δ is drawn

SMALL = {"l1": 8.0, "l2": 1.0, "linf": 8 / 255}


@pytest.fixture(scope="module")
def colour():
    """Two small nets that are whitened but not trained, and images that the first gets right, but for two."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        images, nets = torch.rand(12, 3, 32, 32), {"baseline": WhitenedNet(), "robust-linf": WhitenedNet()}
        for net in nets.values():
            net.whiten(images)
            net.linear.weight.data *= 20  # else the ten probabilities are alike
    labels = predict(nets["baseline"], images)
    labels[[4, 9]] = (labels[[4, 9]] + 1) % 10
    return nets, Dataset(images, labels)


def colourful(colour, **more):
    return EpsilonExplorer(*colour, largest=SMALL, points=5, **more)


@pytest.mark.parametrize("method", ["one step", "PGD"])
@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_a_colour_walk_is_the_models_and_in_its_set(colour, norm, boxed, method):
    explorer = colourful(colour, classes=CIFAR10_CLASSES, noun="image", gain=50)
    walk, model = explorer.walk("baseline", 2, norm, boxed, method), explorer.nets["baseline"].eval()
    x = explorer.data.images[2:3]
    for radius, d, probability in zip(walk.radii, walk.perturbation, walk.probability, strict=True):
        U = Ball(norm, radius) & pixel_box(x) if boxed else Ball(norm, radius)
        assert bool(U.contains(d[None], atol=1e-4))
        assert torch.allclose(probability, softmax(model, x + d), atol=1e-4)
    loss = -walk.probability[:, walk.label].log()
    assert loss[-1] > loss[0], "it attacks"


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("beside", [None, "robust-linf"])
def test_colour_images_slide_live(colour, beside, plain):
    explorer = colourful(colour, classes=CIFAR10_CLASSES, noun="image", gain=50)
    live = explorer.live(plain=plain, net="baseline", beside=beside, index=2)
    seen = set()
    norms, places = (("linf",), (1, 4)) if plain else (("linf", "l1", "l2"), range(5))  # a PNG takes its time
    for norm in norms:
        live.norm.value = norm
        for k in places:
            live.number.value = radius = explorer.radii[norm][k]
            assert live.error.value == "" and live.shown.k == k
            assert live.number.value == live.epsilon.value == radius, "all digits of the radius are kept"
            assert f"radius {radius:g}" in live.summary.value
            state = bytes(live.chart.widget.value) if plain else json.dumps(live.chart.widget.moving)
            seen.add(state)
        assert live.epsilon.max == live.number.max == explorer.radii[norm][-1]
        assert live.epsilon.step == live.number.step == explorer.radii[norm][1]
    assert len(seen) == len(norms) * len(places), "every radius has a picture of its own"
    live.number.value, live.index.value = 0.0, 2
    live.next.click()
    assert live.error.value == "" and live.index.value == 4, "the first of the two that are misread"


def texts(explorer, beside):
    """All that is said of an image, in the figure, its other rendering, its table and the live explorer."""
    figure = explorer.figure("baseline", 4, "linf", beside=beside)
    live = explorer.live(plain=False, net="baseline", beside=beside, index=4, norm="linf")
    plot, page = json.loads(figure.plotly().to_json()), figure._matplotlib()
    said = [figure.alt, figure.title, live.summary.value, *(figure.moving(k)["title.text"] for k in range(5))]
    said += [note["text"] for note in plot["layout"]["annotations"]]
    said += [trace["name"] for trace in plot["data"]]
    said += [text.get_text() for text in (*page.texts, *page.legends[0].texts, *(a.title for a in page.axes))]
    return said + [f"{key}: {value}" for row in figure.table() for key, value in row.items()]


@pytest.mark.parametrize("beside", [None, "robust-linf"])
def test_classes_are_called_by_their_names_everywhere(colour, beside):
    plain = texts(colourful(colour), beside)
    named = texts(colourful(colour, classes=[f"kind{c}" for c in range(10)]), beside)
    assert [re.sub(r"kind(\d)", r"\1", text) for text in named] == plain, "and nothing else has changed"
    bare = r"(says|label|label is|answer:|p\() ?\d|^\d( \(true\))?(:|$)"
    assert [text for text in named if re.search(bare, text)] == []
    assert sum(bool(re.search(bare, text)) for text in plain) > 30, "which would be seen"


@settings(derandomize=True, deadline=None, max_examples=10)
@given(names=st.permutations(CIFAR10_CLASSES))
def test_a_sentence_names_the_answer_and_the_label(names):
    probability = torch.full((2, 10), 0.05)
    probability[0, 3] = probability[1, 5] = 0.55
    image, d = torch.rand(1, 3, 32, 32), torch.zeros(2, 3, 32, 32)
    walk = Walk("baseline", "linf", False, 3, image, (0.0, 0.01), d, probability, classes=names)
    assert walk.label == 3 and walk.answers == [3, 5], "labels stay numbers"
    assert walk.sentence(0) == f"ℓ∞ radius 0: the baseline net says {names[3]} (55 % sure), right"
    said = f"says {names[5]} (55 % sure), the label is {names[3]}"
    assert walk.sentence(1) == f"ℓ∞ radius 0.01: the baseline net {said}"
    assert [row["answer"] for row in walk.table()] == [names[3], names[5]]
    assert list(walk.table()[0]) == ["ε", "answer", *names]
    assert PairFigure((walk, walk), 1).sentence(1).startswith(f"ℓ∞ radius 0.01, label {names[3]}: ")


@pytest.mark.parametrize("noun, opening", [("digit", "A digit with"), ("image", "An image with")])
def test_what_is_shown_has_a_noun(colour, noun, opening):
    explorer = colourful(colour, noun=noun)
    live = explorer.live(plain=False, net="baseline")
    assert live.index.description == f"{noun} no." and live.next.description == f"next misread {noun}"
    for beside in (None, "robust-linf"):
        assert explorer.figure("baseline", 0, beside=beside).alt.startswith(opening)
    nets, data = colour
    right = data[[i for i in range(12) if i not in (4, 9)]]
    live = EpsilonExplorer(nets, right, noun=noun).live(plain=False, net="baseline")
    live.next.click()
    assert f"all of these {noun}s correctly" in live.error.value
    with pytest.raises(ValueError, match=noun):
        EpsilonExplorer(nets, data[:0], noun=noun)


def decoded(source):
    """The pixels of a picture in plotly's figure, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))), dtype=float)


@pytest.mark.parametrize("beside", [None, "robust-linf"])
@pytest.mark.parametrize("gain", [10, 32, 50])
def test_the_gain_is_written_and_is_the_gain_of_the_picture(colour, gain, beside):
    """Channels that all step up by ε are orange by gain · ε, two up and one down by a third of it."""
    explorer = colourful(colour, gain=gain)
    figure = explorer.figure("baseline", 2, "linf", epsilon=SMALL["linf"], beside=beside)
    plot = json.loads(figure.plotly().to_json())["layout"]
    written = [note["text"] for note in plot["annotations"]]
    drawn = [axes.get_title() for axes in figure._matplotlib().axes]
    count = 2 if beside else 1
    assert written.count(f"Δ ×{gain}") == drawn.count(f"Δ ×{gain}") == count
    epsilon = figure.walk.radii[-1] if beside is None else figure.walks[0].radii[-1]
    strong = min(1, gain * epsilon)
    tints = [(a, tint) for a in (strong, gain * epsilon / 3) for tint in (PURPLE, ORANGE)]
    expected = {tuple(np.rint(255 + a * (np.array(tint) - 255))) for a, tint in tints}
    for i in (0, 2) if beside else (1,):
        assert {tuple(c) for c in decoded(plot["images"][i]["source"]).reshape(-1, 3)} == expected


def crowded(net, label, wrong_from_the_start):
    """A walk on which every class matters and the longest names are said."""
    start = torch.full((10,), 0.06)
    start[0 if wrong_from_the_start else label] = 0.46
    end = torch.full((10,), 0.06)
    end[1 - label] = 0.46
    radii = tuple(round(0.03 * k / 40, 10) for k in range(41))
    t = torch.linspace(0, 1, 41)[:, None]
    image, d = torch.full((1, 3, 32, 32), 0.5), torch.zeros(41, 3, 32, 32)
    more = {"method": "PGD", "classes": CIFAR10_CLASSES, "noun": "image", "gain": 50}
    return Walk(net, "linf", False, label, image, radii, d, (1 - t) * start + t * end, **more)


@pytest.mark.parametrize("label, wrong", [(0, False), (1, False), (1, True)])
def test_long_names_stay_on_the_page_and_apart(label, wrong):
    one = crowded("robust-linf", label, wrong)
    pair = PairFigure((one, crowded("robust-l2", label, wrong)), 39)
    for figure in (WalkFigure(one, 39), pair):
        page = figure._matplotlib()
        page.draw_without_rendering()
        title, legend = page.texts[0].get_window_extent(), page.legends[0].get_window_extent()
        for box in (title, legend):
            assert 0 <= box.x0 < box.x1 <= page.bbox.x1 and box.y1 <= page.bbox.y1
        assert min(text.get_window_extent().y0 for text in page.legends[0].texts) >= 0
        curves = [axes for axes in page.axes if axes.lines]
        for axes in curves:
            assert len(axes.lines) == 12
            for text in (axes.xaxis.label, *axes.get_xticklabels()):
                entries = *page.legends[0].texts, *page.legends[0].legend_handles
                assert not text.get_window_extent().count_overlaps([e.get_window_extent() for e in entries])
        size = figure.still().layout.title.font.size
        assert size * 0.52 * max(map(len, figure.sentences())) <= 0.96 * 720 and 13 < size


def test_titles_of_digits_have_their_old_size(explorer):
    assert explorer.figure("robust-l2", 3, "l1").still().layout.title.font.size == 16
    assert explorer.figure("baseline", 3, "linf", beside="robust-l2").still().layout.title.font.size == 16


@pytest.mark.parametrize("entries, rows", [(["0 (true)", *"123456789ε"], 1), ([*CIFAR10_CLASSES, "ε"], 3)])
def test_the_slider_of_two_nets_starts_below_their_legend(entries, rows):
    pair = PairFigure((crowded("baseline", 1, False), crowded("robust-linf", 1, False)), 0)
    assert legend_rows(entries) <= legend_rows([f"{entry} (true)" for entry in entries])
    assert legend_rows(entries) == rows
    layout = pair.plotly().layout
    shown = [line.name for line in pair.still().data if line.showlegend is not False]
    assert len(shown) == 11 and layout.sliders[0].pad.t >= 57 + 19 * (legend_rows(shown) - 1)
