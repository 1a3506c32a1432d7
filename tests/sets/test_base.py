"""The algebra of the sets: exact forms, formulas, sizes that do not fit, and a set of one's own."""

import math

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from set_definitions import AWAY, FLAT, POINTS, SETS, SHAPE, SIGMA, A, B, D, M, N, X, close, d
from set_samples import images, inner, numbers
from torch import nn

from rolab.attacks import first_order, input_gradient
from rolab.errors import EmptySetError, NoExpressionError
from rolab.sets import (
    Ball,
    BallInBox,
    Box,
    Budget,
    Columns,
    Ellipsoid,
    GroupBall,
    Image,
    Intersection,
    Polyhedron,
    Rows,
    Scaled,
    Scenarios,
    SpectralBall,
    Sum,
    Tangent,
    UncertaintySet,
    pixel_box,
    resolve,
)

# The exact forms


@pytest.mark.parametrize("name", [name for name, case in SETS.items() if case.exact])
def test_exact_forms_need_no_solver(name, monkeypatch):
    monkeypatch.setattr("rolab.sets.solver.solve", lambda *_: pytest.fail("a solver was called"))
    g = numbers(25, N, 6)
    SETS[name].U.maximizer(g), SETS[name].U.project(g), SETS[name].U.contains(g)


def test_what_is_known_exactly_is_of_the_simpler_class():
    assert isinstance(Budget(2, 0.5) & pixel_box(X), BallInBox)
    assert isinstance(Ball("linf", 0.5) & Ball("l1", 1), BallInBox)
    assert Ball("l2", 1) & Ball("l2", 2) == Ball("l2", 1)
    assert Ball("l2", 1) + Ball("l2", 2) == Ball("l2", 3)
    assert Box(-1, 2) + Box(-0.5, 0.5) == Box(-1.5, 2.5)
    assert Ball("l2", 1) != Ball("l1", 1) and Ball("l2", 1) != 1


def test_many_sets_share_one_unit():
    for many in (
        [Ball("l2", 0.5), Ball("l2", 2), M @ Ball("l2", 0.1), Ellipsoid(SIGMA, 0.3), Ellipsoid(FLAT, 1)],
        [Budget(2, 0.5), Budget(2, 0.1), M.numpy() @ Budget(2, 1), sp.csr_array(M.numpy()) @ Budget(2, 1)],
        [SpectralBall(1, (2, 3)), SpectralBall(2, (2, 3))],
        [GroupBall("l2", 1, (2, 3), 0), GroupBall("l2", 2, (2, 3), 0).scaled(3)],
        [Scenarios(POINTS), A @ Scenarios(POINTS), A @ (B @ Scenarios(POINTS))],
    ):
        assert len({U.as_linear_image()[0] for U in many}) == 1
    assert len({Box(-X[0], 1), Box(-X[1], 1), Scenarios(POINTS), Scenarios(POINTS + 1)}) == 4
    assert sp.issparse((sp.csr_array(M.numpy()) @ Budget(2, 1)).as_linear_image()[1])


# Formulas


@pytest.mark.parametrize(
    ("U", "formula"),
    [
        (Ball("l2", 0.5), "0.5·‖w‖₂"),
        (Ball("linf", 0.5), "0.5·‖w‖₁"),
        (Ball("l1", 0.5), "0.5·‖w‖∞"),
        (Ball(3, 2), "2·‖w‖_1.5"),
        (Box(-0.25, 1), "Σ max(-0.25 wᵢ, 1 wᵢ)"),
        (pixel_box(X), "Σ max(lᵢ wᵢ, uᵢ wᵢ)"),
        (Budget(1.5, 0.2), "min over t ≥ 0 of 0.2·(1.5 t + Σ max(|wᵢ| − t, 0))"),
        (Ellipsoid(SIGMA, 1), "1·√(wᵀΣw)"),
        (Polyhedron(D, d), "min over λ ≥ 0, Dᵀλ = w of dᵀλ"),
        (Scenarios(POINTS), "max over k of ⟨p_k, w⟩"),
        (Ball("l2", 1) & Box(-1, 2), "min over u + v = w of [1·‖u‖₂] + [Σ max(-1 vᵢ, 2 vᵢ)]"),
        (Ball("l2", 1) & Ball("l1", 2), "min over u + v = w of [1·‖u‖₂] + [2·‖v‖∞]"),
        (Ball("l2", 1) + Ball("l1", 2), "1·‖w‖₂ + 2·‖w‖∞"),
        (M @ Ball("l2", 1), "1·‖(Mᵀw)‖₂"),
        (Rows(Ball("l2", 1), SHAPE), "Σ over rows k of [1·‖w[k,:]‖₂]"),
        (GroupBall("l2", 1, SHAPE, 1), "1·max over groups k of ‖w[k]‖₂"),
        (SpectralBall(2, SHAPE), "2·Σ of the singular values of w as a 2×3 matrix"),
    ],
)
def test_the_formula_has_the_numbers(U, formula):
    assert U.formula == formula


