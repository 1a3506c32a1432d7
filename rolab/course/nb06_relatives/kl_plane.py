"""The KL in a plane of perturbations, beside its parabola: what virtual adversarial training looks at, [12].

explorer = KLExplorer({"baseline": zoo.load("mnist/baseline")}, data.mnist("test"))
explorer.at(index=247)   # at the end of a cell: live; without a kernel a figure with a slider for the angle
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rolab.course.live import Cache, Choice, Explorer, Number, Slide
from rolab.course.live.controls import Control, stamp
from rolab.course.nb06_relatives.pictures import perturbed
from rolab.course.nb06_relatives.slopes import kl_factor
from rolab.data import Dataset
from rolab.evaluation import eval_mode
from rolab.experiments.styles import style
from rolab.plotting import BLUE, INK, RED, Axis, Cursor, Figure, Line, Panel, Points, Style
from rolab.plotting.figure import Legend

ANGLES, FINE = 18, 3  # places of the slider for the angle, and directions between two of them
RADII = tuple(round(0.05 * k, 2) for k in range(21))  # ‖Δ‖₂, in pixel units
KL = Style("KL(p(x) ‖ p(x + Δ))", INK)
PARABOLA = Style("its parabola, ½ΔᵀHΔ", BLUE, "dash")


@dataclass(frozen=True, eq=False)
class KLPlane:
    """The KL on rays in the plane of the two directions in which it bends most."""

    image: Tensor  # (1, H, W)
    label: int
    basis: Tensor  # (2, 1, H, W), orthonormal: the first eigenvectors of H
    bends: tuple[float, float]  # their eigenvalues
    kl: Tensor  # (FINE·ANGLES, R), along each ray
    answers: Tensor  # (FINE·ANGLES, R), the class that the net sees at x + Δ
    sure: float  # its probability at x

    def parabola(self, k: int, radius: Tensor | float) -> Any:
        """½ΔᵀHΔ on the k-th ray."""
        (a, b), (u, v) = self.bends, direction(k)
        return (a * u**2 + b * v**2) * radius**2 / 2

    @cached_property
    def levels(self) -> list[tuple[Tensor, Tensor]]:
        """Level lines at three shares of the parabola's height, so that a sure digit has some too."""
        return [self.level(share * float(self.parabola(0, 0.6 * RADII[-1]))) for share in (0.04, 0.2, 0.6)]

    def level(self, height: float) -> tuple[Tensor, Tensor]:
        """Where the KL, and its parabola, first reach a height: points (rays + 1, 2), NaN if beyond."""
        radii = torch.tensor(RADII)
        found = []
        for k in range(FINE * ANGLES + 1):
            ray = self.kl[k % (FINE * ANGLES)]
            beyond = (ray >= height).nonzero()
            if len(beyond):
                j = int(beyond[0])
                share = (height - ray[j - 1]) / (ray[j] - ray[j - 1])
                true = float(radii[j - 1] + share * (radii[j] - radii[j - 1]))
            else:
                true = math.nan
            promised = math.sqrt(height / max(float(self.parabola(k, 1.0)), 1e-30))
            u = torch.tensor(direction(k))
            found.append((true * u, (promised if promised <= RADII[-1] else math.nan) * u))
        true_points, promised_points = zip(*found, strict=True)
        return torch.stack(true_points), torch.stack(promised_points)


def direction(k: int) -> tuple[float, float]:
    """The unit vector of the k-th ray."""
    angle = 2 * math.pi * k / (FINE * ANGLES)
    return math.cos(angle), math.sin(angle)


def kl_plane(model: nn.Module, x: Tensor, label: int) -> KLPlane:
    """The plane of one image (1, 1, H, W), by one batch of forward passes."""
    _, roots, V = torch.linalg.svd(kl_factor(model, x)[0], full_matrices=False)
    basis = (V[:2] * V[:2].sum(1, keepdim=True).sign()).to(x).view(2, *x.shape[1:])  # brighter, not darker
    directions = torch.tensor([direction(k) for k in range(FINE * ANGLES)])
    d = torch.einsum("kb,r,bchw->krchw", directions, torch.tensor(RADII), basis)
    with eval_mode(model), torch.no_grad():
        log_p = model(x).double().log_softmax(1)
        log_q = model(x + d.flatten(0, 1)).double().log_softmax(1)
    kl = (log_p.exp() * (log_p - log_q)).sum(1)
    shape = len(directions), len(RADII)
    found: dict[str, Any] = {"kl": kl.view(shape), "answers": log_q.argmax(1).view(shape)}
    bends = tuple(roots[:2].square().tolist())
    return KLPlane(x[0], label, basis, bends=bends, sure=float(log_p.exp().max()), **found)


