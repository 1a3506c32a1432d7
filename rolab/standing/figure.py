"""Two figures: the curves of all nets under more steps and restarts; and one net between two bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from rolab.evaluation import accuracy_percent
from rolab.experiments.styles import style
from rolab.plotting import RED, Style
from rolab.standing.curves import Curve, CurveFigure

if TYPE_CHECKING:
    from rolab.experiments.robustness_results import RobustnessResults


@dataclass(frozen=True, eq=False)
class StandingFigure(CurveFigure):
    """What is left of each net, against ε, with a slider over the steps.

    Attributes:
        standing: the numbers
        steps: the number of steps at which the figure opens, and that the PNG shows
        restarts: how many
        radius: of which the title speaks
        nets: which are drawn
    """

    standing: RobustnessResults
    steps: int
    restarts: int
    radius: float
    nets: tuple[str, ...]
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.nets:
            raise ValueError("nets: expected at least one, got none")
        if self.radius not in self.standing.radii:
            expected = ", ".join(map(str, self.standing.radii))
            raise ValueError(f"radius: expected one of {expected}, got {self.radius!r}")
        object.__setattr__(self, "title", self.message(self.steps))
        names = ", ".join(style(net).label for net in self.nets)
        object.__setattr__(self, "alt", f"Accuracies of {names} against ε. Shown: {self.title}.")

    def message(self, steps: int) -> str:
        """What the figure says after so many steps: of the net that stands best, what the first step left."""
        best, *others = self.standing.best(self.radius, steps, self.restarts, self.nets)
        first = self.standing.percent(best, self.radius, 1, 0)
        alike = [net for net in others if self.standing.percent(net, self.radius, 1, 0) == first]
        names = " and ".join(style(net).label for net in (best, *alike))
        said = f"At ε = {self.radius:g}, one step leaves {names} {first:.1f} %"
        if (steps, self.restarts) == (1, 0):
            return said
        return f"{said}; {_run(steps, self.restarts)}: {self._percent(best, self.radius, steps):.1f} %"

    def verdict(self) -> str:
        """Which net stands best, in a sentence without its full stop."""
        best = self.standing.best(self.radius, self.steps, self.restarts, self.nets)
        left = self.standing.accuracy(best[0], self.radius, self.steps, self.restarts)
        verb = "stands best" if len(best) == 1 else "stand best alike"
        return f"{' and '.join(style(net).label for net in best)} {verb}: {left}"

    def curves(self, steps: int | None = None) -> list[Curve]:
        """A curve for each net of the standing, drawn or not; it starts at the accuracy without an attack."""
        radii = (0.0, *self.standing.radii)
        found = []
        for place, net in enumerate(self.standing.nets):
            right = [self._percent(net, radius, steps or self.steps) for radius in radii]
            found.append(Curve(radii, right, style(net, place), shown=net in self.nets))
        return found

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a slider over the steps."""
        import plotly.graph_objects as go

        figure, stops = self.still(), []
        at_once = {
            "mode": "immediate",
            "frame": {"duration": 0, "redraw": True},
            "transition": {"duration": 0},
        }
        frames = []
        for steps in self.standing.steps:
            lines = [go.Scatter(**curve.trace()) for curve in self.curves(steps)]
            title = {"title": {"text": self.message(steps)}}
            frames.append(go.Frame(name=str(steps), data=lines, traces=list(range(len(lines))), layout=title))
            stops.append({"label": str(steps), "method": "animate", "args": [[str(steps)], at_once]})
        figure.frames = frames
        slider = {
            "steps": stops,
            "active": self.standing.steps.index(self.steps),
            "currentvalue": {"prefix": "steps: "},
            "pad": {"t": 58},
        }
        return figure.update_layout(sliders=[slider], height=self.HEIGHT + 84, margin={"b": 138})

    def table(self) -> list[dict[str, Any]]:
        """A row for each place of the slider and each ε, percent."""
        radii = (0.0, *self.standing.radii)
        return [
            {"steps": steps, "restarts": self.restarts, "ε": radius}
            | {style(net).label: self._percent(net, radius, steps) for net in self.nets}
            for steps in self.standing.steps
            for radius in radii
        ]

    def _percent(self, net: str, radius: float, steps: int) -> float:
        return self.standing.percent(net, radius, steps, self.restarts)


