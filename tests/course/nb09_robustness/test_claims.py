"""What a record says in words: counted here from the record itself."""

import pytest
from benchmark_nets import written

from rolab import storage
from rolab.course.nb09_robustness import claims
from rolab.experiments.robustness_results import RobustnessResults
from rolab.experiments.styles import style

RECORD = storage.load_result("robustness")
RESULTS = RobustnessResults.of(RECORD)


def test_the_one_that_loses_most():
    for radius in RESULTS.radii:
        one, many = (
            {net: RESULTS.percent(net, radius, *run) for net in claims.FOUR}
            for run in ((1, 0), RESULTS.hardest)
        )
        worst = claims.loses_most(RESULTS, radius)
        assert all(one[worst] - many[worst] >= one[net] - many[net] >= 0 for net in claims.FOUR)
        line = f"{style(worst).label} from {one[worst]:.0f} to {many[worst]:.0f}"
        assert f"- ε = {radius:g}: " in claims.more_steps(RESULTS) and line in claims.more_steps(RESULTS)


@pytest.mark.parametrize("radii, rows", [((0.1, 0.2), 8), ((0.2, 0.2), 4), ((0.3, 0.1), 8)])
def test_no_row_is_shown_twice(radii, rows):
    table = claims.accuracy_rows(RESULTS, claims.FOUR, radii, {"one": (1, 0), "many": (20, 5)})
    assert len(table) == rows and [row["ε"] for row in table] == sorted(row["ε"] for row in table)
    for row in table:
        (net,) = (net for net in claims.FOUR if style(net).label == row["network"])
        assert row["many"] == str(RESULTS.accuracy(net, row["ε"], 20, 5))


def test_the_fifth():
    left = {net: RESULTS.percent(net, 0.3, 1, 0) for net in (*claims.FOUR, "masked")}
    said = claims.after_one_step(RESULTS, 0.3)
    assert f"The fifth keeps {left.pop('masked'):.0f} %" in said
    assert f"keeps most, {max(left.values()):.0f} %" in said and f"least, {min(left.values()):.0f} %" in said
    said = claims.fifth_in_words(RESULTS)
    for net in ("masked", "robust-linf", "baseline"):
        assert f"{style(net).label.removeprefix('the ')} {RESULTS.after_all(net, 0.2).percent:.0f} %" in said
    assert said.endswith(f"all attacks leave {RESULTS.after_all('masked', 0.3).percent:.1f} %.")


def test_the_signs_of_masking():
    counted = {
        net: [f["masked"] for f in RECORD["runs"][f"{net}/masking"]["findings"]].count(True)
        for net in RESULTS.nets
    }
    assert claims.masking_signs(RECORD) == counted
    assert f"the fifth {counted['masked']}" in claims.signs_in_words(RECORD)


def test_proofs_are_counted():
    for net in claims.FOUR:
        holds = RECORD["runs"][f"{net}/certified"]["certified_radius"]
        for radius in claims.proof_radii(RECORD):
            assert claims.proved(RECORD, net, radius) == pytest.approx(
                100 * sum(hold >= radius for hold in holds) / len(holds)
            )
        half = claims.half_proved(RECORD, net)
        assert sum(hold >= half for hold in holds) >= len(holds) / 2
        assert all(
            claims.proved(RECORD, net, radius) < 50 for radius in claims.proof_radii(RECORD) if radius > half
        )
    assert [row["network"] for row in claims.proof_rows(RECORD, ("masked",))] == ["the fifth"]


def test_none_is_proved_to_hold(tmp_path):
    record = written(tmp_path / "robustness.json")
    record["runs"]["baseline/certified"]["correct"] = [0 for _ in claims.proof_radii(record)]
    assert claims.half_proved(record, "baseline") == 0


def test_transfer_has_the_own_attack_on_its_diagonal():
    for row in claims.transfer_rows(RECORD):
        (source,) = (net for net in RESULTS.nets if style(net).label in row.values())
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        assert len(numbers) == len(RESULTS.nets) and min(numbers, key=numbers.get) == style(source).label


def test_claim_by_claim():
    said = claims.claims(RECORD, storage.load_result("mnist"))
    assert said.count("\n|") == 8  # seven claims below the two lines of the head
    assert said.count("**survives**") >= 2 and "**does not survive**" in said
    for net in ("robust-linf", "baseline"):
        assert f"{RESULTS.after_all(net, 0.1).percent:.1f}" in said
