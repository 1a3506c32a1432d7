"""What is measured of the nets of the related work, against what can be known of a linear one."""

import pytest
import torch
from benchmark_nets import Small, digits
from torch import nn

from rolab.data import Dataset
from rolab.evaluation import correct
from rolab.experiments import measures
from rolab.sets import Ball


class Linear(nn.Module):
    """Two classes of 3 × 3 pixels; z₁ − z₀ = ⟨w, x⟩ − ½ Σw."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[2.0, -1, 0.5], [1, 1, -1], [0.25, 3, -2]]))

    def forward(self, x):
        z = (x * self.w).flatten(1).sum(1) - self.w.sum() / 2
        return torch.stack([-z / 2, z / 2], 1)


@pytest.fixture
def linear():
    model = Linear()
    images = torch.rand(60, 1, 3, 3, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
    return model, Dataset(images, (model(images)[:, 1] > 0).long())


@pytest.mark.parametrize("attack", [measures.pgd_40, lambda *a: measures.seeded_ensemble(*a, budget=40)])
def test_of_a_linear_net_those_are_left_that_are_farther_from_the_boundary_than_the_radius(linear, attack):
    model, data = linear
    far = (model(data.images) @ torch.tensor([-1.0, 1.0])).abs() / model.w.abs().sum() > 0.1
    found = measures.right_under(attack, Ball("linf", 0.1), 50, model, data)  # the box does not bind
    assert torch.equal(found, far[:50]) and 0 < found.sum() < 50


def test_what_is_proved_no_attack_breaks():
    model, data = nn.Sequential(*Small(0).layers[:2], nn.ReLU(), Small(0).layers[3]), digits()
    data = Dataset(data.images, model(data.images).argmax(1))
    U = Ball("linf", 0.03)
    proved = measures.proved(U, 30, model, data)
    left = measures.right_under(measures.pgd_40, U, 30, model, data)
    assert 0 < proved.sum() and not (proved & ~left).any()


def test_a_shift_moves_whole_pixels_and_a_turn_by_nothing_nothing():
    images = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    moved = measures.shifted(2, -1, images)
    assert torch.equal(moved[..., :-1, 2:], images[..., 1:, :-2])
    assert not moved[..., -1, :].any() and not moved[..., :2].any()
    torch.testing.assert_close(measures.turned(0.0, images), images)
    assert torch.equal(measures.shifted(0, 0, images), images)
    quarter = measures.turned(90.0, images)
    torch.testing.assert_close(quarter, images.rot90(1, (2, 3)))


def test_who_is_right_however_an_image_is_moved_is_right_unmoved(linear):
    model, data = linear
    moves = [lambda x: x, lambda x: x.flip(2), lambda x: x.flip(3)]
    found = measures.right_however(moves, model, data)
    each = [correct(model, Dataset(move(data.images), data.labels)) for move in moves]
    assert torch.equal(found, each[0] & each[1] & each[2]) and 0 < found.sum() < len(data)
