"""A chart in a notebook whose figure changes in place: by plotly, or as PNGs where widgets are old.

The browser has a base figure and a patch: all that has ever differed from it since. So a view that comes
late, or that has missed a message, is still right. Plotly.js is megabytes, and anywidget gives up on a widget
whose module takes two seconds to read; so it is the value of a core widget that all charts share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ipywidgets

from rolab.course.live.controls import has_new_widgets
from rolab.plotting.figure import Figure
from rolab.plotting.kernel_free_slider import LISTS, changes, lookup, padded, path, structure
from rolab.plotting.style import CONFIG, WIDTH


def has_live_charts() -> bool:
    """Live charts need anywidget, plotly, and widgets of version 8, which Colab does not have."""
    return has_new_widgets() and all(find_spec(package) for package in ("anywidget", "plotly"))


class PictureChart:
    """A figure as a PNG: core widgets only."""

    def __init__(self, figure: Figure) -> None:
        self.widget = ipywidgets.Image(format="png", width=WIDTH)
        self.show(figure)

    def show(self, figure: Figure) -> None:
        """Shows another state of the figure."""
        self.widget.value = figure.png_bytes()


class LiveChart:
    """A figure by plotly, which changes in place; `clicked` is called with x, y of a point clicked on."""

    def __init__(self, figure: Figure, clicked: Callable[[float, float], Any] | None = None) -> None:
        self._touched = dict[Any, None]()  # where a page has differed from the base
        self._traces, self._moved = (page := figure.still())["data"], False
        state = {"figure": page, "patch": {}, "alt": figure.alt}
        self.widget = _widget()(**state, plotly=f"IPY_MODEL_{_asset().model_id}")
        if clicked:
            self.widget.on_msg(lambda _, said, __: clicked(said["x"], said["y"]))

    def show(self, figure: Figure) -> None:
        """Shows another state of the figure, or another figure."""
        page, base = figure.still(), self.widget.figure
        lists = {name: base["layout"][name] for name in LISTS}
        longer = any(len(page["layout"][name]) > len(found) for name, found in lists.items())
        moved = page["data"] != self._traces
        begins = moved and not self._moved  # a patch would carry these traces on while they rest again
        self._traces, self._moved = page["data"], moved
        with self.widget.hold_sync():  # one message
            self.widget.alt = figure.alt
            if longer or begins or structure(page) != structure(base):
                self.widget.figure, self._touched = page, {}
            else:
                self._touched |= dict.fromkeys(changes(base, padded(page, lists)))
            self.widget.patch = {path(keys): lookup(page, keys) for keys in self._touched}


@cache
def _asset() -> ipywidgets.HTML:
    """Plotly.js as the value of a core widget, which is never shown: once for all charts of a kernel."""
    from plotly.offline import get_plotlyjs

    return ipywidgets.HTML(get_plotlyjs())


@cache
def _widget() -> type:
    import anywidget
    import traitlets

    class Chart(anywidget.AnyWidget):
        _esm = Path(__file__).with_name("chart.js").read_text(encoding="utf-8")
        plotly = traitlets.Unicode().tag(sync=True)  # which widget has plotly.js
        figure = traitlets.Dict().tag(sync=True)
        patch = traitlets.Dict().tag(sync=True)  # path → value
        alt = traitlets.Unicode().tag(sync=True)
        config = traitlets.Dict(CONFIG).tag(sync=True)

    return Chart


def prepare_colab() -> None:
    """Colab shows widgets from elsewhere only after this call."""
    if "google.colab" in sys.modules:
        from google.colab import output  # type: ignore[import-not-found]

        output.enable_custom_widget_manager()
