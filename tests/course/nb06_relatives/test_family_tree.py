"""The family tree, and the twins in it."""

import pytest
import torch
from torch import nn

import rolab.objectives
from rolab.course.nb06_relatives.family_tree import SAME, TWINS, family_table, twins_measured
from rolab.data import Dataset


def test_what_stands_in_the_table_is_in_the_library():
    rows = family_table()
    assert len(rows) == 12 and all(len(row) == 6 and all(row.values()) for row in rows)
    for row in rows:
        name = row["in rolab"].split("(")[0].split()[-1]
        assert hasattr(rolab.objectives, name) or name in ("nn.Dropout", "ScatteringNet"), name
    assert TWINS.read(SAME) == SAME and len(TWINS.options) == 4


def digits(count):
    generator = torch.Generator().manual_seed(0)
    return Dataset(torch.rand(count, 1, 4, 4, generator=generator), torch.zeros(count, dtype=torch.int64))


def test_for_a_linear_net_noise_is_the_jacobian_penalty_at_every_size():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 5))
    for row in twins_measured(net, digits(20), (0.01, 1.0), draws=200):
        assert row["ratio"] == pytest.approx(1, abs=0.05)
    penalty = float(net[1].weight.detach().square().sum())
    assert row["σ²‖J‖²_F"] == pytest.approx(penalty, rel=1e-4), "at σ = 1"


def test_for_a_net_that_bends_it_is_so_for_small_noise_only():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 20), nn.Tanh(), nn.Linear(20, 5))
    small, large = twins_measured(net, digits(20), (0.01, 3.0), draws=200)
    assert small["ratio"] == pytest.approx(1, abs=0.05) and large["ratio"] < 0.8
