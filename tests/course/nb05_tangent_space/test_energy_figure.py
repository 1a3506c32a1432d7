"""The bars of the energy are the record's, and a guess stands where its basis does."""

import pytest

from rolab.course.nb05_tangent_space import (
    EnergyFigure,
    energy_figure,
    energy_found,
    energy_in_words,
    energy_kind,
)
from rolab.plotting import Bars, Points


def row(basis, mean, sd, **tangents):
    each = {name: {"mean": value, "sd": None, "values": [value]} for name, value in tangents.items()}
    share = {"mean": mean, "sd": None, "values": [mean]}
    return {"basis": basis, "title": basis.upper(), "share": share, "sd_over_digits": sd, "tangents": each}


ROWS = [row("one", 0.25, 0.1, shift=0.2, turn=0.3), row("two", 0.5, 0.2, shift=0.6, turn=0.4)]


def test_the_bars_the_dots_and_the_table_are_the_record():
    figure = EnergyFigure(ROWS, 15, {"two": 70.0})
    bars, dots = figure.panels()[0].marks[:2]
    assert isinstance(bars, Bars) and list(bars.y) == [25, 50]
    assert list(zip(dots.x, dots.y, strict=True)) == [(0, 20), (0, 30), (1, 60), (1, 40)]
    assert figure.table() == [
        {"basis": "ONE", "mean": 25, "sd over digits": 10, "shift": 20, "turn": 30, "your guess": None},
        {"basis": "TWO", "mean": 50, "sd over digits": 20, "shift": 60, "turn": 40, "your guess": 70},
    ]
    assert figure.title == "15 directions hold at best 50 %: TWO" and "ONE 25.0 %, TWO 50.0 %" in figure.alt


@pytest.mark.parametrize("guesses, where", [({}, []), ({"two": 70.0}, [(1, 70.0)]), ({"three": 1.0}, [])])
def test_a_guess_stands_at_its_basis_and_none_is_no_mark(guesses, where):
    figure = EnergyFigure(ROWS, 15, guesses)
    ring = figure.panels()[0].marks[-1]
    assert isinstance(ring, Points) and list(zip(ring.x, ring.y, strict=True)) == where
    assert (ring.label == "your guess") == bool(where)
    assert figure.png_bytes().startswith(b"\x89PNG")


def test_the_record_that_ships_can_be_drawn():
    from rolab.storage import load_result

    record = load_result("tangent_energy")
    assert EnergyFigure(record["rows"], record["directions"], {}).png_bytes()


def test_the_prediction_has_a_number_for_each_basis_and_the_figure_has_the_answer():
    record = {"rows": ROWS, "directions": 15}
    kind, truth = energy_kind(record), energy_found(record)
    assert truth == kind.read(truth) == {("one", "energy"): 25.0, ("two", "energy"): 50.0}
    answer = kind.read({("one", "energy"): "10 %", ("two", "energy"): 70})
    guessed = [row["your guess"] for row in energy_figure(record, answer).table()]
    assert guessed == [10.0, 70.0]
    assert [row["your guess"] for row in energy_figure(record, None).table()] == [None, None]
    with pytest.raises(ValueError, match="expected a number for TWO"):
        kind.read({("one", "energy"): 1})


def test_chance_and_what_one_basis_for_all_holds_most_of():
    rows = [row("random", 0.02, 0.1, turn=0.02), row("global-pca", 0.3, 0.1, shift=0.2, turn=0.4)]
    said = energy_in_words({"rows": rows, "directions": 15})
    assert "15 / 784 = 1.9 %; measured: 2.0 %" in said and "holds most of *turn*: 40 %" in said
