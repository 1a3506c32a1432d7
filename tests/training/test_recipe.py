"""The hyperparameters: what is refused, and the schedules of the learning rate."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolab.training import Recipe


def test_the_rate_is_halved_after_every_25_epochs():
    recipe = Recipe(epochs=76, learning_rate=1.0, schedule="halving")
    rates = [recipe.rate(step, 76 * 391) for step in range(76 * 391)]
    assert rates == [0.5 ** (epoch // 25) for epoch in range(76) for _ in range(391)]


@pytest.mark.parametrize("steps", [4, 10, 1200])
def test_the_triangular_schedule_begins_and_ends_near_nothing_and_peaks_at_a_quarter(steps):
    rates = [Recipe(learning_rate=2.0).rate(step, steps) for step in range(steps)]
    assert max(rates) == pytest.approx(2.0, rel=4 / steps)
    assert rates.index(max(rates)) == pytest.approx(steps / 4, abs=1)
    assert rates[-1] == pytest.approx(2 / 0.75 / (steps + 1))
    assert min(rates) > 0


# Recipes, devices, number formats


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.0),
        ("epochs", "3"),
        ("batch_size", 0),
        ("batch_size", None),
        ("learning_rate", -0.1),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", "fast"),
        ("momentum", -1),
        ("weight_decay", math.nan),
        ("schedule", "cosine"),
        ("precision", "float16"),
        ("nesterov", 1),
        ("shuffle", None),
        ("channels_last", "yes"),
    ],
)
def test_a_bad_recipe_names_the_field_and_the_value(field, value):
    with pytest.raises(ValueError, match=f"^{field} is {value!r}, expected"):
        Recipe(**{field: value})
    with pytest.raises(ValueError, match=f"^{field} is "):
        replace(Recipe(), **{field: value})


def test_nesterov_without_momentum_is_refused_by_name():
    with pytest.raises(ValueError, match="nesterov"):
        Recipe(momentum=0)
    assert Recipe(momentum=0, nesterov=False).momentum == 0


@given(st.integers(1, 400), st.floats(1e-3, 10))
def test_the_triangular_schedule_climbs_a_quarter_of_the_way_and_comes_down(steps, peak):
    recipe = Recipe(learning_rate=peak)
    rates = [recipe.rate(step, steps) for step in range(steps)]
    assert all(0 < rate <= peak * (1 + 1e-12) for rate in rates)
    assert rates == pytest.approx(
        [peak * np.interp((k + 1) / (steps + 1), [0, 0.25, 1], [0, 1, 0]) for k in range(steps)]
    )
    assert {Recipe(learning_rate=peak, schedule="constant").rate(k, steps) for k in range(steps)} == {peak}
