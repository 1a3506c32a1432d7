"""Sparse pixels: at most k whole pixels of an image change. The set is not convex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rolab.errors import NoExpressionError
from rolab.sets.balls import Box
from rolab.sets.base import UncertaintySet
from rolab.sets.group_balls import check_images, pixels


@dataclass(frozen=True, eq=False, repr=False)
class SparsePixels(UncertaintySet):
    """At most k whole pixels of images (N, C, H, W) change, each anywhere within its box: a maximiser only.

    The set is not convex: half of one pixel's change plus half of another's moves both. So it has no
    projection, no certificate and no expression, and its support function is that of its convex hull. For
    valid images take `lambda x: SparsePixels(3, pixel_box(x))`.

    >>> g = torch.tensor([3.0, 0.0, 4.0, 4.5]).reshape(1, 2, 1, 2)
    >>> SparsePixels(1, Box(-0.5, 0.5)).maximizer(g).flatten()
    tensor([0.5000, 0.0000, 0.5000, 0.0000])
    """

    k: int
    box: Box
    contains_zero = True
    convex = False

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or isinstance(self.k, bool) or self.k < 0:
            raise ValueError(f"k: expected a whole number of pixels >= 0, got {self.k!r}")
        if not isinstance(self.box, Box):
            raise ValueError(f"box: expected a Box, such as pixel_box(x), got {self.box!r}")

    @torch.no_grad()
    def maximizer(self, g: Tensor) -> Tensor:
        """The corner of the box in the k pixels of the largest Σ_c |g_c| cap_c, the first of them at ties."""
        corner = self.box.maximizer(g)
        scores = (pixels(g, "g") * pixels(corner, "maximizer")).sum(1)
        best = scores.argsort(dim=1, descending=True, stable=True)[:, : self.k]
        chosen = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, best, True)
        return corner.where(chosen.reshape(len(g), 1, *g.shape[2:]), 0.0)

    def project(self, d: Tensor) -> Tensor:
        raise ValueError(f"{self!r}: a set that is not convex has no projection; use one step, not PGD")

    def duality_gap_bound(self, g: Tensor) -> Tensor:
        raise ValueError(f"{self!r}: a set that is not convex has no certificate; compare with brute force")

    def contains(self, d: Tensor, atol: float = 1e-6) -> Tensor:
        check_images(d, "d")
        changed = (d.abs() > atol).any(1) | d.isnan().any(1)
        return (changed.flatten(1).sum(1) <= self.k) & self.box.contains(d, atol)

    def _supports(self, w: Any, rows: Tensor) -> Any:
        raise NoExpressionError(f"{self!r} has no cvxpy expression, for the shape of the images is not known")

    def scaled(self, factor: float) -> SparsePixels:
        return SparsePixels(self.k, self.box.scaled(factor))

    def for_batch(self, shape: torch.Size) -> SparsePixels:
        return self._of(self.box.for_batch(shape))

    def __getitem__(self, rows: Any) -> SparsePixels:
        return self._of(self.box[rows])

    def _of(self, box: Box) -> SparsePixels:
        return self if box is self.box else SparsePixels(self.k, box)

    def formula_in(self, w: str) -> str:
        return f"the {self.k} largest over pixels k of [{self.box.formula_in(f'{w}[k]')}]"
