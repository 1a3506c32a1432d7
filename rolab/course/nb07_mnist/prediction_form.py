"""A form for predictions: what notebooks 07 and 08 ask a reader to predict and to try; both need a kernel.

TablePrediction(result)              # fields, and a button that compares
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


class TablePrediction(ipywidgets.VBox):
    """The paper's table as a reader predicts it: two accuracies of each of its four nets.

    A field for each number, and a button that shows all of them beside ours; errors are shown below.

    Args:
        result: the table of an experiment, as `experiments.table` makes it
    """

    def __init__(self, result: Mapping[str, Any]) -> None:
        super().__init__()
        prepare_colab()
        self.result, self.paper = result, PAPER[result["experiment"]]
        self.columns = {"test_accuracy": f"test {noun_of(result)}, %", "adversarial_accuracy": "A, %"}
        near = {"test_accuracy": round(self.paper["baseline"]["test_accuracy"]), "adversarial_accuracy": 50}
        self.fields = {net: {column: percentage(near[column]) for column in self.columns} for net in NETS}
        self.fields["baseline"]["adversarial_accuracy"] = percentage(0, disabled=True)  # A is made so
        self.button, self.answer = ipywidgets.Button(description="compare"), ipywidgets.HTML()
        self.error = ipywidgets.HTML()
        grid = [ipywidgets.Label(text) for text in ("", *self.columns.values())]
        for net, fields in self.fields.items():
            grid += [ipywidgets.Label(TITLES[net]), *fields.values()]
        columns = {"grid_template_columns": "110px 130px 130px"}
        self.children = [ipywidgets.GridBox(grid, layout=columns), self.button, self.answer, self.error]
        self.button.on_click(guarded(self._answer, self.error))

    def table(self) -> list[dict[str, Any]]:
        """A row for each number: the reader's, ours and the paper's."""
        return [
            {
                "network": TITLES[row["net"]],
                "on": name,
                "you": self.fields[row["net"]][column].value,
                "we": row[column]["mean"],
                "the paper": self.paper[row["net"]][column],
            }
            for row in rows_of(self.result, NETS)
            for column, name in self.columns.items()
        ]

    def _answer(self) -> None:
        self.answer.value = Table(self.table())._repr_html_()


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
