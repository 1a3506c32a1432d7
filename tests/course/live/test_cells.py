"""A line while a cell works, and texts that are folded."""

import pytest

from rolab.course.live import busy, cells, folded
from rolab.plotting import Table


@pytest.mark.parametrize("fails", [False, True])
def test_the_line_is_gone_when_the_work_is_done_or_has_failed(monkeypatch, fails):
    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append((data, raw))

    monkeypatch.setattr(cells, "display", lambda thing, display_id: shown.append(thing.data) or Handle())
    try:
        with busy("5 < 6 steps"):
            assert shown == ['<em role="status">5 &lt; 6 steps …</em>']
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert shown[1:] == [({"text/plain": ""}, True)], "what scripts/notebooks.py takes out of a file"


def test_without_a_kernel_there_is_no_line(capsys):
    with busy("steps"):
        pass
    assert "HTML" in capsys.readouterr().out


def test_what_is_folded_is_closed_html():
    html = folded("a < b", "| x |\n|---|\n| *y* |", Table([{"k": 1.5}])).data
    assert html.startswith("<details><summary>a &lt; b</summary>") and html.endswith("</details>")
    assert "<td><em>y</em></td>" in html and "<td>1.5</td>" in html
