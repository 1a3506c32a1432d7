"""Units of fits: numbers multiplied by a constant give the answer multiplied, or an error that says what."""

import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_regressions import draw
from scipy.optimize import minimize_scalar

from rolab.errors import SolverError
from rolab.linear_models import least_squares, solver, svm
from rolab.linear_models.least_squares import robust_least_squares
from rolab.linear_models.svm import regularized_svm, robust_svm, worst_hinge
from rolab.linear_models.worst_case import worst_design
from rolab.sets import Ball, Box, Budget, Columns, Ellipsoid, Polyhedron, Rows, Scenarios, SpectralBall

SHAPE = (3, 2)
MIX = np.random.default_rng(6).standard_normal((6, 6))


def box(t, size):
    return Box(torch.from_numpy(-size * t), torch.from_numpy(size * t))


def ellipsoid(t, radius, axes=6):
    root = t[:, None] * MIX[: len(t), :axes]
    return Ellipsoid(root @ root.T, radius)


def round_ellipsoid(t, radius):
    return Ellipsoid(np.diag(t**2), radius)


def polyhedron(t, size):
    return Polyhedron(np.vstack([np.eye(len(t)), -np.ones((1, len(t)))]) / t, size * np.ones(len(t) + 1))


def hull(t, size):
    return Scenarios(size * np.vstack([MIX, -MIX, MIX[::-1] ** 2])[:, : len(t)] * t)


def image(t, size):
    return (size * t[:, None] * MIX[: len(t)]) @ Ball("l1", 1.0)


KINDS = {  # sets of vectors whose entries are in the units t
    "ball": lambda t: np.diag(t) @ Ball("l2", 0.3),
    "l3 ball": lambda t: np.diag(t) @ Ball(3, 0.3),
    "budget": lambda t: np.diag(t) @ Budget(1.5, 0.2),
    "box": lambda t: box(t, 0.15),
    "ellipsoid": lambda t: ellipsoid(t, 0.2),
    "flat ellipsoid": lambda t: ellipsoid(t, 0.2, axes=1),
    "polyhedron": lambda t: polyhedron(t, 0.1),
    "hull": lambda t: hull(t, 0.2),
    "image": lambda t: image(t, 0.2),
    "ellipsoid & box": lambda t: ellipsoid(t, 0.2) & box(t, 0.2),
    "ellipsoid & far larger box": lambda t: ellipsoid(t, 0.2) & box(t, 1e6),
    "ellipsoid & ellipsoid": lambda t: ellipsoid(t, 0.2) & round_ellipsoid(t, 0.3),
    "polyhedron & ellipsoid": lambda t: polyhedron(t, 0.1) & round_ellipsoid(t, 0.2),
    "image & box": lambda t: image(t, 0.2) & box(t, 0.15),
    "hull & box": lambda t: hull(t, 0.2) & box(t, 0.15),
    "ellipsoid & box & ball": lambda t: ellipsoid(t, 0.2) & box(t, 0.2) & (np.diag(t) @ Ball("l2", 0.3)),
    "box + ellipsoid": lambda t: box(t, 0.05) + ellipsoid(t, 0.1),
    "polyhedron + ellipsoid": lambda t: polyhedron(t, 0.05) + ellipsoid(t, 0.1),
    "(ellipsoid & box) + ellipsoid": lambda t: (ellipsoid(t, 0.2) & box(t, 0.2)) + round_ellipsoid(t, 0.1),
    "image of an intersection": lambda t: (t[:, None] * MIX[: len(t)]) @ (Ball("l2", 0.2) & Ball("l1", 0.3)),
}
OF_DESIGNS = {  # sets of matrices whose columns are in the units c
    "columns": lambda c: Columns(Ball("l2", torch.from_numpy(0.3 * c)), SHAPE),
    "columns & box": lambda c: (
        Columns(Ball("l2", torch.from_numpy(0.3 * c)), SHAPE) & box(np.tile(c, 3), 0.2)
    ),
    "columns + ellipsoid": lambda c: (
        Columns(Ball("l2", torch.from_numpy(0.2 * c)), SHAPE) + ellipsoid(np.tile(c, 3), 0.1)
    ),
    "spectral": lambda c: np.diag(np.tile(c, 3)) @ SpectralBall(0.3, SHAPE),
    "rows of intersections": lambda c: Rows(ellipsoid(c, 0.3) & box(c, 0.2), SHAPE),
}  # fmt: skip


def least_squares_value(kind, columns, rows, targets):
    """The fit of a design whose columns and whole are in other units, brought back; and that x there."""
    A, b, _ = draw(3, *SHAPE)
    U = OF_DESIGNS[kind] if kind in OF_DESIGNS else lambda c: KINDS[kind](np.tile(c, 3))
    fit = robust_least_squares(rows * A * columns, rows * targets * b, U(rows * columns))
    there = worst_design(A, b, columns * fit.x / targets, U(np.ones(2)))
    assert fit.lower <= fit.value <= fit.lower * (1 + 1e-6) and fit.value <= fit.bound * (1 + 1e-6)
    return fit.value / (rows * targets), there.value


def clouds():
    generator = np.random.default_rng(1)
    y = np.where(np.arange(16) % 2, 1, -1)
    return generator.standard_normal((16, 2)) + 0.3 * y[:, None], y


def svm_value(kind, columns, rows, targets):
    """The same for a classifier, which has no targets."""
    X, y = clouds()
    fit = robust_svm(rows * X * columns, y, KINDS[kind](rows * columns))
    return fit.objective, worst_hinge(X, y, rows * columns * fit.w, fit.b, KINDS[kind](np.ones(2)))[0]


