"""Rows, columns and spectral balls: sets of matrices."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from set_samples import batches, every_type, is_projection, numbers

from rolab.sets import (
    Ball,
    Box,
    Budget,
    Columns,
    GroupBall,
    Rows,
    Scenarios,
    SpectralBall,
)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}

quick = settings(max_examples=40, deadline=None, derandomize=True)


@every_type
def test_rows_and_columns_are_those_of_the_inner_set(dtype):
    g = numbers(7, 3, 4, 5).to(dtype)
    for inner_set in (Ball("l2", 0.5), Budget(1.5, 0.3), Box(-0.1, 0.2), SpectralBall(0.5, (1, 5))):
        U = Rows(inner_set, (4, 5))
        for oracle in ("maximizer", "project"):
            expected = torch.stack([getattr(inner_set, oracle)(matrix) for matrix in g])
            assert torch.equal(getattr(U, oracle)(g), expected)
        turned = Columns(inner_set, (5, 4))
        torch.testing.assert_close(turned.maximizer(g.mT.contiguous()).mT, U.maximizer(g))
        torch.testing.assert_close(turned.project(g.mT.contiguous()).mT, U.project(g))
    assert not Rows(Ball("l2", 0.5), (4, 5)).contains(torch.eye(5)[None, :4]).any()


def test_a_row_may_have_a_radius_of_its_own():
    radii, g = torch.tensor([0.0, 1.0, 2.0]), numbers(8, 4, 3, 2)
    steps = Rows(Ball("l2", radii), (3, 2)).maximizer(g)
    torch.testing.assert_close(steps.norm(dim=2), radii.double().expand(4, 3))
    steps = Columns(Ball("linf", radii[1:]), (3, 2)).maximizer(g)
    torch.testing.assert_close(steps.abs().amax(1), radii[1:].double().expand(4, 2))


@every_type
@quick
@given(
    g=batches(width=6),
    radius=st.sampled_from([0.0, 0.5, 4.0]),
    shape=st.sampled_from([(2, 3), (3, 2), (1, 6)]),
)
def test_a_spectral_ball_s_oracles_are_those_of_the_singular_values(dtype, g, radius, shape):
    g, U = g.to(dtype), SpectralBall(radius, shape)
    values = np.linalg.svd(g.double().numpy().reshape(-1, *shape), compute_uv=False)
    np.testing.assert_allclose(
        U.support(g).double(), radius * values.sum(1), rtol=2 * TOLERANCE[dtype], atol=1e-30
    )
    best, near = (
        np.linalg.norm(x.double().numpy().reshape(-1, *shape), 2, (1, 2))
        for x in (U.maximizer(g), U.project(g))
    )
    assert (best <= radius * (1 + TOLERANCE[dtype])).all() and (near <= radius * (1 + TOLERANCE[dtype])).all()
    assert is_projection(U, g, U.project(g), 10 * TOLERANCE[dtype])


def test_a_spectral_step_has_the_rank_of_its_direction():
    u, v = numbers(10, 4), numbers(11, 3)
    step = SpectralBall(2.0, (4, 3)).maximizer(torch.outer(u, v)[None])[0]
    torch.testing.assert_close(step, 2 * torch.outer(u / u.norm(), v / v.norm()))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Rows(Ball("l2", 1), (2,)), r"^shape: expected \(m, n\), each at least 1, got \(2,\)"),
        (lambda: Columns(Ball("l2", 1), [2, 3]), r"^shape: expected \(m, n\), each at least 1, got \[2, 3\]"),
        (lambda: SpectralBall(1, (2, 0)), r"^shape: expected \(m, n\)"),
        (lambda: SpectralBall(-1, (2, 2)), "^radius: expected a finite number >= 0"),
        (lambda: GroupBall("l2", 1, (), 0), "^shape: expected a tuple of whole numbers"),
        (lambda: GroupBall("l2", 1, (2, 3), 2), r"^axis: expected an axis of the shape \(2, 3\), got 2"),
        (lambda: GroupBall("l2", -1, (2, 3), 0), "^radius: expected a finite number >= 0"),
        (lambda: GroupBall("l0", 1, (2, 3), 0), "^norm: expected"),
        (lambda: Rows(1.0, (2, 3)), "^inner: expected an UncertaintySet, got 1.0"),
        (
            lambda: Columns(Scenarios(np.eye(3)), (2, 3)),
            "^inner: expected a set of 2 entries, got 3 of Scenarios",
        ),
        (
            lambda: SpectralBall(1, (2, 3)).maximizer(torch.ones(1, 5)),
            r"^g: expected 6 .* shape \(2, 3\), got 5",
        ),
        (
            lambda: Rows(Ball("l2", 1), (2, 3)).constraints(np.ones(5)),
            r"^z: expected 6 .* shape \(2, 3\), got 5",
        ),
    ],
)
def test_what_is_no_set_of_matrices_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
