"""A line that stands below a cell while it works, and is gone when it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

from IPython.display import HTML, display


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """Says what is being done, such as "120 digits in twelve ways"."""
    line = display(HTML(f'<em role="status">{escape(doing)} …</em>'), display_id=True)
    try:
        yield
    finally:
        if line:  # there is none where no kernel runs
            line.update({"text/plain": ""}, raw=True)
