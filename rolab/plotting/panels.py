"""Panels: axes and the marks on them; a figure is some of these, drawn by plotly or by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rolab.plotting.marks import Mark, Picture, Place, escaped, numbers
from rolab.plotting.style import INK, PALE, WIDTH


@dataclass(frozen=True)
class Axis:
    """An axis."""

    title: str = ""  # with the unit
    range: tuple[float, float] | None = None  # from, to; None fits it to the data
    ticks: Sequence[float] | None = None  # where they stand; None leaves it to the renderer
    labels: bool = True  # the ticks have numbers
    log: bool = False  # it is logarithmic; the range is not
    grid: bool = True
    from_zero: bool = False  # 0 is in it, where the range is None

    def plotly(self) -> dict[str, Any]:
        """The axis in plotly's words."""
        found = {"gridcolor": PALE, "linecolor": INK, "ticks": "outside", "fixedrange": True}
        found |= {"zeroline": False, "showgrid": self.grid, "showticklabels": self.labels}
        found["title"] = {"text": escaped(self.title), "standoff": 4}
        found |= {"type": "log", "dtick": 1} if self.log else {}
        found |= {"rangemode": "tozero"} if self.from_zero else {}
        found |= {} if self.ticks is None else {"tickvals": numbers(self.ticks)}
        if self.range:
            found["range"] = numbers(map(math.log10, self.range) if self.log else self.range)
        return found

    def draw(self, axes: Any, name: str) -> None:
        """The same on matplotlib's axes; the name is x or y."""
        span = {f"{name}lim": self.range or (0, None)} if self.range or self.from_zero else {}
        ticks = {} if self.ticks is None else {f"{name}ticks": list(self.ticks)}
        scale = {f"{name}scale": "log"} if self.log else {}
        axes.set(**scale, **ticks, **span)
        getattr(axes, f"set_{name}label")(self.title, fontsize=9)
        axes.tick_params(name, labelsize=8.5, **{{"x": "labelbottom", "y": "labelleft"}[name]: self.labels})
        if not self.log:
            getattr(axes, f"{name}axis").set_major_formatter("{x:g}")  # 0.01, for 0.0100 is broad
            if self.ticks is None and name == "x":
                axes.locator_params("x", nbins=max(3, int(axes.get_position().width * WIDTH / 60)))
        if self.grid:
            axes.grid(axis=name, color=PALE, linewidth=0.6)


@dataclass(frozen=True, eq=False)
class Panel:
    """Axes and what is on them."""

    marks: Sequence[Mark]  # from the first drawn to the last
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    # left, right, bottom, top, as shares of the figure inside its margins
    domain: tuple[float, float, float, float] = (0, 1, 0, 1)
    title: str = ""  # above
    equal: bool = False  # one unit is as long on both axes
    frame: str | None = None  # None: axes; else no ticks and grid, but a frame of this colour, or none if ""

    @classmethod
    def picture(
        cls,
        picture: Picture,
        domain: tuple[float, float, float, float] = (0, 1, 0, 1),
        title: str = "",
        marks: Iterable[Mark] = (),
        frame: str = PALE,
    ) -> Panel:
        """A panel for one picture, and what is marked on it."""
        left, right, bottom, top = picture.corners
        x, y = (Axis(range=span, ticks=(), grid=False) for span in ((left, right), (bottom, top)))
        return cls([picture, *marks], x, y, domain, title, equal=True, frame=frame)

    def plotly(self, page: dict[str, Any], number: str) -> None:
        """Adds axes, title and marks to plotly's page."""
        left, right, bottom, top = self.domain
        x, y, layout = self.x.plotly(), self.y.plotly(), page["layout"]
        if self.frame is not None:
            line = {"showline": bool(self.frame), "mirror": True, "linecolor": self.frame or None}
            bare = line | {"ticks": ""}
            x, y = x | bare | {"constrain": "domain"}, y | bare
        y |= {"scaleanchor": f"x{number}", "constrain": "domain"} if self.equal else {}
        layout[f"xaxis{number}"] = x | {"domain": [left, right], "anchor": f"y{number}"}
        layout[f"yaxis{number}"] = y | {"domain": [bottom, top], "anchor": f"x{number}"}
        if self.title:
            at = {"x": (left + right) / 2, "y": top, "xref": "paper", "yref": "paper", "xanchor": "center"}
            at |= {"font": {"size": 13, "color": INK}, "yanchor": "bottom"}
            layout["annotations"].append(
                {"text": escaped(self.title), **at, "showarrow": False, "visible": True}
            )
        place = Place(number, self.x.range, 0.9 * WIDTH * (right - left))
        for mark in self.marks:
            mark.plotly(page, place)

    def draw(self, axes: Any) -> None:
        """Draws axes, title and marks with matplotlib."""
        for mark in self.marks:
            mark.draw(axes)
        for name, axis in (("x", self.x), ("y", self.y)):
            axis.draw(axes, name)
        axes.set_axisbelow(True)
        axes.set_aspect("equal" if self.equal else "auto")
        axes.set_title(self.title, fontsize=9.5)
        if self.frame is None:
            axes.spines[["top", "right"]].set_visible(self.equal)
        else:
            axes.spines[:].set(color=self.frame or PALE, visible=bool(self.frame))
