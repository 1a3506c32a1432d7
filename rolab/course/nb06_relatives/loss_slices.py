"""One slice of the loss, many methods laid on it: what each looks at, and what it has instead.

explorer = SliceExplorer({"baseline": zoo.load("mnist/baseline")}, data.mnist("test"))
explorer.at(index=247, method="virtual")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.attacks import ascent_direction, input_gradient
from rolab.course.live import Cache, Choice, Explorer, Number, Slide
from rolab.course.live.controls import Control, stamp
from rolab.course.nb06_relatives.pictures import perturbed
from rolab.course.nb06_relatives.slopes import jacobians, kl_factor, seeded
from rolab.data import Dataset
from rolab.evaluation import eval_mode
from rolab.experiments.styles import style
from rolab.manifold import known_tangents
from rolab.nets.mnist import MNIST_STD
from rolab.objectives import KLHessian, operator_norms
from rolab.plotting import BLUE, INK, Area, Axis, Cursor, Figure, Line, Panel, Style
from rolab.plotting.figure import Legend
from rolab.sets import Ball

UNIT = Ball("l2", 1.0)
T = tuple(round(0.05 * k, 2) for k in range(31))  # how far along Δ, ‖Δ‖₂ in pixel units
DRAWS = 10  # random directions for the noise
TRUTH, KEPT = Style("the network", INK), Style("what the method has instead", BLUE, "dash")


@dataclass(frozen=True, eq=False)
class Slice:
    """What one method looks at along one Δ."""

    title: str  # of the method
    quantity: str  # what it looks at, at x + tΔ
    instead: str  # what it puts in its place
    thrown: str  # what is thrown away
    d: Tensor  # (1, H, W), ‖Δ‖₂ = 1
    truth: Tensor  # (T,)
    kept: Tensor  # (T,)
    bound: bool = False  # it is a bound, and no approximation


class Digit:
    """A network at one image, and what the methods ask of it."""

    def __init__(self, model: nn.Module, x: Tensor, y: Tensor) -> None:
        self.model, self.x, self.y, self.t = model, x, y, torch.tensor(T)

    def logits(self, d: Tensor) -> Tensor:
        """z at x + tΔ for all t, for some directions (D, H, W): (D, T, K)."""
        moved = self.x + (self.t.view(-1, 1, 1) * d[:, None]).flatten(0, 1)[:, None]
        with eval_mode(self.model), torch.no_grad():
            return self.model(moved).double().unflatten(0, (len(d), len(T)))

    def loss(self, d: Tensor) -> Tensor:
        """J(x + tΔ), (D, T)."""
        z = self.logits(d)
        return F.cross_entropy(z.flatten(0, 1), self.y.expand(z[..., 0].numel()), reduction="none").view(
            z.shape[:2]
        )

    def squared_change(self, d: Tensor) -> Tensor:
        """‖z(x + tΔ) − z(x)‖², (T,)."""
        z = self.logits(d)[0]
        return (z - z[0]).square().sum(1)

    @cached_property
    def J(self) -> Tensor:
        """The Jacobian of the logits, (K, d)."""
        return jacobians(self.model, self.x)[0].double()

    def along(self, v: Tensor) -> Tensor:
        """A direction (…) as an image of length 1, (1, H, W)."""
        v = v.view(self.x.shape[1:])
        return v / v.norm().clamp(min=1e-30)

    def first_order(self) -> Slice:
        """Mixed loss, Algorithm 1, stale and tangent sets: a plane, and the furthest point of U."""
        d = UNIT.maximizer(ascent_direction(self.model, self.x, self.y))[0]
        slope = float((input_gradient(self.model, self.x, self.y)[0] * d).sum())
        J = self.loss(d)[0]
        words = "first order: Algorithm 1, mixed loss (3)", "J(x + tΔ)", "J + t⟨g, Δ⟩", "all that bends"
        return Slice(*words, d, J, J[0] + self.t * slope)

    def virtual(self) -> Slice:
        """Virtual: the parabola of the KL."""
        with seeded():
            d = KLHessian(self.model, self.x).maximizer(UNIT, 10)[0]
        log_q = self.logits(d)[0].log_softmax(1)
        bend = (kl_factor(self.model, self.x)[0] @ d.flatten().double()).square().sum()
        kl = (log_q[0].exp() * (log_q[0] - log_q)).sum(1)
        words = "virtual [12]", "KL(p(x) ‖ p(x + tΔ))", "½t²ΔᵀHΔ", "the label, and all beyond the parabola"
        return Slice(*words, d, kl, self.t**2 * bend / 2)

    def noise(self) -> Slice:
        """Noise: the mean over directions is half the trace of H."""
        generator = torch.Generator().manual_seed(0)
        d = torch.randn(DRAWS, *self.x.shape[2:], generator=generator)
        d = d / d.flatten(1).norm(dim=1)[:, None, None]
        trace = kl_factor(self.model, self.x)[0].square().sum() / self.x.numel()
        J = self.loss(d).mean(0)
        words = "noise", f"the mean of J(x + tΔ) over {DRAWS} random Δ", "J + ½t² tr H / d", "the worst case"
        return Slice(*words, d[:1], J, J[0] + self.t**2 * trace / 2)

    def tangent(self) -> Slice:
        """Tangent propagation: how the logits change when the digit is shifted."""
        u = self.along(known_tangents(self.x)[0, :, 0])
        words = "tangent propagation (4) [17]", "‖z(x + tu) − z(x)‖²", "t²‖Ju‖²", "other directions"
        return Slice(
            *words, u, self.squared_change(u), self.t**2 * (self.J @ u.flatten().double()).square().sum()
        )

    def jacobian(self) -> Slice:
        """The Jacobian penalty, in the direction in which it is largest."""
        v = self.along(torch.linalg.svd(self.J, full_matrices=False)[2][0].to(self.x))
        words = (
            "Jacobian penalty",
            "‖z(x + tΔ) − z(x)‖²",
            "t²‖JΔ‖²",
            "which class changes, and all that bends",
        )
        return Slice(
            *words, v, self.squared_change(v), self.t**2 * (self.J @ v.flatten().double()).square().sum()
        )

    def operator_norm(self) -> Slice:
        """The product of operator norms: a bound of every slope, at every x."""
        v = self.along(torch.linalg.svd(self.J, full_matrices=False)[2][0].to(self.x))
        with seeded():
            bound = float(operator_norms(self.model, self.x).detach().prod()) / MNIST_STD
        words = "operator norms [21]", "‖z(x + tΔ) − z(x)‖", "t Π‖A_l‖", "the image: one number for all"
        return Slice(*words, v, self.squared_change(v).sqrt(), self.t.double() * bound, bound=True)


METHODS: Mapping[str, tuple[str, Callable[[Digit], Slice]]] = {
    "first-order": ("first order", Digit.first_order),
    "virtual": ("virtual", Digit.virtual),
    "noise": ("noise", Digit.noise),
    "tangent": ("tangents", Digit.tangent),
    "jacobian": ("Jacobian", Digit.jacobian),
    "operator-norm": ("operator norm", Digit.operator_norm),
}


@dataclass(frozen=True, eq=False)
class SliceFigure(Figure):
    """Δ of a method, what it looks at along Δ, and what it has instead."""

    slice: Slice
    image: Tensor  # (1, H, W)
    label: int
    place: int  # of T
    HEIGHT: ClassVar = 400
    MARGIN: ClassVar = (60, 16, 60, 84)
    legend: ClassVar = Legend(0, -0.2, rows=True)
    SEEN: ClassVar = (
        "A digit, the perturbation Δ of a method and their sum; beside them what the method looks at "
        "along tΔ, and the approximation that it has instead."
    )

    @property
    def title(self) -> str:  # type: ignore[override]
        truth, kept = float(self.slice.truth[self.place]), float(self.slice.kept[self.place])
        return f"{self.slice.title}: at t = {T[self.place]:g} there is {truth:.3g}, the method has {kept:.3g}"

    def panels(self) -> list[Panel]:
        s = self.slice
        places = [(0, 0.16, y, y + 0.24) for y in (0.74, 0.37, 0.0)]
        pictures = perturbed(self.image, T[self.place] * s.d, places, f", label {self.label}")
        between = [*T, *T[::-1]], [*s.truth.tolist(), *s.kept.flip(0).tolist()]
        marks = [
            Area(*between, "#CC79A7", width=1, name="what is thrown away"),
            Line.of(TRUTH, T, s.truth),
            Line.of(KEPT, T, s.kept),
            Cursor(T[self.place]),
        ]
        bounds = [s.truth] if s.bound else [s.truth, s.kept]  # a bound may be far above all else
        top = 1.1 * max(1e-9, *(float(each.max()) for each in bounds))
        title = f"black: {s.quantity}; dashed: {s.instead}"
        axes = Axis("t: how far along Δ, in ‖·‖₂ of pixels in [0, 1]", (0, T[-1])), Axis(range=(0, top))
        return [*pictures, Panel(marks, *axes, (0.28, 1, 0.06, 1), title)]

    def table(self) -> list[dict[str, Any]]:
        s, k = self.slice, self.place
        found = {"looks at": s.quantity, "has instead": s.instead, "thrown away": s.thrown}
        return [
            {"method": s.title, **found, "t": T[k], "there is": float(s.truth[k]), "has": float(s.kept[k])}
        ]


class SliceExplorer(Explorer):
    """A digit, and a method that is chosen: its Δ, its slice, its approximation."""

    SLIDE = "method"
    ROWS = ("net", "index", "method"), ("t",)

    def __init__(self, nets: Mapping[str, nn.Module], data: Dataset) -> None:
        self.nets, self.data = dict(nets), data
        self._slices = Cache(64)

    def controls(self, **state: Any) -> dict[str, Control]:
        return {
            "net": Choice("net", {name: style(name).label for name in self.nets}),
            "index": Number("digit no.", 0, len(self.data) - 1),
            "method": Choice("method", {name: title for name, (title, _) in METHODS.items()}),
            "t": Slide("t", T, 1.0),
        }

    def draw(self, net: str, index: int, method: str, t: float) -> SliceFigure:  # type: ignore[override]
        model, some = self.nets[net], self.data[index : index + 1]
        key = net, index, method, stamp((some.images, *model.parameters()))
        found = self._slices.get(key, lambda: METHODS[method][1](Digit(model, some.images, some.labels)))
        return SliceFigure(found, some.images[0], int(some.labels[0]), T.index(t))

    def say(self, figure: SliceFigure, /, **state: Any) -> str:  # type: ignore[override]
        return f"{figure.title}; thrown away: {figure.slice.thrown}."
