"""What notebooks 07 and 08 ask a reader to predict and to try; both need a kernel.

TablePrediction(result).live()       # fields, and a button that compares
live(attack, epsilon=FloatSlider())  # controls, and a sentence that follows them
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from rolab.course.nb07_mnist.significance import noun_of, rows_of
from rolab.experiments import NETS, PAPER, TITLES
from rolab.figures import Table
from rolab.widgets.shared import guarded, prepare_colab, status


class TablePrediction:
    """The paper's table as a reader predicts it: two accuracies of each of its four nets.

    Args:
        result: the table of an experiment, as `experiments.table` makes it
    """

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.result = result
        self.columns = {"test_accuracy": f"test {noun_of(result)}, %", "adversarial_accuracy": "A, %"}

    def table(self, guesses: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
        """A row for each number: the reader's, ours and the paper's.

        Args:
            guesses: net → column → the reader's number, in percent
        """
        paper = PAPER[self.result["experiment"]]
        return [
            {
                "network": TITLES[row["net"]],
                "on": name,
                "you": guesses[row["net"]][column],
                "we": row[column]["mean"],
                "the paper": paper[row["net"]][column],
            }
            for row in rows_of(self.result, NETS)
            for column, name in self.columns.items()
        ]

    def live(self) -> LivePrediction:
        """The fields and the button."""
        prepare_colab()
        return LivePrediction(self)


class LivePrediction(ipywidgets.VBox):
    """A field for each number, and a button that shows all of them beside ours; errors are shown below."""

    def __init__(self, prediction: TablePrediction) -> None:
        super().__init__()
        self.prediction = prediction
        near = round(PAPER[prediction.result["experiment"]]["baseline"]["test_accuracy"])
        self.fields = {
            net: {"test_accuracy": percentage(near), "adversarial_accuracy": percentage(50)} for net in NETS
        }
        self.fields["baseline"]["adversarial_accuracy"] = percentage(0, disabled=True)  # A is made so
        self.button, self.answer = ipywidgets.Button(description="compare"), ipywidgets.HTML()
        self.error = ipywidgets.HTML()
        grid = [ipywidgets.Label(text) for text in ("", *prediction.columns.values())]
        for net, fields in self.fields.items():
            grid += [ipywidgets.Label(TITLES[net]), *fields.values()]
        columns = {"grid_template_columns": "110px 130px 130px"}
        self.children = [ipywidgets.GridBox(grid, layout=columns), self.button, self.answer, self.error]
        self.button.on_click(guarded(self._answer, self.error))

    def _answer(self) -> None:
        guesses = {
            net: {column: field.value for column, field in fields.items()}
            for net, fields in self.fields.items()
        }
        self.answer.value = Table(self.prediction.table(guesses))._repr_html_()


def percentage(value: float, **more: Any) -> ipywidgets.BoundedFloatText:
    """A field for a number from 0 to 100."""
    return ipywidgets.BoundedFloatText(
        value=value, min=0, max=100, step=0.1, layout={"width": "110px"}, **more
    )


def live(say: Callable[..., str], **controls: Any) -> ipywidgets.VBox:
    """Controls, and below them what `say` makes of their values; or its error: Jupyter would swallow it.

    Args:
        say: a function of the controls' values, by name, that returns a sentence
        controls: name → widget
    """
    prepare_colab()
    line, error = ipywidgets.HTML(), ipywidgets.HTML()

    def update() -> None:
        values = {name: control.value for name, control in controls.items()}
        line.value = status(say(**values))

    show = guarded(update, error)
    for control in controls.values():
        control.observe(show, "value")
    show()
    return ipywidgets.VBox([*controls.values(), line, error])
