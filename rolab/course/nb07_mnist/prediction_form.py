"""A form for predictions: the table of notebooks 07 and 08 as a reader fills it in; needs a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets

from rolab.course.live.charts import prepare_colab
from rolab.course.live.controls import show_errors
from rolab.course.nb07_mnist.significance import noun_of, rows_of
from rolab.experiments import NETS, PAPER, TITLES
from rolab.plotting.figure import Table

percentage = partial(ipywidgets.BoundedFloatText, min=0, max=100, step=0.1, layout={"width": "110px"})


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
        self.fields = {
            net: {column: percentage(value=near[column]) for column in self.columns} for net in NETS
        }
        self.fields["baseline"]["adversarial_accuracy"] = percentage(value=0, disabled=True)  # A is made so
        self.button, self.answer = ipywidgets.Button(description="compare"), ipywidgets.HTML()
        self.error = ipywidgets.HTML()
        grid = [ipywidgets.Label(text) for text in ("", *self.columns.values())]
        for net, fields in self.fields.items():
            grid += [ipywidgets.Label(TITLES[net]), *fields.values()]
        columns = {"grid_template_columns": "110px 130px 130px"}
        self.children = [ipywidgets.GridBox(grid, layout=columns), self.button, self.answer, self.error]
        self.button.on_click(show_errors(self._answer, self.error))

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
