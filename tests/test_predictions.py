"""What a reader predicts and moves in notebooks 07 and 08: the table, a sentence under controls, curves."""

import json
import re
from dataclasses import replace

import ipywidgets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolab.experiments import NETS, PAPER, TITLES, cifar10_experiment, table
from rolab.figures import WIDTH, Curves
from rolab.predictions import TablePrediction, live

COLUMNS = ("test_accuracy", "adversarial_accuracy")


def cifar10():
    """Results with one seed of some nets and with rows that the paper does not have."""
    plan = replace(cifar10_experiment("full"), radius_scales=(1.0,), epsilons=(0.0,))
    records = []
    for seed in plan.seeds:
        nets = {}
        for k, net in enumerate(plan.nets_of(seed)):
            mcnemar = {"only_a": 0, "only_b": 0, "p": 1.0}
            measured = {"test_accuracy": 90.0 + k + seed, "adversarial_accuracy": 10.0 * k, "seconds": 1.0}
            curves = {"radius_scaling": [1.0], "accuracy_vs_epsilon": [1.0], "epochs": [1.0]}
            nets[net] = measured | curves | {"mcnemar": mcnemar}
        records.append({"size": 1712, "radii": {norm: 1.0 for norm in plan.radii}, "nets": nets})
    return table(plan, records, {}, 1.0)


@pytest.fixture(params=["mnist", "cifar10"])
def result(request):
    return storage.load_result("mnist") if request.param == "mnist" else cifar10()


def cells(html):
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


# The table


def test_compare_shows_the_readers_numbers_beside_ours_and_the_papers(result):
    shown = TablePrediction(result).live()
    for k, net in enumerate(NETS):
        for j, column in enumerate(COLUMNS):
            shown.fields[net][column].value = 10 * k + j + 0.5
    assert shown.answer.value == "", "nothing is revealed before"
    shown.button.click()
    head, *rows = cells(shown.answer.value)
    assert shown.error.value == "" and head == ["network", "on", "you", "we", "the paper"]
    noun = {"mnist": "digits", "cifar10": "images"}[result["experiment"]]
    ours, paper = {row["net"]: row for row in result["rows"]}, PAPER[result["experiment"]]
    assert rows == [
        [
            TITLES[net],
            {"test_accuracy": f"test {noun}, %", "adversarial_accuracy": "A, %"}[column],
            f"{10 * k + j + 0.5:.4g}",
            f"{ours[net][column]['mean']:.4g}",
            f"{paper[net][column]:.4g}",
        ]
        for k, net in enumerate(NETS)
        for j, column in enumerate(COLUMNS)
    ]


def test_compare_again_shows_the_new_numbers(result):
    shown = TablePrediction(result).live()
    shown.button.click()
    before = cells(shown.answer.value)
    shown.fields["robust-l2"]["adversarial_accuracy"].value = 12.3
    assert cells(shown.answer.value) == before, "only the button compares"
    shown.button.click()
    changed = [(a, b) for a, b in zip(before, cells(shown.answer.value), strict=True) if a != b]
    (((*_, was, _, _), (network, _, you, _, _)),) = changed
    assert (network, was, you) == ("robust ℓ2", "50", "12.3")


def test_what_is_known_beforehand_cannot_be_predicted(result):
    """The baseline is right on nothing of A, by construction: seven numbers are left."""
    fields = TablePrediction(result).live().fields
    known = fields["baseline"]["adversarial_accuracy"]
    assert known.disabled and known.value == 0
    assert sum(not field.disabled for columns in fields.values() for field in columns.values()) == 7


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e9, 1e9), min_size=7, max_size=7))
def test_no_number_is_so_wrong_that_it_raises(numbers):
    shown = TablePrediction(cifar10()).live()
    free = [field for columns in shown.fields.values() for field in columns.values() if not field.disabled]
    for field, number in zip(free, numbers, strict=True):
        field.value = number
        assert field.value == min(max(number, 0), 100), "a percentage"
    shown.button.click()
    assert shown.error.value == "" and len(cells(shown.answer.value)) == 1 + 8


