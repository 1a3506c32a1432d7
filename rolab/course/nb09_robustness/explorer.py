"""The explorer of notebook 09: what more steps and restarts leave of each net. All is looked up.

explorer = RobustnessExplorer(RobustnessResults.of(storage.load_result("robustness")))
explorer                      # at the end of a cell: live sliders; without a kernel one over the steps
explorer.at(radius=0.3, masked=False)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rolab.course.live.controls import Control, Slide, Toggle
from rolab.course.live.explorer import Explorer
from rolab.course.nb09_robustness.figures import RobustnessFigure, robustness_figure
from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style


class RobustnessExplorer(Explorer):
    """The curves of all nets while the attacker is given more steps and restarts.

    Args:
        results: the numbers, computed or read from a record
        nets: which are drawn at first; all, if left out
    """

    SLIDE = "steps"

    def __init__(self, results: RobustnessResults, nets: Sequence[str] | None = None) -> None:
        self.results, self.nets = results, robustness_figure(results, nets=nets).mean
        self.ROWS = (("steps",), ("restarts",), ("radius",), results.nets)  # type: ignore[misc]

    def controls(self, **state: Any) -> dict[str, Control]:
        """The steps, the restarts, the ε of the title, and whether each net is drawn."""
        return {
            "steps": Slide("steps", self.results.steps),
            "restarts": Slide("restarts", range(1 + self.results.restarts)),
            "radius": Slide("ε", self.results.radii, 0.1),
            **{net: Toggle(style(net).label, net in self.nets) for net in self.results.nets},
        }

    def draw(self, **state: Any) -> RobustnessFigure:
        nets = [net for net in self.results.nets if state.pop(net)]
        return robustness_figure(self.results, **state, nets=nets)

    def follow(self, changed: str, /, **state: Any) -> Mapping[str, Any]:
        """The last box stays ticked: there is no figure of no net."""
        nets = self.results.nets
        return {changed: True} if changed in nets and not any(state[net] for net in nets) else {}

    def say(self, figure: RobustnessFigure, /, **state: Any) -> str:  # type: ignore[override]
        """The title, and which net stands best."""
        return f"{figure.title}. {figure.verdict}."
