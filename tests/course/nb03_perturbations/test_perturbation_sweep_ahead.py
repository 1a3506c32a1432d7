"""The explorer of sweeps shows no more than its reader has reached, and keeps its place."""

import pytest
from live_charts import page_of


def test_the_curves_end_where_the_reader_has_been(explorer):
    """What lies ahead is covered, the flip too, in the live figure, the picture's text and what is said."""
    state = {"net": "baseline", "index": 3, "norm": "l2"}
    sweep, live = explorer.sweep(**state), explorer.live(plain=False, **state)
    end, ahead = sweep.radii[-1], lambda: page_of(live.chart)["layout"]["images"][3]
    assert sweep.flip and (ahead()["x"], ahead()["sizex"]) == (0, end)
    for k in (sweep.flip - 1, sweep.flip, 1):
        live.controls["epsilon"].value = sweep.radii[k]
        reached = sweep.radii[max(k, sweep.flip) if k == 1 else k]
        assert ahead()["x"] == reached and ahead()["sizex"] == pytest.approx(end - reached)
        flip, seen = page_of(live.chart)["layout"]["images"][4], k != sweep.flip - 1
        assert flip["visible"] == seen and (not seen or flip["x"] == sweep.flip_radius)
        for text in (live.summary.value, live.chart.widget.alt):
            assert ("no flip so far" in text, sweep.flips() in text) == (not seen, seen)
    standing = explorer.figure(**state)
    assert standing.shown == 0 and "no flip so far" in standing.alt and sweep.flips() not in standing.alt
    live.controls["index"].value = 4
    assert ahead()["x"] == live.controls["epsilon"].value, "another digit, another curve"


def test_another_norm_keeps_the_place_of_its_slider(explorer):
    live = explorer.live(plain=False, norm="linf", epsilon=0.2)
    live.controls["norm"].value = "l1"
    assert live.state["epsilon"] == live.controls["epsilon"].value == 10.0
