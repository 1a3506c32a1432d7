"""A line that is there while a cell works, and not after it, however it ends."""

import sys

import pytest

from rolab.course.nb03_perturbations.busy import busy


class Line:
    def __init__(self, shown, **_):
        self.shown = [shown.data]

    def update(self, data, **_):
        self.shown.append(data)


@pytest.mark.parametrize("fails", [False, True])
def test_the_line_is_gone_when_the_work_is_done(monkeypatch, fails):
    lines = []

    def display(shown, **_):
        lines.append(Line(shown))
        return lines[-1]

    monkeypatch.setattr(sys.modules["rolab.course.nb03_perturbations.busy"], "display", display)
    try:
        with busy("counting"):
            (line,) = lines
            assert "counting …" in line.shown[-1] and 'role="status"' in line.shown[-1]
            if fails:
                raise InterruptedError
    except InterruptedError:
        pass
    assert line.shown[-1] == {"text/plain": ""}
