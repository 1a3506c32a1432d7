"""Uncertainty sets. Each answers one question: given a direction g, which δ in U goes furthest along it?

That answer, the linear maximiser Δ*(g), is the worst data of a robust linear program (§3 of the paper), the
worst design matrix of a robust regression (§3.1) and, with g the gradient of the loss, the adversarial
perturbation of eq. (11).

    >>> import torch
    >>> U = Ball("l1", 2.0)
    >>> g = torch.tensor([[0.5, -3.0, 1.0]])
    >>> U.maximizer(g)
    tensor([[ 0., -2.,  0.]])
    >>> U.support(g)
    tensor([6.])

Sets make sets: `a & b` is the intersection, `a + b` the Minkowski sum, `matrix @ a` the linear image.

    >>> (Ball("l1", 2.0) + Box(-1, 1)).support(g)
    tensor([10.5000])

Axis 0 is the batch and all other axes together are one vector: (N, C, H, W) and (N, d) are both fine. Pixels
are in [0, 1], and radii are in the same unit.
"""

from rolab.sets.balls import Ball, BallInBox, Box, pixel_box
from rolab.sets.base import Image, Intersection, Scaled, Sum, UncertaintySet
from rolab.sets.budget import Budget
from rolab.sets.ellipsoid import Ellipsoid
from rolab.sets.group_balls import GroupBall, PixelBall, PixelBallInBox
from rolab.sets.matrices import Columns, Rows, SpectralBall
from rolab.sets.polyhedra import Polyhedron, Scenarios
from rolab.sets.resolving import UncertaintySetLike, resolve
from rolab.sets.sparse_pixels import SparsePixels
from rolab.sets.tangent import Tangent

__all__ = [
    "Ball",
    "BallInBox",
    "Box",
    "Budget",
    "Columns",
    "Ellipsoid",
    "GroupBall",
    "Image",
    "Intersection",
    "PixelBall",
    "PixelBallInBox",
    "Polyhedron",
    "Rows",
    "Scaled",
    "Scenarios",
    "SparsePixels",
    "SpectralBall",
    "Sum",
    "Tangent",
    "UncertaintySet",
    "UncertaintySetLike",
    "pixel_box",
    "resolve",
]