# Empty sets, and sizes that do not fit


def test_an_empty_intersection_is_an_error_that_names_both_sets():
    hulls = Scenarios(POINTS + 9) & Scenarios(POINTS)
    far = Scenarios(POINTS + 9) & Ball("l2", 0.5)
    polyhedra = Polyhedron(D, AWAY) & Box(-0.5, 0.5)
    for U in (hulls, far, polyhedra, far + Ball("l2", 1), A @ far):
        for oracle in (U.maximizer, U.project, U.support):
            with pytest.raises(
                EmptySetError, match=r"^.*&.*: expected a set that holds a point, got an empty one"
            ):
                oracle(numbers(26, 2, 6))
        for w in (numbers(27, 6).numpy(), numbers(27, 2, 6).numpy(), cp.Variable(6)):
            with pytest.raises(EmptySetError, match=r"^.*&.*: expected a set that holds a point"):
                U.support_expression(w)


def test_an_intersection_that_is_empty_for_one_example_is_an_error():
    U = Scenarios(POINTS) & Ball("l2", torch.tensor([9.0, 0.1]))
    with pytest.raises(EmptySetError, match=r"^Scenarios\(<5x6>\) & Ball\('l2', <2>\): expected"):
        U.maximizer(numbers(28, 2, 6))
    assert U[0].maximizer(numbers(28, 1, 6)).shape == (1, 6)


def test_sets_of_two_sizes_are_refused():
    small = Ellipsoid(torch.eye(2), 1)
    for combine, sign in ((lambda a, b: a & b, "&"), (lambda a, b: a + b, r"\+")):
        with pytest.raises(
            ValueError, match=f"^{sign}: expected sets of one dimension, got 2 of Ellipsoid.* and 6"
        ):
            combine(small, Scenarios(POINTS))
    with pytest.raises(
        ValueError, match=r"^matrix \(6, 4\): expected a set of 4 entries, got 2 of Ellipsoid"
    ):
        M @ small
    with pytest.raises(ValueError, match="^inner: expected a set of 3 entries, got 2 of Ellipsoid"):
        Rows(small, SHAPE)
    with pytest.raises(ValueError, match="^g: expected 6 entries an example, to fit matrix .*, got 4"):
        (M @ Ball("l2", 1)).maximizer(torch.ones(2, 4))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones(3), r"expected a matrix \(m, n\), got shape \(3,\)"),
        (np.array([[1.0, math.nan]]), "expected finite entries"),
        (sp.csr_array(np.array([[1.0, math.inf]])), "expected finite entries"),
        ("M", "expected an array of numbers, got str"),
        (np.float64(3), r"expected a matrix \(m, n\), got shape \(\)"),
    ],
)
def test_what_is_no_matrix_is_refused(matrix, message):
    with pytest.raises(ValueError, match=f"^matrix: {message}"):
        matrix @ Ball("l2", 1)


LABELLED = {  # argument → a set of these numbers, and the numbers
    "matrix": (lambda given: Image(given, Ball("l2", 1.0)), np.eye(2)),
    "D": (lambda given: Polyhedron(given, np.ones(4)), np.vstack([np.eye(2), -np.eye(2)])),
    "d": (lambda given: Polyhedron([[1.0], [-1.0]], given), np.ones(2)),
    "sigma": (lambda given: Ellipsoid(given, 1.0), np.eye(2)),
    "points": (Scenarios, np.eye(2)),
    "basis": (lambda given: Tangent(given, Ball("l2", 1.0)), np.eye(2)),
}


@pytest.mark.parametrize("name", LABELLED)
def test_numbers_with_labels_are_refused(name):
    """Of a set, which goes by place: a bound read beside another's row makes another set, unseen."""
    make, plain = LABELLED[name]
    counted = (pd.Series if plain.ndim == 1 else pd.DataFrame)(plain)
    make(counted)
    for axis in range(plain.ndim):
        count = plain.shape[axis]
        for labels in (list("dcba")[-count:], [*range(count)][::-1]):
            said = (
                f"^{name}: expected numbers without labels, as a set goes by place, got a .* {labels[0]!r}, "
            )
            with pytest.raises(ValueError, match=said):
                make(counted.set_axis(labels, axis=axis))


