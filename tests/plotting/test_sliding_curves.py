"""Curves that a slider reads off, in plotly and in a notebook."""

from rolab.plotting.curves import Curves
from rolab.plotting.style import WIDTH

CURVES = Curves(
    "The message",
    [0.0, 0.1, 0.2, 0.3, 0.4],
    {"baseline": [99.0, 80.04, 50.0, 20.0, 1.0], "something": [98.0, 90.0, 81.26, 72.0, 63.0]},
    "ε",
    "accuracy in %",
    alt="Two curves that fall.",
)


def test_the_slider_reads_the_curves_off():
    drawn = CURVES.sliding("ε").plotly()
    (slider,), (line,) = drawn["layout"]["sliders"], drawn["layout"]["images"]
    assert slider["currentvalue"]["prefix"] == "ε = "
    assert [step["label"] for step in slider["steps"]] == ["0", "0.1", "0.2", "0.3", "0.4"]
    moved = [step["args"][0] for step in slider["steps"]]
    assert [m["images[0].x"] for m in moved] == CURVES.x
    assert moved[2]["title.text"] == "ε = 0.2: baseline 50.0, something 81.3 %"
    assert all(step["method"] == "relayout" for step in slider["steps"]), "needs no kernel and no frames"
    k = slider["active"]
    assert 0 < k < 4 and line["x"] == CURVES.x[k]
    assert drawn["layout"]["title"]["text"] == moved[k]["title.text"]


def test_the_curves_are_the_same_with_and_without_the_slider():
    sliding = CURVES.sliding("ε")
    assert sliding.plotly()["data"] == CURVES.plotly()["data"]
    assert sliding.table() == CURVES.table() and sliding.png_bytes() == CURVES.png_bytes()
    assert (sliding.title, sliding.alt) == (CURVES.title, CURVES.alt)


def test_a_notebook_holds_the_picture_with_its_text_and_the_slider():
    data, metadata = CURVES.sliding("ε")._repr_mimebundle_()
    assert data["application/vnd.plotly.v1+json"]["layout"]["sliders"]
    assert data["text/plain"] == metadata["image/png"]["alt"] == CURVES.alt
    assert metadata["image/png"]["width"] == WIDTH
    assert "application/vnd.plotly.v1+json" not in CURVES._repr_mimebundle_()[0]
