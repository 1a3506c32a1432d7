"""The paper's figures: they hold the numbers of the table, stand alone and are the same each time."""

import io
import re
from dataclasses import replace

import plotly.graph_objects as go
import pytest
import torch
from PIL import Image
from standing_figures import shows

from rolab.evaluation import Collection
from rolab.experiments import NETS, NORMS, PAPER, figures, mnist_experiment, table
from rolab.sets import Ball

EXPERIMENT = mnist_experiment("fast")


def record(seed, epochs=3):
    """What a seed might have measured."""
    generator = torch.Generator().manual_seed(seed)

    def falling(n):
        return (100 * torch.rand(n, generator=generator)).sort(descending=True).values.tolist()

    nets = {}
    for net in NETS:
        scaled = falling(len(EXPERIMENT.radius_scales))
        nets[net] = {
            "test_accuracy": 99.0,
            "adversarial_accuracy": scaled[0],
            "radius_scaling": scaled,
            "accuracy_vs_epsilon": falling(len(EXPERIMENT.epsilons)),
            "epochs": falling(epochs)[::-1],
            "seconds": 1.0,
            "mcnemar": {"only_a": 1, "only_b": 2, "p": 0.5},
        }
    return {"size": 30, "radii": {norm: 1.0 for norm in NORMS}, "nets": nets}


def measured(seeds):
    machine = {"processor": "some", "cores": 2, "system": "Linux", "torch": "2"}
    return table(replace(EXPERIMENT, seeds=seeds), [record(seed) for seed in seeds], machine, 1.0)


@pytest.fixture(scope="module")
def collection(mnist_test):
    """Thirty examples: the step of each norm along a made-up gradient."""
    labels = mnist_test.labels.tolist()
    first = torch.tensor([labels.index(c) for c in range(10)])
    g = torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    radii = {"l1": 3.0, "l2": 2.0, "linf": 0.1}
    steps = torch.cat([Ball(norm, radius).maximizer(g) for norm, radius in radii.items()])
    rows = first.repeat(3)
    return Collection(mnist_test[rows], steps, rows, radii, [norm for norm in radii for _ in range(10)])


PREDICTED = (torch.arange(30) + 1) % 10


def opened(png):
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


@pytest.mark.parametrize("seeds", [(0,), (0, 1)], ids=["one seed", "two seeds"])
@pytest.mark.parametrize(
    "draw", [figures.accuracy_vs_epsilon, figures.radius_scaling, figures.accuracy_by_epoch]
)
def test_curves_show_the_table(draw, seeds):
    result = measured(seeds)
    figure = draw(result)
    measured_in = result.get(draw.__name__)
    expected = measured_in["accuracy"] if measured_in else result["epochs"]
    drawn = {trace.name: trace for trace in go.Figure(figure.plotly()).data if trace.mode == "lines+markers"}
    assert len(drawn) == len(NETS)
    for net in NETS:
        trace = drawn[EXPERIMENT.styles[net].label]
        assert list(trace.y) == pytest.approx(expected[net]["mean"], rel=1e-5)
        assert [row[EXPERIMENT.styles[net].label] for row in figure.table()] == expected[net]["mean"]
        assert (trace.error_y.array is not None) == (len(seeds) > 1)
        if len(seeds) > 1:
            assert list(trace.error_y.array) == pytest.approx(expected[net]["sd"], rel=1e-5)
            assert [row[f"± {EXPERIMENT.styles[net].label}"] for row in figure.table()] == expected[net]["sd"]
        assert trace.line.color == EXPERIMENT.styles[net].color
    assert figure.title in figure.alt


def test_the_papers_numbers_are_hollow():
    figure = figures.radius_scaling(measured((0,)))
    hollow = [trace for trace in go.Figure(figure.plotly()).data if trace.mode == "markers"]
    assert [trace.y[0] for trace in hollow] == [PAPER["mnist"][net]["adversarial_accuracy"] for net in NETS]
    assert all(trace.marker.symbol.endswith("-open") for trace in hollow)


def test_figure_1_circles_the_changed_pixel(collection):
    figure = figures.single_pixel_examples(collection, PREDICTED)
    originals, adversarial = figure.rows
    assert len(originals.images) == len(set(adversarial.captions)) == 8
    for x, changed, caption, place in zip(
        originals.images, adversarial.images, adversarial.captions, adversarial.circles, strict=True
    ):
        assert (x != changed).nonzero().tolist() == [[0, *place]]
        k = next(k for k in range(10) if torch.equal(collection.sources.images[k], x))
        assert caption == f"{k} → {PREDICTED[k]}"
    circles = [trace for trace in go.Figure(figure.plotly()).data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in circles if trace.marker.symbol == "circle-open") == 8
    assert figure.alt.count("→") == 8


def test_figure_2_samples_every_norm(collection):
    figure = figures.adversarial_examples(collection, PREDICTED)
    assert [row.heading[:2] for row in figure.rows[::2]] == ["ℓ1", "ℓ2", "ℓ∞"]
    assert torch.allclose(
        (figure.rows[5].images - figure.rows[4].images).abs().amax((1, 2, 3)), torch.full((8,), 0.1)
    )
    circled = [[place is not None for place in row.circles] for row in figure.rows[1::2]]
    assert circled == [[True] * 8, [False] * 8, [False] * 8], "where one pixel is all that changes"


def test_draw_writes_every_figure_twice(tmp_path, collection):
    result = measured((0,))
    figures.draw(tmp_path / "out", EXPERIMENT, result, collection, PREDICTED)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    drawn = ("figure1", "figure2", "figure3", "radius_scaling", "epochs")
    assert names == {f"{name}.{kind}" for name in drawn for kind in ("html", "png")}
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    figures.draw(tmp_path / "out", EXPERIMENT, result, collection, PREDICTED)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}, "equal bytes"
    for name in drawn:
        assert opened(before[f"{name}.png"]).width == 1440
        page = before[f"{name}.html"].decode()
        assert not re.search(r'<(script|link|img)[^>]+(src|href)="(?!data:)', page), "opens offline"
        assert "Plotly.newPlot" in page and "<summary>The numbers</summary>" in page
    assert (
        f"{result['accuracy_vs_epsilon']['accuracy']['baseline']['mean'][3]:.4g}"
        in before["figure3.html"].decode()
    )


def test_a_picture_speaks_for_itself_in_a_notebook(collection):
    figure = figures.single_pixel_examples(collection, PREDICTED)
    data = figure._repr_mimebundle_()
    assert shows(data) == figure.alt and 'width="720"' in data["text/html"]
    assert "<script" not in data["text/html"], "no script where nothing slides"


def test_every_curve_differs_in_more_than_its_colour():
    nets = EXPERIMENT.styles.values()
    assert len({(look.dash, look.marker) for look in nets}) == len({look.color for look in nets}) == len(NETS)
