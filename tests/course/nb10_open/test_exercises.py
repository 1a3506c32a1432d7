"""A set of one's own: right sets pass, and each typical mistake gets its own true message."""

import pytest
import torch

from rolab.course.check import NOT_YET, own_set
from rolab.sets import Ball, Box, Budget, UncertaintySet


def a_set(maximizer, project):
    return type(
        "Mine",
        (UncertaintySet,),
        {"maximizer": lambda _, g: maximizer(g), "project": lambda _, d: project(d)},
    )()


def fade(g):
    return -(g < 0).to(g)


def unit(g):
    return g / g.norm(dim=1, keepdim=True).clamp(min=1e-300)


RIGHT = {
    "fading ink": a_set(fade, lambda d: d.clamp(-1, 0)),
    "all together": a_set(
        lambda g: g.sum(1, keepdim=True).sign().expand_as(g),
        lambda d: d.mean(1, keepdim=True).clamp(-1, 1).expand_as(d),
    ),
    "ball": Ball("l2", 0.3),
    "diamond": Ball("l1", 2.0),
    "tiny box": Ball("linf", 1e-6),
    "budget": Budget(2.5, 1.0),
    "ball & box": Ball("l2", 1.0) & Box(-0.1, 0.2),
}
WRONG = {
    "the wrong sign": (
        a_set(lambda g: (g < 0).to(g), lambda d: d.clamp(-1, 0)),
        "maximizer(g) is not in the set",
    ),
    "a larger set": (a_set(fade, lambda d: d.clamp(-1, 1)), "is not the furthest along g"),
    "no projection": (a_set(fade, lambda d: d), "is not the furthest along g"),
    "never inside": (a_set(unit, unit), "project(d) is not the nearest point"),
    "no zero": (
        a_set(
            lambda g: g / g.norm(dim=1, keepdim=True), lambda d: d / d.norm(dim=1, keepdim=True).clamp(min=1)
        ),
        "maximizer(0) holds NaN",
    ),
    "box and ball": (
        a_set(torch.sign, lambda d: d / d.norm(dim=1, keepdim=True).clamp(min=1)),
        "not in the set",
    ),
    "half a step": (
        a_set(fade, lambda d: d + (d.clamp(-1, 0) - d) / 2),
        "project(project(d)) is not project(d)",
    ),
    "the mean of all": (
        a_set(lambda g: fade(g).mean(0), lambda d: d.clamp(-1, 0)),
        "the shape of its argument",
    ),
    "a point": (a_set(torch.zeros_like, torch.zeros_like), "the set is a point"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_set_passes(name):
    assert own_set(RIGHT[name])


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named(name):
    mine, message = WRONG[name]
    report = own_set(mine)
    assert not report and message in report.message and report.mark != NOT_YET


def test_the_skeleton_is_not_yet_solved_and_what_is_no_set_is_named():
    def raises(_):
        raise NotImplementedError

    assert own_set(a_set(raises, raises)).message == "not yet"
    assert "expected an UncertaintySet" in own_set(3).message
