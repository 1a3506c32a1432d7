"""Notebook 10: its solution passes, and unsolved it says so."""

import pytest
from shipped import Shipped

from rolab.course import check
from rolab.sets import UncertaintySet

SHIPPED = Shipped("10")


def test_the_solution_passes():
    assert len(SHIPPED.solutions) == 1
    assert check.own_set(SHIPPED.solved(UncertaintySet=UncertaintySet)["Mine"]())


def test_its_parameters_are_checked_at_once():
    with pytest.raises(ValueError, match="digit"):
        SHIPPED.start(1, digit=10_000)
    with pytest.raises(TypeError, match="strength"):
        SHIPPED.start(1, strength="much")
