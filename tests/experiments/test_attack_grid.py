"""The attack grid is monotone and exact."""

import itertools
import math
from functools import partial

import pytest
import torch
from benchmark_nets import RADII, STEPS, Small, digits, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rolab.attacks import first_order, pgd
from rolab.data import Dataset
from rolab.errors import MaskingWarning
from rolab.evaluation import correct_under_attack, predict
from rolab.experiments.attack_grid import first_failure_radius, linf_in_pixel_box, pgd_grid
from rolab.sets import Ball

exactly = settings(max_examples=25, deadline=None, derandomize=True)


@exactly
@given(st.integers(0, 10_000), st.sampled_from(RADII))
def test_one_step_from_0_is_the_first_order_step(seed, radius):
    model, data = Small(seed), digits(30, seed)
    right = pgd_grid(model, data, [linf_in_pixel_box(radius)], [1], 0)
    assert right.shape == (1, 1, 1, 30)
    assert torch.equal(
        right[0, 0, 0], correct_under_attack(model, data, linf_in_pixel_box(radius), first_order)
    )


@exactly
@given(st.integers(0, 10_000))
def test_more_of_anything_leaves_no_more(seed):
    right = pgd_grid(
        Small(seed), digits(30, seed), list(map(linf_in_pixel_box, RADII)), STEPS, 2, seeded(seed)
    )
    assert right.shape == (4, 3, 3, 30)
    for axis in range(3):
        less, more = (
            right.narrow(axis, 0, right.shape[axis] - 1),
            right.narrow(axis, 1, right.shape[axis] - 1),
        )
        assert (less | ~more).all()


@exactly
@given(st.integers(0, 10_000))
def test_without_restarts_it_is_the_worst_of_all_smaller_runs(seed):
    """Brute force: every example through every run, none dropped, the worst of what is allowed."""
    model, data = Small(seed), digits(30, seed)
    sets = list(map(linf_in_pixel_box, RADII))
    alone = torch.stack(
        [
            torch.stack([correct_under_attack(model, data, U, partial(pgd, steps=s)) for s in STEPS])
            for U in sets
        ]
    )
    found = pgd_grid(model, data, sets, STEPS, 0)[:, :, 0]
    for i, j in itertools.product(range(len(RADII)), range(len(STEPS))):
        assert torch.equal(found[i, j], alone[: i + 1, : j + 1].flatten(0, 1).all(0))


def test_restarts_find_what_the_first_run_does_not():
    """Where the gradient at 0 leads nowhere, only a random start can find the way."""

    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            z = self.scale * (((x.flatten(1) - 0.5) ** 2).sum(1, keepdim=True) - 0.1)
            return torch.cat([-z, z], 1)

    data = Dataset(torch.full((20, 1, 2, 3), 0.5), torch.zeros(20, dtype=torch.long))
    with pytest.warns(MaskingWarning, match="Is the gradient 0. Yes") as seen:
        right = pgd_grid(Flat(), data, [linf_in_pixel_box(0.3)], [1, 3], 3, seeded())
    assert len(seen) == 1
    assert right[0, :, 0].all() and not right[0, -1, -1].any()


def test_who_is_lost_is_not_attacked_again(monkeypatch):
    data, asked = digits(), []

    def counting(model, data, U, attack):
        asked.append(len(data))
        return correct_under_attack(model, data, U, attack)

    monkeypatch.setattr("rolab.experiments.attack_grid.correct_under_attack", counting)
    right = pgd_grid(Small(0), data, list(map(linf_in_pixel_box, RADII)), STEPS, 2, seeded())
    clean = predict(Small(0), data.images) == data.labels
    padded = clean.expand(5, 4, 4, -1).clone()
    padded[1:, 1:, 1:] = right
    allowed = padded[:-1, 1:, 1:] & padded[1:, :-1, 1:] & padded[1:, 1:, :-1]
    assert asked == [n for n in allowed.sum(-1).flatten().tolist() if n]
    assert asked[0] == clean.sum() < len(data) and asked[-1] < 0.8 * asked[0]


def test_any_nested_sets_will_do_shared_ones_too():
    data = digits()
    shared = [Ball("l2", radius) for radius in RADII]
    made = [lambda x, r=r: Ball("l2", r) for r in RADII]
    a, b = (pgd_grid(Small(0), data, sets, STEPS, 1, seeded()) for sets in (shared, made))
    assert torch.equal(a, b) and 0 < a[-1, -1, -1].sum() < a[0, 0, 0].sum()


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"steps": ()}, r"steps: expected numbers ascending from 1, got \[\]"),
        ({"steps": (2, 1)}, "steps: expected numbers ascending"),
        ({"steps": (2, 3)}, "steps: expected numbers ascending from 1"),
        ({"restarts": -1}, "restarts: expected a number ≥ 0, got -1"),
        ({"sets": [linf_in_pixel_box(0.2), linf_in_pixel_box(0.1)]}, r"sets\[1\]: expected nested sets"),
    ],
)
def test_a_wrong_trial_is_refused(wrong, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        pgd_grid(
            Small(0), digits(), **{"sets": [linf_in_pixel_box(0.1)], "steps": (1,), "restarts": 0} | wrong
        )


@exactly
@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, math.inf]), min_size=1, max_size=20))
def test_the_radius_of_the_fall_is_the_first_at_which_it_is_wrong(fates):
    radii, lost_at = [0.1, 0.2], torch.tensor(fates, dtype=torch.float64)
    right = torch.stack([lost_at > radius for radius in radii])
    assert first_failure_radius(radii, lost_at > 0, right).tolist() == fates
