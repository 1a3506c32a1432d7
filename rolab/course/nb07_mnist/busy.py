"""A line that stands below a cell while it works, and is gone when it is done."""

from collections.abc import Iterator
from contextlib import contextmanager

from IPython.display import HTML, display


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """Says what is being done, such as "three attacks on 60 digits, half a minute"."""
    line = display(HTML(f'<em role="status">{doing} …</em>'), display_id=True)
    try:
        yield
    finally:
        line.update({"text/plain": ""}, raw=True)
