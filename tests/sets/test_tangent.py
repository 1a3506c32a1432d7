"""Tangent sets: eq. (13), any basis of a span, inner sets of all kinds, one basis for each example."""

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import every_type, images, inner, is_projection, numbers
from torch import nn

from rolab.attacks import first_order, input_gradient
from rolab.lp import RobustLP
from rolab.objectives import Robust
from rolab.sets import Ball, Ellipsoid, Scenarios, Tangent, UncertaintySet, pixel_box, resolve
from rolab.sets.tangent import orthonormal

quick = settings(max_examples=40, deadline=None, derandomize=True)


class Own(UncertaintySet):
    """A set of a user's own, moved by c, of which nothing is known but its two oracles."""

    def __init__(self, U, c=0.0):
        self.U, self.c = U, c

    def maximizer(self, g):
        return self.c + self.U.maximizer(g)

    def project(self, d):
        return self.c + self.U.project(d - self.c)


def projector(B):
    """The orthogonal projection onto the span of B, by its pseudoinverse: independent of any basis."""
    return B @ torch.linalg.pinv(B)


@st.composite
def bases(draw):
    """A basis (N, d, k) of columns of many sizes, some of which are sums of others, or 0."""
    n, d, k = draw(st.integers(1, 3)), draw(st.integers(2, 6)), draw(st.integers(1, 4))
    B = numbers(draw(st.integers(0, 999)), n, d, k)
    if draw(st.booleans()) and k > 1:
        B[..., -1] = draw(st.sampled_from([0.0, 1.0])) * B[..., :-1].sum(2)
    return B * 10.0 ** numbers(draw(st.integers(0, 99)), k)


