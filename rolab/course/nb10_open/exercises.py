"""The exercise of notebook 10: a set of one's own, from two methods."""

import torch

from rolab.course.checking import exercise, require
from rolab.sets import UncertaintySet

SLACK = 1e-4


@exercise("a set of your own")
def own_set(U: UncertaintySet) -> str:
    """A set with `maximizer` and `project`, tried on vectors of 2 and of 784 numbers.

    Π is the projection onto U if and only if Πd is in U and ⟨d − Πd, z⟩ ≤ ⟨d − Πd, Πd⟩ for all z in U: the
    largest ⟨d − Πd, z⟩ is what the maximiser reaches. So each of the two methods tests the other.
    """
    require(isinstance(U, UncertaintySet), f"expected an UncertaintySet, such as Mine(), got {U!r}")
    for size in (2, 784):
        generator = torch.Generator().manual_seed(size)
        g, d = 3 * torch.randn(2, 40, size, generator=generator, dtype=torch.float64)
        case, reached, nearest = f"for vectors of {size} numbers", U.maximizer(g), U.project(d)
        for name, answer, given in (("maximizer(g)", reached, g), ("project(d)", nearest, d)):
            require(
                isinstance(answer, torch.Tensor) and answer.shape == given.shape,
                f"{case}: {name} should be a tensor of the shape of its argument, {tuple(given.shape)}",
            )
            require(bool(answer.isfinite().all()), f"{case}: {name} holds NaN or infinity")
        unit = max(float(reached.norm(dim=1).max()), float(nearest.norm(dim=1).max()))
        require(unit > 0, f"{case}: both methods always answer 0, so the set is a point")
        zero = U.maximizer(torch.zeros(1, size, dtype=torch.float64))
        require(bool(zero.isfinite().all()), f"{case}: maximizer(0) holds NaN or infinity")
        _near(U.project(nearest), nearest, unit, f"{case}: project(project(d)) is not project(d)")
        said = f"{case}: maximizer(g) is not in the set that project projects onto"
        _near(U.project(reached), reached, unit, said)
        said = (
            f"{case}: maximizer(g) is not the furthest along g: project(…) knows a point of the set that is"
        )
        others = torch.stack(
            [U.project(factor * unit * g / g.norm(dim=1)[:, None]) for factor in (1, 10, 100)]
        )
        furthest = (g * reached).sum(1)
        beyond = float(((g * others).sum(2) - furthest).max())
        require(beyond <= SLACK * unit * float(g.norm(dim=1).max()), said)
        normal = d - nearest
        beyond = float(((normal * U.maximizer(normal)).sum(1) - (normal * nearest).sum(1)).max())
        said = f"{case}: project(d) is not the nearest point: a point of the set lies behind it, towards d"
        require(beyond <= SLACK * unit * max(unit, float(normal.norm(dim=1).max())), said)
        _near(U.project(zero), zero, unit, f"{case}: maximizer(0) is not in the set")
    return "each of its two methods agrees with the other, so it is a convex set: use it everywhere"


def _near(yours: torch.Tensor, expected: torch.Tensor, unit: float, said: str) -> None:
    require(float((yours - expected).abs().max()) <= SLACK * unit, said)
