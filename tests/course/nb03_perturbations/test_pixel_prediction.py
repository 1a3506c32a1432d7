"""A pixel as a prediction: clicked on or typed, empty at first, and how far it is from the best."""

import pytest
from live_charts import page_of
from single_pixels import SmallNet, small_images

from rolab.course.live import Prediction, prediction
from rolab.course.nb03_perturbations.pixel_prediction import Pixel
from rolab.course.nb03_perturbations.single_pixel_scan import RING, moved, single_pixel_scan


@pytest.fixture
def scan():
    data = small_images()
    return single_pixel_scan(SmallNet(), data.images[3:4], int(data.labels[3]), 3.0, False, net="baseline")


def test_a_click_fills_the_fields_which_are_empty_at_first(scan):
    field = prediction.Field(Prediction("a pixel", Pixel(scan)))
    chart, numbers = field.fields.children
    row, column = numbers.children
    assert field.given() == ("", "")
    chart._handle_custom_msg({"x": 2, "y": 3}, [])
    assert field.given() == ("3", "2") and row.value == "3" and column.value == "2"


def test_the_ring_follows_what_is_clicked_or_typed(scan):
    widget, _ = Pixel(scan).fields("a pixel")
    chart, numbers = widget.children

    def rings():
        traces = page_of(Chart(chart))["data"]
        return [(trace["x"], trace["y"]) for trace in traces if trace["marker"].get("size") == RING["size"]]

    assert rings() == [([], [])] * 2
    numbers.children[0].value = "4"
    assert rings() == [([], [])] * 2, "a column is missing"
    numbers.children[1].value = "1"
    assert rings() == [([1], [4])] * 2
    numbers.children[1].value = "99"
    assert rings() == [([], [])] * 2


class Chart:
    """What `page_of` asks of a chart."""

    def __init__(self, widget):
        self.widget = widget


@pytest.mark.parametrize("wrong", [("", ""), (1,), (0, 99), (-1, 0), (0.5, 1), ("a", "b"), 3, None])
def test_what_is_no_pixel_is_said(scan, wrong):
    with pytest.raises(ValueError, match="^answer: expected a row from 0 to 5 and a column from 0 to 4, got"):
        Pixel(scan).read(wrong)


def test_nothing_is_said_of_the_truth_before_there_is_an_answer(scan):
    asked = Prediction("a pixel of mine", Pixel(scan))
    shown = str(asked._repr_mimebundle_()) + prediction.Field(asked).fields.children[0].alt
    assert str(scan.place(scan.truth)) not in shown and asked.kind.shown(scan.place(scan.truth)) not in shown


def test_how_far_off_is_said_in_places_and_loss(scan):
    kind, truth = Pixel(scan), scan.place(scan.truth)
    assert "as you said" in kind.verdict(truth, truth)
    other = scan.place(scan.best_rise.argsort()[3].item())
    said = kind.verdict(other, truth)
    assert "yours is number 27 of 30" in said and moved(float(scan.best_rise.sort().values[3])) in said
    assert said.count("<tr>") == 4 and kind.truth(truth).count("<tr>") == 3


@pytest.mark.parametrize(
    "change, words", [(0.25, "rises by 0.25"), (-0.002, "falls by 0.002"), (0.0, "stays")]
)
def test_a_fall_is_no_rise(change, words):
    assert moved(change).startswith(words)


def test_what_the_plane_promises_is_said_beside_what_comes_of_it(scan):
    promised, got = scan.point(scan.step, scan.step_way)
    assert moved(promised) in scan.promise() and f"in truth it {moved(got)}" in scan.promise()
