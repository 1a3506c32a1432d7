"""A prediction: a reader answers before the answer can be seen, and what follows is folded until then.

half = Prediction("ε at which half of the digits are misread", Quantity(factor=True))
half                               # at the end of a cell: a field and a button
half.reveal(0.12, figure, "So …")  # in a later cell: folded, in the file too, until the reader has answered
"""

from __future__ import annotations

from html import escape
from inspect import isfunction
from typing import Any

import ipywidgets
from IPython.display import HTML, Markdown, display
from markdown_it import MarkdownIt

from rolab.course.live.answers import Kind
from rolab.course.live.controls import aria_status, show_errors
from rolab.course.live.explorer import WIDGET, Explorer
from rolab.plotting.figure import Figure

ASKED: dict[str, Prediction] = {}  # question → the prediction of this kernel


class Prediction:
    """A question with a place for its answer, which is given once.

    Args:
        question: a short name, which stands beside the field and in the report
        kind: what an answer is: `Quantity`, `OneOf`, `Ranking`, `Quantities`
    """

    def __init__(self, question: str, kind: Kind) -> None:
        before = ASKED.get(question)
        self.question, self.kind = question, kind
        self.answer: Any = before.answer if before and before.kind == kind else None
        self._folds = list[Fold]()
        ASKED[question] = self

    def commit(self, answer: Any) -> None:
        """Takes the answer, and unfolds what waits for it. The first one counts."""
        if self.answer is None:
            self.answer = self.kind.read(answer)
            for fold in self._folds:
                fold.open()

    @property
    def truth(self) -> Any:
        """What came out, once a cell has revealed it."""
        return self._folds[0].truth if self._folds else None

    def reveal(self, truth: Any, *shown: Any) -> None:
        """Shows what came out, and figures, tables, explorers, texts (Markdown) that give it away.

        A function is called with the answer, or with None before there is one, and what it returns is shown.
        """
        self._folds.append(Fold(self, truth, shown))
        self._folds[-1].show()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        there = "A running notebook has a field here. Write your answer down before you unfold what follows."
        text = f"Your prediction: {self.question}\n{self.kind.hint()}"
        html = (
            f"<p><em>Your prediction</em> ({escape(self.kind.hint())}): {escape(self.question)}. {there}</p>"
        )
        view = {"version_major": 2, "version_minor": 0, "model_id": Field(self).model_id}
        return {WIDGET: view, "text/html": html, "text/plain": text}


class Field(ipywidgets.VBox):
    """Where a reader answers: the question, its fields, a button, and what was said."""

    def __init__(self, prediction: Prediction) -> None:
        super().__init__()
        self.add_class("rolab-prediction")
        self.prediction = prediction
        self.fields, self.given = prediction.kind.fields(prediction.question)
        self.button = ipywidgets.Button(description="that is my prediction", layout={"width": "180px"})
        self.said, self.error = ipywidgets.HTML(), ipywidgets.HTML()
        self.button.on_click(show_errors(self._commit, self.error))
        question = ipywidgets.Label(f"{prediction.question}:")
        self.children = [question, self.fields, self.button, self.said, self.error]
        self._lock()

    def _commit(self) -> None:
        self.prediction.commit(self.given())
        self._lock()

    def _lock(self) -> None:
        if (answer := self.prediction.answer) is not None:
            self.said.value = aria_status(f"You said {self.prediction.kind.shown(answer)}.")
            self.button.disabled = True


class Fold:
    """What a prediction reveals: closed HTML until it is answered, the things themselves from then on."""

    def __init__(self, prediction: Prediction, truth: Any, shown: tuple) -> None:
        self.prediction, self.shown = prediction, shown
        self.truth = prediction.kind.read(truth)
        self._outputs = list[Any]()

    def show(self) -> None:
        """Displays it, in an output for each thing."""
        if self.prediction.answer is not None:
            for thing in self._things():
                display(thing)
        else:
            empty = [{"text/plain": ""}] * len(self.shown)
            folded = {"text/html": self.closed(), "text/plain": f"Folded: {self.prediction.question}"}
            self._outputs = [display(data, raw=True, display_id=True) for data in (folded, *empty)]

    def open(self) -> None:
        """Puts the things where their places are."""
        for output, thing in zip(self._outputs, self._things(), strict=True):
            output.update(thing)

    def closed(self) -> str:
        """All of it as HTML that opens by hand, as in a file."""
        summary = f"Folded until you have predicted: {escape(self.prediction.question)}"
        inside = self.prediction.kind.truth(self.truth) + "".join(map(as_html, self._made()))
        return f'<details class="rolab-fold"><summary>{summary}</summary>{inside}</details>'

    def _things(self) -> list[Any]:
        verdict = HTML(self.prediction.kind.verdict(self.prediction.answer, self.truth))
        return [verdict, *(Markdown(thing) if isinstance(thing, str) else thing for thing in self._made())]

    def _made(self) -> list[Any]:
        return [thing(self.prediction.answer) if isfunction(thing) else thing for thing in self.shown]


def as_html(thing: Any) -> str:
    """What a notebook shows of a figure, an explorer, a table or a text (Markdown) without a kernel."""
    if isinstance(thing, Explorer):
        thing = thing.figure()
    if isinstance(thing, Figure):
        return thing.standing()
    if isinstance(thing, str):
        return MarkdownIt().enable("table").render(thing)
    return thing._repr_html_() if hasattr(thing, "_repr_html_") else f"<pre>{escape(repr(thing))}</pre>"