def test_what_is_no_set_is_refused():
    for meet in (lambda U: U & 3, lambda U: U + 3):
        with pytest.raises(TypeError, match="unsupported operand"):
            meet(Ball("l1", 1))


def test_a_set_may_be_a_function_of_the_inputs():
    U, x = Ball("linf", 0.1), images(23, 3, 4)
    assert resolve(U, x) is U
    assert torch.equal(resolve(lambda x: U & pixel_box(x), x).maximizer(x + 1), (1 - x).clamp(max=0.1))
    for bad, came in ((0.1, "0.1"), (None, "None"), (lambda x: 0.3, "a function that returns 0.3")):
        with pytest.raises(
            ValueError, match=f"^U: expected an UncertaintySet or a function x -> UncertaintySet, got {came}"
        ):
            resolve(bad, x)


@pytest.mark.parametrize(
    "U",
    [Box(-1.0, 1.0), Ball("linf", 1.0) & Box(-1.0, 1.0), Scenarios([[1.0, 0.0], [0.0, 1.0]]),
     Polyhedron([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [1.0] * 4),
     torch.eye(2) @ Ball("l2", 1.0)],
    ids=repr,
)  # fmt: skip
def test_a_factor_for_each_example_is_refused_where_it_would_scale_entries(U):
    with pytest.raises(ValueError, match=r"factor: expected a number for .*got a tensor of shape \(2,\)"):
        U.scaled(torch.tensor([0.1, 0.5]))
    g = torch.ones(2, 2)
    torch.testing.assert_close(U.scaled(torch.tensor(0.5)).maximizer(g), 0.5 * U.maximizer(g))


# A set of a student's own: two methods


class Segment(UncertaintySet):
    """All t · (1, …, 1) with 0 ≤ t ≤ 1."""

    def maximizer(self, g):
        return g.flatten(1).sum(1).gt(0).to(g).reshape(-1, *[1] * (g.ndim - 1)).expand_as(g)

    def project(self, d):
        return d.flatten(1).mean(1).clamp(0, 1).reshape(-1, *[1] * (d.ndim - 1)).expand_as(d)


def test_a_new_set_is_one_class_and_nothing_else():
    """Two methods, no line in any other file: it attacks a net, and is met, summed, mapped and scaled."""
    U, x = Segment(), numbers(32, 4, 1, 2, 3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 3)).double()
    y = model(x).argmax(1)
    step = first_order(model, x, y, U)
    assert torch.equal(step, U.maximizer(input_gradient(model, x, y))) and step.shape == x.shape
    assert torch.equal(first_order(model, x, y, lambda x: U), step)
    both, total, moved = U & Ball("linf", 0.5), U + Box(-0.1, 0.1), numbers(33, 2, 6) @ U.scaled(2)
    assert type(both) is Intersection and type(total) is Sum and type(moved) is Image
    assert type(U.scaled(2)) is Scaled and resolve(lambda x: U, x) is U
    ones = torch.ones(2, 6).double() * torch.tensor([[0.4], [0.9]]).double()
    assert both.contains(ones).tolist() == [True, False] == (Ball("linf", 0.5) & U).contains(ones).tolist()
    assert U.contains(ones).all()
    g = numbers(34, 4, 6)
    for V in (U, total, U.scaled(2)):
        close(V.support(g), inner(g, V.maximizer(g)), 1e-12)
    w = numbers(35, 4, 2)
    close(moved.support(w), U.support(2 * w @ moved.matrix), 1e-12)
    assert U.design_regularizer() is U.vertices is U.penalty is U.row_set((2, 3)) is None and U.convex
    with pytest.raises(NoExpressionError, match="Segment"):
        both.maximizer(g)


class SegmentWithConstraints(Segment):
    """The same, and what cvxpy has to know of it."""

    def constraints(self, z):
        t = cp.Variable((z.shape[0], 1), nonneg=True)
        return [z == t @ np.ones((1, z.shape[1])), t <= 1]


def test_with_its_constraints_a_set_is_met_with_all_others():
    g, both = numbers(36, 5, 3), SegmentWithConstraints() & Ball("l2", 0.5)
    close(both.support(g), g.sum(1).clamp(min=0) * 0.5 / 3**0.5, 1e-6)
    assert both.contains(both.maximizer(g)).all() and both.contains(both.project(g)).all()


