"""What is alive in a notebook: explorers, which are controls and a figure of their state; predictions."""

from rolab.course.live.answers import OneOf, Quantities, Quantity, Ranking, Sorting
from rolab.course.live.cells import busy, folded
from rolab.course.live.controls import Button, Cache, Choice, Notice, Number, Slide, Toggle, sentence
from rolab.course.live.explorer import Explorer
from rolab.course.live.prediction import Prediction
from rolab.course.live.quiz import Question

__all__ = [
    "Button",
    "Cache",
    "Choice",
    "Explorer",
    "Notice",
    "Number",
    "OneOf",
    "Prediction",
    "Quantities",
    "Quantity",
    "Question",
    "Ranking",
    "Slide",
    "Sorting",
    "Toggle",
    "busy",
    "folded",
    "sentence",
]
