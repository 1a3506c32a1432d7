"""Figures of one sweep, and what holds of those of two as well: words, gains, room for long names."""

import base64
import io
import json
import re

import numpy as np
import pytest
from perturbation_sweeps import SMALL, colourful, crowded
from PIL import Image
from standing_figures import shows

from rolab.course.nb03_perturbations.perturbation_sweep import ComparisonFigure, SweepFigure
from rolab.course.nb03_perturbations.sweep_explorer import PerturbationExplorer
from rolab.plotting.figure import Figure
from rolab.plotting.pixels import ORANGE, PURPLE


def test_the_standing_figure_needs_no_kernel(explorer):
    figure = explorer.figure(net="baseline", index=3, norm="l2", epsilon=2.0)
    assert isinstance(figure, Figure) and figure.figure.sweep.radii[figure.shown] == 2.0
    data = figure._repr_mimebundle_()
    assert shows(data) == figure.alt and figure.figure.flips() in figure.alt
    assert len(json.dumps(data)) < 250_000
    assert explorer.figure(net="baseline", index=3, norm="l2").shown == 0, "not at the answer"


def test_a_sweep_without_a_flip_can_be_drawn(explorer):
    sweep = explorer.sweep(net="baseline", index=0, norm="linf")
    assert sweep.flip
    short = PerturbationExplorer(
        explorer.nets, explorer.data, largest={"l1": 1, "l2": 1, "linf": 1e-4}, points=3
    )
    figure = short.figure(norm="linf").figure
    assert figure.sweep.flip is None and figure.png_bytes() and "no flip" in figure.alt
    images = SweepFigure(figure.sweep, 2).still()["layout"]["images"]
    assert not images[3]["visible"] and not images[4]["visible"], "nothing lies ahead, and there is no flip"


def texts(explorer, beside):
    """All that is said of an image, in the figure, its other rendering, its table and the live explorer."""
    figure = explorer.figure(net="baseline", index=4, norm="linf", beside=beside)
    live = explorer.live(plain=False, net="baseline", beside=beside, index=4, norm="linf")
    plot, page = figure.plotly(), figure.matplotlib()
    said = [figure.alt, figure.title, live.summary.value, *map(figure.figures[0].message, range(5))]
    said += [note["text"] for note in plot["layout"]["annotations"]]
    said += [trace.get("name", "") for trace in plot["data"]]
    said += [text.get_text() for text in (*page.texts, *page.legends[0].texts, *(a.title for a in page.axes))]
    return said + [f"{key}: {value}" for row in figure.table() for key, value in row.items()]


@pytest.mark.parametrize("beside", [None, "robust-linf"])
def test_classes_are_called_by_their_names_everywhere(colour, beside):
    plain = texts(colourful(colour), beside)
    named = texts(colourful(colour, classes=[f"kind{c}" for c in range(10)]), beside)
    assert [re.sub(r"kind(\d)", r"\1", text) for text in named] == plain, "and nothing else has changed"
    bare = r"(says|label|label is|answer:|p\() ?\d|^\d( \(true\))?(:|$)"
    assert [text for text in named if re.search(bare, text)] == []
    assert sum(bool(re.search(bare, text)) for text in plain) > 30, "which would be seen"


def decoded(source):
    """The pixels of a picture in plotly's figure, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))), dtype=float)


@pytest.mark.parametrize("beside", [None, "robust-linf"])
@pytest.mark.parametrize("gain", [10, 32, 50])
def test_the_gain_is_written_and_is_the_gain_of_the_picture(colour, gain, beside):
    """Channels that all step up by ε are orange by gain · ε, two up and one down by a third of it."""
    explorer = colourful(colour, gain=gain)
    figure = explorer.figure(net="baseline", index=2, norm="linf", epsilon=SMALL["linf"], beside=beside)
    plot = figure.plotly()["layout"]
    written = [note["text"] for note in plot["annotations"]]
    drawn = [axes.get_title() for axes in figure.matplotlib().axes]
    count = 2 if beside else 1
    assert written.count(f"Δ ×{gain}") == drawn.count(f"Δ ×{gain}") == count
    epsilon = figure.figure.places[-1]
    strong = min(1, gain * epsilon)
    tints = [(a, tint) for a in (strong, gain * epsilon / 3) for tint in (PURPLE, ORANGE)]
    expected = {tuple(np.rint(255 + a * (np.array(tint) - 255))) for a, tint in tints}
    for i in (0, 5) if beside else (1,):
        assert {tuple(c) for c in decoded(plot["images"][i]["source"]).reshape(-1, 3)} == expected


@pytest.mark.parametrize("label, wrong", [(0, False), (1, False), (1, True)])
def test_long_names_stay_on_the_page_and_apart(label, wrong):
    one = crowded("robust-linf", label, wrong)
    pair = ComparisonFigure((one, crowded("robust-l2", label, wrong)), 39)
    for figure in (SweepFigure(one, 39), pair):
        page = figure.matplotlib()
        page.draw_without_rendering()
        title, legend = page.texts[0].get_window_extent(), page.legends[0].get_window_extent()
        for box in (title, legend):
            assert 0 <= box.x0 < box.x1 <= page.bbox.x1 and box.y1 <= page.bbox.y1
        assert min(text.get_window_extent().y0 for text in page.legends[0].texts) >= 0
        curves = [axes for axes in page.axes if axes.lines]
        for axes in curves:
            assert len(axes.lines) == 12
            for text in (axes.xaxis.label, *axes.get_xticklabels()):
                entries = *page.legends[0].texts, *page.legends[0].legend_handles
                assert not text.get_window_extent().count_overlaps([e.get_window_extent() for e in entries])
        size = figure.plotly()["layout"]["title"]["font"]["size"]
        assert size * 0.52 * max(len(figure.message(k)) for k in range(41)) <= 0.96 * 720 and 13 < size


def test_titles_of_digits_have_their_old_size(explorer):
    assert (
        explorer.figure(net="robust-l2", index=3, norm="l1").plotly()["layout"]["title"]["font"]["size"] == 16
    )
    assert (
        explorer.figure(net="baseline", index=3, norm="linf", beside="robust-l2").plotly()["layout"]["title"][
            "font"
        ]["size"]
        == 16
    )
