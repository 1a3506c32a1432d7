"""Live figures in a notebook: an `Explorer` is controls and a function from their state to a figure."""

from rolab.course.live.controls import Button, Cache, Choice, Notice, Number, Slide, Toggle, sentence
from rolab.course.live.explorer import Explorer

__all__ = ["Button", "Cache", "Choice", "Explorer", "Notice", "Number", "Slide", "Toggle", "sentence"]
