"""The explorer of single pixels: live widget, standing figure and table hold the same numbers."""

import pytest
from live_charts import page_of
from single_pixels import SmallNet, small_images
from standing_figures import shows, slides
from torch import nn

from rolab.course.nb03_perturbations.single_pixel_explorer import SinglePixelExplorer


@pytest.fixture
def explorer():
    return SinglePixelExplorer({"baseline": SmallNet(), "robust-l2": SmallNet(2)}, small_images())


def shown(page):
    """What is drawn and written: pictures, points and bars, the title."""
    traces = [(trace["x"], trace["y"]) for trace in page["data"]]
    return [image["source"] for image in page["layout"]["images"]], traces, page["layout"]["title"]["text"]


def traces_of(page):
    """Name → points and bars."""
    return {trace["name"]: trace for trace in page["data"] if trace["name"]}


def place_of(live):
    return live.controls["row"].value, live.controls["column"].value


@pytest.mark.parametrize("radius, boxed", [(3.0, False), (1.0, True)])
def test_live_and_standing_figure_and_table_agree(explorer, radius, boxed):
    state = {"net": "baseline", "index": 3, "radius": radius, "in_pixel_box": boxed}
    live, slider = explorer.live(plain=False, **state, revealed=True), explorer.figure(**state)
    numbers, steps = explorer.table(**state), slider.plotly()["layout"]["sliders"][0]["steps"]
    assert len(steps) == len(slider.figures) == len(numbers) >= 24
    for figure, step, row in zip(slider.figures, steps, numbers, strict=True):
        live.set(row=row["pixel"][0], column=row["pixel"][1])
        assert live.error.value == ""
        page, title = page_of(live.chart), step["args"][1]["title.text"]
        assert shown(page) == shown(figure.still())
        assert page["layout"]["title"]["text"] == title and title in live.summary.value
        drawn = traces_of(page)
        for key in ("x", "y"):  # what the step without a kernel moves is what the live figure shows
            for number, values in zip(step["args"][2], step["args"][0].get(key, ()), strict=False):
                assert page["data"][number][key] == values
        assert step["args"][1]["images[0].source"] == page["layout"]["images"][0]["source"]
        assert drawn["after"]["y"] == pytest.approx([row[str(c)] for c in range(4)], rel=1e-5)
        assert drawn["the pixel shown"]["x"] == pytest.approx([row["promised"]], rel=1e-5)
        assert drawn["the pixel shown"]["y"] == pytest.approx([row["change of the loss"]], rel=1e-5)
        assert f"says {row['answer']} " in title
        by_gradient, in_truth = row["place by the gradient"], row["place in truth"]
        said = f"number {in_truth} of 30 in truth, number {by_gradient} by the gradient"
        assert said in live.summary.value
        assert step["label"] == f"{by_gradient}, pixel {row['pixel']}, in truth {in_truth}"


def test_a_click_is_the_same_as_row_and_column(explorer):
    live, drawn = explorer.live(plain=False, index=2), []
    live.chart.show, show = lambda figure: (drawn.append(1), show(figure)), live.chart.show
    live.chart.widget._handle_custom_msg({"x": 2, "y": 3}, [])
    assert place_of(live) == (3, 2) and live.error.value == ""
    assert len(drawn) == 1, "a click draws once, though row and column both change"
    typed = explorer.live(plain=False, index=2)
    typed.controls["row"].value, typed.controls["column"].value = 3, 2
    assert shown(page_of(live.chart)) == shown(page_of(typed.chart))
    to_click = [t for t in page_of(live.chart)["data"] if t.get("marker", {}).get("opacity") == 0]
    assert len(to_click) == 3 and all((t["x"][17], t["y"][17]) == (2, 3) for t in to_click)


