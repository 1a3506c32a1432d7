"""The standard form: what leads back from it, and rows whose sets are images of one set."""

import numpy as np
import pytest

from rolab.lp import RobustLP
from rolab.sets import Ball, Budget, Ellipsoid


def test_rows_whose_sets_are_images_of_one_are_asked_together():
    """Balls of many radii, ellipsoids of many shapes: one expression; other Γ, another expression."""
    generator = np.random.default_rng(0)
    n, sets = 3, []
    for i in range(12):
        root = generator.normal(size=(n, n)) / 10
        sets.append(
            [
                Ball("l2", 0.01 * i),
                Ellipsoid(root @ root.T, 1.0),
                Budget(1.5, 0.1 + 0.01 * i),
                Budget(2.5 + i / 1e9, 0.1),
            ][i % 4]
        )
    A = generator.uniform(1, 2, (12, n))
    program = RobustLP.from_arrays(
        np.ones(n), A, np.full(12, 4.0), maximize=True, uncertain={str(i + 1): U for i, U in enumerate(sets)}
    )
    assert sorted(len(group.rows) for group in program.standard_form.groups) == [1, 1, 1, 3, 6]
    assert program.solve().verify() <= 1e-6


@pytest.mark.parametrize("uncertain", [(), ("upward",), ("upward", "objective")])
def test_the_data_come_back_as_they_were_stated(uncertain):
    program = RobustLP(
        maximize=[3, 0],
        rows={"upward": ([0, 2], ">=", 0), "equal": ([1, 1], "==", 3), "plain": ([1, 0], "<=", 2)},
        uncertain={name: Ball("l2", 0.1) for name in uncertain},
    )
    form = program.standard_form
    assert form.maximize and list(form.sign) == ["upward", "equal", "plain", "objective"]
    for name, (coefficients, rhs) in {"upward": ([0, 2], 0), "plain": ([1, 0], 2)}.items():
        found = form.stated(name)
        assert found[0].tolist() == coefficients and found[1] == rhs
        assert not np.signbit(found[0]).any()
    x = np.array([2.0, 1.0])
    assert form.objective(x) == 6 and form.point(x)[:2].tolist() == [2, 1]
    assert len(form.point(x)) == len(form.c) == 2 + ("objective" in uncertain)


def test_a_restricted_program_keeps_its_rows_and_their_data():
    program = RobustLP(
        minimize=[1, 1],
        rows={"a": ([1, 2], ">=", 3), "b": ([1, 0], "==", 1), "c": ([0, 1], ">=", 2)},
        uncertain={("a", "c"): Ball("l2", 0.1)},
    )
    form, rest = program.standard_form, program.standard_form.restricted(["c", "b"])
    assert rest.names == ("c",) and rest.equalities == ("b",) and [row.index for row in rest.uncertain] == [0]
    assert rest.by_name["c"].P.toarray().tolist() == form.by_name["c"].P.toarray().tolist()
    assert rest.stated("c")[0].tolist() == [0, 1] and rest.stated("c")[1] == 2
