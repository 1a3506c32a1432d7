"""What tests of robust linear programs share: the programs, and sets of every kind."""

import itertools
import math

import numpy as np
from hypothesis import settings

from rolab.lp import (
    RobustLP,
    Uncertain,
)
from rolab.sets import Ball, Box, Budget, Ellipsoid, Polyhedron, Scenarios, UncertaintySet

quick = settings(max_examples=25, deadline=None, derandomize=True)


BOTH = ("counterpart", "cutting-set")


CLOSE = 1e-5


def production(U=None, relative=False):
    return RobustLP(
        maximize=[12, 9],
        rows={
            "first": ([1, 0], "<=", 1000),
            "second": ([0, 1], "<=", 1500),
            "together": ([1, 1], "<=", 1750),
            "labour": ([4, 2], "<=", 4800),
        },
        uncertain={} if U is None else {"labour": Uncertain(U, relative=relative)},
    )


def drug(U=None):
    P = np.zeros((4, 2))
    P[0, 0], P[1, 1] = 0.01 * 0.005, 0.02 * 0.02  # R1, R2: their active agent, and its relative error
    return RobustLP(
        maximize={"R1": -100, "R2": -199.9, "D1": 5500, "D2": 6100},
        rows={
            "active agent": ({"R1": 0.01, "R2": 0.02, "D1": -0.5, "D2": -0.6}, ">=", 0),
            "storage": ({"R1": 1, "R2": 1}, "<=", 1000),
            "hours": ({"D1": 90, "D2": 100}, "<=", 2000),
            "equipment": ({"D1": 40, "D2": 50}, "<=", 800),
            "money": ({"R1": 100, "R2": 199.9, "D1": 700, "D2": 800}, "<=", 100000),
        },
        uncertain={} if U is None else {"active agent": Uncertain(U, row=P)},
    )


def portfolio(gamma):
    i, n = np.arange(1, 151), 150
    deviation = (0.05 / 450) * np.sqrt(2 * i * n * (n + 1))
    return RobustLP(
        maximize=1.15 + 0.05 * i / n,
        rows={"all of it": (np.ones(n), "==", 1)},
        uncertain={"objective": Uncertain(Budget(gamma, 1.0), row=np.diag(deviation))},
    )


def random_program(seed, U=None, n=3, m=3, objective=False, upward=False):
    """A packing program with room at 0: feasible and bounded whatever the set."""
    generator = np.random.default_rng(seed)
    A, c, b = generator.uniform(0.5, 2, (m, n)), generator.uniform(0.5, 2, n), generator.uniform(2, 4, m)
    rows = {f"r{i}": (-A[i], ">=", -b[i]) if upward else (A[i], "<=", b[i]) for i in range(m)}
    uncertain = {} if U is None else {f"r{i}": U for i in range(m)}
    if objective and U is not None:
        uncertain["objective"] = U
    return RobustLP(maximize=c, rows=rows, upper=10.0, uncertain=uncertain)


def polygon(seed, k=5, n=3):
    return Scenarios(np.random.default_rng(seed).uniform(-0.3, 0.3, (k, n)))


def vertices(U, n=3):
    """All vertices of the sets of the tests below, for brute force."""
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=n)))
    match U:
        case Scenarios():
            return np.asarray(U.points)
        case Budget():
            found = []
            for order in itertools.permutations(range(n)):
                z, left = np.zeros(n), float(U.gamma)
                for j in order:
                    z[j], left = min(left, 1.0), max(left - 1.0, 0.0)
                found += [U.radius * z * s for s in corners]
            return np.array(found)
        case Ball():
            return U.radius * (corners if U.norm.p == math.inf else np.concatenate([np.eye(n), -np.eye(n)]))
    raise AssertionError(U)


class Own(UncertaintySet):
    """A set of a user's own, with two methods and no expression."""

    def maximizer(self, g):
        return Ball("l2", 0.05).maximizer(g)

    def project(self, d):
        return Ball("l2", 0.05).project(d)


SMOOTH = {
    "l2": Ball("l2", 0.3),
    "l3": Ball(3, 0.2),
    "box off centre": Box(-0.1, 0.3),
    "ellipsoid": Ellipsoid(np.array([[0.04, 0.02, 0.0], [0.02, 0.09, 0.01], [0.0, 0.01, 0.02]]), 1.0),
    "flat ellipsoid": Ellipsoid(np.outer([1.0, 2.0, -1.0], [1.0, 2.0, -1.0]) / 40, 1.0),
    "polyhedron": Polyhedron(np.vstack([np.eye(3), -np.eye(3), np.ones((1, 3))]), [0.2] * 6 + [0.3]),
    "ball & box": Ball("l2", 0.3) & Box(-0.1, 0.25),
    "two balls": Ball("l2", 0.3) & Ball("l1", 0.4),
    "sum": Ball("l2", 0.1) + Ball("linf", 0.1),
    "image": np.array([[0.1, 0.3], [0.2, -0.1], [0.0, 0.2]]) @ Ball("l2", 1.0),
}