@dataclass(frozen=True, eq=False)
class KLFigure(Figure):
    """The plane with level lines, the ray of Δ, and the digit at its end."""

    plane: KLPlane
    ray: int  # of the rays of the slider
    place: int  # of RADII
    HEIGHT: ClassVar = 470
    MARGIN: ClassVar = (52, 16, 72, 84)
    legend: ClassVar = Legend(0, -0.14, rows=True)
    SEEN: ClassVar = (
        "Left the plane of the two directions in which the KL bends most, with lines of equal KL and "
        "ellipses of equal parabola, and Δ as an arrow; right the KL and its parabola along Δ, and the "
        "digit at x + Δ."
    )

    @property
    def values(self) -> tuple[float, float]:
        """The KL and its parabola at Δ."""
        k = FINE * self.ray
        return float(self.plane.kl[k, self.place]), float(self.plane.parabola(k, RADII[self.place]))

    @property
    def title(self) -> str:  # type: ignore[override]
        true, promised = self.values
        angle = 360 * self.ray // ANGLES
        return (
            f"Δ at {angle}°, length {RADII[self.place]:g}: the KL is {true:.3g}, its parabola {promised:.3g}"
        )

    def panels(self) -> list[Panel]:
        w, k, r = self.plane, FINE * self.ray, RADII[self.place]
        (a, b), end = direction(k), RADII[-1]
        marks: list[Any] = []
        for true, promised in w.levels:
            marks.append(Line.of(KL, *true.T, width=1.5, legend=False))
            marks.append(Line.of(PARABOLA, *promised.T, width=1.5, legend=False))
        marks.append(Line([0, r * a, None], [0, r * b, None], RED, arrow=True, name="Δ"))
        every = [direction(FINE * j) for j in range(ANGLES)]
        x, y = zip(*[(s * u, s * v) for u, v in every for s in RADII[2::2]], strict=True)
        marks.append(Points(x, y, size=8, opacity=0, hover="Δ = (%{x:.2f}, %{y:.2f})"))
        span, ticks = (-1.08 * end, 1.08 * end), (-end, 0, end)
        one, other = (f"along eigenvector {j}, eigenvalue {w.bends[j - 1]:.2g}" for j in (1, 2))
        plane = Panel(marks, Axis(one, span, ticks), Axis(other, span, ticks), (0, 0.47, 0, 1), equal=True)
        back = (k + FINE * ANGLES // 2) % (FINE * ANGLES)
        t = [-s for s in RADII[:0:-1]] + list(RADII)
        kl = [*w.kl[back].flip(0)[:-1].tolist(), *w.kl[k].tolist()]
        curves = [
            Line.of(KL, t, kl),
            Line.of(PARABOLA, t, [float(w.parabola(k, abs(s))) for s in t]),
            Cursor(r),
        ]
        top = 1.05 * max(float(w.kl.max()), 1e-9)
        along = Panel(
            curves, Axis("t, along Δ/‖Δ‖₂", (-end, end)), Axis(range=(0, top)), (0.57, 1, 0, 0.5), "KL"
        )
        d = (a * w.basis[0] + b * w.basis[1]) * r
        places = [(x, x + 0.13, 0.68, 0.95) for x in (0.57, 0.72, 0.87)]
        end_of_sum = f": {int(w.answers[k, self.place])}"
        return [plane, along, *perturbed(w.image, d, places, f", label {w.label}", end_of_sum)]

    def table(self) -> list[dict[str, Any]]:
        true, promised = self.values
        row: dict[str, Any] = {"angle": 360 * self.ray // ANGLES, "‖Δ‖₂": RADII[self.place], "KL": true}
        return [row | {"½ΔᵀHΔ": promised, "answer": int(self.plane.answers[FINE * self.ray, self.place])}]


class KLExplorer(Explorer):
    """Δ is dragged through the plane in which the KL bends most: by two sliders, or by a click."""

    SLIDE = "angle"
    ROWS = ("net", "index"), ("angle",), ("radius",)

    def __init__(self, nets: Mapping[str, nn.Module], data: Dataset) -> None:
        self.nets, self.data = dict(nets), data
        self._planes = Cache(16)

    def controls(self, **state: Any) -> dict[str, Control]:
        return {
            "net": Choice("net", {name: style(name).label for name in self.nets}),
            "index": Number("digit no.", 0, len(self.data) - 1),
            "angle": Slide("angle, °", range(0, 360, 360 // ANGLES)),
            "radius": Slide("‖Δ‖₂", RADII, 0.5),
        }

    def plane(self, net: str, index: int) -> KLPlane:
        """The plane of a digit: computed once."""
        model, x = self.nets[net], self.data.images[index : index + 1]
        label = int(self.data.labels[index])
        key = net, index, stamp((x, *model.parameters()))
        return self._planes.get(key, lambda: kl_plane(model, x, label))

    def draw(self, net: str, index: int, angle: int, radius: float) -> KLFigure:  # type: ignore[override]
        return KLFigure(self.plane(net, index), angle * ANGLES // 360, RADII.index(radius))

    def clicked(self, x: float, y: float, /, **state: Any) -> Mapping[str, Any]:
        angle = round(math.atan2(y, x) / (2 * math.pi) * ANGLES) % ANGLES * (360 // ANGLES)
        return {"angle": angle, "radius": math.hypot(x, y)}
