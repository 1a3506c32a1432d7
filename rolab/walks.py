"""A walk: one digit, one net, one uncertainty set that grows. What a net answers on the way, and the figure.

The live explorer of `rolab.widgets` and the figure that stands without a kernel both draw a `Walk`, so they
cannot differ. Unless pixel bounds cut the set, the first-order direction does not depend on ε: one gradient
serves the walk, and one batched forward pass all of its radii.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rolab.attacks import input_gradient
from rolab.evaluation import evaluating
from rolab.figures import INK, PALE, RED, Figure, Style, canvas, layout, style
from rolab.pictures import data_uri, pixels
from rolab.sets import UncertaintySet, pixel_box

GAIN = 10  # perturbations are shown so many times as strong
_COLORS = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#9A8B00",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#7A7A7A",
    "#8C510A",
    "#6A3D9A",
)
_DASHES = ("dash", "dot", "dashdot")


@dataclass(frozen=True, eq=False)
class Walk:
    """What a net answers while ε grows.

    Attributes:
        net, norm, boxed: which net, which set, and whether pixels stay in [0, 1]
        label: the true class
        image: (1, C, H, W)
        radii: (G,), ascending from 0
        perturbation: (G, C, H, W), Δ at each radius
        probability: (G, K), the net's class probabilities at x + Δ
    """

    net: str
    norm: str
    boxed: bool
    label: int
    image: Tensor
    radii: tuple[float, ...]
    perturbation: Tensor
    probability: Tensor
    _pictures: dict[int, tuple[str, str]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def answers(self) -> list[int]:
        """The class with the largest probability at each radius."""
        return self.probability.argmax(1).tolist()

    @cached_property
    def flip(self) -> int | None:
        """The place of the first radius at which the answer is not the label; None where there is none."""
        return next((k for k, answer in enumerate(self.answers) if answer != self.label), None)

    def sentence(self, k: int) -> str:
        """What the net says at the k-th radius, in words: the figure's title."""
        answer, sure = self.answers[k], float(self.probability[k].max())
        verdict = "right" if answer == self.label else f"the label is {self.label}"
        radius = f"{style(self.norm).label} radius {self.radii[k]:g}"
        return f"{radius}: the {style(self.net).label} net says {answer} ({100 * sure:.0f} % sure), {verdict}"

    def flips(self) -> str:
        """Where the answer changes, in words."""
        if self.flip is None:
            return f"no flip up to {self.radii[-1]:g}"
        return f"flips at {self.radii[self.flip]:g}" if self.flip else "wrong from the start"

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius: ε, the answer, the probability of each class."""
        return [
            {
                "ε": radius,
                "answer": self.answers[k],
                **{str(c): float(p) for c, p in enumerate(self.probability[k])},
            }
            for k, radius in enumerate(self.radii)
        ]

    def look(self, c: int) -> tuple[Style, bool]:
        """The style of a class and whether it matters: the true one is black, one below 5 % pale."""
        if c == self.label:
            return Style(f"{c} (true)", INK, "solid", "circle"), True
        if float(self.probability[:, c].max()) < 0.05:
            return Style(str(c), PALE, "solid", "circle"), False
        return Style(str(c), _COLORS[c % len(_COLORS)], _DASHES[c % len(_DASHES)], "circle"), True

    def pictures(self, k: int) -> tuple[str, str]:
        """Δ and x + Δ at the k-th radius, as `data:` addresses of PNGs; kept."""
        if k not in self._pictures:
            d = self.perturbation[k]
            self._pictures[k] = data_uri(pixels(d, GAIN)), data_uri(pixels(self.image[0] + d))
        return self._pictures[k]


def walk(
    model: nn.Module,
    x: Tensor,
    label: int,
    U: UncertaintySet,
    radii: tuple[float, ...],
    *,
    net: str,
    norm: str,
    boxed: bool,
) -> Walk:
    """Walks one image (1, C, H, W) along the first-order perturbation in U, scaled by each of the radii."""
    device = next(model.parameters()).device
    x = x.to(device)
    with evaluating(model):
        g = input_gradient(model, x, torch.tensor([label], device=device))
        if boxed:
            d = torch.cat([(U.scaled(radius) & pixel_box(x)).maximizer(g) for radius in radii])
        else:
            d = torch.tensor(radii, device=device).view(-1, *[1] * (x.ndim - 1)) * U.maximizer(g)
        with torch.no_grad():
            probability = model(x + d).float().softmax(1)
    return Walk(net, norm, boxed, label, x.cpu(), radii, d.cpu(), probability.cpu())


@dataclass(frozen=True, eq=False)
class WalkFigure(Figure):
    """A walk as a figure with its own slider. `k` is the radius that it opens at, and that the PNG shows."""

    walk: Walk
    k: int
    title: str = field(init=False)
    alt: str = field(init=False)
    slides: ClassVar[bool] = True
    HEIGHT: ClassVar[int] = 540
    MOVING: ClassVar[tuple[int, ...]] = (1, 2, -2)  # the traces that depend on k

    def __post_init__(self) -> None:
        w = self.walk
        object.__setattr__(self, "title", w.sentence(self.k))
        alt = (
            f"A digit with label {w.label}, the perturbation, their sum, and the net's class probabilities "
            f"against the {style(w.norm).label} radius up to {w.radii[-1]:g}: {w.flips()}. "
            f"Shown: {self.title}."
        )
        object.__setattr__(self, "alt", alt)

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`, with a frame for each radius and a slider."""
        import plotly.graph_objects as go

        figure = self.still()
        moving = [trace % len(figure.data) for trace in self.MOVING]
        steps, frames = [], []
        for k, radius in enumerate(self.walk.radii):
            d, adversarial = self.walk.pictures(k)
            data = [go.Image(source=d), go.Image(source=adversarial), go.Scatter(x=[radius, radius])]
            title = {"title": {"text": self.walk.sentence(k)}}
            frames.append(go.Frame(name=str(k), data=data, traces=moving, layout=title))
            at_once = {
                "mode": "immediate",
                "frame": {"duration": 0, "redraw": True},
                "transition": {"duration": 0},
            }
            steps.append({"label": f"{radius:g}", "method": "animate", "args": [[str(k)], at_once]})
        figure.frames = frames
        slider = {"steps": steps, "active": self.k, "currentvalue": {"prefix": "ε = "}, "pad": {"t": 34}}
        figure.update_layout(
            sliders=[{**slider, "x": 0, "len": 0.8}], height=self.HEIGHT + 70, margin={"b": 124}
        )
        return figure

    def still(self) -> Any:
        """The figure at its radius, without a slider: what the live explorer starts from and then changes."""
        import plotly.graph_objects as go

        w, figure = self.walk, go.Figure()
        for column, picture in enumerate(self.pictures(), start=2):
            figure.add_image(**picture, xaxis=f"x{column}", yaxis=f"y{column}", hoverinfo="skip")
        for line in self.lines():
            figure.add_scatter(**line, mode="lines")
        axis = {"gridcolor": PALE, "zeroline": False, "linecolor": INK, "ticks": "outside"}
        figure.update_layout(
            **layout(
                self.HEIGHT,
                self.title,
                margin={"l": 60, "r": 16, "t": 76, "b": 54},
                xaxis={
                    **axis,
                    "domain": [0, 0.8],
                    "title": {"text": self.x_title},
                    "range": [0, w.radii[-1]],
                },
                yaxis={**axis, "domain": [0, 0.46], "title": {"text": "probability"}, "range": [-0.02, 1.02]},
                legend={"x": 0.82, "y": 0.46, "yanchor": "top"},
            )
        )
        height, width = w.image.shape[-2:]
        for column, name in enumerate(self.captions, start=2):
            left = (column - 2) * 0.355
            frame = {
                "showline": True,
                "mirror": True,
                "linecolor": PALE,
                "showgrid": False,
                "zeroline": False,
            }
            frame |= {"showticklabels": False, "ticks": "", "fixedrange": True, "constrain": "domain"}
            place = {"domain": [left, left + 0.29], "anchor": f"y{column}", "range": [-0.5, width - 0.5]}
            figure.update_layout({f"xaxis{column}": {**frame, **place}})
            place = {"domain": [0.58, 1], "anchor": f"x{column}", "range": [height - 0.5, -0.5]}
            figure.update_layout({f"yaxis{column}": {**frame, **place, "scaleanchor": f"x{column}"}})
            where = {
                "xref": "paper",
                "yref": "paper",
                "x": left + 0.145,
                "xanchor": "center",
                "y": 1,
                "yanchor": "bottom",
            }
            figure.add_annotation(text=name, showarrow=False, font={"size": 13}, **where)
        return figure

    def pictures(self) -> list[dict[str, Any]]:
        """The first three traces, as far as they depend on the walk: x, Δ, x + Δ."""
        sources = data_uri(pixels(self.walk.image[0])), *self.walk.pictures(self.k)
        return [{"source": source} for source in sources]

    def lines(self) -> list[dict[str, Any]]:
        """The other traces, as far as they depend on the walk: the classes, the radius shown, the flip."""
        w = self.walk
        found: list[dict[str, Any]] = []
        for c in range(w.probability.shape[1]):
            look, matters = w.look(c)
            width = (1 + matters) * (1.5 if c == w.label else 1)
            line = {"color": look.color, "dash": look.dash, "width": width}
            found.append({"x": w.radii, "y": w.probability[:, c].tolist(), "name": look.label, "line": line})
            found[-1]["showlegend"] = matters
        for x, dash, name in ((w.radii[self.k], "solid", "ε"), (self.flip_radius, "dot", w.flips())):
            line = {"color": RED, "dash": dash, "width": 2}
            found.append({"x": (x, x), "y": (0, 1), "name": name, "line": line})
        return found

    @property
    def flip_radius(self) -> float | None:
        """The radius of the flip, None where there is none."""
        return None if self.walk.flip is None else self.walk.radii[self.walk.flip]

    @property
    def captions(self) -> tuple[str, str, str]:
        """What stands above the three pictures."""
        return f"x, label {self.walk.label}", f"Δ ×{GAIN}", "x + Δ"

    @property
    def x_title(self) -> str:
        """The title of the axis of radii, with its unit."""
        return f"ε, the {style(self.walk.norm).label} radius (pixels are in [0, 1])"

    def _matplotlib(self) -> Any:
        w, d = self.walk, self.walk.perturbation[self.k]
        page = canvas(self.HEIGHT, self.title)
        images = pixels(w.image[0]), pixels(d, GAIN), pixels(w.image[0] + d)
        for column, (image, name) in enumerate(zip(images, self.captions, strict=True)):
            axes = page.add_axes((0.09 + 0.315 * column, 0.5, 0.26, 0.35))
            axes.imshow(image, interpolation="nearest")
            axes.set_title(name, fontsize=9.5)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color(PALE)
        axes = page.add_axes((0.09, 0.1, 0.7, 0.34))
        for c in range(w.probability.shape[1]):
            look, matters = w.look(c)
            line = {
                "color": look.color,
                "linestyle": {"dash": "--", "dot": ":", "dashdot": "-."}.get(look.dash, "-"),
            }
            axes.plot(
                w.radii,
                w.probability[:, c],
                label=look.label if matters else None,
                linewidth=1 + matters,
                **line,
            )
        axes.axvline(w.radii[self.k], color=RED, label="ε")
        axes.axvline(
            self.flip_radius or 0,
            color=RED,
            linestyle=":",
            label=w.flips(),
            visible=self.flip_radius is not None,
        )
        axes.set_xlim(0, w.radii[-1])
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(self.x_title)
        axes.set_ylabel("probability")
        axes.grid(color=PALE, linewidth=0.6)
        page.legend(loc="upper left", bbox_to_anchor=(0.795, 0.46), frameon=False, fontsize=8.5)
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each radius: ε, the answer, the probability of each class."""
        return self.walk.table()
