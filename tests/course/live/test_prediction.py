"""Predictions: nothing is told before the answer, everything after it, and the first answer counts."""

import pytest
from small_explorer import PowerExplorer

from rolab.course.live import Prediction, Quantity, Question, prediction, quiz
from rolab.plotting import Curves, Table

CURVE = Curves("a title", [0.0, 1.0], {"a": [3, 2]}, "k", "y", alt="A line falls.")
SECRET = 41.75


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, and what it has become."""
    outputs = []

    class Handle:
        def __init__(self, thing):
            self.thing, self.updates = thing, []

        def update(self, thing):
            self.updates.append(thing)

    def display(thing, **_):
        outputs.append(Handle(thing))
        return outputs[-1]

    monkeypatch.setattr(prediction, "display", display)
    monkeypatch.setattr(prediction, "ASKED", {})
    return outputs


def folded(output):
    """What stands before the fold, and what is in it."""
    before, rest = output.thing["text/html"].split('<details class="rolab-fold"><summary>')
    summary, inside = rest.split("</summary>")
    assert inside.endswith("</details>") and not before
    return summary, inside


def test_all_is_folded_until_the_answer(shown):
    asked = Prediction("a share", Quantity("%"))
    asked.reveal(SECRET, CURVE, Table([{"k": 1}]), "so **it** is", PowerExplorer())
    first, *places = shown
    summary, inside = folded(first)
    assert "a share" in summary and str(SECRET) not in summary + first.thing["text/plain"]
    for part in (
        f"It is {SECRET} %",
        "A line falls.",
        "<td>1</td>",
        "<strong>it</strong>",
        "4 to the 2 is 16"[:5],
    ):
        assert part in inside
    assert [place.thing for place in places] == [{"text/plain": ""}] * 4
    asked.commit("40 %")
    assert "You said 40 %; it is 41.75 %: 1.75 percentage points too low." in first.updates[0].data
    assert places[0].updates == [CURVE] and places[2].updates[0].data == "so **it** is"
    assert isinstance(places[3].updates[0], PowerExplorer), "alive"


def test_a_function_makes_what_is_shown_of_the_answer(shown):
    asked = Prediction("a share", Quantity("%"))
    asked.reveal(SECRET, lambda answer: f"made of {answer}")
    assert "made of None" in folded(shown[0])[1]
    asked.commit(3)
    assert shown[1].updates[0].data == "made of 3.0"


def test_a_question_of_the_quiz_keeps_its_replies_folded(shown, monkeypatch):
    monkeypatch.setattr(quiz, "display", prediction.display)
    question = Question(
        "A colour", "Which is *warm*?", "red", {"red": "yes, it is", "blue": "no: it is cold"}
    )
    question._ipython_display_()
    text, asked, fold, place = (output.thing for output in shown)
    assert "Which is" in text.data and isinstance(asked, Prediction) and place == {"text/plain": ""}
    assert "yes, it is" in folded(shown[2])[1] and "cold" not in fold["text/plain"]
    asked.commit("blue")
    assert "You said “blue”; it is “red”" in shown[2].updates[0].data
    assert "*blue*: no: it is cold" in shown[3].updates[0].data
    with pytest.raises(ValueError, match="^right: expected one of red, blue, got 'green'"):
        Question("A colour", "?", "green", question.replies)


def test_answered_before_it_is_shown_it_is_shown_at_once_and_the_first_answer_counts(shown):
    asked = Prediction("a share", Quantity("%"))
    asked.commit(40)
    asked.commit(SECRET)
    asked.reveal(SECRET, CURVE)
    assert len(shown) == 2 and "You said 40 %" in shown[0].thing.data and shown[1].thing is CURVE
    again = Prediction("a share", Quantity("%"))
    assert again.answer == 40, "the cell is run again"
    assert Prediction("a share", Quantity("px")).answer is None, "another question"


def test_a_wrong_answer_leaves_it_folded_and_open(shown):
    asked = Prediction("a share", Quantity("%"))
    asked.reveal(SECRET)
    field = prediction.Field(asked)
    field.button.click()
    assert "expected a number in percent" in field.error.value and not shown[0].updates
    assert str(SECRET) not in field.error.value and not field.button.disabled
    field.fields.value = "12"
    field.button.click()
    assert field.button.disabled and "You said 12 %." in field.said.value and not field.error.value
    assert shown[0].updates and prediction.Field(asked).button.disabled


def test_the_truth_is_of_the_kind_that_is_asked_for(shown):
    with pytest.raises(ValueError, match="^answer: expected a number"):
        Prediction("a share", Quantity("%")).reveal("much")


def test_in_a_file_the_question_stands_and_no_widget_is_needed(shown):
    data = Prediction("a <share>", Quantity("%"))._repr_mimebundle_()
    assert "a &lt;share&gt;" in data["text/html"] and "in percent" in data["text/html"]
    assert data.keys() == {prediction.WIDGET, "text/html", "text/plain"}