def test_an_error_is_shown_where_the_reader_looks(result):
    shown = TablePrediction(result).live()
    whole, shown.prediction.result = shown.prediction.result, {"experiment": "mnist", "rows": []}
    shown.button.click()
    assert 'role="alert"' in shown.error.value and "KeyError" in shown.error.value
    shown.prediction.result = whole
    shown.button.click()
    assert shown.error.value == "" and shown.answer.value


def test_it_can_be_shown(result):
    """Jupyter asks for its text, which goes through methods that a name of ours might hide."""
    assert repr(TablePrediction(result).live()).startswith("LivePrediction(children=(GridBox(")


# A sentence under controls


def test_the_sentence_follows_the_controls():
    a, b = ipywidgets.IntSlider(1, max=9), ipywidgets.IntSlider(2, max=9)
    shown = live(lambda a, b: f"{a} < {b + 1}", a=a, b=b)
    assert shown.children[:2] == (a, b)
    line, error = shown.children[2:]
    assert "1 &lt; 3" in line.value and 'role="status"' in line.value and error.value == ""
    a.value = 2
    assert "2 &lt; 3" in line.value
    b.value = 5
    assert "2 &lt; 6" in line.value


@pytest.mark.parametrize("start", [0, 4], ids=["at once", "later"])
def test_the_error_of_a_sentence_is_shown(start):
    k = ipywidgets.IntSlider(start, max=9)
    _, line, error = live(lambda k: f"{12 / k:g} each", k=k).children
    k.value = 0
    assert 'role="alert"' in error.value and "ZeroDivisionError" in error.value
    k.value = 3
    assert error.value == "" and "4 each" in line.value


# Curves that are read off


CURVES = Curves(
    "The message",
    [0.0, 0.1, 0.2, 0.3, 0.4],
    {"baseline": [99.0, 80.04, 50.0, 20.0, 1.0], "something": [98.0, 90.0, 81.26, 72.0, 63.0]},
    "ε",
    "accuracy in %",
    alt="Two curves that fall.",
)


def test_the_slider_reads_the_curves_off():
    drawn = json.loads(CURVES.sliding("ε").plotly().to_json())
    (slider,), (line,) = drawn["layout"]["sliders"], drawn["layout"]["shapes"]
    assert slider["currentvalue"]["prefix"] == "ε = "
    assert [step["label"] for step in slider["steps"]] == ["0", "0.1", "0.2", "0.3", "0.4"]
    moved = [step["args"][0] for step in slider["steps"]]
    assert [m["shapes[0].x0"] for m in moved] == [m["shapes[0].x1"] for m in moved] == CURVES.x
    assert moved[2]["title.text"] == "ε = 0.2: baseline 50.0, something 81.3 %"
    assert all(step["method"] == "relayout" for step in slider["steps"]), "needs no kernel and no frames"
    k = slider["active"]
    assert 0 < k < 4 and line["x0"] == line["x1"] == CURVES.x[k]
    assert drawn["layout"]["title"]["text"] == moved[k]["title.text"]


def test_the_curves_are_the_same_with_and_without_the_slider():
    sliding = CURVES.sliding("ε")
    assert sliding.plotly().data == CURVES.plotly().data
    assert sliding.table() == CURVES.table() and sliding.png_bytes() == CURVES.png_bytes()
    assert (sliding.title, sliding.alt) == (CURVES.title, CURVES.alt)


def test_a_notebook_holds_the_picture_with_its_text_and_the_slider():
    data, metadata = CURVES.sliding("ε")._repr_mimebundle_()
    assert data["application/vnd.plotly.v1+json"]["layout"]["sliders"]
    assert data["text/plain"] == metadata["image/png"]["alt"] == CURVES.alt
    assert metadata["image/png"]["width"] == WIDTH
    assert "application/vnd.plotly.v1+json" not in CURVES._repr_mimebundle_()[0]
