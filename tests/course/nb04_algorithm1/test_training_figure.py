"""A run of Algorithm 1, drawn: regions, sets, arrows and numbers are those of the run."""

import json
import math

import pytest
import torch
from standing_figures import shows

from rolab.course.nb04_algorithm1.training_figure import CLASSES, TrainingFigure, outlines, regions
from rolab.course.nb04_algorithm1.two_moons import TrainingTrace, lattice, two_moons
from rolab.sets import Ball

POINTS, LABELS = two_moons()


@pytest.fixture(scope="module")
def figure():
    return TrainingFigure(TrainingTrace(POINTS, LABELS, Ball("linf", 0.2)), (0, 1, 4, 9), 2)


def test_the_regions_are_the_answers(figure):
    m = figure.run[9]
    picture = regions(m)
    x, y = lattice()
    assert picture.shape == (len(y), len(x), 3)
    blue, pink = (tuple(int(look.color[i : i + 2], 16) for i in (1, 3, 5)) for look in CLASSES)
    for i, j in ((3, 5), (-4, -6), (20, 40)):
        z = m.net(torch.tensor([x[j], y[i]])).detach()
        assert m.logit[i, j] == pytest.approx(float(z[1] - z[0]), abs=1e-5)
    sure = m.logit.abs() > 1
    tint = picture[..., 0] < picture[..., 1]  # blue has less red than green, pink more
    assert (tint == (m.logit < 0).numpy())[sure.numpy()].all()
    assert blue[0] < blue[1] and pink[0] > pink[1]


@pytest.mark.parametrize("norm, corners", [("l1", 4), ("l2", 16), ("linf", 4)])
def test_the_outline_of_a_set_is_drawn_by_its_maximiser(norm, corners):
    U = Ball(norm, 0.2)
    drawn = torch.stack(outlines(U, POINTS[:3]))
    assert int(drawn[0].isnan().sum()) == 3 and drawn.shape == (2, 3 * (corners + 2))
    first = drawn[:, : corners + 1].T - POINTS[0]
    assert torch.allclose(U.norm.value(first), torch.full((corners + 1,), 0.2), atol=2e-3)


def test_the_arrows_are_the_perturbations(figure):
    m = figure.run[4]
    (drawn,) = (mark for mark in figure.at(2).panels()[0].marks if mark.label == "Δ̂")
    x, y = (torch.tensor([v for v in values if v is not None]).view(-1, 2) for values in (drawn.x, drawn.y))
    assert torch.allclose(torch.stack([x[:, 1] - x[:, 0], y[:, 1] - y[:, 0]], 1), m.perturbation, atol=2e-3)


def test_the_standing_figure_needs_no_kernel(figure):
    data = figure._repr_mimebundle_()
    assert shows(data) == figure.alt and figure.title in figure.alt
    assert figure.title.startswith("Step 4, ℓ∞ radius 0.2: ")
    plot = json.loads(json.dumps(figure.plotly(), allow_nan=False))
    (slider,) = plot["layout"]["sliders"]
    assert [step["label"] for step in slider["steps"]] == ["0", "1", "4", "9"]
    assert slider["active"] == 2
    assert plot["layout"]["images"][0]["source"] == slider["steps"][2]["args"][1]["images[0].source"]
    assert len(json.dumps(slider["steps"])) < 4 * 12_000
    assert figure.png_bytes() == figure.png_bytes()


def test_the_table_has_the_numbers(figure):
    for row, k in zip(figure.table(), (0, 1, 4, 9), strict=True):
        m = figure.run[k]
        assert list(row.values())[:4] == [str(k), m.loss, m.attacked, m.worst]
        assert row["withstand U, %"] == m.withstand
        assert row["margin"] == pytest.approx(m.margin, abs=1e-5) or not math.isfinite(m.margin)


@pytest.mark.parametrize("places", [(), (2, 1)])
def test_the_steps_ascend(places):
    with pytest.raises(ValueError, match="^places: expected ascending"):
        TrainingFigure(TrainingTrace(POINTS, LABELS, Ball("l2", 1)), places)
