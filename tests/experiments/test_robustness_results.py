"""The benchmark's results: computed anew or read back, they are the same numbers."""

import itertools
import json

import pytest
import torch
from benchmark_nets import CONFIG, NETS, RADII, STEPS, digits, written

from rolab.evaluation import AccuracyEstimate
from rolab.experiments import TITLES
from rolab.experiments.robustness_results import RobustnessResults
from rolab.sets import Ball, pixel_box


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole record."""
    return written(tmp_path_factory.mktemp("whole") / "robustness.json")


def test_run_and_record_are_one_computation(whole):
    read = RobustnessResults.of(json.loads(json.dumps(whole)))
    anew = RobustnessResults.run(NETS, digits(), radii=RADII, steps=STEPS, restarts=2, progress=False)
    assert (read.radii, read.steps, read.restarts, read.examples) == (RADII, STEPS, 2, 40)
    assert read.nets == anew.nets == ("baseline", "robust-linf", "masked"), "those with a title first"
    for net, i, j, k in itertools.product(NETS, range(4), range(3), range(3)):
        place = (net, RADII[i], STEPS[j], k)
        assert anew.accuracy(*place) == read.accuracy(*place)
        right = read.correct(*place)
        assert right == whole["runs"][f"{net}/pgd"]["correct"][i][j][k]
        assert read.accuracy(*place) == AccuracyEstimate.of(torch.arange(40) < right)
        assert read.percent(*place) == pytest.approx(100 * right / 40)
    assert (
        RobustnessResults.run(NETS, digits(), radii=RADII, steps=STEPS, restarts=2, seed=1, progress=False)
        != anew
    )


def test_another_maker_of_sets_is_another_trial():
    options = {"radii": RADII, "steps": STEPS, "restarts": 0, "progress": False}
    box = RobustnessResults.run(NETS, digits(), **options)
    free = RobustnessResults.run(NETS, digits(), lambda r: Ball("linf", r), **options)
    less = [free.correct(n, r, 1, 0) - box.correct(n, r, 1, 0) for n in NETS for r in RADII]
    assert min(less) < 0
    assert box == RobustnessResults.run(
        NETS, digits(), lambda r: lambda x: Ball("linf", r) & pixel_box(x), **options
    )


def test_the_table_has_each_bound_and_each_is_below_the_one_before(whole):
    rows = RobustnessResults.of(whole).table()
    assert [(row["net"], row["ε"]) for row in rows] == [
        (TITLES[net], radius) for net in ("baseline", "robust-linf", "masked") for radius in RADII
    ]
    columns = ("one step", "5 steps, 2 restarts", "ensemble")
    for row in rows:
        values = [float(row[name].split(" %")[0]) for name in columns]
        assert values == sorted(values, reverse=True)
        assert (row["proved"] is None) == (row["ε"] > CONFIG.proof_radii[-1])
        assert row["proved"] is None or row["proved"].endswith("of 25")


def test_after_all_attacks_no_more_stand_than_after_the_trial(whole):
    read = RobustnessResults.of(whole)
    for net, radius in itertools.product(NETS, RADII):
        left = read.after_all(net, radius)
        assert left.percent <= read.percent(net, radius, *read.hardest) and left.examples == read.examples
        assert left.percent == 2.5 * whole["runs"][f"{net}/ensemble"]["correct"][RADII.index(radius)]


def test_an_unfinished_record_shows_what_it_has(whole):
    parts = {name: part for name, part in whole["runs"].items() if name.startswith("baseline/pgd")}
    part = RobustnessResults.of(whole | {"runs": parts})
    assert part.nets == ("baseline",) and {row["ensemble"] for row in part.table()} == {None}
    with pytest.raises(ValueError, match="net: expected one with certificates in the record, got 'baseline'"):
        part.certified_radius("baseline")
    with pytest.raises(ValueError, match="net: expected one that the ensemble has attacked, got 'baseline'"):
        part.after_all("baseline", 0.1)


@pytest.mark.parametrize(
    "call, said",
    [
        (
            lambda s: s.correct("nobody", 0.1, 1, 0),
            "net: expected one of baseline, robust-linf, masked, got 'nob",
        ),
        (lambda s: s.correct("masked", 0.3, 1, 0), "radius: expected one of 0, 0.05, 0.1, 0.2, 0.4, got 0.3"),
        (lambda s: s.correct("masked", 0.1, 4, 0), "steps: expected one of 1, 2, 5, got 4"),
        (lambda s: s.correct("masked", 0.1, 1, 3), "restarts: expected one of 0, 1, 2, got 3"),
        (
            lambda s: RobustnessResults.of({"rows": []}),
            "record: expected one of `rolab evaluate`, got one without 'identity'",
        ),
        (
            lambda s: RobustnessResults(RADII, STEPS, 2, 40, {}),
            "record: expected the finished attack grid of at least one net",
        ),
    ],
)
def test_a_wrong_question_is_named(whole, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(RobustnessResults.of(whole))
