"""What stays when a digit moves? Scattering beside the features of a trained ConvNet, and the pixels.

    python -m rolab.experiments.scattering_stability [--out FILE] [--digits N] [--seed S]

Three maps f of the first N test digits x: the pixels themselves; the 200 features before the last layer of
the zoo's baseline; the scattering transform. `rows` have means over digits of ‖f(x) − f(Dx)‖ / ‖f(x)‖, for

    shift   Dx is x moved by whole pixels: right, left, down and up
    turn    by degrees about the centre, one way and the other
    bend    Dx(u) = x(u − τ(u)), τ smooth and random, by as many pixels where it is largest

Such a share says little alone: a map that says always the same never changes. `another_digit` is the share
where Dx is the digit before it, if its label is another. `expansion` is the largest ‖f(x + Δ) − f(x)‖ / ‖Δ‖
that ascent finds over some digits and Δ in an ℓ2 ball, at most 1 where f is non-expansive;
`relative_expansion` is that of f(x) / ‖f(x)‖ over Δ / ‖x‖, so that the unit of the features does not matter.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import typer
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as tv

from rolab import zoo
from rolab.arguments import whole_number
from rolab.data import Dataset, mnist
from rolab.experiments.measures import shifted, turned
from rolab.nets import Scattering
from rolab.sets import Ball
from rolab.storage import environment, lock, user_path, write_json

SHIFTS, TURNS, BENDS = (1, 2, 3, 4), (5, 10, 15, 20), (0.5, 1, 2, 3)  # pixels, degrees, pixels
SMOOTH = 4.0  # pixels: the deviation of the Gaussian that makes a bend smooth
RADII = (0.01, 0.5, 1.5)
Change = Callable[[Tensor], Tensor]  # images (N, 1, H, W) → images


def maps() -> dict[str, nn.Module]:
    """The three maps, images (N, 1, 28, 28) → numbers, by name."""
    convnet = zoo.load("mnist/baseline")
    convnet.linear2 = nn.Sequential()
    return {"pixels": nn.Sequential(), "convnet": convnet, "scattering": Scattering()}


def bent(pixels: float, seed: int, images: Tensor) -> Tensor:
    """Dx(u) = x(u − τ(u)), each image by a field of its own, black beyond the edge: like images.

    τ is Gaussian noise, smoothed by a Gaussian and scaled so that the largest ‖τ(u)‖₂ has so many pixels.
    """
    noise = torch.randn(len(images), 2, *images.shape[2:], generator=torch.Generator().manual_seed(seed))
    field = tv.gaussian_blur(noise, [25, 25], [SMOOTH, SMOOTH])
    field = pixels * field / field.norm(dim=1).amax((1, 2))[:, None, None, None]
    units = torch.tensor(images.shape[:1:-1]) / 2  # pixels in a unit of the grid, x before y
    grid = F.affine_grid(torch.eye(2, 3).repeat(len(images), 1, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid - field.permute(0, 2, 3, 1) / units, align_corners=False)


def changes(seed: int) -> dict[tuple[str, float], list[Change]]:
    """What is done to the digits: (change, amount) → some functions of which the mean is taken."""
    return {
        **{
            ("shift", k): [partial(shifted, *way) for way in ((k, 0), (-k, 0), (0, k), (0, -k))]
            for k in SHIFTS
        },
        **{("turn", a): [partial(turned, float(a)), partial(turned, -float(a))] for a in TURNS},
        **{("bend", a): [partial(bent, a, seed)] for a in BENDS},
    }


@torch.no_grad()
def features(f: nn.Module, images: Tensor) -> Tensor:
    """f of images, as vectors (N, d)."""
    return torch.cat([f(some).flatten(1) for some in images.split(200)])


def share(before: Tensor, after: Tensor) -> float:
    """The mean of ‖f(x) − f(Dx)‖ / ‖f(x)‖."""
    return ((before - after).norm(dim=1) / before.norm(dim=1)).mean().item()


def expansion(f: nn.Module, x: Tensor, radius: float, seed: int, steps: int = 20) -> tuple[float, float]:
    """The largest ‖f(x + Δ) − f(x)‖ / ‖Δ‖ over images, as such and relative to ‖f(x)‖ / ‖x‖, by ascent."""
    U, before = Ball("l2", radius), f(x).flatten(1).detach()
    best = torch.zeros(len(x))
    d = U.maximizer(torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)))
    for _ in range(steps):
        d.requires_grad_()
        apart = (f(x + d).flatten(1) - before).norm(dim=1)
        best = best.maximum(apart.detach() / d.detach().flatten(1).norm(dim=1))
        d = U.maximizer(torch.autograd.grad(apart.sum(), d)[0])
    relative = best * x.flatten(1).norm(dim=1) / before.norm(dim=1)
    return best.max().item(), relative.max().item()


def measured(test: Dataset, ascended: int, seed: int) -> dict[str, Any]:
    """The record of some digits; the ascent is at the first so many."""
    found = maps()
    before = {name: features(f, test.images) for name, f in found.items()}
    rows = []
    for (change, amount), ways in changes(seed).items():
        after = [way(test.images) for way in ways]
        means = {
            name: sum(share(before[name], features(f, each)) for each in after) / len(after)
            for name, f in found.items()
        }
        rows.append({"change": change, "amount": amount, **means})
    differ = test.labels != test.labels.roll(1)
    others = {name: share(of[differ], of.roll(1, 0)[differ]) for name, of in before.items()}
    expansions, relative = [], []
    for radius in RADII:
        each = {name: expansion(f, test.images[:ascended], radius, seed) for name, f in found.items()}
        expansions.append({"radius": radius, **{name: pair[0] for name, pair in each.items()}})
        relative.append({"radius": radius, **{name: pair[1] for name, pair in each.items()}})
    return {
        "experiment": "scattering",
        "digits": len(test),
        "seed": seed,
        "rows": rows,
        "another_digit": others,
        "ascended_digits": min(ascended, len(test)),
        "expansion": expansions,
        "relative_expansion": relative,
        "environment": environment(),
    }


def main(out: Path = Path("runs/scattering_stability.json"), digits: int = 500, seed: int = 0) -> None:
    """Compare how far pixels, a ConvNet's features and scattering go when a digit is changed a little."""
    torch.set_num_threads(1)  # as in the experiments: the result does not depend on the number of cores
    test = mnist("test")
    try:
        some = test[: whole_number(digits, "digits", 2, len(test))]
        with lock(user_path(out)):
            write_json(user_path(out), measured(some, 50, seed))
    except ValueError as error:
        print(f"scattering_stability: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(f"The record is {out}.")


if __name__ == "__main__":
    typer.run(main)
