"""What a reader hands in: it holds what was answered, gives nothing away, and names what is missing."""

import numpy as np
import pytest

from rolab.course import check, checking, report
from rolab.course.live import OneOf, Prediction, Quantities, Quantity, prediction
from rolab.errors import RecordError
from rolab.sets import UncertaintySet
from rolab.storage import read_json


def half(answer):
    """A right answer."""
    return answer / 2


@pytest.fixture(autouse=True)
def kernel(monkeypatch):
    """One in which nothing was done yet."""
    monkeypatch.setattr(prediction, "ASKED", {})
    monkeypatch.setattr(prediction, "display", lambda *_, **__: None)
    monkeypatch.setattr(checking, "EXERCISES", {})
    monkeypatch.setattr(checking, "VERDICTS", {})


def exercise(title):
    @check.exercise(title)
    def halves(f):
        check.require(f(4) == 2, f"half of 4 is 2, yours is {f(4):g}")
        return "so it is"

    return halves


def test_it_holds_predictions_answers_and_verdicts():
    asked = Prediction("a share", Quantity("%"))
    asked.commit("40")
    asked.reveal(41.75)
    exercise("a half")(half)
    exercise("a half of nothing")(lambda x: x)
    done = check.report("Ada")
    assert done.missing == ()
    assert done.predictions == (
        {"question": "a share", "answer": "40 %", "result": "It is 41.75 %: 1.75 percentage points too low"},
    )
    first, second = done.exercises
    assert first["mark"] == "✓" and first["message"] == "so it is"
    assert first["answer"].startswith("def half(answer):") and first["answer"].endswith("return answer / 2")
    assert second["mark"] == "✗" and "half of 4 is 2, yours is 4" in second["message"]
    for shown in (done._repr_html_(), repr(done), done.markdown()):
        for part in (
            "a share",
            "40 %",
            "1.75 percentage points",
            "so it is",
            "yours is 4",
            "Nothing is missing",
        ):
            assert part in shown


def test_what_is_missing_is_named_and_nothing_is_given_away():
    open_, answered = Prediction("a share", Quantity("%")), Prediction("a net", OneOf({"a": "A", "b": "B"}))
    open_.reveal(41.75)
    answered.commit("b")
    exercise("unsolved")(...)
    exercise("never checked")
    done = check.report()
    assert done.missing == ("a prediction, a share", "an exercise, unsolved", "an exercise, never checked")
    for shown in (done._repr_html_(), repr(done), done.markdown()):
        assert "Missing: a prediction, a share; an exercise, unsolved" in shown
        assert "41.75" not in shown


def test_an_exercise_of_a_notebook_that_was_not_begun_is_not_missing():
    exercise("elsewhere")
    checking.EXERCISES["elsewhere"] = "another"
    exercise("a half")(half)
    assert check.report().missing == ()


def test_the_last_answer_counts():
    checker = exercise("a half")
    checker(lambda x: x)
    checker(half)
    (only,) = check.report().exercises
    assert only["mark"] == "✓"


def test_two_files_are_written_that_can_be_read_again(tmp_path):
    rows, columns = {"a": "net a"}, {"clean": "clean", "A": "on A"}
    table = Prediction("a table", Quantities(rows, columns, Quantity("%")))
    table.commit({("a", "clean"): "99", ("a", "A"): 1})
    exercise("an array")(np.arange(2))
    exercise("a half")(half)
    checking.EXERCISES["a half"] = "rolab.course.nb03_perturbations.exercises"
    done = check.report("Ada L. / 7")
    path = done.save(tmp_path / "new")
    assert path.name == "03-Ada-L----7.md"
    assert sorted(each.suffix for each in path.parent.iterdir()) == [".json", ".md"]
    assert "return answer / 2" in path.read_text() and "net a, clean: 99 %" in path.read_text()
    record = read_json(path.with_suffix(".json"))
    assert record["reader"] == "Ada L. / 7" and record["notebook"] == "03"
    assert record["exercises"] == list(done.exercises) and record["predictions"] == list(done.predictions)
    path.with_suffix(".json").write_text(path.with_suffix(".json").read_text().replace("✓", "✗"))
    with pytest.raises(RecordError):
        read_json(path.with_suffix(".json"))


def test_before_anything_was_done_it_says_so(tmp_path):
    assert "run the notebook first" in repr(check.report())
    assert check.report().save(tmp_path).name == "report.md"


def test_a_class_of_ones_own_is_handed_in_as_its_code():
    class Mine(UncertaintySet):
        def maximizer(self, g):
            return -g

        def project(self, d):
            return d.clamp(-1, 0)

    code = report._text(Mine())
    assert (
        code.startswith("def maximizer(self, g):\n    return -g\n\ndef project(self, d):")
        and "0x" not in code
    )
    assert report._text(half).startswith("def half(answer):") and report._text(0.5) == "0.5"


OF_THE_COURSE = {t: module for t, module in checking.EXERCISES.items() if module.startswith("rolab.")}


def test_every_exercise_of_the_course_is_of_a_notebook():
    assert len(OF_THE_COURSE) >= 27
    assert all(report.NOTEBOOK.search(module) for module in OF_THE_COURSE.values())
