"""Two nets side by side hold the numbers of each."""

import numpy as np
import pytest
from live_charts import lookup, page_of
from perturbation_sweeps import crowded

from rolab.course.nb03_perturbations.perturbation_sweep import ComparisonFigure
from rolab.data import CIFAR10_CLASSES
from rolab.plotting.figure import legend_rows


def test_two_nets_side_by_side_hold_the_numbers_of_each(explorer):
    live = explorer.live(plain=False, net="baseline", index=3, norm="l2")
    live.controls["beside"].value = "robust-l2"
    assert live.error.value == "" and live.children[-1] is live.chart.widget
    slider = explorer.figure(net="baseline", index=3, norm="l2", beside="robust-l2")
    figure = slider.figure
    standing = figure.plotly()
    numbers = explorer.table(net="baseline", index=3, norm="l2", beside="robust-l2")
    sweeps = [explorer.sweep(net=net, index=3, norm="l2") for net in ("baseline", "robust-l2")]
    steps = standing["layout"]["sliders"][0]["steps"]
    assert figure.sweeps == tuple(sweeps) and len(steps) == len(numbers) == 21
    for k, (step, row) in enumerate(zip(steps, numbers, strict=True)):
        live.controls["epsilon"].value = row["ε"]
        plot = page_of(live.chart)
        images = plot["layout"]["images"]
        assert all(lookup(plot, f"layout.{path}") == value for path, value in step["args"][0].items())
        assert step["args"][0]["title.text"] == plot["layout"]["title"]["text"] in live.summary.value
        assert images[4]["x"] == images[9]["x"] == row["ε"]
        for i, (w, label) in enumerate(zip(sweeps, ("baseline", "robust ℓ2"), strict=True)):
            assert [images[5 * i + j]["source"] for j in (0, 1)] == [
                picture.source for picture in w.pictures(k)
            ]
            curves = [trace["y"] for trace in plot["data"][12 * i : 10 + 12 * i]]
            assert np.array(curves) == pytest.approx(w.probability.T.numpy(), rel=1e-5)
            assert row[label] == w.answers[k]
            assert row[f"p({w.label}), {label}"] == pytest.approx(curves[w.label][k], rel=1e-5)
    assert figure.png_bytes().startswith(b"\x89PNG")
    live.controls["beside"].value = ""
    alone = explorer.live(plain=False, net="baseline", index=3, norm="l2", epsilon=row["ε"])
    assert page_of(live.chart) == page_of(alone.chart)


@pytest.mark.parametrize(
    "entries, rows", [(["0 (true)", *"123456789ε", "the flip"], 2), ([*CIFAR10_CLASSES, "ε", "the flip"], 3)]
)
def test_the_slider_of_two_nets_starts_below_their_legend(entries, rows):
    pair = ComparisonFigure((crowded("baseline", 1, False), crowded("robust-linf", 1, False)), 0)
    assert legend_rows(entries) <= legend_rows([f"{entry} (true)" for entry in entries])
    assert legend_rows(entries) == rows
    layout = pair.plotly()["layout"]
    shown = [line["name"] for line in pair.still()["data"] if line["showlegend"]]
    assert len(shown) == 12 and layout["sliders"][0]["pad"]["t"] >= 57 + 19 * (legend_rows(shown) - 1)
