"""The check of an accelerator: that it runs, here on the CPU, and what it records."""

import json
import sys

import accelerator
import pytest
from accelerator_speed import row_of


@pytest.mark.slow
def test_the_quick_check_of_the_cpu(tmp_path, monkeypatch, capsys):
    out = tmp_path / "accelerator.json"
    arguments = ["--quick", "--device", "cpu", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["accelerator.py", *arguments])
    assert accelerator.main() == 0
    record, said = json.loads(out.read_text()), capsys.readouterr().out
    assert {"device", "torch", "cuda", "cudnn", "driver", "date", "commit", "seed"} <= set(
        record["environment"]
    )
    for name in accelerator.SECTIONS:
        assert "error" not in record[name] and f"{name}, " in said, name
    skipped = {name for name in accelerator.SECTIONS if "skipped" in record[name]}
    assert skipped == {"memory", "compiled", "graphs"}  # of CUDA only
    agreement = record["agreement"]
    assert (
        agreement["not"] == [] and agreement["agree"] == agreement["compared"] == len(agreement["rows"]) > 200
    )
    assert all(row["agrees"] for row in agreement["rows"])
    assert record["bounds"]["mnist/robust-linf"]["agrees"]
    assert len(record["step"]["rows"]) == 2
    for row in record["step"]["rows"]:
        assert row["ratio"] == pytest.approx(row["robust_ms"] / row["standard_ms"], rel=1e-4)
    assert [row["net"] for row in record["mnist_fast"]["rows"]][0] == "baseline"
    assert record["mnist_fast"]["figures"] == "drawn" and record["mnist_fast"]["warnings"] == []
    assert all(epoch["finite"] for key, epoch in record["cifar10_epoch"].items() if "," in key)
    assert record["core_alone"]["works"], record["core_alone"]["said"]


def test_a_section_that_fails_leaves_its_error_and_the_next_begins(tmp_path, monkeypatch):
    def fails(plan):
        raise RuntimeError("no luck")

    monkeypatch.setattr(accelerator, "SECTIONS", {"first": fails, "second": lambda plan: {"found": 1}})
    out = tmp_path / "accelerator.json"
    arguments = ["--only", "first,second", "--device", "cpu", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["accelerator.py", *arguments])
    assert accelerator.main() == 1
    record = json.loads(out.read_text())
    assert record["first"]["error"] == "RuntimeError: no luck" and record["second"]["found"] == 1
    monkeypatch.setattr(sys, "argv", ["accelerator.py", *arguments, "--minutes", "0"])
    assert accelerator.main() == 0
    assert json.loads(out.read_text())["second"]["skipped"] == "no time left"


def test_a_row_that_fails_leaves_its_text_and_the_others_stay():
    record = {"rows": []}
    for size in (1, 0, 2):
        with row_of(record, batch=size) as row:
            row["ms"] = 1 / size
    assert record["rows"] == [
        {"batch": 1, "ms": 1.0},
        {"batch": 0, "raised": "ZeroDivisionError: division by zero"},
        {"batch": 2, "ms": 0.5},
    ]
