"""The benchmark's record: complete, resumable, and refused where it is of something else."""

import json
import math
from functools import partial

import pytest
import torch
from benchmark_nets import CONFIG, NETS, RADII, Small, digits, sure, timeless, written

from rolab import cli
from rolab.attacks import pgd
from rolab.errors import RecordError
from rolab.evaluation import AccuracyEstimate, masking_report, predict, transfer_matrix
from rolab.experiments.attack_grid import linf_in_pixel_box
from rolab.experiments.robustness_benchmark import BenchmarkConfig, benchmark
from rolab.experiments.robustness_results import RobustnessResults
from rolab.storage import read_json, write_json


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole record."""
    return written(tmp_path_factory.mktemp("whole") / "robustness.json")


def test_the_record_is_on_disk_and_complete(whole, tmp_path):
    again = written(tmp_path / "robustness.json")
    assert read_json(tmp_path / "robustness.json") == again
    assert timeless(again) == timeless(whole)
    kinds = ("pgd", "ensemble", "certified", "masking")
    assert list(whole["runs"]) == [f"{net}/{kind}" for net in NETS for kind in kinds] + ["transfer/0.1"]
    assert all(part["seconds"] >= 0 for part in whole["runs"].values())
    assert {"torch", "processor", "threads"} <= set(whole["environment"])


def test_its_parts_are_what_the_house_finds(whole):
    data = digits()
    for net, model in NETS.items():
        parts = {kind: whole["runs"][f"{net}/{kind}"] for kind in ("pgd", "ensemble", "certified")}
        clean = int((predict(model, data.images) == data.labels).sum())
        failed = [parts[kind]["first_failure_radius"] for kind in ("pgd", "ensemble")]
        assert parts["pgd"]["clean"] == clean == sum(fall != 0 for fall in failed[0])
        one_step, trial_, all_ = (
            [math.inf if fall is None else fall for fall in found]
            for found in (parts["pgd"]["first_failure_radius_one_step"], *failed)
        )
        for i, radius in enumerate(RADII):
            right = parts["pgd"]["correct"][i]
            assert right[0][0] == sum(fall > radius for fall in one_step)
            assert right[-1][-1] == sum(fall > radius for fall in trial_)
            assert parts["ensemble"]["correct"][i] == sum(fall > radius for fall in all_)
        assert all(a >= b >= c for a, b, c in zip(one_step, trial_, all_, strict=True))
        for fall, holds in zip(all_, parts["certified"]["certified_radius"], strict=False):
            assert holds < fall or holds == fall == 0
        assert parts["certified"]["examples"] == 25 and any(parts["certified"]["certified_radius"])
    matrix = transfer_matrix(NETS, data, linf_in_pixel_box(0.1), partial(pgd, steps=3))
    stored = whole["runs"]["transfer/0.1"]["accuracy"]
    assert {a: {b: AccuracyEstimate(**x) for b, x in row.items()} for a, row in stored.items()} == matrix
    for finding in whole["runs"]["baseline/masking"]["findings"]:
        assert set(finding) == {"question", "masked", "words", "numbers"}
    assert len(whole["runs"]["baseline/masking"]["findings"]) == len(
        masking_report(NETS["baseline"], data, linf_in_pixel_box, (0.1, 1.0), steps=1, queries=5)
    )


def test_the_ensemble_breaks_nothing_that_is_lost_already(tmp_path, monkeypatch):
    seen = []

    def watched(model, x, y, U, budget, generator):
        seen.append((len(x), budget))
        return torch.zeros_like(x)

    monkeypatch.setattr("rolab.experiments.robustness_benchmark.ensemble", watched)
    found = benchmark({"baseline": Small(0)}, digits(), tmp_path / "a.json", CONFIG, progress=False)["runs"]
    left = [rows[-1][-1] for rows in found["baseline/pgd"]["correct"]]
    assert seen == [(n, 40) for n in left if n] and found["baseline/ensemble"]["correct"] == left
    assert "baseline/certified" not in found


def test_certificates_go_from_the_largest_radius_to_the_smallest(tmp_path):
    asked, data = [], digits()

    def certified(model, given, U):
        grey = torch.full((1, 1, 2, 3), 0.5)
        asked.append((round(float(U(grey).maximizer(grey).amax()), 6), given.images))
        return sure(model, given, U)

    found = benchmark({"baseline": Small(0)}, data, tmp_path / "a.json", CONFIG, certified, progress=False)[
        "runs"
    ]
    falls_at = [math.inf if f is None else f for f in found["baseline/ensemble"]["first_failure_radius"][:25]]
    holds = found["baseline/certified"]["certified_radius"]
    assert [radius for radius, _ in asked] == [0.2, 0.1, 0.02]
    for radius, images in asked:
        expected = [i for i in range(25) if falls_at[i] > radius and holds[i] <= radius]
        assert torch.equal(images, data.images[expected])
    for i, radius in enumerate(CONFIG.proof_radii):
        assert found["baseline/certified"]["correct"][i] == sum(hold >= radius for hold in holds)
    assert len(set(holds)) > 2, "some digits hold further than others"


def test_an_interrupted_run_goes_on_to_the_same_numbers(whole, tmp_path, monkeypatch):
    """Stopped in each part in turn; what is finished is not computed again."""
    out, parts = tmp_path / "robustness.json", len(whole["runs"])
    calls = []

    def stops(path, found):
        write_json(path, found)
        calls.append(len(found["runs"]))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rolab.experiments.robustness_benchmark.write_json", stops)
        for _ in range(parts):
            with pytest.raises(KeyboardInterrupt):
                written(out)
    assert calls == list(range(1, parts + 1))
    monkeypatch.setattr("rolab.experiments.robustness_benchmark.write_json", None)
    assert timeless(written(out)) == timeless(whole)


def test_certificates_can_come_later(whole, tmp_path):
    out = tmp_path / "robustness.json"
    without = benchmark(NETS, digits(), out, CONFIG, progress=False)
    assert len(without["runs"]) == len(whole["runs"]) - len(NETS)
    assert timeless(written(out)) == timeless(whole)


def test_a_record_of_something_else_is_refused_and_left_alone(whole, tmp_path):
    out = tmp_path / "robustness.json"
    for text, said in (
        (json.dumps(whole | {"identity": whole["identity"] | {"seed": 1}}), "another benchmark"),
        (json.dumps(whole | {"identity": whole["identity"] | {"nets": ["baseline"]}}), "another benchmark"),
        ('{"rows": []}', "something else and no benchmark"),
        ("[]", "something else and no benchmark"),
        ('{"identity"', "damaged"),
    ):
        out.write_text(text)
        with pytest.raises(RecordError, match=said):
            written(out)
        assert out.read_text() == text


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda out: benchmark({}, digits(), out), "nets, data: expected at least one of each, got 0 and 40"),
        (
            lambda out: benchmark(NETS, digits()[:0], out),
            "nets, data: expected at least one of each, got 3 and 0",
        ),
        (lambda out: BenchmarkConfig(radii=(0.2, 0.1)), "radii: expected numbers ascending"),
        (lambda out: BenchmarkConfig(proof_radii=()), "proof_radii: expected numbers ascending"),
        (lambda out: BenchmarkConfig(steps=(0,)), "steps: expected numbers ascending"),
        (lambda out: RobustnessResults.run(NETS, digits(), radii=(0,)), "radii: expected numbers ascending"),
    ],
)
def test_a_wrong_plan_is_named(tmp_path, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(tmp_path / "robustness.json")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_record_and_shows_it(tmp_path, capsys, monkeypatch):
    small = BenchmarkConfig(
        radii=(0.1, 0.2), steps=(1, 2), restarts=1, budget=20, proof_examples=2, transfer_steps=1
    )
    monkeypatch.setattr("rolab.experiments.robustness_benchmark.BenchmarkConfig", lambda seed: small)
    monkeypatch.setattr("rolab.certify.certified", lambda model, data, U: data.labels >= 0, raising=False)
    out = tmp_path / "robustness.json"
    monkeypatch.setattr(
        "sys.argv", ["rolab", "evaluate", "--examples", "4", "--nets", "baseline", "--out", str(out)]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    found = json.loads(out.read_text())
    assert found["identity"]["examples"] == 4 and found["identity"]["nets"] == ["baseline"]
    assert found["runs"]["baseline/certified"]["examples"] == 2 and "transfer/0.2" in found["runs"]
    printed = capsys.readouterr().out
    assert "one step" in printed and "ensemble" in printed and str(out) in printed
