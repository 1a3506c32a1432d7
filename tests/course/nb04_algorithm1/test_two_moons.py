"""Algorithm 1 in the plane: the step against one written out, losses and margins against closed forms."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import autograd, nn
from torch.nn.functional import cross_entropy

from rolab.attacks import first_order
from rolab.course.nb04_algorithm1.training_figure import TrainingFigure
from rolab.course.nb04_algorithm1.two_moons import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    TrainingState,
    TrainingTrace,
    flowing_step,
    small_net,
    two_moons,
)
from rolab.sets import Ball

NORMS = ("l1", "l2", "linf")
POINTS, LABELS = two_moons()


def linear_state(normal, offset, U, points=POINTS, labels=LABELS):
    """A state whose network answers class 1 where ⟨normal, x⟩ > offset."""
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.stack([torch.zeros(2), normal]))
        net.bias.copy_(torch.tensor([offset, 0.0]))
    run = TrainingTrace(points, labels, U)
    return TrainingState(run, 0, net, torch.zeros(0, dtype=torch.long), torch.zeros(0, 2))


# The data


def test_the_moons_are_two_half_circles():
    points, labels = two_moons(200, noise=0.0, apart=0.3, seed=5)
    upper, lower = points[labels == 0], points[labels == 1]
    assert len(upper) == len(lower) == 100
    for moon, centre, side in ((upper, (0.0, 0.15), 1), (lower, (1.0, 0.35), -1)):
        away = moon - torch.tensor(centre)
        assert torch.allclose(away.norm(dim=1), torch.ones(100), atol=1e-6)
        assert (side * away[:, 1] >= -1e-6).all()
    assert torch.equal(two_moons(50, seed=2)[0], two_moons(50, seed=2)[0])
    assert not torch.equal(two_moons(50, seed=2)[0], two_moons(50, seed=3)[0])


def test_the_points_and_their_sets_are_in_the_window():
    low, high = POINTS.amin(0) - 0.5, POINTS.amax(0) + 0.5
    assert low[0] > LEFT and low[1] > BOTTOM and high[0] < RIGHT and high[1] < TOP


# The steps


@pytest.mark.parametrize("norm", NORMS)
def test_a_step_is_algorithm_1_written_out(norm):
    run = TrainingTrace(POINTS, LABELS, Ball(norm, 0.2))
    net, velocity = small_net(0), None
    for step in range(1, 6):
        m = run[step]
        x, y = POINTS[m.rows].requires_grad_(), LABELS[m.rows]
        (g,) = autograd.grad(cross_entropy(net(x), y, reduction="sum"), x)
        d = Ball(norm, 0.2).maximizer(g)
        assert torch.allclose(m.perturbation, d, atol=1e-6)
        assert len(m.rows) == 24 == len(set(m.rows.tolist()))
        slope = autograd.grad(cross_entropy(net(x.detach() + d), y), list(net.parameters()))
        velocity = slope if velocity is None else [0.9 * v + s for v, s in zip(velocity, slope, strict=True)]
        with torch.no_grad():
            for p, v in zip(net.parameters(), velocity, strict=True):
                p -= 0.1 * v
        for p, q in zip(net.parameters(), m.net.parameters(), strict=True):
            assert torch.allclose(p, q, atol=1e-5)


def test_radius_zero_is_standard_training():
    run = TrainingTrace(POINTS, LABELS, Ball("l2", 0.0))
    assert not run[3].perturbation.any()
    assert run[3].loss == pytest.approx(run[3].attacked) == pytest.approx(run[3].worst)


def test_states_come_in_any_order_and_twice_the_same():
    one, other = (TrainingTrace(POINTS, LABELS, Ball("l2", 0.2)) for _ in range(2))
    late = one[7]
    for k in range(8):
        assert torch.equal(one[k].net[0].weight, other[k].net[0].weight)
    assert one[7] is late and late.before is one[6] and one[0].before is one[0]
    assert not torch.equal(one[6].net[0].weight, late.net[0].weight), "a state keeps its weights"


def test_a_run_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    TrainingTrace(POINTS, LABELS, Ball("l2", 0.2))[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_algorithm_1_gives_more_margin_than_standard_training():
    robust, standard = (TrainingTrace(POINTS, LABELS, Ball("l2", r)) for r in (0.2, 0.0))
    assert robust[300].margin > standard[300].margin + 0.05
    assert robust[300].margin <= robust.attainable + 0.01


# What is measured

finite = st.floats(-2, 2, allow_nan=False, width=32)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.sampled_from(NORMS), finite, finite, st.floats(-0.5, 0.5), st.floats(0.0, 0.4))
def test_losses_and_distances_of_a_linear_classifier(norm, a, b, offset, radius):
    """Both have a closed form there: the worst loss is at the support, the distance is over the dual norm."""
    if max(abs(a), abs(b)) < 0.2:
        a = 1.0
    normal, U = torch.tensor([a, b]), Ball(norm, radius)
    m = linear_state(normal, offset, U)
    sign = 2.0 * LABELS - 1
    lead = sign * (POINTS @ normal - offset)  # by how much the right logit is ahead
    reach = float(U.support(normal[None]))
    worst = torch.nn.functional.softplus(-(lead - reach)).mean()
    assert m.loss == pytest.approx(float(torch.nn.functional.softplus(-lead).mean()), abs=1e-5)
    assert m.attacked == pytest.approx(float(worst), abs=1e-5), "one step is exact for a linear classifier"
    assert m.worst == pytest.approx(float(worst), abs=1e-5)
    distance = lead / float(Ball(norm, 1.0).support(normal[None]))
    near = (distance.abs() < 0.4) & (lead.abs() > 1e-4)  # as far as the window reaches around every point
    assert torch.allclose(m.distance[near], distance[near], atol=0.02)


@pytest.mark.parametrize("norm", NORMS)
def test_the_worst_by_trial_is_the_worst(norm):
    """Against many random Δ of the set, on a network that bends."""
    U = Ball(norm, 0.4)
    m = TrainingTrace(POINTS, LABELS, U)[150]
    d = U.project(0.8 * torch.rand(400, 2, generator=torch.Generator().manual_seed(0)) - 0.4)
    with torch.no_grad():
        losses = torch.stack([cross_entropy(m.net(POINTS + one), LABELS, reduction="none") for one in d])
    assert m.loss <= m.attacked <= m.worst
    assert float(losses.amax(0).mean()) <= m.worst * 1.03 + 0.005
    assert U.contains(m.run.candidates).all() and (m.run.candidates == 0).all(1).any()


@pytest.mark.parametrize("norm", NORMS)
def test_no_margin_is_above_half_the_gap(norm):
    run = TrainingTrace(POINTS, LABELS, Ball(norm, 0.2))
    gaps = [
        float(run.U.norm.value((one - other)[None]))
        for one in POINTS[LABELS == 0]
        for other in POINTS[LABELS == 1]
    ]
    assert run.attainable == pytest.approx(min(gaps) / 2)


def test_withstanding_is_what_no_candidate_turns():
    m = TrainingTrace(POINTS, LABELS, Ball("l2", 0.2))[60]
    answers = torch.stack([m.net(POINTS + d).argmax(1) for d in m.run.candidates])
    stand = (answers == LABELS).all(0).double().mean()
    assert 0 < m.withstand < 100
    assert m.withstand == pytest.approx(100 * float(stand), abs=2.0)


def test_a_boundary_out_of_sight():
    m = linear_state(torch.tensor([1.0, 0.0]), -50.0, Ball("l2", 0.2))
    assert len(m.boundary) == 0 and m.margin == -math.inf and m.withstand == 50.0
    assert m.run[0].boundary.numel() or "no boundary in sight" in TrainingFigure(m.run, (0,)).title


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: two_moons(1), "n, noise: expected two points"),
        (lambda: two_moons(noise=-1), "n, noise: expected"),
        (lambda: TrainingTrace(POINTS[0], LABELS, Ball("l2", 1)), "points, labels: expected shapes"),
        (lambda: TrainingTrace(POINTS, LABELS[1:], Ball("l2", 1)), "points, labels: expected shapes"),
        (lambda: TrainingTrace(POINTS, LABELS * 0, Ball("l2", 1)), "labels: expected 0 and 1, got \\[0\\]"),
        (lambda: TrainingTrace(POINTS, LABELS, Ball("l2", 1), batch=0), "batch: expected 1 to 120, got 0"),
        (
            lambda: TrainingTrace(POINTS, LABELS, Ball("l2", 1))[-1],
            "step: expected a number from 0 up, got -1",
        ),
    ],
)
def test_a_wrong_argument_is_named(call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call()


# What flows through Δ̂


@pytest.mark.parametrize("norm", NORMS)
def test_the_flowing_step_is_the_ascent_step_and_its_derivative_is_that_of_differences(norm):
    """By finite differences in a weight: nothing for ℓ1 and ℓ∞, a turn along the sphere for ℓ2."""
    net, U = small_net().double(), Ball(norm, 0.3)
    x = POINTS[:8].double()
    step = flowing_step(net, x, LABELS[:8], U)
    assert torch.allclose(step, first_order(net, x, LABELS[:8], U), atol=1e-12)
    weight = net[0].weight
    toward = torch.randn(step.shape, generator=torch.Generator().manual_seed(1), dtype=step.dtype)
    (slope,) = autograd.grad((toward * step).sum(), weight)
    with torch.no_grad():
        ends = []
        for h in (1e-5, -1e-5):
            weight[3, 1] += h
            with torch.enable_grad():
                ends.append(float((toward * flowing_step(net, x, LABELS[:8], U)).sum().detach()))
            weight[3, 1] -= h
    assert float(slope[3, 1]) == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-7)
    assert (float(slope.abs().max()) > 1e-6) == (norm == "l2")


def test_a_run_that_is_not_detached_descends_the_whole_gradient():
    held, flowing = (TrainingTrace(POINTS, LABELS, Ball("l2", 0.3), detached=d) for d in (True, False))
    assert torch.equal(held[1].rows, flowing[1].rows)
    net, x, y, apart = small_net(), POINTS[held[1].rows], LABELS[held[1].rows], []
    cross_entropy(net(x + flowing_step(net, x, y, flowing.U)), y).backward()
    torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9).step()
    for p, q, r in zip(net.parameters(), flowing[1].net.parameters(), held[1].net.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-6)
        apart.append((q - r).abs().max().item())
    assert max(apart) > 1e-5
    same = (TrainingTrace(POINTS, LABELS, Ball("linf", 0.3), detached=d)[5].loss for d in (True, False))
    assert next(same) == pytest.approx(next(same), rel=1e-5), "nothing flows through ℓ∞"
