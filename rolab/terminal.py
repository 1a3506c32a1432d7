"""What a terminal gets: tables no broader than it is, and plain characters where it has no others."""

import shutil
import unicodedata
from collections.abc import Sequence

PLAIN = str.maketrans(
    {"±": "+/-", "ℓ": "l", "∞": "inf", "ε": "eps", "–": "-", "—": "-", "…": "...", "×": "x", "→": "->"}
    | {"θ": "theta", "Δ": "Delta", "Γ": "Gamma", "λ": "lambda", "≤": "<=", "≥": ">=", "‖": "||", "’": "'"}
)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table as broad as it is; in a narrower terminal a paragraph for each row. No number is cut."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    left = max(map(len, heads))
    if sum(widths) + 2 * (len(widths) - 1) <= columns():
        lines = [heads, ["-" * width for width in widths], *rows]
        printed = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    else:
        printed = ["\n".join(map("{:{}}  {}".format, heads, [left] * len(row), row)) + "\n" for row in rows]
    print("\n".join(printed))


def columns() -> int:
    """The width of the terminal; where the output is no terminal and COLUMNS is not set, there is no end."""
    return shutil.get_terminal_size((10_000, 24)).columns


def plain(error: UnicodeError) -> tuple[str, int]:
    """What is written instead of characters that the terminal's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return unicodedata.normalize("NFKD", text).encode("ascii", "backslashreplace").decode(), error.end
