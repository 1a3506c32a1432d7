"""The smallest radius, against the distance to a hyperplane."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import boxed, images, linear, small_net
from torch import nn

from rolab.attacks import first_order, margin, minimal_radius, pgd
from rolab.sets import Ball, pixel_box

exactly = settings(max_examples=20, deadline=None, derandomize=True)


seeds = st.integers(0, 2**32)


GRID = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]


@exactly
@given(seeds, st.sampled_from(["linf", "l2", "l1"]))
def test_on_a_linear_model_it_is_the_distance_to_the_hyperplane(seed, norm):
    """|⟨w, x⟩| / ‖w‖_*, by the dual norm; 0 where x is misclassified, infinite beyond the grid."""
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2, 12, dtype=torch.float64, generator=generator)
    x, y = images(8, 1, 3, 4, seed=seed), torch.arange(8) % 2
    model, unit = linear(W), Ball(norm, 1.0)
    radius, d = minimal_radius(model, x, y, unit.scaled, grid=GRID, bisections=30)
    distance = -margin(model(x), y) / unit.norm.dual.value((W[1] - W[0])[None])
    expected = torch.where(distance < 0, 0, torch.where(distance > GRID[-1], torch.inf, distance))
    torch.testing.assert_close(radius, expected, rtol=1e-6, atol=1e-6)
    found = radius.isfinite() & (radius > 0)
    assert not d[~found].any()
    assert (model(x + d).argmax(1) != y)[found].all()
    torch.testing.assert_close(unit.norm.value(d)[found], radius[found])


def test_within_the_pixel_box_it_is_no_smaller_and_the_delta_succeeds():
    model, x = small_net(12), images(30, 1, 3, 4)
    y = model(x).argmax(1)
    free, _ = minimal_radius(model, x, y, Ball("linf", 1.0).scaled, grid=GRID)

    for attack in (first_order, pgd):
        radius, d = minimal_radius(model, x, y, boxed, grid=GRID, attack=attack)
        found = radius.isfinite()
        assert found.any()
        assert (model(x + d).argmax(1) != y)[found].all()
        assert Ball("linf", radius[found]).contains(d[found]).all()
        assert pixel_box(x).contains(d).all()
    assert (radius[found] <= 1.6).all() and not d[~found].any()


def test_success_need_not_be_monotone_the_first_on_the_grid_counts():
    class Strip(nn.Module):
        """Wrong between 1 and 2, right again beyond."""

        def forward(self, x):
            z = 0.25 - (x - 1.5) ** 2
            return torch.cat([-z, z], 1)

    x, y = torch.zeros(1, 1, dtype=torch.float64), torch.tensor([0])
    push = lambda model, x, y, U: U.maximizer(torch.ones_like(x))  # noqa: E731
    radius, d = minimal_radius(
        Strip(), x, y, Ball("linf", 1.0).scaled, grid=[0.5, 1.5, 3.0], attack=push, bisections=40
    )
    assert radius.item() == pytest.approx(1.0) and d.item() == pytest.approx(1.0)
    radius, _ = minimal_radius(Strip(), x, y, Ball("linf", 1.0).scaled, grid=[0.5, 3.0], attack=push)
    assert radius.item() == torch.inf


@pytest.mark.parametrize("grid", [[], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
def test_a_grid_must_ascend_from_above_0(grid):
    with pytest.raises(ValueError, match="grid: expected ascending radii > 0"):
        minimal_radius(small_net(4), images(1, 4), torch.tensor([0]), Ball("l2", 1.0).scaled, grid=grid)
