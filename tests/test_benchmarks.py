"""The benchmarks: that they run and what they record. What they measure is no test."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from rolab.storage import write_json

ROOT = Path(__file__).parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def benchmark():
    return load("robust_step")


def test_the_contenders_compute_the_same(benchmark):
    """The plain network is the library's, and the attack by hand its first-order step."""
    import torch

    from rolab import Ball, ConvNet, first_order
    from rolab.data import mnist

    batch = mnist("test")[:20]
    net, plain = ConvNet(), benchmark.PlainNet()
    plain.load_state_dict(dict(zip(plain.state_dict(), net.state_dict().values(), strict=True)))
    torch.testing.assert_close(plain(batch.images), net(batch.images))
    ours = batch.images + first_order(net, batch.images, batch.labels, Ball("linf", benchmark.RADIUS))
    theirs = benchmark.by_hand(plain)(batch.images, batch.labels)
    assert (ours - theirs).abs().gt(
        1e-6
    ).double().mean() < 0.01  # signs of gradients that are 0 but for rounding


def test_a_run_replaces_its_own_key_and_no_other(benchmark, tmp_path, monkeypatch, capsys):
    out = tmp_path / "benchmarks.json"
    write_json(out, {"another": 1, "robust_step": "old"})
    monkeypatch.setattr(
        benchmark, "PEERS", {"nobody": ("nobody", lambda model: __import__("no_such_library"))}
    )
    monkeypatch.setattr(benchmark.run, "__defaults__", (benchmark.PEERS,))
    monkeypatch.setattr(sys, "argv", ["robust_step.py", "--repeats", "3", "--out", str(out)])
    assert benchmark.main() == 0
    assert "nobody is left out" in capsys.readouterr().out
    record = json.loads(out.read_text())
    assert record["another"] == 1
    for each in (record["robust_step"], record["robust_step"]["one_thread"]):
        assert each["ratio"] == pytest.approx(each["robust_ms"] / each["standard_ms"], rel=1e-2)
        assert set(each["peers"]) == {"plain loop"}


def test_the_step_of_the_cifar10_net_has_a_key_of_its_own(benchmark, tmp_path, monkeypatch, capsys):
    out = tmp_path / "benchmarks.json"
    write_json(out, {"robust_step": "old"})
    monkeypatch.setattr(benchmark.cifar, "__defaults__", (4,))  # images in a batch
    kept = []
    monkeypatch.setattr(benchmark, "keep_memory", lambda: kept.append(True))  # or it holds for all tests
    arguments = ["--net", "cifar10", "--repeats", "3", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["robust_step.py", *arguments])
    assert benchmark.main() == 0
    record = json.loads(out.read_text())
    measured = record["cifar_robust_step"]
    assert record["robust_step"] == "old" and measured["batch_size"] == 4
    assert measured["ratio"] == pytest.approx(measured["robust_ms"] / measured["standard_ms"], rel=1e-2)
    assert f"ratio {measured['ratio']:.2f}" in capsys.readouterr().out
    assert kept and measured["one_thread"]["environment"]["threads"] == 1


def test_the_recorded_benchmark_has_all_peers():
    record = json.loads((ROOT / "results" / "benchmarks.json").read_text())["robust_step"]
    assert {"ratio", "standard_ms", "robust_ms", "plain_standard_ms", "environment"} <= set(record)
    assert set(record["peers"]) == {"plain loop", "torchattacks", "foolbox", "cleverhans", "art"}


# Robust linear programs


def test_the_contenders_for_the_robust_program_agree():
    pytest.importorskip("rsome", reason="pip install rsome ecos")
    module = load("robust_lp")
    data = module.instance(60, 12)
    (ours, _), (theirs, _) = (contender(data) for contender in module.CONTENDERS.values())
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_the_robust_program_is_recorded(tmp_path, monkeypatch, capsys):
    module = load("robust_lp")
    monkeypatch.setattr(module, "CONTENDERS", {"rolab": module.ours, "nobody": None})
    out = tmp_path / "benchmarks.json"
    write_json(out, {"another": 1})
    sizes = ["--variables", "60", "--rows", "12", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", ["robust_lp.py", *sizes, "--out", str(out)])
    assert module.main() == 0
    assert "nobody is left out" in capsys.readouterr().out
    record = json.loads(out.read_text())
    assert record["another"] == 1 and record["robust_lp"]["rolab"]["seconds"] > 0


def test_the_recorded_robust_program_was_solved_alike_by_both():
    record = json.loads((ROOT / "results" / "benchmarks.json").read_text())["robust_lp"]
    assert (record["variables"], record["rows"]) == (2000, 1000)
    assert record["rolab"]["objective"] == pytest.approx(record["rsome"]["objective"], rel=1e-6)
    for name in ("rolab", "rsome"):
        assert {"version", "seconds", "solver_seconds", "megabytes"} <= set(record[name])
