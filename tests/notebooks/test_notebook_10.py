"""Notebook 10: its solution passes, and unsolved it says so."""

import pytest
from shipped import Shipped

from rolab.sets import UncertaintySet

SHIPPED = Shipped("10")


def test_the_solution_passes():
    verdicts = SHIPPED.verdicts(UncertaintySet=UncertaintySet)
    assert len(SHIPPED.solutions) == 1 and list(verdicts) == ["own_set"] and verdicts["own_set"]


def test_its_parameters_are_checked_at_once():
    with pytest.raises(ValueError, match="digit"):
        SHIPPED.start(1, digit=10_000)
    with pytest.raises(TypeError, match="strength"):
        SHIPPED.start(1, strength="much")
