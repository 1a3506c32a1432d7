"""The command behind results/unlabelled.json: on few digits, and what the shipped record says."""

import pytest
import torch
import typer

from rolab import storage
from rolab.data import mnist
from rolab.experiments import unlabelled
from rolab.objectives import Noise, Nominal, Unlabelled, Virtual
from rolab.sets import Ball

NETS = ["supervised", "noise", "virtual-labelled", "virtual"]


@pytest.fixture
def few(monkeypatch):
    """60 digits in the place of 60,000, and fewer of all else."""
    monkeypatch.setattr(unlabelled, "mnist", lambda split: mnist(split)[:60])
    monkeypatch.setattr(unlabelled, "LABELLED", 16)
    monkeypatch.setattr(unlabelled, "HELD_OUT", 4)
    monkeypatch.setattr(unlabelled, "RADII", (0.5, 1.0))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def without_clock(record):
    for row in record["rows"]:
        row.pop("step_cost")
    return record


def test_it_chooses_trains_compares_and_goes_on(tmp_path, few, monkeypatch):
    unlabelled.main(tmp_path / "whole", "3,4", epochs=1)
    whole = storage.read_json(tmp_path / "whole" / "unlabelled.json")
    assert (whole["seeds"], whole["labelled"], whole["unlabelled"], whole["steps"]) == ([3, 4], 16, 44, 1)
    assert [row["net"] for row in whole["rows"]] == NETS
    alone, *others = whole["rows"]
    assert alone["mcnemar"] is None and set(alone["step_cost"]["values"]) == {1.0}
    for row in whole["rows"]:
        assert len(row["test_accuracy"]["values"]) == 2 and row["step_cost"]["mean"] > 0
    for row in others:
        gains = [(test["only_b"] - test["only_a"]) / 60 * 100 for test in row["mcnemar"]]
        pairs = zip(row["test_accuracy"]["values"], alone["test_accuracy"]["values"], strict=True)
        assert gains == pytest.approx([own - standard for own, standard in pairs])
    choice = whole["radius"]
    best = max(each["accuracy"] for each in choice["held_out_accuracy"])
    assert choice["held_out_examples"] == 8
    assert choice["chosen"] == min(
        each["radius"] for each in choice["held_out_accuracy"] if each["accuracy"] == best
    )

    trained, calls = unlabelled.train, []

    def stops(*arguments, **keywords):
        calls.append(keywords["folder"])
        if len(calls) == 7:
            raise KeyboardInterrupt
        return trained(*arguments, **keywords)

    monkeypatch.setattr(unlabelled, "train", stops)
    with pytest.raises(KeyboardInterrupt):
        unlabelled.main(tmp_path / "parts", "3,4", epochs=1)
    unlabelled.main(tmp_path / "parts", "3,4", epochs=1)
    again = storage.read_json(tmp_path / "parts" / "unlabelled.json")
    assert without_clock(again) == without_clock(whole)


def test_the_labels_of_a_seed_are_its_own_and_no_image_is_seen_twice():
    data = mnist("train")[:1500]
    labelled, images = unlabelled.parted(data, 0)
    assert (len(labelled), len(images)) == (1000, 500)
    assert {x.numpy().tobytes() for x in labelled.images} | {x.numpy().tobytes() for x in images} == {
        x.numpy().tobytes() for x in data.images
    }
    assert not torch.equal(labelled.labels, unlabelled.parted(data, 1)[0].labels)


def test_held_out_images_decide_and_no_test_image_is_looked_at_before(tmp_path, few, monkeypatch):
    """Whatever a net learns, it is asked for the held-out images of its seed, until the radius is chosen."""
    asked = []

    def judged(objective, known, unseen, recipe, seed, folder):
        asked.append((repr(objective), len(known), len(unseen)))
        right = torch.zeros(len(unseen), dtype=torch.bool)
        right[: 3 if "Ball('l2', 1)" in repr(objective) else 2] = True
        return right

    monkeypatch.setattr(unlabelled, "judged", judged)
    record = unlabelled.compared([5], unlabelled.RECIPE, tmp_path)
    assert [sizes for _, *sizes in asked] == [[12, 4]] * 2 + [[16, 60]] * 4
    assert record["radius"]["chosen"] == 1.0
    assert [each["accuracy"] for each in record["radius"]["held_out_accuracy"]] == [50.0, 75.0]
    assert all("Ball('l2', 1)" in objective for objective, *_ in asked[3:])


def test_the_objectives_are_those_of_the_table():
    U, images = Ball("l2", 2.0), torch.rand(3, 1, 28, 28)
    made = {net: unlabelled.objective_of(net, U, images) for net in unlabelled.TITLES}
    assert made["supervised"] == Nominal()
    assert made["noise"] == 0.5 * Nominal() + 0.5 * Noise(U)
    assert made["virtual-labelled"] == Nominal() + Virtual(U)
    assert made["virtual"].a == Nominal() and made["virtual"].b.objective == Virtual(U)
    assert isinstance(made["virtual"].b, Unlabelled) and made["virtual"].b.images is images


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(("1,a", 1), "seeds"), (("", 1), "seeds"), (("0", 0), "epochs"), (("-1", 1), "seed")],
)
def test_a_wrong_option_costs_one_sentence(tmp_path, few, capsys, arguments, name):
    with pytest.raises(typer.Exit) as ended:
        unlabelled.main(tmp_path, *arguments)
    said = capsys.readouterr().err.splitlines()[-1]  # behind a bar
    assert ended.value.exit_code == 2 and said.startswith("unlabelled: ") and name in said


def test_a_folder_of_something_else_costs_one_sentence(tmp_path, few, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(typer.Exit) as ended:
        unlabelled.main(tmp_path / "file", "0", 1)
    assert ended.value.exit_code == 2 and capsys.readouterr().err.startswith("unlabelled: cannot ")


def test_in_the_record_virtual_helps_with_each_seed_and_noise_does_not():
    record = storage.load_result("unlabelled")
    assert [row["net"] for row in record["rows"]] == NETS and len(record["seeds"]) == 3
    assert (record["labelled"], record["unlabelled"]) == (1000, 59_000)
    alone, noise, labelled, virtual = (row["test_accuracy"]["values"] for row in record["rows"])
    assert all(other < a < b for other, a, b in zip(alone, labelled, virtual, strict=True))
    assert max(noise) - max(alone) < 1
    for row in record["rows"][2:]:
        assert all(test["only_b"] > test["only_a"] and test["p"] < 1e-6 for test in row["mcnemar"])
    asked = record["radius"]
    best = max(asked["held_out_accuracy"], key=lambda each: each["accuracy"])
    assert asked["chosen"] == best["radius"] and asked["held_out_examples"] == 750
