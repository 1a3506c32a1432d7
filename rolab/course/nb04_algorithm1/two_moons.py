"""Algorithm 1 in the plane, where all of it can be seen: two moons, a small network, a run step by step.

    points, labels = two_moons()
    run = TrainingTrace(points, labels, Ball("l2", 0.2))
    run[40].margin                                # what every point withstands after 40 steps
    TrainingFigure(run, (0, 1, 2, 5, 10, 20, 40)) # a slider over these steps

In the plane the inner maximum (10) can be had by trial, and the margin by measuring the distance to the
decision boundary. So the run shows beside each other what Algorithm 1 sees, one ascent step, and the truth.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, autograd, nn
from torch.nn import functional as F

from rolab.attacks import cross_entropy, first_order
from rolab.objectives import Objective, Robust
from rolab.sets import Ball
from rolab.training import training_step

WINDOW = LEFT, RIGHT, BOTTOM, TOP = -1.8, 2.8, -1.4, 1.9  # is drawn, and searched for the boundary
SPACING = 0.05  # of the lattice on which a network is evaluated
FINER = 3  # so much finer is the lattice, interpolated, on which the boundary is found


def two_moons(n: int = 120, noise: float = 0.05, apart: float = 0.3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two half circles that reach into each other: points (n, 2) and labels (n,), alternately 0 and 1.

    Args:
        n: how many, of both together
        noise: standard deviation of each coordinate
        apart: by how much the two are drawn apart
        seed: of the places along the half circles and of the noise

    Raises:
        ValueError: n is below 2, or noise is negative.
    """
    if n < 2 or not noise >= 0:
        raise ValueError(f"n, noise: expected two points or more and a noise from 0 up, got {n!r}, {noise!r}")
    generator = torch.Generator().manual_seed(seed)
    angle = math.pi * torch.rand(n, generator=generator)
    labels = torch.arange(n) % 2
    half = torch.stack([angle.cos(), angle.sin() + apart / 2], 1)
    points = torch.where(labels[:, None] == 0, half, torch.tensor([1.0, 0.5]) - half)
    return points + noise * torch.randn(n, 2, generator=generator), labels


