"""The table of made-up measurements: means, deviations, Markdown."""

from dataclasses import asdict, replace

import pytest
from table_forms import assert_markdown
from tiny_experiment import SIZES

from rolab.experiments import NETS, caption, cifar10_experiment, markdown, mnist_experiment, table


def measured(seed: int) -> dict:
    """What a seed gives, made up."""

    def net(k: int) -> dict:
        return {
            "test_accuracy": 99.0 + 0.1 * k + 0.01 * seed,
            "adversarial_accuracy": 20.0 * k + seed * (k > 0),
            "radius_scaling": [20.0 * k, 10.0 * k + seed],
            "accuracy_vs_epsilon": [99.0 + seed, 50.0 + k],
            "epochs": [90.0 + seed, 99.0],
            "seconds": 10.0 + k,
            "mcnemar": {"only_a": 3, "only_b": 4 + k, "p": 0.01 * k + 0.001 * seed},
        }

    radii = {"l1": 4.0, "l2": 1.0 + seed, "linf": 0.1}
    return {"seed": seed, "size": 18, "radii": radii, "nets": {name: net(k) for k, name in enumerate(NETS)}}


MADE_ON = {"processor": "an abacus", "cores": 2, "system": "Linux", "torch": "2.0", "threads": 1}


def made_up(seeds: tuple[int, ...]) -> dict:
    experiment = replace(
        mnist_experiment("full", seeds),
        epsilons=(0.0, 0.1),
        radius_scales=(1.0, 2.0),
        examples_per_norm=SIZES,
    )
    return table(experiment, [measured(seed) for seed in seeds], MADE_ON, 90.0)


def test_means_and_deviations_of_the_table_by_hand():
    result = made_up((0, 1, 2))
    rows = {row["net"]: row for row in result["rows"]}
    assert rows["robust-l2"]["test_accuracy"] == {
        "mean": pytest.approx(99.21),
        "sd": pytest.approx(0.01),
        "values": pytest.approx([99.2, 99.21, 99.22]),
    }
    assert rows["baseline"]["adversarial_accuracy"] == {"mean": 0, "sd": 0, "values": [0, 0, 0]}
    assert [test["p"] for test in rows["robust-linf"]["mcnemar"]] == pytest.approx([0.03, 0.031, 0.032])
    assert rows["robust-l1"]["training_seconds"]["mean"] == 11
    assert result["collection"]["radii"]["l2"]["values"] == [1, 2, 3]
    assert result["radius_scaling"]["accuracy"]["robust-l1"] == {
        "mean": [20, 11],
        "sd": [0, pytest.approx(1)],
    }
    assert result["accuracy_vs_epsilon"]["accuracy"]["baseline"] == {
        "mean": [100, 50],
        "sd": [pytest.approx(1), 0],
    }
    assert result["epochs"]["baseline"]["mean"] == [91, 99]
    assert (result["seeds"], result["preset"], result["seconds"]) == ([0, 1, 2], "full", 90)
    assert result["recipe"] == asdict(mnist_experiment("full").recipe)
    assert made_up((4,))["rows"][1]["test_accuracy"]["sd"] is None


@pytest.mark.parametrize("seeds", [(0,), (2, 0, 1)])
def test_the_table_as_markdown(seeds):
    result = made_up(seeds)
    assert_markdown(markdown(result), result)
    assert caption(result) in markdown(result)
    assert ", radii ℓ1 " in caption(result) and ", radii ℓ1 " not in markdown(result, radii=False)
    for fact in ("`full`", ", ".join(map(str, seeds)), "12 epochs", "18 examples", "an abacus", "torch 2.0"):
        assert fact in caption(result)


def test_a_table_has_the_seeds_that_a_net_was_trained_with():
    experiment = replace(
        cifar10_experiment("full"),
        epsilons=(0.0, 0.1),
        radius_scales=(1.0, 2.0),
        seeds=(0, 1),
        examples_per_norm=SIZES,
    )
    records = [measured(seed) for seed in (0, 1)]
    for net in ("robust-l1", "robust-l2"):
        del records[1]["nets"][net]
    for net in ("baseline", "robust-linf"):
        records[0]["nets"][f"{net}-augmented"] = records[0]["nets"][net]
    records[0]["nets"]["baseline-longer"] = records[0]["nets"]["baseline"]
    result = table(experiment, records, {"processor": "p", "cores": 2, "system": "s", "torch": "t"}, 60.0)
    rows = {row["net"]: row for row in result["rows"]}
    assert {net: len(row["test_accuracy"]["values"]) for net, row in rows.items()} == {
        "baseline": 2, "robust-l1": 1, "robust-l2": 1, "robust-linf": 2,
        "baseline-longer": 1, "baseline-augmented": 1, "robust-linf-augmented": 1,
    }  # fmt: skip
    assert "accuracy_vs_epsilon" in result and "figure6" not in result
    assert "against_longer" not in rows["baseline"] and rows["robust-l1"]["against_longer"] == []
    text = markdown(result)
    assert "(seed 0 alone: robust ℓ1; robust ℓ2; baseline, more epochs; " in text
    assert "with flips and shifts: with the baseline that has them too" in text
    assert "90.79" in text and "robust ℓ∞, flips and shifts" in text  # the paper has no number for those
