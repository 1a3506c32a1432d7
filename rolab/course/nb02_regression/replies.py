"""What notebook 02 says once a prediction is made; in a cell of its own it could be read before."""

GROWS, SHRINKS, STAYS = "it grows", "it shrinks", "it hardly changes"

STEEPER = (
    "The regulariser shrinks w, always. The adversary of each example need not: where most examples are out "
    "of reach, it pays to be steeper, and only the few within reach pay for it."
)


def fate(first: float, last: float) -> str:
    """What became of a length, in a word."""
    return GROWS if last > 1.05 * first else SHRINKS if last < first / 1.05 else STAYS