def test_two_methods_make_a_set():
    U, g = Segment(), numbers(29, 5, 3)
    ones = torch.ones(5, 3).double()
    close(U.support(g), g.sum(1).clamp(min=0), 1e-12)
    assert U.contains(0.4 * ones).all() and not U.contains(1.1 * ones).any() and not U.contains(g).any()
    assert U.contains(torch.tensor([[0.0, 0, 0], [math.nan, 0, 0]])).tolist() == [True, False]
    grown = U.scaled(3)
    close(grown.support(g), 3 * g.sum(1).clamp(min=0), 1e-12)
    assert grown.contains(2.5 * ones).all() and not grown.contains(3.1 * ones).any()
    close(grown.scaled(0).project(g), 0 * g, 1e-12)
    total = U + Ball("l2", 0.5)
    close(total.support(g), g.sum(1).clamp(min=0) + 0.5 * g.norm(dim=1), 1e-12)
    matrix = numbers(30, 2, 3)
    close((matrix @ U).support(g[:, :2]), (g[:, :2] @ matrix).sum(1).clamp(min=0), 1e-12)
    close((U + U).maximizer(torch.zeros(2, 3)), torch.zeros(2, 3), 1e-12)
    assert U[3] is U and U.dimension is None and not U.contains_zero and "Segment" in U.formula
    assert U == U and U != Segment()


class Own(UncertaintySet):
    """A set of one's own that knows no scaling, but answers all else as another set does."""

    def __init__(self, inner):
        self.inner, self.budgeted = inner, inner.budgeted

    def maximizer(self, g):
        return self.inner.maximizer(g)

    def project(self, d):
        return self.inner.project(d)


QUESTIONS = "duality_gap_bound design_regularizer left_invariant_summand row_set enclosing coupled_examples"
for question in QUESTIONS.split():
    setattr(Own, question, lambda self, *a, question=question: getattr(self.inner, question)(*a))
for answer in ("vertices", "penalty"):
    setattr(Own, answer, property(lambda self, answer=answer: getattr(self.inner, answer)))


@pytest.mark.parametrize(
    "U",
    [
        Ball("l2", 0.3),
        Ball("linf", 0.3),
        Budget(2, 0.3),
        Box(-0.1, torch.linspace(0, 1, 6).double()),
        Scenarios(numbers(37, 4, 6)),
        Rows(Ball("l1", torch.tensor([0.3, 0.4]).double()), (2, 3)),
        Columns(Ball("l2", 0.3), (2, 3)) + Ball("linf", 0.2),
        GroupBall("l2", 0.3, (2, 3), axis=1),
    ],
    ids=repr,
)
def test_what_linear_models_ask_of_a_set_they_are_told_of_its_multiple(U):
    """A fit in another unit asks a scaled set; of one's own it was told nothing."""
    own, known = Own(U).scaled(2.0), U.scaled(2.0)
    assert type(own) is Scaled and own.convex == known.convex and own.budgeted == known.budgeted
    assert own.design_regularizer() == known.design_regularizer()
    assert own.row_set((2, 3)) == known.row_set((2, 3))
    assert own.enclosing((2, 3)) == known.enclosing((2, 3))
    assert own.left_invariant_summand() == known.left_invariant_summand()
    assert str(own.penalty) == str(known.penalty)
    assert (own.vertices is None) == (known.vertices is None)
    assert own.vertices is None or torch.equal(own.vertices, known.vertices)
    if isinstance(U, GroupBall):
        assert own.coupled_examples((2, 3)) == known.coupled_examples((2, 3))
    if isinstance(U, Ball | Budget):
        g = numbers(38, 4, 6)
        close(own.duality_gap_bound(g), known.duality_gap_bound(g), 1e-12)


def test_a_set_without_an_expression_says_so():
    for U in (Segment(), Segment().scaled(2), Segment() + Ball("l2", 1), torch.eye(3) @ Segment()):
        with pytest.raises(
            NoExpressionError, match='Segment.* has no cvxpy expression; .*method="cutting-set"'
        ):
            U.support_expression(np.ones(3))
        with pytest.raises(
            NoExpressionError, match='Segment.* has no cvxpy constraints; .*method="cutting-set"'
        ):
            U.constraints(cp.Variable(3))
    with pytest.raises(TypeError, match="abstract"):
        UncertaintySet()
