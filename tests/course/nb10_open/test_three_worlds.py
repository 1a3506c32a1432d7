"""One set in three worlds, for a set of one's own and for a ball whose answers are known."""

import pytest
import torch

from rolab import zoo
from rolab.course.nb01_linear_programs.problems import production
from rolab.course.nb10_open import on_a_digit, planned, trained
from rolab.data import mnist
from rolab.sets import Ball, UncertaintySet


class Fading(UncertaintySet):
    """Ink may only fade."""

    def maximizer(self, g):
        return -(g < 0).to(g)

    def project(self, d):
        return d.clamp(-1, 0)


def test_a_ball_gives_the_plan_that_is_known():
    plan, known = planned(Ball("l2", 0.2)), production(Ball("l2", 0.2)).solve("counterpart")
    assert plan.objective == pytest.approx(known.objective, rel=1e-6)


def test_hours_that_may_only_fall_cost_nothing():
    assert planned(Fading().scaled(0.2)).objective == pytest.approx(17_700)


def test_fading_ink_only_darkens_and_is_drawn(mnist_test):
    model = zoo.load("mnist/baseline")
    figure = on_a_digit(model, mnist_test, 0, Fading().scaled(0.5))
    _, d, _ = figure.rows[0].images
    assert float(d.max()) <= 0 and float(d.min()) == pytest.approx(-0.5)
    assert figure.alt.endswith("is read as " + figure.title.split("“")[2][0] + ".")


@pytest.mark.slow
def test_training_with_a_set_helps_in_it(mnist_test):
    standard, robust = trained(Ball("l2", 1.5), mnist("train")[:1000], mnist_test[:500], epochs=4)
    column = "after its own step in your set, %"
    assert robust[column] > standard[column] + 5 and standard["clean, %"] > 75
    assert torch.is_grad_enabled()
