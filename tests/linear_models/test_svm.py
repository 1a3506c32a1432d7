"""Robust support vector machines against brute force, cvxpy and scikit-learn."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC
from torch import nn

from rolab.attacks import first_order
from rolab.errors import NoExpressionError
from rolab.linear_models.svm import regularized_svm, robust_svm, worst_hinge
from rolab.norms import Lp
from rolab.sets import (
    Ball,
    Box,
    Budget,
    Ellipsoid,
    GroupBall,
    Polyhedron,
    Scenarios,
    UncertaintySet,
    pixel_box,
)

quick = settings(max_examples=10, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
NORMS = ["l1", "l2", "linf", 3.0]


def clouds(seed, count=16, d=2, apart=0.7):
    """Two clouds that overlap, and a classifier (w, b)."""
    generator = np.random.default_rng(seed)
    y = np.where(np.arange(count) % 2, 1, -1)
    X = generator.standard_normal((count, d)) + apart * y[:, None]
    return X, y, generator.standard_normal(d), float(generator.standard_normal())


def hinge(X, y, w, b):
    return np.maximum(1 - y * (X @ w + b), 0)


def dual_norm(w, norm):
    return float(Lp.of(norm).dual.value(torch.from_numpy(w)[None])[0])


# The inner maximum


@pytest.mark.parametrize("norm", NORMS)
@quick
@given(seed=seeds)
def test_one_ball_for_each_example(norm, seed):
    X, y, w, b = clouds(seed)
    value, perturbation = worst_hinge(X, y, w, b, Ball(norm, 0.4))
    expected = np.maximum(1 - y * (X @ w + b) + 0.4 * dual_norm(w, norm), 0).sum()
    assert value == pytest.approx(expected, rel=1e-10)
    assert hinge(X + perturbation, y, w, b).sum() == pytest.approx(expected, rel=1e-10)
    assert Ball(norm, 0.4).contains(torch.from_numpy(perturbation), atol=1e-12).all()


@pytest.mark.parametrize("norm", NORMS)
@quick
@given(seed=seeds, apart=st.sampled_from([0.5, 4.0]))
def test_one_budget_for_all_examples(norm, seed, apart):
    X, y, w, b = clouds(seed, apart=apart)
    U = GroupBall(norm, 0.9, X.shape, axis=1)
    value, perturbation = worst_hinge(X, y, w, b, U)
    losses, reach = 1 - y * (X @ w + b), 0.9 * dual_norm(w, norm)
    by_vertex = max(
        hinge(X, y, w, b).sum() - max(loss, 0) + max(loss + reach, 0) for loss in losses
    )  # the whole budget on one example
    assert value == pytest.approx(by_vertex, rel=1e-10)
    if losses.max() >= 0:  # not separated with margin: the regulariser
        assert value == pytest.approx(hinge(X, y, w, b).sum() + reach, rel=1e-10)
    assert np.linalg.norm(perturbation, axis=1).astype(bool).sum() <= 1
    assert U.contains(torch.from_numpy(perturbation).reshape(1, -1), atol=1e-10).all()
    generator = np.random.default_rng(seed)
    others = generator.standard_normal((30, *X.shape)) * generator.uniform(0, 1, (30, len(X), 1)) ** 4
    sizes = [float(Lp.of(norm).value(torch.from_numpy(each)).sum()) for each in others]
    others *= 0.9 / np.array(sizes)[:, None, None]
    assert max(hinge(X + each, y, w, b).sum() for each in others) <= value * (1 + 1e-8)


def test_where_w_separates_with_margin_the_regulariser_is_too_much():
    X, y, w, b = np.array([[-3.0], [3.0]]), np.array([-1, 1]), np.array([1.0]), 0.0
    value, _ = worst_hinge(X, y, w, b, GroupBall("l2", 2.5, (2, 1), axis=1))
    assert value == pytest.approx(0.5)  # margin 3, pushed to 0.5
    assert value < 0 + 2.5 * 1.0


@quick
@given(seed=seeds)
def test_boxes_and_budgets_against_every_corner(seed):
    X, y, w, b = clouds(seed, count=5, d=3)
    generator = np.random.default_rng(seed)
    lower, upper = -generator.uniform(0, 1, X.shape), generator.uniform(0, 1, X.shape)
    corners = np.array(list(itertools.product([0, 1], repeat=3)))
    box = Box(torch.from_numpy(lower), torch.from_numpy(upper))
    of_box = [np.where(corners == 1, upper[i], lower[i]) for i in range(5)]
    pairs = np.array([p for p in itertools.product([-0.3, 0, 0.3], repeat=3) if np.count_nonzero(p) == 2])
    for U, vertices in ((box, of_box), (Budget(2, 0.3), [pairs] * 5)):
        value, perturbation = worst_hinge(X, y, w, b, U)
        brute = sum(
            max(hinge(x + v, label, w, b) for v in some)
            for x, label, some in zip(X, y, vertices, strict=True)
        )
        assert value == pytest.approx(brute, rel=1e-10)
        assert U.contains(torch.from_numpy(perturbation), atol=1e-12).all()


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_per_example_balls_are_the_step_of_algorithm_1(norm):
    """On a linear model the first-order step of eq. (11) is the worst of all perturbations."""
    X, y, w, b = clouds(1)
    model = nn.Linear(2, 2).double()
    with torch.no_grad():  # logits -z/2 and z/2 with z = wᵀx + b
        model.weight.copy_(torch.from_numpy(np.stack([-w, w]) / 2))
        model.bias.copy_(torch.tensor([-b / 2, b / 2]))
    step = first_order(model, torch.from_numpy(X), torch.from_numpy((y + 1) // 2), Ball(norm, 0.3))
    _, perturbation = worst_hinge(X, y, w, b, Ball(norm, 0.3))
    assert step.numpy() == pytest.approx(perturbation, abs=1e-12)


# The outer minimum


def linear(X):
    return cp.Variable(X.shape[1]), cp.Variable()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(2))
def test_per_example_balls_against_cvxpy(norm, seed):
    X, y, _, _ = clouds(seed)
    fit = robust_svm(X, y, Ball(norm, 0.3))
    w, b = linear(X)
    reach = 0.3 * cp.norm(w, Lp.of(norm).dual.p)
    loss = cp.sum(cp.pos(1 - cp.multiply(y, X @ w + b) + reach))
    assert fit.objective == pytest.approx(cp.Problem(cp.Minimize(loss)).solve(solver="CLARABEL"), rel=1e-6)
    assert worst_hinge(X, y, fit.w, fit.b, Ball(norm, 0.3))[0] == pytest.approx(fit.objective, rel=1e-10)
    assert fit.margins == pytest.approx(y * (X @ fit.w + fit.b))
    assert fit.worst_margins == pytest.approx(y * ((X + fit.perturbation) @ fit.w + fit.b))
    assert fit.objective == pytest.approx(np.maximum(1 - fit.worst_margins, 0).sum(), rel=1e-10)


def test_sets_of_each_example_and_functions_of_the_examples():
    X, y, _, _ = clouds(3)
    X = 1 / (1 + np.exp(-X))  # in [0, 1]
    fit = robust_svm(X, y, lambda x: Ball("linf", 0.2) & pixel_box(x))
    w, b = linear(X)
    low, high = np.maximum(-0.2, -X), np.minimum(0.2, 1 - X)
    W = -y[:, None] @ cp.reshape(w, (1, 2), order="C")
    rise = cp.sum(cp.maximum(cp.multiply(low, W), cp.multiply(high, W)), axis=1)
    loss = cp.sum(cp.pos(1 - cp.multiply(y, X @ w + b) + rise))
    assert fit.objective == pytest.approx(cp.Problem(cp.Minimize(loss)).solve(solver="CLARABEL"), rel=1e-6)
    assert ((X + fit.perturbation >= -1e-12) & (X + fit.perturbation <= 1 + 1e-12)).all()
    radii = torch.linspace(0.0, 0.5, len(y), dtype=torch.float64)
    own = robust_svm(X, y, Ball("l2", radii))
    loss = cp.sum(cp.pos(1 - cp.multiply(y, X @ w + b) + radii.numpy() * cp.norm(w)))
    assert own.objective == pytest.approx(cp.Problem(cp.Minimize(loss)).solve(solver="CLARABEL"), rel=1e-6)


@pytest.mark.parametrize(
    "U",
    [
        Budget(1.5, 0.2),
        Box(-0.1, 0.3),
        Ball("l2", 0.2) + Ball("linf", 0.1),
        Scenarios(np.array([[0.6, 0.2], [0.0, 0.0], [-0.1, 0.4]])),
    ],
    ids=repr,
)
def test_no_other_classifier_has_a_smaller_worst_case(U):
    """Against a grid in 2-D: all weights and biases around the one found, and far from it."""
    X, y, _, _ = clouds(4)
    fit = robust_svm(X, y, U)
    offsets = [0.0, *(sign * size for sign in (-1, 1) for size in (1e-3, 0.03, 0.3))]
    for shift in itertools.product(offsets, repeat=3):
        value, _ = worst_hinge(X, y, fit.w + np.array(shift[:2]), fit.b + shift[2], U)
        assert value >= fit.objective * (1 - 1e-7)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(2))
def test_one_budget_is_the_regularised_svm(norm, seed):
    X, y, _, _ = clouds(seed)
    c = 1.5
    fit = robust_svm(X, y, GroupBall(norm, c, X.shape, axis=1))
    w, b = linear(X)
    loss = cp.sum(cp.pos(1 - cp.multiply(y, X @ w + b))) + c * cp.norm(w, Lp.of(norm).dual.p)
    assert fit.objective == pytest.approx(cp.Problem(cp.Minimize(loss)).solve(solver="CLARABEL"), rel=1e-6)
    assert fit.objective == pytest.approx(regularized_svm(X, y, c, norm).objective, rel=1e-7)
    assert fit.objective == pytest.approx(hinge(X + fit.perturbation, y, fit.w, fit.b).sum(), rel=1e-10)
    assert fit.margins.min() < 1  # not separated with margin


@pytest.mark.parametrize("seed", range(3))
def test_one_l2_budget_against_scikit_learn(seed):
    """SVC minimises ½‖w‖² + C Σ hinge: the same w at C = ‖w‖/c, where the gradients are multiples."""
    X, y, _, _ = clouds(seed, count=30)
    c = 1.5
    fit = robust_svm(X, y, GroupBall("l2", c, X.shape, axis=1))
    svc = SVC(kernel="linear", C=np.linalg.norm(fit.w) / c, tol=1e-9).fit(X, y)
    assert svc.coef_[0] == pytest.approx(fit.w, rel=1e-4)
    other = hinge(X, y, svc.coef_[0], svc.intercept_[0]).sum() + c * np.linalg.norm(svc.coef_[0])
    assert fit.objective == pytest.approx(other, rel=1e-7)


def test_on_separable_data_the_coupled_worst_case_is_below_the_regulariser():
    X, y = np.array([[-2.0, 0.3], [2.0, 0.0], [-3.0, -0.5], [2.5, 0.4]]), np.array([-1, 1, -1, 1])
    U = GroupBall("l2", 1.0, X.shape, axis=1)
    robust, regular = robust_svm(X, y, U), regularized_svm(X, y, 1.0, "l2")
    assert robust.objective == pytest.approx(0, abs=1e-8)  # any margin beyond the budget
    assert regular.objective > 0.1
    assert worst_hinge(X, y, regular.w, regular.b, U)[0] <= regular.objective * (1 + 1e-9)


def test_coupled_and_per_example_are_two_problems():
    X, y, _, _ = clouds(5)
    coupled = robust_svm(X, y, GroupBall("l2", 0.5, X.shape, axis=1))
    each = robust_svm(X, y, Ball("l2", 0.5))
    assert each.objective > coupled.objective + 0.1
    assert np.linalg.norm(each.w - coupled.w) > 0.01
    assert np.count_nonzero(np.abs(coupled.perturbation).sum(1) > 1e-9) == 1
    assert np.count_nonzero(np.abs(each.perturbation).sum(1) > 1e-9) == len(y)


def test_a_large_budget_leaves_no_weights():
    X, y, _, _ = clouds(6)
    fit = robust_svm(X, y, GroupBall("l2", 1e3, X.shape, axis=1))
    assert not fit.w.any()
    assert fit.objective == pytest.approx(2 * min((y == 1).sum(), (y == -1).sum()), rel=1e-8)


# Units

TRIANGLE = np.array([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]])
IN_UNITS = {  # the fit where the features are in this unit
    "l1": lambda X, y, k: robust_svm(X, y, Ball("l1", 0.2 * k)),
    "l2": lambda X, y, k: robust_svm(X, y, Ball("l2", 0.2 * k)),
    "linf": lambda X, y, k: robust_svm(X, y, Ball("linf", 0.1 * k)),
    "box": lambda X, y, k: robust_svm(X, y, Box(-0.1 * k, 0.2 * k)),
    "budget": lambda X, y, k: robust_svm(X, y, Budget(1.5, 0.1 * k)),
    "ellipsoid": lambda X, y, k: robust_svm(X, y, Ellipsoid(np.diag([1.0, 0.1]), 0.2 * k)),
    "scenarios": lambda X, y, k: robust_svm(X, y, Scenarios(0.2 * k * TRIANGLE)),
    "polyhedron": lambda X, y, k: robust_svm(X, y, Polyhedron(TRIANGLE, 0.2 * k * np.ones(3))),
    "sum": lambda X, y, k: robust_svm(X, y, Ball("l2", 0.1 * k) + Ball("linf", 0.1 * k)),
    "each": lambda X, y, k: robust_svm(X, y, Ball("l2", k * torch.linspace(0, 0.3, 16).double())),
    "function": lambda X, y, k: robust_svm(X, y, lambda x: Ball("l2", 0.3 * k) & Box(-x.abs(), x.abs())),
    "coupled": lambda X, y, k: robust_svm(X, y, GroupBall("l2", 0.9 * k, X.shape, axis=1)),
    "regularised l2": lambda X, y, k: regularized_svm(X, y, 0.9 * k, "l2"),
    "regularised l1": lambda X, y, k: regularized_svm(X, y, 0.9 * k, "l1"),
}


@pytest.mark.parametrize("fit", IN_UNITS.values(), ids=IN_UNITS.keys())
@settings(max_examples=5, deadline=None, derandomize=True)
@example(power=-12)
@example(power=12)
@given(power=st.floats(-12, 12))
def test_in_other_units_the_classifier_is_the_same(fit, power):
    """It was up to 64 % off in the weights."""
    X, y, _, _ = clouds(1, apart=0.3)
    one, k = fit(X, y, 1.0), 10.0**power
    other = fit(k * X, y, k)
    assert one.objective > 2 and one.w.any()  # where the loss can be 0, many weights are best
    assert other.objective == pytest.approx(one.objective, rel=1e-6)
    assert k * other.w == pytest.approx(one.w, rel=1e-5, abs=1e-6 * np.abs(one.w).max())
    assert other.b == pytest.approx(one.b, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6])
@settings(max_examples=5, deadline=None, derandomize=True)
@given(powers=st.lists(st.floats(-12, 12), min_size=2, max_size=2))
def test_features_have_units_of_their_own_and_a_zero_of_their_own(shift, powers):
    X, y, _, _ = clouds(1, apart=0.3)
    c = 10.0 ** np.array(powers)
    one = robust_svm(X, y, Box(-0.1, 0.2))
    other = robust_svm((X + shift) * c, y, Box(*(torch.from_numpy(side * c) for side in (-0.1, 0.2))))
    assert other.objective == pytest.approx(one.objective, rel=1e-6)
    assert c * other.w == pytest.approx(one.w, rel=1e-5)


@pytest.mark.parametrize("c", [1e-12, 1e-9, 1e-6, 1e-3])
def test_a_tiny_price_of_weights_finds_the_widest_margin(c):
    """On separable data the least c‖w‖ with all margins ≥ 1: any factor c has the same w."""
    X, y, _, _ = clouds(1, apart=4.0)
    w, b = linear(X)
    widest = cp.Problem(cp.Minimize(cp.norm(w)), [cp.multiply(y, X @ w + b) >= 1]).solve(solver="CLARABEL")
    fit = regularized_svm(X, y, c, "l2")
    assert fit.objective == pytest.approx(c * widest, rel=1e-6, abs=0)
    assert fit.w == pytest.approx(w.value, rel=1e-4)


def test_where_all_examples_can_be_kept_the_loss_is_0():
    X, y, _, _ = clouds(1, apart=4.0)
    for U in (Ball("l2", 0.5), GroupBall("l2", 0.5, X.shape, axis=1)):
        assert robust_svm(X, y, U).objective == 0


@pytest.mark.parametrize("radius", [1e3, 1e6, 1e12])
def test_where_the_set_is_far_larger_than_the_data_there_are_no_weights(radius):
    X, y, _, _ = clouds(1)
    for fit in (robust_svm(X, y, Ball("l2", radius)), regularized_svm(X, y, radius, "l2")):
        assert not fit.w.any() and fit.objective == 16


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones(4)}, "X: expected finite numbers of shape (N, d), got shape (4,)"),
        ({"X": np.full((4, 2), math.nan)}, "X: expected finite"),
        ({"y": np.array([0, 1, 0, 1])}, "y: expected labels -1 and 1, got [0.0, 1.0]"),
        ({"y": np.ones(3)}, "y: expected finite numbers of shape (4,), got shape (3,)"),
        ({"y": np.array([1, 1, 1, 1])}, "y: expected labels -1 and 1, some of each, got 1 only"),
        (
            {"y": np.array([True, True, False, True])},
            "y: expected finite numbers of shape (4,), got entries of",
        ),
        ({"y": ["1", "-1", "1", "-1"]}, "y: expected finite numbers of shape (4,), got '1'"),
        ({"y": np.ones((4, 1))}, "y: expected finite numbers of shape (4,), got shape (4, 1)"),
        ({"y": np.array([1, -1, math.nan, 1])}, "y: expected finite numbers of shape (4,), got NaN"),
        (
            {"X": np.ones((0, 2)), "y": np.ones(0)},
            "X: expected finite numbers of shape (N, d), got shape (0, 2)",
        ),
        ({"y": pd.Series([1, -1, 1, -1], [0, 2, 1, 3])}, "y: expected an array, as X's rows have no labels"),
        ({"U": Scenarios(np.ones((3, 5)))}, "U: expected a set of 2 entries, a feature each, got 5 of"),
        ({"U": Ball("l2", torch.ones(3))}, "radius: expected a number or a tensor (4,), one per example"),
        ({"U": "l2"}, "U: expected an UncertaintySet or a function"),
        ({"U": GroupBall("l2", 1.0, (4, 2), axis=0)}, "U: expected a GroupBall with shape (4, 2) and axis 1"),
        ({"U": GroupBall("l2", 1.0, (5, 2), axis=1)}, "U: expected a GroupBall with shape (4, 2) and axis 1"),
    ],
)
def test_bad_data_are_named(change, message):
    data = {"X": np.arange(8.0).reshape(4, 2), "y": np.array([1, -1, 1, -1]), "U": Ball("l2", 1.0)} | change
    with pytest.raises(ValueError) as caught:
        robust_svm(**data)
    assert str(caught.value).startswith(message)


class Own(UncertaintySet):
    def maximizer(self, g):
        return Ball("l2", 0.3).maximizer(g)

    def project(self, d):
        return Ball("l2", 0.3).project(d)


class OwnWithExpression(Own):
    def support_expression(self, w):
        return 0.3 * (cp.norm(w) if w.ndim == 1 else cp.norm(w, axis=1))


def test_a_set_of_ones_own_needs_an_expression():
    """The error named a method of programs, which classifiers do not have."""
    X, y, _, _ = clouds(0)
    with pytest.raises(NoExpressionError, match="its class needs the method `support_expression`"):
        robust_svm(X, y, Own())
    own, known = robust_svm(X, y, OwnWithExpression()), robust_svm(X, y, Ball("l2", 0.3))
    assert own.objective == pytest.approx(known.objective, rel=1e-7)
    assert worst_hinge(X, y, known.w, known.b, Own())[0] == pytest.approx(known.objective)


def test_of_a_series_the_labels_count():
    X, y, w, b = clouds(0)
    table = pd.DataFrame(X, columns=["age", "height"], index=np.arange(len(y)) + 100)
    labels = pd.Series(y, table.index)
    for fit in (
        lambda X, y: robust_svm(X, y, Ball("l2", 0.3)),
        lambda X, y: regularized_svm(X, y, 1.0, "l2"),
    ):
        assert fit(table, labels.sample(frac=1, random_state=0)).w == pytest.approx(fit(X, y).w)
        with pytest.raises(
            ValueError, match="^y: expected the labels of X's rows, got a series with the labels"
        ):
            fit(table, pd.Series(y))
    weights = pd.Series(w, table.columns)[::-1]
    value, _ = worst_hinge(table, labels, weights, b, Ball("l2", 0.3))
    assert value == worst_hinge(X, y, w, b, Ball("l2", 0.3))[0]


def test_a_bad_classifier_is_named():
    X, y, w, b = clouds(0)
    with pytest.raises(ValueError, match=r"^w: expected finite numbers of shape \(2,\), got shape \(3,\)"):
        worst_hinge(X, y, np.ones(3), b, Ball("l2", 0.3))
    for bias in (math.nan, "0", True):
        with pytest.raises(ValueError, match="^b: expected a finite number, got"):
            worst_hinge(X, y, w, bias, Ball("l2", 0.3))


def test_a_bad_regulariser_is_named():
    X, y, _, _ = clouds(0)
    for c in (True, math.inf, "1", torch.ones(16)):
        with pytest.raises(ValueError, match="^c: expected a finite number >= 0"):
            regularized_svm(X, y, c, "l2")
    with pytest.raises(ValueError, match="^c: expected a finite number >= 0"):
        regularized_svm(X, y, -1.0, "l2")
    with pytest.raises(ValueError, match="^norm: expected"):
        regularized_svm(X, y, 1.0, "l0")
