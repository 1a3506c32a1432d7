"""What a cell shows beside figures and tables: a line while it works, and a text that is folded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from IPython.display import HTML, display

from rolab.course.live.prediction import as_html


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A line below the cell that says what is being done, and is gone when it is done."""
    line = display(HTML(f'<em role="status">{escape(doing)} …</em>'), display_id=True)
    try:
        yield
    finally:
        if line:  # there is none where no kernel runs
            line.update({"text/plain": ""}, raw=True)


def folded(summary: str, *shown: Any) -> HTML:
    """Figures, tables or texts (Markdown) that stand closed until a reader opens them."""
    inside = "".join(map(as_html, shown))
    return HTML(f"<details><summary>{escape(summary)}</summary>{inside}</details>")
