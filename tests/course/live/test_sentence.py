"""A sentence under controls, as notebooks 01, 07 and 08 have it."""

import ipywidgets
import pytest

from rolab.course.live import sentence


def test_the_sentence_follows_the_controls():
    a, b = ipywidgets.IntSlider(1, max=9), ipywidgets.IntSlider(2, max=9)
    shown = sentence(lambda a, b: f"{a} < {b + 1}", a=a, b=b)
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
    _, line, error = sentence(lambda k: f"{12 / k:g} each", k=k).children
    k.value = 0
    assert 'role="alert"' in error.value and "ZeroDivisionError" in error.value
    k.value = 3
    assert error.value == "" and "4 each" in line.value
