"""Figures: the two renderings hold the same numbers, stand alone and are the same each time."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from rolab.course.nb03_perturbations import SupportFunctionFigure
from rolab.evaluation import Collection
from rolab.experiments import NETS, NORMS
from rolab.experiments.styles import STYLES
from rolab.plotting import Curves, ImageGrid, ImageRow, Table, pixels
from rolab.sets import Ball, Box


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


def test_every_curve_differs_in_more_than_its_colour():
    nets = [STYLES[net] for net in NETS]
    assert len({(look.dash, look.marker) for look in nets}) == len({look.color for look in nets}) == len(NETS)


def test_matplotlibs_settings_do_not_matter():
    import matplotlib

    figure = Curves("title", [0, 1, 2], {"baseline": [0.0, 1.0, 4.0]}, "x", "y")
    before = figure.png_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 10}):
        assert figure.png_bytes() == before


# Images


def test_the_grey_ramp_and_what_lies_beyond_it():
    image = torch.tensor([[[0.0, 0.5, 1.0, -1.0, 2.0]]])
    black, grey, white, below, above = pixels(image)[0].tolist()
    assert black == [0, 0, 0] and grey == [128, 128, 128] and white == [255, 255, 255]
    assert below[2] > below[1] and above[0] > above[2], "below 0 purple, above 1 orange"


def test_the_ramp_of_perturbations_is_white_at_zero_and_saturates():
    purple, light, zero, orange, more = pixels(torch.tensor([[[-0.1, -0.05, 0.0, 0.1, 9.0]]]), gain=10)[
        0
    ].tolist()
    assert zero == [255, 255, 255] and orange == more
    assert purple[2] > purple[0] and orange[0] > orange[2] and sum(purple) < sum(light) < sum(zero)


def test_colour_images_keep_their_colours():
    image = torch.tensor([1.0, 0.0, 0.5]).view(3, 1, 1)
    assert pixels(image)[0, 0].tolist() == [255, 0, 128]


def test_the_mosaic_holds_every_image_where_the_circle_is():
    images = torch.zeros(2, 1, 28, 28)
    images[1, 0, 4, 9] = 1.0
    figure = ImageGrid(
        "t", [ImageRow(images, circles=[None, (4, 9)]), ImageRow(images, captions=["a", "b"], gain=1)]
    )
    mosaic, _, texts, circles, frames = figure._parts()
    (x, y), white = circles[0], (mosaic == 255).all(2)
    assert white[int(y), int(x)] and not white[int(y), int(x) + 1]
    assert [text[2] for text in texts if text[2]] == ["a", "b"] and len(frames) == 2
    assert np.asarray(opened(figure.png_bytes())).shape[1] == 1440


def test_gains_may_differ_in_a_row():
    images = torch.full((2, 1, 28, 28), 0.5)
    mosaic, *_, frames = ImageGrid("t", [ImageRow(images, gain=[None, 2])])._parts()
    assert len(frames) == 1 and {(128, 128, 128), (179, 88, 6)} <= {
        tuple(p) for p in mosaic.reshape(-1, 3).tolist()
    }


# The plane


def test_the_furthest_points_of_the_plane():
    figure = SupportFunctionFigure({norm: Ball(norm, 1.0) for norm in NORMS})
    for k, degrees in enumerate(figure.degrees):
        a, b = figure.direction(k)
        assert figure.support("l1", k) == pytest.approx(max(abs(a), abs(b)))
        assert figure.support("l2", k) == pytest.approx(1)
        assert figure.support("linf", k) == pytest.approx(abs(a) + abs(b))
        if degrees % 90:
            assert figure.maximizer("linf", k) == (np.sign(a), np.sign(b))
        assert 0 in figure.maximizer("l1", k)
    assert figure.maximizer("linf", figure.degrees.index(90)) == (0, 1), "sign(0) = 0"


def test_an_outline_is_drawn_by_the_sets_own_maximiser():
    figure = SupportFunctionFigure(
        {"diamond": Ball("l1", 1.0), "box": Box(-0.5, 1.0), "cut": Ball("l2", 1.0) & Box(-1.0, 0.5)}
    )
    assert set(figure.outline("diamond")) == {(1, 0), (0, 1), (-1, 0), (0, -1)}
    assert set(figure.outline("box")) == {(1, 1), (1, -0.5), (-0.5, -0.5), (-0.5, 1)}
    assert all(x <= 0.5 + 1e-9 and y <= 0.5 + 1e-9 for x, y in figure.outline("cut"))


def test_the_turning_figure_slides_without_a_kernel():
    figure = SupportFunctionFigure({norm: Ball(norm, 1.0) for norm in NORMS}, degrees=(0, 45, 90), shown=1)
    drawn = json.loads(figure.plotly().to_json())
    assert len(drawn["frames"]) == len(drawn["layout"]["sliders"][0]["steps"]) == len(figure.table()) == 3
    tip = drawn["frames"][2]["data"][2]
    assert (tip["x"], tip["y"]) == ([0.0], [1.0])
    assert figure.table()[2]["σ ℓ∞"] == pytest.approx(1)


def test_tables_are_shown_in_a_notebook_and_in_a_terminal():
    rows = Table([{"net": "baseline", "flip": 0.1}, {"net": "robust <ℓ1>", "flip": None}])
    assert repr(rows).splitlines()[2].endswith("–") and "robust &lt;ℓ1&gt;" in rows._repr_html_()
