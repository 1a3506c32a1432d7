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
from typing import Any

import ipywidgets

from rolab.plotting.figure import Figure
from rolab.plotting.slider import LISTS, changes, lookup, padded, path, structure
from rolab.plotting.style import CONFIG, WIDTH


def has_live_charts() -> bool:
    """Live charts need anywidget, plotly, and widgets of version 8, which Colab does not have."""
    if int(ipywidgets.__version__.split(".")[0]) < 8:
        return False
    return all(find_spec(package) for package in ("anywidget", "plotly"))


class PictureChart:
    """A figure as a PNG: core widgets only."""

    def __init__(self, figure: Figure) -> None:
        self.widget = ipywidgets.Image(format="png", width=WIDTH)
        self.show(figure)

    def show(self, figure: Figure) -> None:
        """Shows another state of the figure."""
        self.widget.value = figure.png_bytes()


class LiveChart:
    """A figure by plotly, which changes in place: what only moves the layout is drawn at once.

    Args:
        figure: the first state
        clicked: is called with x and y of a point that is clicked on
    """

    def __init__(self, figure: Figure, clicked: Callable[[float, float], Any] | None = None) -> None:
        self._rebase(figure.still())
        state = {"figure": self._base, "patch": {}, "alt": figure.alt}
        self.widget = _widget()(**state, plotly=f"IPY_MODEL_{_asset().model_id}")
        if clicked:
            self.widget.on_msg(lambda _, said, __: clicked(said["x"], said["y"]))

    def _rebase(self, page: dict[str, Any]) -> None:
        self._base, self._touched = page, dict[Any, None]()

    def show(self, figure: Figure) -> None:
        """Shows another state of the figure, or another figure."""
        page = figure.still()
        lists = {name: self._base["layout"][name] for name in LISTS}
        longer = any(len(page["layout"][name]) > len(found) for name, found in lists.items())
        with self.widget.hold_sync():  # one message
            self.widget.alt = figure.alt
            if longer or structure(page) != structure(self._base):
                self._rebase(page)
                self.widget.figure, self.widget.patch = page, {}
                return
            self._touched |= dict.fromkeys(changes(self._base, padded(page, lists)))
            self.widget.patch = {path(keys): lookup(page, keys) for keys in self._touched}


def chart(figure: Figure, plain: bool, clicked: Callable[[float, float], Any] | None = None) -> Any:
    """The figure as a chart: as pictures, or by plotly."""
    return PictureChart(figure) if plain else LiveChart(figure, clicked)


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
        _esm = _DRAW
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


_DRAW = r"""
async function library(model) {
    const id = model.get("plotly").slice("IPY_MODEL_".length);
    globalThis.rolabPlotly ??= (async () => {
        const asset = await model.widget_manager.get_model(id);
        const module = {exports: {}};
        new Function("module", "exports", asset.get("value"))(module, module.exports);
        return module.exports;
    })();
    try {
        return await globalThis.rolabPlotly;
    } catch (error) {
        globalThis.rolabPlotly = undefined;  // another chart may have more luck
        throw error;
    }
}

function put(object, path, value) {  // such as "images[1].source"
    const keys = path.match(/[^.[\]]+/g);
    const last = keys.pop();
    for (const key of keys) object = object[key] ??= {};
    if (value === null) delete object[last];
    else object[last] = value;
}

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

async function render({model, el}) {
    const plot = document.createElement("div");
    plot.setAttribute("role", "img");
    el.append(plot);
    let alive = true, base = null, patch = {}, data = [], layout = {}, busy = false, again = false;
    const Plotly = await library(model);

    const all = () => {  // arrays that have not changed stay the same objects: plotly leaves them alone
        const traces = data.map(trace => structured(trace));
        return Plotly.react(plot, traces, structuredClone(layout), model.get("config"));
    };
    const structured = trace => Object.fromEntries(Object.entries(trace).map(
        ([key, value]) => [key, value && typeof value === "object" && !Array.isArray(value)
            ? structuredClone(value) : value]));
    const step = async () => {
        const figure = model.get("figure"), wanted = model.get("patch");
        plot.setAttribute("aria-label", model.get("alt"));
        const fresh = figure !== base;
        if (fresh) {
            base = figure;
            patch = {};
            ({data, layout} = structuredClone({data: figure.data, layout: figure.layout}));
            layout.uirevision = "kept";
        }
        const moved = {};
        let traces = false;
        for (const [path, value] of Object.entries(wanted)) {
            if (path in patch && same(patch[path], value)) continue;
            const [, number, rest] = path.match(/^data\[(\d+)\]\.(.*)$/) ?? [];
            if (number !== undefined) {
                put(data[number], rest, value);
                traces = true;
            } else {
                const place = path.slice("layout.".length);
                put(layout, place, structuredClone(value));
                moved[place] = value;
            }
        }
        patch = wanted;
        if (fresh || traces) await all();
        else if (Object.keys(moved).length) await Plotly.relayout(plot, structuredClone(moved));
    };
    const sync = async () => {  // one after the other; what comes while one is drawn is drawn next
        again = true;
        if (busy) return;
        busy = true;
        while (again && alive) {
            again = false;
            try {
                await step();
            } catch (error) {
                base = null;  // the next is drawn whole
                console.error("rolab: a chart could not be drawn", error);
            }
        }
        busy = false;
    };
    model.on("change:figure", sync);
    model.on("change:patch", sync);
    model.on("change:alt", sync);
    await sync();
    plot.on("plotly_click", ({points}) => model.send({x: points[0].x, y: points[0].y}));
    return () => {
        alive = false;
        model.off("change:figure", sync);
        model.off("change:patch", sync);
        model.off("change:alt", sync);
        Plotly.purge(plot);
    };
}
export default {render};
"""
