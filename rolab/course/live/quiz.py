"""A question of a quiz: some options, one of them right, and a reply to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from IPython.display import Markdown, display

from rolab.course.live.answers import OneOf
from rolab.course.live.prediction import Prediction


@dataclass(frozen=True)
class Question:
    """Shown at the end of a cell it asks, and holds the replies folded until it is answered.

    The text is Markdown; it and the options are in a notebook's folder, not in its cells, which all can read.
    """

    name: str  # in the report
    text: str
    right: str
    replies: Mapping[str, str]  # option → what is to be said to those who took it

    def __post_init__(self) -> None:
        if self.right not in self.replies:
            raise ValueError(f"right: expected one of {', '.join(self.replies)}, got {self.right!r}")

    def _ipython_display_(self) -> None:
        display(Markdown(f"**{self.name}.** {self.text}"))
        asked = Prediction(self.name, OneOf({option: option for option in self.replies}))
        display(asked)
        asked.reveal(
            self.right, "\n".join(f"- *{option}*: {reply}" for option, reply in self.replies.items())
        )
