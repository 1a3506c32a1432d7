"""A scan of all pixels as a figure: three maps, the promise against the truth, the class probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from rolab.course.nb03_perturbations.single_pixel_scan import SinglePixelScan
from rolab.course.nb03_perturbations.sweep_figure import AXIS, caption, frame
from rolab.experiments.styles import STYLES
from rolab.figures import canvas, layout
from rolab.plotting import INK, PALE, RED, Figure, pixels
from rolab.plotting.pixels import data_uri

GREY = "#b8b8b8"
STEP, TRUTH = STYLES["l1"], STYLES["l2"]  # an orange triangle, a blue square
RING = {"symbol": "circle-open", "size": 15, "color": RED, "line": {"width": 2.5}}
_LEFT = (0, 0.355, 0.71)  # where the three pictures begin
AT_ONCE = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}


@dataclass(frozen=True, eq=False)
class PixelFigure(Figure):
    """A scan as a figure. Its slider goes through the pixels that the gradient ranks first, and the best.

    Attributes:
        scan: what is shown
        pixel: the one that is chosen
        revealed: whether the ℓ1 step, the best pixel and the map of the truth are shown
    """

    scan: SinglePixelScan
    pixel: int
    revealed: bool = True
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 620
    RANKED: ClassVar[int] = 24  # so many pixels, as the gradient ranks them, has the slider
    MOVING: ClassVar[tuple[int, ...]] = (0, 1, 2, 3, 4, 5)  # the traces that depend on the pixel

    def __post_init__(self) -> None:
        s = self.scan
        title = s.sentence(self.pixel)
        found = f"The ℓ1 step takes pixel {s.place(s.step)}, the best is {s.place(s.truth)}. " * self.revealed
        alt = (
            f"A digit with label {s.label}, the gradient of its loss, the true rise of the loss for each "
            "pixel, the true rise against the promised one, and the class probabilities before and after. "
            f"{found}Shown: {title}"
        )
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "alt", alt)

    @property
    def places(self) -> list[int]:
        """The pixels of the slider: those that the gradient ranks first, then the best if it is not there."""
        first = self.scan.order[: self.RANKED]
        return first + [j for j in (self.scan.truth,) if j not in first]

    @property
    def captions(self) -> tuple[str, str, str]:
        """What stands above the three pictures."""
        return (
            f"x + Δ, label {self.scan.label}",
            "the gradient",
            "the truth" if self.revealed else "the truth: hidden",
        )

    def maps(self) -> tuple[Tensor, Tensor]:
        """The gradient, and the true rise of the loss where there is one: (1, H, W), the largest is ±1."""
        s = self.scan
        rise = s.rise.amax(0).clamp(min=0) * self.revealed
        gradient, rise = (m.view(s.image.shape) / m.abs().max().clamp(min=1e-30) for m in (s.gradient, rise))
        return gradient, rise

    def moving(self, j: int) -> list[dict[str, Any]]:
        """What depends on the pixel: the picture, the bars, its point among all, its ring on each picture."""
        s = self.scan
        (promise, rise), (row, column) = s.point(j), s.place(j)
        return [
            {"source": data_uri(pixels(s.changed(j)))},
            {"y": s.probability(j).tolist()},
            {"x": [promise], "y": [rise]},
            *3 * [{"x": [column], "y": [row]}],
        ]

    def resting(self) -> list[dict[str, Any]]:
        """What does not depend on the pixel: two maps, bars before, all pixels, y = x, the two winners."""
        s, (gradient, rise) = self.scan, self.maps()
        promised, true = s.promised.amax(0).numpy(), s.rise.amax(0).float().numpy()
        winners = [
            {"x": [x] * self.revealed, "y": [y] * self.revealed} for x, y in (s.step_point, s.point(s.truth))
        ]
        return [
            {"source": data_uri(pixels(gradient, 1.0))},
            {"source": data_uri(pixels(rise, 1.0))},
            {"y": s.before.softmax(0).tolist()},
            {"x": promised if self.revealed else [], "y": true if self.revealed else []},
            {"x": [0, float(promised.max())], "y": [0, float(promised.max())]},
            *winners,
        ]

    def traces(self) -> list[dict[str, Any]]:
        """All traces, as far as they depend on the scan: `moving`, then `resting`."""
        return self.moving(self.pixel) + self.resting()

    def page(self) -> dict[str, Any]:
        """The layout, as far as it depends on the scan."""
        above = [caption(name, left + 0.145) for left, name in zip(_LEFT, self.captions, strict=True)]
        return {"title": {"text": self.title}, "annotations": above}

    def still(self, clickable: bool = False) -> Any:
        """The figure without a slider; clickable: last, an unseen point on every pixel of two pictures."""
        import plotly.graph_objects as go

        s, figure = self.scan, go.Figure()
        for trace, look in zip(self.traces(), _LOOKS, strict=True):
            figure.add_trace({**look, "hoverinfo": "skip", **trace})
        if clickable:
            rows, columns = zip(*(s.place(j) for j in range(s.image.numel())), strict=True)
            unseen = {"mode": "markers", "marker": {"symbol": "square", "size": 8, "opacity": 0}}
            for axes in ({"xaxis": "x2", "yaxis": "y2"}, {"xaxis": "x3", "yaxis": "y3"}):
                where = {"hovertemplate": "row %{y}, column %{x}<extra></extra>", "showlegend": False}
                figure.add_scatter(x=columns, y=rows, **unseen, **where, **axes)
        bottom = {**AXIS, "fixedrange": True, "domain": [0, 0.37]}
        figure.update_layout(
            **layout(
                self.HEIGHT,
                self.title,
                margin={"l": 60, "r": 16, "t": 76, "b": 56},
                hovermode="closest",
                barmode="overlay",
                xaxis={**AXIS, "domain": [0, 0.46], "title": {"text": "promised rise of the loss, ⟨g, Δ⟩"}},
                yaxis={**bottom, "title": {"text": "true rise of the loss"}},
                xaxis5={**AXIS, "domain": [0.58, 1], "anchor": "y5", "title": {"text": "class"}, "dtick": 1},
                yaxis5={**bottom, "anchor": "x5", "title": {"text": "probability"}, "range": [0, 1.02]},
                legend={"orientation": "h", "x": 0, "y": 0.5, "yanchor": "top"},
            )
        )
        figure.update_layout(self.page())
        for column, left in enumerate(_LEFT, start=2):
            figure.update_layout(frame(column, [left, left + 0.29], s.image.shape, height=(0.54, 1)))
        return figure

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each pixel of the slider."""
        import plotly.graph_objects as go

        figure, frames, steps = self.still(), [], []
        for j in self.places:
            data = [
                {"type": look["type"], **trace} for look, trace in zip(_LOOKS, self.moving(j), strict=False)
            ]
            title = {"title": {"text": self.scan.sentence(j)}}
            frames.append(go.Frame(name=str(j), data=data, traces=self.MOVING, layout=title))
            number = f"{self.scan.rank(j)[0]}, pixel {self.scan.place(j)}, in truth {self.scan.rank(j)[1]}"
            steps.append({"label": number, "method": "animate", "args": [[str(j)], AT_ONCE]})
        figure.frames = frames
        shown = self.places.index(self.pixel) if self.pixel in self.places else 0
        said = {"prefix": "by the gradient number "}
        slider = {"steps": steps, "active": shown, "currentvalue": said, "pad": {"t": 64}}
        slider |= {"font": {"color": "rgba(0,0,0,0)"}, "ticklen": 0, "minorticklen": 0}
        slider["currentvalue"] = {**said, "font": {"color": INK}}
        figure.update_layout(sliders=[slider], height=self.HEIGHT + 64, margin={"b": 120})
        return figure

    def _matplotlib(self) -> Any:
        s, page = self.scan, canvas(self.HEIGHT, self.title)
        gradient, rise = self.maps()
        ring = {"markersize": 11, "markerfacecolor": "none", "markeredgecolor": RED}
        shown = pixels(s.changed(self.pixel))
        for column, (image, name) in enumerate(
            zip((shown, pixels(gradient, 1.0), pixels(rise, 1.0)), self.captions, strict=True)
        ):
            axes = page.add_axes((0.08 + 0.315 * column, 0.5, 0.27, 0.36))
            axes.imshow(image, interpolation="nearest")
            axes.set_title(name, fontsize=9.5)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color(PALE)
            axes.plot(*reversed(s.place(self.pixel)), "o", **ring)
        *_, before, every, promise, step, truth = self.resting()
        axes = page.add_axes((0.08, 0.16, 0.4, 0.27))
        axes.plot(every["x"], every["y"], ".", color=GREY, markersize=3, label="all pixels")
        axes.plot(promise["x"], promise["y"], ":", color=INK, linewidth=1, label="as promised")
        edges: dict[str, Any] = {"color": STEP.color, "markeredgecolor": INK, "label": "the ℓ1 step"}
        axes.plot(step["x"], step["y"], "^", **edges)
        edges = {"markeredgecolor": TRUTH.color, "markerfacecolor": "none", "label": "the best"}
        axes.plot(truth["x"], truth["y"], "s", markersize=12, **edges)
        axes.plot(*s.point(self.pixel), "o", **ring, label="the pixel shown")
        axes.set_xlabel("promised rise of the loss, ⟨g, Δ⟩")
        axes.set_ylabel("true rise of the loss")
        axes.grid(color=PALE, linewidth=0.6)
        page.legend(loc="lower left", bbox_to_anchor=(0.07, 0.01), ncols=5, frameon=False, fontsize=8.5)
        axes = page.add_axes((0.58, 0.16, 0.39, 0.27))
        after = self.moving(self.pixel)[1]["y"]
        classes = range(len(after))
        axes.bar([c - 0.2 for c in classes], before["y"], 0.36, color="white", edgecolor=INK, label="before")
        axes.bar([c + 0.2 for c in classes], after, 0.36, color=RED, label="after")
        axes.set(xticks=classes, ylim=(0, 1.02), xlabel="class", ylabel="probability")
        axes.legend(frameon=False, fontsize=8.5)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each pixel of the slider."""
        return [self.scan.row(j) for j in self.places]


def _looks() -> list[dict[str, Any]]:
    """How the traces look, in their order: `moving`, then `resting`."""

    def axes(number: int) -> dict[str, str]:
        return {"xaxis": f"x{number}", "yaxis": f"y{number}"}

    def points(name: str, **marker: Any) -> dict[str, Any]:
        return {"type": "scatter", "mode": "markers", "marker": marker, "name": name}

    def bars(name: str, offset: float, **marker: Any) -> dict[str, Any]:
        return {"type": "bar", "name": name, "marker": marker, "offset": offset, "width": 0.36, **axes(5)}

    edge = {"color": INK, "width": 1}
    rings = [{**points("", **RING), "showlegend": False, **axes(number)} for number in (2, 3, 4)]
    line = {"type": "scatter", "mode": "lines", "line": {"color": INK, "dash": "dot", "width": 1}}
    return [
        {"type": "image", **axes(2)},
        bars("after", 0.02, color=RED),
        points("the pixel shown", **RING),
        *rings,
        {"type": "image", **axes(3)},
        {"type": "image", **axes(4)},
        bars("before", -0.38, color="white", line=edge),
        points("all pixels", color=GREY, size=4),
        {**line, "name": "as promised"},
        points("the ℓ1 step", color=STEP.color, symbol=STEP.marker, size=11, line=edge),
        points("the best", color=TRUTH.color, symbol=f"{TRUTH.marker}-open", size=16, line={"width": 2.5}),
    ]


_LOOKS = _looks()