FITS = {"least squares": least_squares_value, "svm": svm_value}
CASES = [("least squares", kind) for kind in (*KINDS, *OF_DESIGNS)] + [("svm", kind) for kind in KINDS]
LONG = [case for case in CASES if case[0] == "least squares" and "&" in case[1]][1:]  # some seconds each
WHAT = ("columns", "a column", "rows", "targets", "all")
OPTIMA: dict = {}


def multiplied(what, factor):
    """The units of columns, rows and targets."""
    one = np.array([factor, 1.0])
    return {
        "columns": (factor * np.ones(2), 1.0, 1.0),
        "a column": (one, 1.0, 1.0),
        "rows": (np.ones(2), factor, 1.0),
        "targets": (np.ones(2), 1.0, factor),
        "all": (one / one[::-1], 1 / factor, factor),
    }[what]


def check(fit, kind, what, factor):
    """The optimum to 1e-6, of its own set and of the well-scaled one; or the error, which says what."""
    if (fit, kind) not in OPTIMA:
        OPTIMA[fit, kind] = FITS[fit](kind, np.ones(2), 1.0, 1.0)[0]
    try:
        values = FITS[fit](kind, *multiplied(what, factor))
    except SolverError as error:
        assert "expected" in str(error)
        return f"{fit}, {kind}, {what}, {factor:g}: {error}"
    assert values == pytest.approx([OPTIMA[fit, kind]] * 2, rel=1e-6)
    return None


@pytest.mark.parametrize(
    ("fit", "kind"),
    [pytest.param(*case, marks=[pytest.mark.slow] if case in LONG else []) for case in CASES],
)
def test_the_fit_does_not_depend_on_the_units(fit, kind):
    """Intersections were up to 11 % off where a column was multiplied by 1e±6, and no error told so."""
    place = CASES.index((fit, kind))
    assert check(fit, kind, ("a column", "all")[place % 2], (1e-12, 1e-6, 1e6, 1e12)[place // 2 % 4]) is None


@pytest.mark.skipif("ROLAB_SWEEP" not in os.environ, reason="a quarter of an hour: make sweep")
@pytest.mark.slow
@pytest.mark.parametrize(("fit", "kind"), CASES)
def test_the_sweep_over_all_units_of_fits(fit, kind):
    tried = [(what, factor) for what in WHAT for factor in 10.0 ** np.arange(-12, 13, 3)]
    gave_up = [error for each in tried if (error := check(fit, kind, *each))]
    assert len(gave_up) <= 0.05 * len(tried), gave_up


@pytest.mark.parametrize("norm", ["l1", "l2", "linf", 3.0])
@settings(max_examples=6, deadline=None, derandomize=True)
@given(power=st.floats(-12, 12), unit=st.floats(-12, 12), apart=st.sampled_from([0.3, 4.0]))
def test_a_regularised_svm_at_all_prices(norm, power, unit, apart):
    """Features in units of k have prices in units of k; the price of separable data was 5 % wrong at 1e-12.

    The oracle is convexity: for all prices the optimum is concave, and rises no faster than in proportion.
    """
    X, y = clouds()
    X = X + (apart - 0.3) * y[:, None]
    k, c = 10.0**unit, 10.0**power
    fit = regularized_svm(k * X, y, k * c, norm)
    here = regularized_svm(X, y, c, norm)
    assert fit.objective == pytest.approx(here.objective, rel=1e-6, abs=0)
    half = regularized_svm(X, y, c / 2, norm).objective
    assert half * (1 - 1e-6) <= here.objective <= 2 * half * (1 + 1e-6)


# Oracles of their own, and solvers that are wrong


def farthest(v, t):
    """How far along v (n, 2) the ellipsoid of MIX, its box and a ball, all in the units t, reach."""
    root = t[:, None] * MIX[:2, :2]
    of_ellipsoid = 0.2 / np.linalg.norm(np.linalg.solve(root, v.T), axis=0)
    return np.minimum(of_ellipsoid, (0.2 * t / np.maximum(np.abs(v), 1e-300)).min(1))


@pytest.mark.parametrize("powers", [(0, 0), (-3, 0), (2, -3)])
def test_an_intersection_in_the_plane_against_a_grid(powers):
    """Two rows, one column: points of the boundary by what its parts reach, and x by golden section."""
    A, b, _ = draw(1, 2, 1)
    t, angle = 10.0 ** np.array(powers), np.linspace(0, 2 * np.pi, 400_001)
    v = t * np.stack([np.cos(angle), np.sin(angle)], 1)
    boundary = farthest(v, t)[:, None] * v
    fit = robust_least_squares(A, b, ellipsoid(t, 0.2, axes=2) & box(t, 0.2))
    best = minimize_scalar(
        lambda x: np.linalg.norm((A[:, 0] + boundary) * x - b, axis=1).max(), bracket=(-1, 1), tol=1e-10
    )
    assert fit.value == pytest.approx(best.fun, rel=1e-6)


@pytest.mark.parametrize("coarse", [1e-1, 1e-2, 1e-4])
@pytest.mark.parametrize(
    ("fit", "kind"), [("least squares", "columns"), ("least squares", "rows of intersections"),
                      ("least squares", "ellipsoid"), ("svm", "ellipsoid"), ("svm", "ellipsoid & box")]
)  # fmt: skip
def test_what_a_coarse_solver_calls_solved_is_an_error_or_right(fit, kind, coarse, monkeypatch):
    check(fit, kind, "rows", 1.0)
    monkeypatch.setattr(solver, "PRECISIONS", ((coarse, 0.99),))
    for module in (least_squares, svm):
        monkeypatch.setattr(module, "drop_near_zeros", lambda x, lengths: [x])
    error = check(fit, kind, "rows", 1.0)
    assert error is None or "to 1e-06 of it, got one between" in error
