"""What the explorers share: charts that change in place, errors that are seen, a cache."""

from __future__ import annotations

import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from typing import Any

import ipywidgets

from rolab.data import Dataset
from rolab.figures import CONFIG

WIDE = {"description_width": "70px"}


class Cache:
    """The last so many results, by what they were computed from."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self._found: OrderedDict[tuple, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: tuple, compute: Callable[[], Any]) -> Any:
        """The result of this key, computed if it is not there."""
        if key not in self._found:
            self._found[key] = compute()
            if len(self._found) > self.kept:
                self._found.popitem(last=False)
        self._found.move_to_end(key)
        return self._found[key]


def known(name: str, value: Any, names: Any) -> None:
    """Raise a `ValueError` unless the value is one of the names."""
    if value not in names:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(str, names))}")


def digit(data: Dataset, index: int) -> tuple[Any, int]:
    """The image (1, C, H, W) and the label of a digit."""
    if not 0 <= index < len(data):
        raise ValueError(f"index is {index}, expected 0 to {len(data) - 1}")
    return data.images[index : index + 1], int(data.labels[index])


def guarded(action: Callable[[], None], error: ipywidgets.HTML) -> Callable[..., None]:
    """Jupyter swallows what a callback raises: show it where the reader looks."""

    def run(*_: Any) -> None:
        error.value = ""
        try:
            action()
        except Exception as raised:
            trace = escape("".join(traceback.format_exception(raised)))
            error.value = (
                f'<div role="alert"><b>{type(raised).__name__}: {escape(str(raised))}</b>'
                f"<details><summary>details</summary><pre>{trace}</pre></details></div>"
            )

    return run


def status(said: str) -> str:
    """A sentence that screen readers read out when it changes."""
    return f'<div role="status" aria-live="polite">{escape(said)}</div>'


class Plotly:
    """A figure as plotly's FigureWidget: a slide changes the traces that move, and the title."""

    def __init__(self, figure: Any, still: Any = None) -> None:
        self.widget = complete(still or figure.still())

    def slide(self, figure: Any, moving: list[dict[str, Any]]) -> None:
        """Shows what moves."""
        with self.widget.batch_update():
            for place, new in zip(figure.MOVING, moving, strict=True):
                _put(self.widget.data[place], new)
            self.widget.layout.title.text = figure.title

    def choose(self, figure: Any) -> None:
        """Shows another figure of the same kind."""
        with self.widget.batch_update():
            for trace, new in zip(self.widget.data, figure.traces(), strict=False):
                trace.update(new)
            self.widget.layout.update(figure.page())


def _put(trace: Any, new: dict[str, Any]) -> None:
    for name, value in new.items():  # faster than `update`, which looks for nested names
        setattr(trace, name, value)


class Drawing:
    """A figure of which only the layout moves, in a widget of our own: one message, no trace drawn again.

    A FigureWidget draws all of its figure again, whatever has changed, and then reports to the kernel.
    """

    def __init__(self, figure: Any) -> None:
        import anywidget
        import traitlets
        from plotly.offline import get_plotlyjs

        class Drawn(anywidget.AnyWidget):
            _esm = _DRAW
            plotly = traitlets.Unicode(get_plotlyjs()).tag(sync=True)
            figure = traitlets.Dict().tag(sync=True)
            moving = traitlets.Dict().tag(sync=True)  # what has changed in it since, as `relayout` takes it
            config = traitlets.Dict(CONFIG).tag(sync=True)

        self.widget = Drawn(figure=figure.still().to_plotly_json(), moving=figure.moving(figure.k))

    def slide(self, figure: Any, moving: dict[str, Any]) -> None:
        """Shows what moves."""
        self.widget.moving = moving

    def choose(self, figure: Any) -> None:
        """Shows another figure."""
        with self.widget.hold_sync():
            self.widget.figure = figure.still().to_plotly_json()
            self.widget.moving = figure.moving(figure.k)


# Plotly.js is read when the figure is drawn: anywidget gives up on a widget whose module takes two seconds to
# read, and it never hears of the slider again.
_DRAW = """
async function render({model, el}) {
    const module = {exports: {}};
    new Function("module", "exports", model.get("plotly"))(module, module.exports);
    const Plotly = module.exports;
    const draw = () => {
        const {data, layout} = structuredClone(model.get("figure"));
        return Plotly.react(el, data, layout, model.get("config"));
    };
    const move = () => Plotly.relayout(el, model.get("moving"));
    model.on("change:figure", draw);
    model.on("change:moving", move);
    await draw();
    await move();  // what has moved before there was a view
    return () => Plotly.purge(el);
}
export default {render};
"""


class Pictures:
    """A figure as a PNG: core widgets only, for where FigureWidget does not work."""

    def __init__(self, figure: Any) -> None:
        self.widget = ipywidgets.Image(format="png", width=720)
        self.choose(figure)

    def slide(self, figure: Any, moving: Any) -> None:
        """Shows the figure."""
        self.choose(figure)

    def choose(self, figure: Any) -> None:
        """Shows the figure."""
        self.widget.value = figure.png_bytes()


def has_figure_widget() -> bool:
    """Plotly's widgets and ours need anywidget, and widgets of version 8, which Colab does not have."""
    if int(ipywidgets.__version__.split(".")[0]) < 8:
        return False
    return all(find_spec(package) for package in ("anywidget", "plotly"))


def complete(figure: Any) -> Any:
    """A FigureWidget that the browser hears of when its data are there.

    Plotly's own opens its line to the browser first and sends the data after. Where the kernel is slow, the
    browser has drawn an empty figure by then, and keeps it.
    """
    _without_grammar()
    from plotly.graph_objects import FigureWidget

    class Complete(FigureWidget):
        def __init__(self, figure: Any) -> None:
            self._complete = False
            super().__init__(figure)
            self._config, self._complete = CONFIG, True
            self.open()

        def open(self) -> None:
            if self._complete:
                super().open()

    return Complete(figure)


def _without_grammar() -> None:
    """Plotly imports nbformat and so a grammar of web addresses, which takes seconds to compile."""
    name = "rfc3987_syntax"  # jsonschema does without it where it is not installed
    if "nbformat" not in sys.modules and name not in sys.modules:
        sys.modules[name] = None  # type: ignore[assignment]
        try:
            import nbformat.validator  # noqa: F401
        except ImportError:
            pass
        finally:
            del sys.modules[name]


def prepare_colab() -> None:
    """Colab shows widgets from elsewhere only after this call."""
    if "google.colab" in sys.modules:
        from google.colab import output  # type: ignore[import-not-found]

        output.enable_custom_widget_manager()