@quick
@given(B=bases(), seed=st.integers(0, 99), radius=st.sampled_from([0.0, 0.3, 2.0]))
def test_in_a_ball_it_is_eq_13(B, seed, radius):
    """Δ = r ΠB g/‖ΠB g‖, and nothing else in the span and the ball is nearer to d than ΠB d, shortened."""
    g, U, P = numbers(seed, *B.shape[:2]), Tangent(B, Ball("l2", radius)), projector(B)
    flat = (P @ g[..., None])[..., 0]
    length = flat.norm(dim=1, keepdim=True)
    moves = length > 1e-9
    expected = torch.where(moves, radius * flat / length, 0.0)
    torch.testing.assert_close(U.maximizer(g) * moves, expected, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(U.support(g), radius * length[:, 0], rtol=1e-7, atol=1e-9)
    nearest = flat * (radius / length.clamp(min=1e-300)).clamp(max=1)
    torch.testing.assert_close(U.project(g), nearest, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(U.duality_gap_bound(g), torch.zeros(len(g)).double(), rtol=0, atol=1e-9)


@quick
@given(B=bases())
def test_the_basis_kept_is_orthonormal_and_spans_the_same(B):
    Q = Tangent(B, Ball("l2", 1.0)).basis
    torch.testing.assert_close(Q @ Q.mT, projector(B), rtol=0, atol=1e-8)
    products = Q.mT @ Q
    torch.testing.assert_close(products, torch.diag_embed(products.diagonal(dim1=1, dim2=2).round()))
    assert orthonormal(Q) is Q


def test_a_raw_basis_loses_value():
    """The pitfall: BBᵀg, scaled to the length r, is in the span, and is not the best."""
    B, g, U = numbers(0, 6, 3), numbers(1, 5, 6), Ball("l2", 0.5)
    assert (U.support(g @ projector(B)) > 1.02 * inner(g, U.maximizer(g @ B @ B.T))).any()
    torch.testing.assert_close(Tangent(B, U).support(g), U.support(g @ projector(B)))


@every_type
@pytest.mark.parametrize(
    ("U", "norm"), [(Ball("l2", 0.8), 2), (Ball("linf", 0.1), "inf"), (Ball("l1", 1.5), 1)], ids=repr
)
def test_at_the_size_of_digits_it_is_what_cvxpy_finds(U, norm, dtype):
    """Maximiser and projection over z (15,) with ‖Bz‖ ≤ radius, stated anew from the raw basis."""
    B, g = numbers(2, 1, 784, 15), numbers(3, 1, 784) / 20
    V, z = Tangent(B.to(dtype), U), cp.Variable(15)
    delta, (radius, _) = B[0].numpy() @ z, U.penalty
    slack = {"rtol": 2e-6, "atol": 2e-6}
    best = cp.Problem(cp.Maximize(g[0].numpy() @ delta), [cp.norm(delta, norm) <= radius])
    value = torch.tensor([best.solve(solver=cp.CLARABEL)])
    torch.testing.assert_close(V.support(g.to(dtype)).double(), value.double(), **slack)
    nearest = cp.Minimize(cp.sum_squares(delta - g[0].numpy()))
    cp.Problem(nearest, [cp.norm(delta, norm) <= radius]).solve(solver=cp.CLARABEL)
    found = V.project(g.to(dtype))
    torch.testing.assert_close(found[0].double(), torch.from_numpy(delta.value), rtol=0, atol=1e-5)
    assert V.contains(found).all() and V.contains(V.maximizer(g.to(dtype))).all()


def test_each_example_has_its_own_basis():
    B, g = numbers(4, 3, 6, 2), numbers(5, 3, 6)
    for U in (Ball("l2", torch.tensor([0.1, 1.0, 2.0])), Ball("linf", 0.3)):
        whole = Tangent(B, U)
        for i in range(3):
            alone = Tangent(B[i], U[i])
            for oracle in ("maximizer", "project"):
                one, of_all = getattr(alone, oracle)(g[[i]]), getattr(whole, oracle)(g)[[i]]
                torch.testing.assert_close(one, of_all, rtol=1e-7, atol=1e-8)


def test_a_span_of_nothing_holds_0_alone_and_one_of_all_is_the_inner_set():
    g, U = numbers(6, 4, 5), Ball("l2", 0.7)
    nothing, everything = Tangent(torch.zeros(4, 5, 2).double(), U), Tangent(numbers(7, 5, 9), U)
    assert not nothing.maximizer(g).any() and not nothing.project(g).any()
    assert nothing.contains(0 * g).all() and not nothing.contains(g).any()
    torch.testing.assert_close(everything.maximizer(g), U.maximizer(g))
    torch.testing.assert_close(everything.project(g), U.project(g))


def test_points_of_the_set_stay_to_the_last_bit():
    for U in (Ball("l2", 1.0), Ball("l1", 1.0)):
        V = Tangent(numbers(8, 6, 3), U)
        d = 0.5 * V.maximizer(numbers(9, 4, 6))
        assert torch.equal(V.project(d), d)


@pytest.mark.parametrize("U", [Ball("l2", 0.8), Ball("linf", 0.3), Ball("l1", 0.8)], ids=repr)
def test_a_set_of_one_s_own_needs_two_methods_to_be_the_inner_one(U):
    B, g = numbers(10, 3, 6, 2), numbers(11, 3, 6)
    own, known = Tangent(B, Own(U)), Tangent(B, U)
    for oracle in ("maximizer", "project"):
        found = getattr(own, oracle)(g)
        assert own.contains(found).all()
        torch.testing.assert_close(found, getattr(known, oracle)(g), rtol=0, atol=1e-6)


def test_a_set_of_one_s_own_with_many_corners():
    B, g, U = numbers(12, 1, 64, 4), numbers(13, 1, 64), Ball("linf", 0.1)
    own, known = Tangent(B, Own(U)), Tangent(B, U)
    assert own.contains(own.maximizer(g)).all()
    torch.testing.assert_close(own.support(g), known.support(g), rtol=1e-3, atol=0)
    assert is_projection(known, g, own.project(g), 1e-6)


def test_it_is_empty_where_the_span_passes_the_inner_set_by():
    B = torch.tensor([[1.0], [0.0]]).double()
    beside = Scenarios([[0.0, 1.0], [1.0, 2.0]])
    for oracle in ("maximizer", "project"):
        with pytest.raises(
            ValueError, match=r"^Tangent\(<2x1>, Scenarios.*expected a set that holds a point"
        ):
            getattr(Tangent(B, beside), oracle)(numbers(14, 2, 2))
    with pytest.raises(RuntimeError, match=r"^Tangent\(<2x1>.*no point was found"):
        Tangent(B, Own(Ball("l2", 1.0), c=2.0)).project(numbers(14, 1, 2))


# In the worlds of the paper


def test_a_function_of_the_images_serves_algorithm_1():
    """Each step of the attack is in the span at its image, and gains r ‖Qᵀ∇J‖: what (13) promises."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).double()
    x = images(15, 4, 1, 3, 4)
    y = torch.tensor([0, 1, 2, 0])

    def U(x):
        return Tangent(
            torch.stack([x.flatten(1), x.flatten(1).flip(1), x.flatten(1) ** 2], 2), Ball("l2", 0.2)
        )

    step, g = first_order(net, x, y, U), input_gradient(net, x, y)
    assert resolve(U, x).contains(step).all() and step.shape == x.shape
    torch.testing.assert_close(inner(g, step), resolve(U, x).support(g), rtol=1e-9, atol=1e-12)
    assert torch.isfinite(Robust(U)(net, x, y))
    valid = first_order(net, x, y, lambda x: Tangent(U(x).basis, Ball("l2", 0.2) & pixel_box(x)))
    assert pixel_box(x).contains(valid).all() and resolve(U, x).contains(valid).all()


def test_it_robustifies_a_linear_program_as_an_ellipsoid_does():
    """Span ∩ ℓ2 ball is the flat ellipsoid of the covariance QQᵀ; and with a set of one's own by its cuts."""
    B = numbers(16, 3, 2)
    Q = orthonormal(B)
    optima = []
    for Z, method in (
        (Tangent(B, Ball("l2", 0.5)), "counterpart"), (Tangent(B, Ball("l2", 0.5)), "cutting-set"),
        (Ellipsoid(Q @ Q.T, 0.5), "counterpart"), (Tangent(B, Own(Ball("l2", 0.5))), "cutting-set"),
    ):  # fmt: skip
        program = RobustLP(maximize=[1, 2, 3], rows={"all": ([1, 1, 2], "<=", 4)}, uncertain={"all": Z})
        optima.append(program.solve(method=method).objective)
    np.testing.assert_allclose(optima, optima[2], rtol=1e-5)


def test_many_share_the_unit_ball():
    sets = [Tangent(numbers(i, 6, 2), Ball("l2", 0.1 + i)) for i in range(3)]
    assert len({U.as_linear_image()[0] for U in sets}) == 1


def test_it_reads_well():
    assert repr(Tangent(numbers(0, 6, 2), Ball("l2", 0.5))) == "Tangent(<6x2>, Ball('l2', 0.5))"
    assert Tangent(numbers(0, 6, 2), Ball("l2", 0.5)).formula == "0.5·‖(Qᵀw)‖₂"
    formula = "min over v with Qᵀv = 0 of [0.5·‖(w + v)‖₁]"
    assert Tangent(numbers(0, 6, 2), Ball("linf", 0.5)).formula == formula
    with pytest.raises(ValueError, match="no certificate is known"):
        Tangent(numbers(0, 6, 2), Ball("linf", 0.5)).duality_gap_bound(numbers(1, 2, 6))


# What is refused


@pytest.mark.parametrize(
    ("basis", "message"),
    [
        (
            torch.ones(6),
            r"expected floats, a matrix \(d, k\) or \(N, d, k\), got torch.float32 of shape \(6,\)",
        ),
        (torch.ones(6, 0), r"expected floats, .*got torch.float32 of shape \(6, 0\)"),
        (torch.ones(6, 2, dtype=torch.int64), "expected floats, .*got torch.int64"),
        (torch.full((6, 2), torch.nan), "expected finite entries, got NaN or infinity"),
        ("Q", "expected an array of numbers, got str"),
    ],
)
def test_what_is_no_basis_is_refused(basis, message):
    with pytest.raises(ValueError, match=f"^basis: {message}"):
        Tangent(basis, Ball("l2", 1.0))


def test_an_inner_set_and_a_batch_have_to_fit():
    with pytest.raises(ValueError, match="^inner: expected an UncertaintySet, got 0.5"):
        Tangent(numbers(0, 6, 2), 0.5)
    with pytest.raises(ValueError, match="^inner: expected a set of 6 entries, got 2"):
        Tangent(numbers(0, 6, 2), Ellipsoid(np.eye(2), 1))
    U = Tangent(numbers(0, 3, 6, 2), Ball("l2", 1.0))
    message = (
        r"^basis: expected \(d, k\) for all examples or \(4, d, k\), one per example, got shape \(3, 6, 2\)"
    )
    for ask in (U.maximizer, U.project, U.contains, lambda x: resolve(U, x)):
        with pytest.raises(ValueError, match=message):
            ask(numbers(1, 4, 6))
    with pytest.raises(
        ValueError, match=r"^g: expected 6 entries an example, to fit basis \(3, 6, 2\), got 5"
    ):
        U.maximizer(numbers(1, 3, 5))
    with pytest.raises(ValueError, match=r"^radius: expected a number or a tensor \(3,\)"):
        resolve(Tangent(numbers(0, 3, 6, 2), Ball("l2", torch.ones(4))), numbers(1, 3, 6))
