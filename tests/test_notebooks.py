"""What holds of every notebook.

nbval runs each; its own numbers and sentences are tested in a file of its own.
"""

import ast
import re

import pytest
from shipped import FOLDER, Shipped

NOTEBOOKS = {path.stem: Shipped(path.stem) for path in sorted(FOLDER.glob("*.ipynb"))}


@pytest.fixture(params=NOTEBOOKS)
def notebook(request):
    return NOTEBOOKS[request.param]


def test_every_parameter_is_a_plain_value_and_used_and_never_changed(notebook):
    given = notebook.parameters().keys()
    assert given and given <= notebook.names(ast.Load)
    assert not given & notebook.names(ast.Store)


def test_every_picture_has_a_text_that_stands_in_for_it(notebook):
    texts = [text for o in notebook.pictures for text in re.findall(r'<img alt="(.*?)"', o.data["text/html"])]
    assert len(texts) >= 5 and notebook.sliding
    for text in texts:
        assert len(text) > 60


def test_no_widget_is_left_in_the_file_and_none_that_prints_is_used(notebook):
    """To print into one makes nbclient and papermill hang now and then: they answer on the shell channel."""
    assert "widgets" not in notebook.notebook.metadata
    assert not re.search(r"\binteract\w*\(|\bOutput\(", notebook.source)


def test_every_exercise_has_a_hint_and_a_solution_and_is_unsolved(notebook):
    assert len(notebook.solutions) == 3 == notebook.text.count("<summary>Hint</summary>")
    assert len(notebook.reports) >= 3
    for report in notebook.reports:
        assert "not yet" in report


def test_the_neighbours_are_there(notebook):
    links = re.findall(r"\]\((\d\d_\w+\.ipynb)\)", notebook.text)
    assert links
    for link in links:
        assert (FOLDER / link).is_file(), link


def test_ideas_are_predicted_and_explained(notebook):
    for word in ("Predict", "Explain"):
        assert f"**{word}" in notebook.text
