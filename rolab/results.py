"""What full runs gave: the records that ship with the package, `results/*.json` of the repository."""

from pathlib import Path
from typing import Any

from rolab.records import read_json

_PLACES = (
    Path(__file__).parent / "_results",
    Path(__file__).parent.parent / "results",
)  # installed; a checkout


def load(name: str) -> dict[str, Any]:
    """The record of a full run, such as `load("mnist")`: the `table1.json` that it wrote.

    Raises:
        ValueError: there is no record of this name.
    """
    for place in _PLACES:
        if (place / f"{name}.json").is_file():
            return read_json(place / f"{name}.json")
    known = sorted({path.stem for place in _PLACES for path in place.glob("*.json")})
    raise ValueError(
        f"name is {name!r}, expected one of {', '.join(known) or 'none: no full run has been made'}"
    )
