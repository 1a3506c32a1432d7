"""The envelope of half-planes against the polar sets in closed form."""

import math

import pytest
import torch
from standing_figures import stands_without_a_kernel, steps

from rolab.course.nb01_linear_programs.envelope_figure import EnvelopeFigure
from rolab.course.nb01_linear_programs.region_figure import SHAPES
from rolab.sets import Box


def test_the_envelope_is_the_polar_set():
    figure = EnvelopeFigure({name: SHAPES[name](1.0, 1.5) for name in ("box", "ball", "budget")})
    *some, everything = figure.table()
    truth = {"box": 2.0, "ball": math.pi, "budget": 8 / 3}
    for name, expected in truth.items():
        column = [row[f"area left, {name}"] for row in figure.table()]
        assert column == sorted(column, reverse=True), "each scenario takes something away"
        assert everything[f"area left, {name}"] == pytest.approx(expected, rel=1e-3)
        for k, count in enumerate(figure.counts):
            z = figure.drawn(name, k)
            assert len(z) == count and figure.sets[name].contains(torch.tensor(z)).all()
            corners = torch.tensor(figure.left(name, len(some)).corners)
            assert ((torch.tensor(z).double() @ corners.T) <= 1 + 1e-6).all(), "all leaves less than some"
    assert len(steps(figure)) == len(figure.counts) + 1
    assert steps(figure)[2]["title.text"] == figure.title


def test_the_figure_stands_without_a_kernel():
    stands_without_a_kernel(EnvelopeFigure({"box": Box(-1.0, 1.0)}, counts=(1, 2), shown=1))
