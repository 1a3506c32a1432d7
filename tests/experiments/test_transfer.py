"""The command behind results/transfer.json: on few digits, and what the shipped record says."""

from functools import partial

import pytest
import torch
import typer

from rolab import storage
from rolab.attacks import pgd
from rolab.data import mnist
from rolab.evaluation import accuracy, correct_under_attack
from rolab.experiments import transfer
from rolab.experiments.attack_grid import linf_in_pixel_box

NETS = [f"{name}-{part}" for part in ("first", "second") for name in transfer.ARCHITECTURES]


@pytest.fixture
def few(monkeypatch):
    """200 digits to learn from and 60 to read."""
    sizes = {"train": 200, "test": 60}
    monkeypatch.setattr(transfer, "mnist", lambda split: mnist(split)[: sizes[split]])
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_it_trains_attacks_and_writes(tmp_path, few):
    transfer.main(tmp_path, radius=0.2, steps=2, digits=10, epochs=1, seed=3)
    record = storage.read_json(tmp_path / "transfer.json")
    assert list(record["test_accuracy"]) == list(record["accuracy"]["pgd"]) == NETS
    assert (record["digits"], record["seed"], record["steps"]) == (10, 3, 2)
    for matrix in record["accuracy"].values():
        for row in matrix.values():
            assert list(row) == NETS and {each["examples"] for each in row.values()} == {10}
    few_test, halves = mnist("test")[:60], {"first": slice(100), "second": slice(100, 200)}
    for name in ("linear-second", "convnet-first"):  # as their folders have them
        architecture, part = name.split("-")
        net = transfer.trained(architecture, mnist("train")[halves[part]], 1, 3, tmp_path / name)
        assert record["test_accuracy"][name] == accuracy(net, few_test)
        right = correct_under_attack(net, few_test[:10], linf_in_pixel_box(0.2), partial(pgd, steps=2))
        assert record["accuracy"]["pgd"][name][name]["percent"] == 10 * right.sum().item()
    kept = storage.read_json(tmp_path / "mlp-first" / "run.json")
    transfer.main(tmp_path, radius=0.2, steps=2, digits=10, epochs=1, seed=3)
    again = storage.read_json(tmp_path / "transfer.json")
    assert again["accuracy"] == record["accuracy"]
    assert storage.read_json(tmp_path / "mlp-first" / "run.json") == kept, "it was not trained again"


@pytest.mark.parametrize(
    ("wrong", "name"), [({"radius": -1.0}, "radius"), ({"digits": 61}, "digits"), ({"steps": 0}, "steps")]
)
def test_a_wrong_option_costs_one_sentence_before_anything_is_trained(tmp_path, few, capsys, wrong, name):
    with pytest.raises(typer.Exit) as ended:
        transfer.main(tmp_path, **{"digits": 20} | wrong)
    said = capsys.readouterr().err
    assert ended.value.exit_code == 2 and said.startswith(f"transfer: {name}: expected ")
    assert said.count("\n") == 1 and not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_in_the_record_examples_are_white_box_worst_and_pass_to_the_other_half_and_noise_does_not():
    record = storage.load_result("transfer")
    made, noise = record["accuracy"]["pgd"], record["accuracy"]["noise"]
    assert list(made) == list(noise) == NETS and record["digits"] == 500
    for net, row in made.items():
        assert min(row, key=lambda other: row[other]["percent"]) == net
        architecture, part = net.split("-")
        twin = f"{architecture}-{'second' if part == 'first' else 'first'}"
        for other in (net, twin):
            assert row[other]["high"] < noise[net][other]["low"], "more than luck"
        for other in NETS:
            assert abs(noise[net][other]["percent"] - record["test_accuracy"][other]) < 2