def small_net(seed: int = 0) -> nn.Module:
    """Two hidden layers with tanh, from the plane to two logits."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 2))


def flowing_step(net: nn.Module, x: Tensor, y: Tensor, U: Ball) -> Tensor:
    """The Δ̂ of equation (11), shaped like x, as a function of the weights: gradients flow through it.

    The maximiser is the gradient of the support function, Δ*(g) = ∇σ(g), and σ is a norm: ε‖g‖_*.
    """
    x = x.clone().requires_grad_()
    (g,) = autograd.grad(cross_entropy(net, x, y, reduction="sum"), x, create_graph=True)
    support = float(U.radius) * torch.linalg.vector_norm(g.flatten(1), U.norm.dual.p, dim=1)
    (step,) = autograd.grad(support.sum(), g, create_graph=True)
    return step


@dataclass(frozen=True)
class Flowing(Objective):
    """The loss of Algorithm 1, J(θ, x + Δ̂(θ), y), if nobody detaches Δ̂."""

    U: Ball

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model, x + flowing_step(model, x, y, self.U), y)


@dataclass(eq=False, repr=False)
class TrainingTrace:
    """A run of Algorithm 1 on points of the plane; `run[k]` is the state after k steps, in any order of k.

    What has been computed is kept. With a ball of radius 0 it is standard training. The same arguments give
    the same run.
    """

    points: Tensor  # (N, 2)
    labels: Tensor  # (N,), of two classes
    U: Ball  # around each point
    batch: int = 24  # points of a mini-batch
    detached: bool = True  # Δ̂ is a constant of the descent step, as in Algorithm 1

    def __post_init__(self) -> None:
        points, labels = self.points, self.labels
        if points.shape != (*labels.shape, 2) or labels.ndim != 1:
            shapes = f"{tuple(points.shape)} and {tuple(labels.shape)}"
            raise ValueError(f"points, labels: expected shapes (N, 2) and (N,), got {shapes}")
        if set(labels.tolist()) != {0, 1}:
            raise ValueError(f"labels: expected 0 and 1, got {sorted(set(labels.tolist()))}")
        if not 1 <= self.batch <= len(points):
            raise ValueError(f"batch: expected 1 to {len(points)}, got {self.batch!r}")
        self._net, self._generator = small_net(), torch.Generator().manual_seed(0)
        self._optimizer = torch.optim.SGD(self._net.parameters(), lr=0.1, momentum=0.9)
        nothing = torch.zeros(0, dtype=torch.long), points.new_zeros(0, 2)
        self._states = [TrainingState(self, 0, copy.deepcopy(self._net), *nothing)]

    def __getitem__(self, step: int) -> TrainingState:
        if step < 0:
            raise ValueError(f"step: expected a number from 0 up, got {step!r}")
        while (done := len(self._states)) <= step:  # a step of Algorithm 1 on a mini-batch
            rows = torch.randperm(len(self.points), generator=self._generator)[: self.batch]
            x, y = self.points[rows], self.labels[rows]
            perturbation = first_order(self._net, x, y, self.U)  # to be drawn; the objective finds it again
            objective = (Robust if self.detached else Flowing)(self.U)
            training_step(self._net, x, y, objective, self._optimizer)
            self._states.append(TrainingState(self, done, copy.deepcopy(self._net), rows, perturbation))
        return self._states[step]

    @cached_property
    def attainable(self) -> float:
        """The largest margin that any classifier can have: half the gap between the classes, in U's norm."""
        one, other = self.points[self.labels == 0], self.points[self.labels == 1]
        return float(self.U.norm.value((one[:, None] - other).flatten(0, 1)).min()) / 2

    @cached_property
    def candidates(self) -> Tensor:
        """Points (M, 2) all over U, 0 among them: a lattice in its bounding box, projected onto it."""
        ticks = torch.linspace(-1, 1, 9)
        return self.U.project(torch.cartesian_prod(ticks, ticks) * self.U.support(torch.eye(2)))


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The network after a step of Algorithm 1, and what that step did. It is measured when asked."""

    run: TrainingTrace
    step: int  # how many have been done
    net: nn.Module  # θ after them
    rows: Tensor  # (B,) the mini-batch of the last step; empty at the start
    perturbation: Tensor  # (B, 2) the Δ̂ of that step, found with the θ before it

    @property
    def before(self) -> TrainingState:
        """The state before the last step; at the start, the same."""
        return self.run[max(self.step - 1, 0)]

    @cached_property
    def loss(self) -> float:
        """The mean of J(x), over all points."""
        return float(self._losses(self.run.points).mean())

    @cached_property
    def attacked(self) -> float:
        """The mean of J(x + Δ̂), eq. (11): what Algorithm 1 takes for the worst."""
        x = self.run.points
        return float(self._losses(x + first_order(self.net, x, self.run.labels, self.run.U)).mean())

    @cached_property
    def worst(self) -> float:
        """The mean of max J(x + Δ) over U, eq. (10), by trial of a lattice of Δ: a close lower bound."""
        moved = self.run.points + self.run.candidates[:, None]
        return max(self.attacked, float(self._losses(moved).amax(0).mean()))

    @cached_property
    def logit(self) -> Tensor:
        """How far the logit of class 1 is above that of class 0: (H, W), upper left corner first."""
        with torch.no_grad():
            z = self.net(torch.stack(torch.meshgrid(*lattice(), indexing="xy"), 2))
        return z[..., 1] - z[..., 0]

    @cached_property
    def boundary(self) -> Tensor:
        """Points (M, 2) of the decision boundary: where the logit changes its sign along a lattice line."""
        x, y = lattice(FINER)
        z = F.interpolate(self.logit[None, None], (len(y), len(x)), mode="bilinear", align_corners=True)[0, 0]
        found = []
        for values, along, across in ((z, x, y), (z.T, y, x)):
            i, j = ((values[:, :-1] < 0) != (values[:, 1:] < 0)).nonzero(as_tuple=True)
            start, end = values[i, j], values[i, j + 1]
            crossing = along[j] + (along[j + 1] - along[j]) * start / (start - end)
            found.append(torch.stack([crossing, across[i]], 1))
        return torch.cat([found[0], found[1].flip(1)])

    @cached_property
    def distance(self) -> Tensor:
        """How far the boundary is from each point (N,), in U's norm; negative where the answer is wrong."""
        points = self.run.points
        gaps = self.run.U.norm.value((points[:, None] - self.boundary).flatten(0, 1))
        gaps = gaps.view(len(points), len(self.boundary))
        far = F.pad(gaps, (0, 1), value=math.inf).amin(1)  # nothing is seen beyond the window
        return torch.where(self.net(points).argmax(1) == self.run.labels, far, -far)

    @cached_property
    def margin(self) -> float:
        """The smallest of these distances: how much every point withstands."""
        return float(self.distance.min())

    @cached_property
    def withstand(self) -> float:
        """The share of the points, in percent, that no Δ in U turns."""
        return 100 * float((self.distance > float(self.run.U.radius)).float().mean())

    def _losses(self, x: Tensor) -> Tensor:
        """J at the points (…, N, 2), with the run's labels: (…, N)."""
        labels = self.run.labels.expand(x.shape[:-1])
        with torch.no_grad():
            z = self.net(x.flatten(0, -2))
            return F.cross_entropy(z, labels.flatten(), reduction="none").view(labels.shape)


def lattice(finer: int = 1) -> tuple[Tensor, Tensor]:
    """The x of the lattice's columns and the y of its rows, from the top."""
    columns, rows = (round(size / SPACING) * finer + 1 for size in (RIGHT - LEFT, TOP - BOTTOM))
    return torch.linspace(LEFT, RIGHT, columns), torch.linspace(TOP, BOTTOM, rows)
