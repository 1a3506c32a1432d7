"""What holds of every notebook.

nbval runs each; its own numbers and sentences are tested in a file of its own.
"""

import ast
import html
import importlib
import re
from pathlib import Path

import pytest
from shipped import FOLDER, Shipped

from rolab.course.live import Question

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {path.stem: Shipped(path.stem) for path in sorted(FOLDER.glob("*.ipynb"))}
LESSONS = [name for name in NOTEBOOKS if not name.startswith(("00", "10"))]  # these begin and end the course


@pytest.fixture(params=NOTEBOOKS)
def notebook(request):
    return NOTEBOOKS[request.param]


@pytest.fixture(params=LESSONS)
def lesson(request):
    return NOTEBOOKS[request.param]


def test_every_parameter_is_a_plain_value_and_used_and_never_changed(notebook):
    given = notebook.parameters().keys()
    assert given and given <= notebook.names(ast.Load)
    assert not given & notebook.names(ast.Store)


def test_every_picture_has_a_text_that_stands_in_for_it(notebook):
    texts = [text for o in notebook.pictures for text in re.findall(r'<img alt="(.*?)"', o.data["text/html"])]
    assert all(len(text) > 60 for text in texts)


def test_a_lesson_has_pictures_and_sliders_without_a_kernel(lesson):
    assert sum(o.data["text/html"].count("<img alt=") for o in lesson.pictures) >= 5 and lesson.sliding


def test_no_widget_is_left_in_the_file_and_none_that_prints_is_used(notebook):
    """To print into one makes nbclient and papermill hang now and then: they answer on the shell channel."""
    assert "widgets" not in notebook.notebook.metadata
    assert not re.search(r"\binteract\w*\(|\bOutput\(", notebook.source)


def test_every_exercise_has_a_hint_and_a_solution_and_is_unsolved(lesson):
    assert len(lesson.solutions) == 3 == lesson.text.count("<summary>Hint</summary>")
    assert len(lesson.reports) >= 3
    for report in lesson.reports:
        assert "not yet" in report


def test_the_neighbours_are_there(notebook):
    links = re.findall(r"\]\((\d\d_\w+\.ipynb)\)", notebook.text)
    assert links
    for link in links:
        assert (FOLDER / link).is_file(), link


def test_ideas_are_predicted_and_explained(notebook):
    for word in ("Predict", "Explain"):
        assert f"**{word}" in notebook.text or f"<summary>{word}" in notebook.text


def test_no_answer_to_a_prediction_stands_outside_of_what_is_folded(notebook):
    """A number of three digits and more that a fold tells is in no cell, no output and no alt text before."""
    unfolded = html.unescape(re.sub(r"base64,[\w+/=]+", "", notebook.unfolded()))
    unfolded = re.sub(r'<script type="application/json">.*?</script>', "", unfolded, flags=re.DOTALL)
    for fold in notebook.folds:
        for answer in re.findall(r"(?:>|is )(\d+\.?\d*)", fold.truth):  # not those in the words of a row
            if len(answer.replace(".", "").lstrip("0")) >= 3:
                assert not re.search(rf"(?<![\d.]){re.escape(answer)}(?!\d)", unfolded), (
                    fold.question,
                    answer,
                )


def test_every_prediction_is_asked_before_it_is_revealed_and_each_predict_has_its_place(notebook):
    asked = [question for question, kind in notebook.predictions if kind == "asked"]
    revealed = [question for question, kind in notebook.predictions if kind == "revealed"]
    assert len(set(asked)) == len(asked) and set(asked) == set(revealed)
    for question in asked:
        places = [kind for name, kind in notebook.predictions if name == question]
        assert places[0] == "asked"
    cells = notebook.notebook.cells
    for cell, after in zip(cells, cells[1:], strict=False):
        if cell.cell_type == "markdown" and "**Predict" in cell.source:
            outputs = [o.get("data", {}).get("text/plain", "") for o in after.get("outputs", [])]
            assert any(text.startswith("Your prediction") for text in outputs), cell.source[:80]


def test_its_quiz_is_asked_and_its_replies_are_folded(notebook):
    (folder,) = (ROOT / "rolab" / "course").glob(f"nb{notebook.path.stem[:2]}_*")
    quiz = vars(importlib.import_module(f"rolab.course.{folder.name}.quiz"))
    questions = [*quiz.get("QUIZ", ()), *(each for each in quiz.values() if isinstance(each, Question))]
    unfolded = notebook.unfolded()
    assert len(questions) == 3
    for question in questions:
        assert question.name in unfolded and len(question.replies) >= 3
        for reply in question.replies.values():
            assert reply and reply not in unfolded
