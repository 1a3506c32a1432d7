"""Dropout as a ridge: what it adds to the loss of each example, against what the ridge says, [22].

explorer = DropoutExplorer(*coarse_digits(data.mnist("test"), 3, 8))
explorer.at(family="logistic")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch.nn import functional as F

from rolab.course.live import Cache, Choice, Explorer, OneOf, Slide
from rolab.course.live.controls import Control
from rolab.data import Dataset
from rolab.linear_models import dropout_increase, dropout_ridge
from rolab.linear_models.dropout import FAMILIES
from rolab.plotting import BLUE, INK, RED, Axis, Cursor, Figure, Line, Panel, Points
from rolab.plotting.figure import Legend

DELTAS = tuple(round(0.05 * k, 2) for k in range(15))  # the share of the features that is dropped
SIDES = OneOf({"above": "above the line", "below": "below the line"})
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the fitted weights


def coarse_digits(data: Dataset, one: int, other: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """The first digits of two classes as 3 × 4 blocks of mean brightness, X (count, 12), and labels 0, 1."""
    some = data[(data.labels == one) | (data.labels == other)][:count]
    X = F.adaptive_avg_pool2d(some.images[:, :, 4:24, 4:24], (4, 3)).flatten(1).double()
    return X.numpy(), (some.labels == one).double().numpy()


def fitted(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method with a little ridge: weights (d,)."""
    beta = np.zeros(X.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-X @ beta))
        H = X.T @ (X * (p * (1 - p))[:, None]) + 0.05 * np.eye(len(beta))
        beta -= np.linalg.solve(H, X.T @ (p - y) + 0.05 * beta)
    return beta


@dataclass(frozen=True, eq=False)
class DropoutFigure(Figure):
    """Each example's true increase against the ridge's, and the sums against δ."""

    family: str
    scale: float
    true: np.ndarray  # (δ, N)
    ridge: np.ndarray  # (δ, N)
    place: int  # of DELTAS
    HEIGHT: ClassVar = 400
    MARGIN: ClassVar = (64, 16, 60, 84)
    legend: ClassVar = Legend(0, -0.2, rows=True)
    SEEN: ClassVar = (
        "Left a dot for each example: what dropout adds to its loss against what the ridge says, and the "
        "line on which both are equal; right the sums over the examples against the share that is "
        "dropped."
    )

    @property
    def title(self) -> str:  # type: ignore[override]
        true, ridge = self.true[self.place].sum(), self.ridge[self.place].sum()
        name = f"{self.family.capitalize()}, δ = {DELTAS[self.place]:g}"
        return f"{name}: dropout adds {true:.3g} to the loss, the ridge says {ridge:.3g}"

    def panels(self) -> list[Panel]:
        x, y = self.ridge[self.place], self.true[self.place]
        far = 1.05 * max(float(x.max()), float(y.max()), 1e-9)
        dots = [
            Line([0, far], [0, far], INK, "dot", width=1, name="as the ridge says"),
            Points(x, y, RED, size=7, name="an example"),
        ]
        axes = Axis("½ δ/(1−δ) A'' Σ x²β²", (0, far)), Axis("what dropout adds", (0, far))
        sums = [
            Line(DELTAS, self.true.sum(1), INK, name="dropout, all masks"),
            Line(DELTAS, self.ridge.sum(1), BLUE, "dash", name="the ridge"),
            Cursor(DELTAS[self.place]),
        ]
        across = Axis("δ: the share that is dropped", (DELTAS[0], DELTAS[-1]))
        top = 1.05 * max(float(self.true.sum(1).max()), float(self.ridge.sum(1).max()), 1e-9)
        right = Panel(sums, across, Axis(range=(0, top)), (0.62, 1, 0, 0.94), "all examples")
        return [Panel(dots, *axes, (0, 0.48, 0, 0.94), "each example"), right]

    def table(self) -> list[dict[str, Any]]:
        true, ridge = float(self.true[self.place].sum()), float(self.ridge[self.place].sum())
        off = float(np.abs(self.true[self.place] - self.ridge[self.place]).max())
        return [
            {
                "δ": DELTAS[self.place],
                "dropout adds": true,
                "the ridge says": ridge,
                "an example's largest gap": off,
            }
        ]


class DropoutExplorer(Explorer):
    """Dropout of features, of least squares or logistic regression, with weights of a size that is chosen.

    Args:
        X, y: examples (N, d) with d at most 12, for all 2^d masks are tried, and labels 0 and 1
    """

    SLIDE = "delta"
    ROWS = ("family", "scale"), ("delta",)

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X, self.beta, self._found = X, fitted(X, y), Cache(16)

    def controls(self, **state: Any) -> dict[str, Control]:
        return {
            "family": Choice("loss", list(FAMILIES)),
            "scale": Choice("weights", {s: f"{s:g} times the fit" for s in SCALES}, 1.0),
            "delta": Slide("δ", DELTAS, 0.5),
        }

    def curves(self, family: str, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """What dropout adds and what the ridge says, of each example at each δ: computed once."""

        def compute() -> tuple[np.ndarray, np.ndarray]:
            beta = scale * self.beta
            return tuple(  # type: ignore[return-value]
                np.stack([f(self.X, beta, delta, family) for delta in DELTAS])
                for f in (dropout_increase, dropout_ridge)
            )

        return self._found.get((family, scale), compute)

    def missed(self, family: str, scale: float = 1.0, delta: float = 0.5) -> float:
        """By how much the ridge misses what dropout adds, over all examples, in percent."""
        true, ridge = (values[DELTAS.index(delta)].sum() for values in self.curves(family, scale))
        return 100 * abs(ridge - true) / true

    def side_of_the_sure(self, scale: float = 4.0, delta: float = 0.5) -> str:
        """Where the tenth of the examples lies of which the logistic model is surest, an answer of SIDES."""
        true, ridge = (values[DELTAS.index(delta)] for values in self.curves("logistic", scale))
        surest = np.argsort(-np.abs(self.X @ self.beta))[: len(self.X) // 10]
        return "above" if true[surest].sum() > ridge[surest].sum() else "below"

    def draw(self, family: str, scale: float, delta: float) -> DropoutFigure:  # type: ignore[override]
        return DropoutFigure(family, scale, *self.curves(family, scale), DELTAS.index(delta))