def test_the_truth_is_hidden_until_it_is_revealed(explorer):
    live = explorer.live(plain=False, index=1, radius=3.0, in_pixel_box=False)
    before, winners = page_of(live.chart), ("the ℓ1 step", "the best")
    assert not any(traces_of(before)[name]["x"] for name in winners) and "in truth" not in live.summary.value
    live.controls["revealed"].value = True
    after = page_of(live.chart)
    assert all(len(traces_of(after)[name]["x"]) == 1 for name in winners)
    assert after["layout"]["images"][2]["source"] != before["layout"]["images"][2]["source"]
    live.controls["best"].click()
    found = explorer.scan(net="baseline", index=1, radius=3.0, in_pixel_box=False)
    assert place_of(live) == found.place(found.truth)
    assert "number 1 of 30 in truth" in live.summary.value
    live.controls["step"].click()
    assert place_of(live) == found.place(found.step)
    assert "number 1 by the gradient" in live.summary.value


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(explorer):
    live = explorer.live(plain=False)
    start = {"net": "robust-l2", "index": 5, "radius": 2.0, "in_pixel_box": False}
    start |= {"row": 1, "column": 4, "revealed": True}
    for name, value in start.items():
        live.controls[name].value = value
    fresh = explorer.live(plain=False, **start)
    assert live.error.value == "" and page_of(live.chart) == page_of(fresh.chart)
    assert live.summary.value == fresh.summary.value


def test_a_move_computes_nothing_anew(explorer):
    live, model = explorer.live(plain=False), explorer.nets["baseline"]
    calls = model.calls
    for name, value in {"row": 0, "column": 0, "revealed": True}.items():
        live.controls[name].value = value
    assert model.calls == calls
    live.controls["index"].value = 1
    assert model.calls > calls
    calls = model.calls
    live.controls["index"].value = 0
    assert model.calls == calls, "a digit seen before is in the cache"


def test_errors_are_shown_where_the_reader_looks(explorer):
    live = explorer.live(plain=False)
    explorer.nets["broken"] = nn.Linear(3, 3)
    live.controls["net"].options = ["baseline", "broken"]
    live.controls["net"].value = "broken"
    assert 'role="alert"' in live.error.value and "RuntimeError" in live.error.value
    live.controls["net"].value = "baseline"
    assert live.error.value == ""


def test_the_plain_explorer_needs_core_widgets_only(explorer):
    live = explorer.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["column"].value = 0
    assert bytes(live.chart.widget.value) != before and live.error.value == ""


def test_the_standing_figure_is_revealed_and_opens_at_the_step(explorer):
    slider = explorer.figure(net="baseline", index=3)
    assert slider.figure.pixel == slider.figure.scan.step and slider.figure.revealed
    assert slides(slider._repr_mimebundle_())
    hidden = explorer.at(index=3, row=5, column=0).figure(revealed=False)
    assert hidden.figure.scan.place(hidden.figure.pixel) == (5, 0) and not hidden.figure.revealed
    data = explorer.at(index=3)._repr_mimebundle_()
    assert shows(data) == slider.alt
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda e: e.scan(net="other"), "net"),
        (lambda e: e.scan(index=12), "index"),
        (lambda e: e.scan(radius=-1.0), "radius"),
        (lambda e: e.figure(row=6), "row"),
        (lambda e: SinglePixelExplorer({}, e.data), "nets"),
    ],
)
def test_a_wrong_argument_is_named(explorer, call, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        call(explorer)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.nets["baseline"].load_state_dict(e.nets["robust-l2"].state_dict()),
        lambda e: next(e.nets["baseline"].parameters()).data.mul_(0.5),
        lambda e: e.data.images[2].mul_(0.5),
        lambda e: e.data.labels[2].add_(1).remainder_(4),
    ],
)
def test_the_net_is_shown_as_it_is_now(explorer, change):
    live = explorer.live(plain=False, index=2, revealed=True)
    before = shown(page_of(live.chart))
    change(explorer)
    fresh = SinglePixelExplorer(explorer.nets, explorer.data).live(plain=False, index=2, revealed=True)
    live.set()
    assert shown(page_of(live.chart)) == shown(page_of(fresh.chart)) != before