PROVED = Style("proved to hold", "#009E73", "dashdot", "circle")
BROKEN = Style("left by all attacks", "#0072B2", "solid", "circle")
ONE_STEP = Style("left by one step:<br>what the paper<br>measured", RED, "dash", "circle")


@dataclass(frozen=True, eq=False)
class BandFigure(CurveFigure):
    """One net: the true robust accuracy lies between what is proved and what attacks have left.

    A digit that falls at ε falls at every larger ε, and one that holds at ε holds at every smaller one: so
    both bounds are known at all radii, as stairs, and not only where they were tried.

    Attributes:
        net: its name
        one_step: the radius at which each digit falls to the single step, (N,); inf where it does not
        falls: the same under all attacks, (N,)
        holds: the largest radius within which a digit is proved to be read correctly, (N,); 0 where none is
        largest: where the axis ends
    """

    net: str
    one_step: Tensor
    falls: Tensor
    holds: Tensor
    largest: float
    title: str = field(init=False)
    alt: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.largest > 0:
            raise ValueError(f"largest: expected a radius above 0, got {self.largest:g}")
        half = [radius for radius in self.radii if radius and self.lower(radius) >= 50]
        radius = half[-1] if half else self.radii[1]
        low, high = self.lower(radius), self.upper(radius)
        what = f"{style(self.net).label}, {len(self.holds)} digits, ε = {radius:g}"
        said = f"{what}: the truth lies between {low:.0f} % and {high:.0f} %"
        object.__setattr__(self, "title", said)
        alt = "Two bounds of the robust accuracy against ε, and what one step leaves"
        object.__setattr__(self, "alt", f"{alt}. {said}.")

    @property
    def radii(self) -> list[float]:
        """Where a bound may change, up to the largest radius, and these two ends."""
        met = {radius for fates in (self.one_step, self.falls, self.holds) for radius in fates.tolist()}
        return sorted({0.0, self.largest} | {radius for radius in met if radius < self.largest})

    def lower(self, radius: float) -> float:
        """For how many digits a proof holds: percent, a lower bound of the robust accuracy."""
        return accuracy_percent((self.holds >= radius) & (self.falls > 0))

    def upper(self, radius: float) -> float:
        """How many digits no attack has broken: percent, an upper bound of the robust accuracy."""
        return accuracy_percent(self.falls > radius)

    def single(self, radius: float) -> float:
        """How many digits the single step has not broken, percent."""
        return accuracy_percent(self.one_step > radius)

    def curves(self) -> list[Curve]:
        """What is proved, what all attacks leave, the band between filled; and what one step leaves."""
        return [
            Curve(*self._stairs(self.lower, before=True), PROVED, marked=False),
            Curve(*self._stairs(self.upper), BROKEN, marked=False, shaded=True),
            Curve(*self._stairs(self.single), ONE_STEP, marked=False),
        ]

    def _stairs(
        self, bound: Callable[[float], float], before: bool = False
    ) -> tuple[list[float], list[float]]:
        """A bound at all radii: it drops where digits fall; before that where they hold up to a radius."""
        x, y = [0.0], [bound(0.0)]
        for here, there in pairwise(self.radii):
            level = bound(there if before else here)
            x += [here, there]
            y += [level, level]
        return [*x, self.radii[-1]], [*y, bound(self.radii[-1])]

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`."""
        return self.still()

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius at which a bound changes, percent."""
        names = (("proved", self.lower), ("all attacks leave", self.upper), ("one step leaves", self.single))
        return [{"ε": radius} | {name: bound(radius) for name, bound in names} for radius in self.radii]


def _run(steps: int, restarts: int) -> str:
    """The trial in words, such as "20 steps, 5 restarts"."""
    counts = ((steps, "step"), (restarts, "restart"))
    return ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count)
