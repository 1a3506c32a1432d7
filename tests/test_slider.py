"""The benchmark of the slider: it measures the explorer, and replaces its own keys. How fast is no test."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from rolab.storage import write_json

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("slider", ROOT / "benchmarks" / "slider.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_95th_percentile(benchmark):
    found = benchmark.summary([float(i) for i in range(1, 201)])
    assert found["events"] == 200 and found["median_ms"] == 100.5
    assert 190 <= found["p95_ms"] <= 191


def test_a_run_replaces_its_own_keys_and_no_other(benchmark, tmp_path, monkeypatch, capsys):
    out = tmp_path / "benchmarks.json"
    write_json(out, {"another": 1, "slider_kernel": "old"})
    monkeypatch.setattr(benchmark, "in_kernel", lambda events: [1.0] * events)
    monkeypatch.setattr(benchmark, "in_browser", lambda events: [2.0] * events)
    monkeypatch.setattr(sys, "argv", ["slider.py", "--events", "30", "--out", str(out)])
    assert benchmark.main() == 0
    record = json.loads(out.read_text())
    assert record["another"] == 1
    assert [record[key]["p95_ms"] for key in ("slider_kernel", "slider_browser")] == [1.0, 2.0]
    assert "95th percentile 2.0 ms" in capsys.readouterr().out


@pytest.mark.slow
def test_every_event_in_the_kernel_is_timed(benchmark):
    times = benchmark.in_kernel(5)
    assert len(times) == 5 and min(times) > 0
