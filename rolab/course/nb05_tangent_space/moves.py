"""The six known moves of a digit: along its tangents, x + Ba, and truly, T(a)x."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rolab.manifold import KNOWN_TANGENTS, known_tangents

FRAME = 12  # black pixels around an image: from further away nothing is sampled
AT_ONCE = 8  # moves: a disc at each pixel takes memory


@dataclass(frozen=True)
class Unit:
    """In which a move is measured: `one` is the a of 1, the slider goes from −largest to largest."""

    name: str
    one: float
    largest: float
    step: float


UNITS = dict(
    zip(
        KNOWN_TANGENTS,
        (
            Unit("px", 1.0, 4.0, 0.5),
            Unit("px", 1.0, 4.0, 0.5),
            Unit("°", math.pi / 180, 45.0, 5.0),
            Unit("%", 0.01, 40.0, 5.0),
            Unit("%", 0.01, 60.0, 5.0),
            Unit("px", 1.0, 2.0, 0.25),
        ),
        strict=True,
    )
)


def along_tangents(x: Tensor, amounts: Tensor) -> Tensor:
    """x + Ba with the six known tangents B of one grey image x (1, H, W): amounts a (T, 6) → (T, 1, H, W)."""
    return x + (amounts.to(x) @ known_tangents(x[None])[0].T).view(-1, *x.shape)


@torch.no_grad()
def moved(x: Tensor, amounts: Tensor) -> Tensor:
    """T(a)x, one grey image x (1, H, W) moved truly: amounts a (T, 6) → (T, 1, H, W).

    The plane flows for the time 1 along p ↦ Gp + s, by which the six tangents are defined; then a disc of
    radius |a₆| dilates the image, or erodes it where a₆ < 0. So d/dt T(ta)x at t = 0 is Ba: between its
    pixels the image is interpolated by cubics whose slopes at the pixels are the central differences (Keys:
    Cubic convolution interpolation for digital image processing, 1981).
    """
    return torch.cat([_moved(x, some) for some in amounts.to(x).split(AT_ONCE)])


def _moved(x: Tensor, a: Tensor) -> Tensor:
    right, down, turn, scale, shear, thick = a.T
    generator = a.new_zeros(len(a), 3, 3)
    generator[:, 0] = torch.stack([scale, shear - turn, right], 1)
    generator[:, 1] = torch.stack([turn, scale, down], 1)
    back = torch.matrix_exp(-generator)
    v, u = (torch.arange(n).to(x) - (n - 1) / 2 for n in x.shape[1:])
    grid = torch.cartesian_prod(v, u).flip(1)  # (d, 2), each pixel's u and v
    points = grid + thick.abs()[:, None, None, None] * _disc(bool(thick.any())).to(x)[:, None]
    values = sampled(x, points @ back[:, None, :2, :2].mT + back[:, None, None, :2, 2])
    grown = torch.where(thick[:, None] < 0, values.amin(1), values.amax(1))
    return grown.view(-1, *x.shape)


def _disc(whole: bool) -> Tensor:
    """Points of the unit disc (m, 2): its middle, and if it is wanted whole, two circles."""
    angle = torch.arange(16 * whole) * math.pi / 8
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    return torch.cat([torch.zeros(1, 2), circle / 2, circle])


def sampled(x: Tensor, points: Tensor) -> Tensor:
    """The image x (1, H, W) at points (…, 2), given as u, v from its middle; black outside."""
    framed = F.pad(x[0], (FRAME,) * 4)
    patches = framed.unfold(0, 4, 1).unfold(1, 4, 1)  # (rows, columns, 4, 4): around which pixels
    size = points.new_tensor([framed.shape[1], framed.shape[0]])
    place = (points + (size - 1) / 2).clamp(min=points.new_tensor(1.0)).minimum(size - 2.01)
    corner = place.floor()
    column, row = (corner.long() - 1).flatten(0, -2).T
    near = patches.flatten(0, 1)[row * patches.shape[1] + column]
    across, up = (_keys(part).flatten(0, -2) for part in (place - corner).unbind(-1))
    return (near * up[..., None] * across[:, None]).sum((1, 2)).view(points.shape[:-1])


def _keys(f: Tensor) -> Tensor:
    """The weights of the four pixels around a place (…, 4), f behind the second of them."""
    before, after = f * (-0.5 + f * (1 - 0.5 * f)), f * f * (0.5 * f - 0.5)
    return torch.stack([before, 1 + f * f * (1.5 * f - 2.5), f * (0.5 + f * (2 - 1.5 * f)), after], -1)


def turned(degrees: float, images: Tensor) -> Tensor:
    """Square images (N, 1, H, W) turned about their middle, black around them, bilinear between pixels."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    back = torch.tensor([[c, -s, 0.0], [s, c, 0.0]]).to(images).expand(len(images), 2, 3)
    grid = F.affine_grid(back, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).clamp(0, 1)
