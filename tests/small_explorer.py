"""A small explorer, which has a control of every kind."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rolab.course.live import Button, Choice, Explorer, Notice, Number, Slide, Toggle
from rolab.plotting import Axis, Cursor, Figure, Line, Panel, Picture, Points


@dataclass(frozen=True, eq=False)
class Power(Figure):
    """x to some power, and a place on it."""

    power: int
    at: float
    largest: float
    dots: int = 0
    filled: bool = False
    SEEN: ClassVar[str] = "A curve."

    @property
    def title(self):
        return f"{self.at:g} to the {self.power} is {self.at**self.power:g}"

    def panels(self):
        x = np.linspace(0, self.largest, 5)
        marks = [Line(x, x**self.power), Cursor(self.at), Points([self.at] * self.dots, [0] * self.dots)]
        marks += [Picture(np.zeros((2, 2, 3), np.uint8))] * self.filled
        return [Panel(marks, Axis("x", (0, self.largest)))]

    def table(self):
        return [{"x": self.at, "y": self.at**self.power}]


class PowerExplorer(Explorer):
    """Its slider has another scale for another power."""

    SLIDE = "x"
    ROWS = ("power", "dots", "filled"), ("x",), ("double", "fail", "tell")
    LARGEST: ClassVar = {1: 4.0, 2: 8.0, 3: 4.0}

    def __init__(self):
        self.drawn = []

    def controls(self, power=1, filled=False, **state):
        places = [self.LARGEST[power] * k / 4 for k in range(5)]
        return {
            "power": Choice("power", {1: "one", 2: "two", 3: "three"}),
            "dots": Number("dots", 0, 9),
            "filled": Toggle("filled"),
            "x": Slide("x", places, disabled=filled),
            "double": Button("double", lambda x, **state: {"x": 2 * x}),
            "fail": Button("fail", lambda **state: {"x": 1 / 0}),
            "tell": Button("tell", self._tell, "tells"),
        }

    def draw(self, power, dots, filled, x):
        self.drawn.append((power, x))
        if dots == 9:
            raise RuntimeError("too many <dots>")
        return Power(power, x, self.LARGEST[power], dots, filled)

    def follow(self, changed, /, **state):
        return {"dots": 0} if changed == "power" else {}

    def clicked(self, x, y, /, **state):
        return {"x": x}

    def _tell(self, **state):
        raise Notice("nothing <to> do")
