"""The sentences about control experiments: computed from any table, so they have to be true of any."""

import re
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_tables import made_up_table
from scipy.stats import kendalltau

from rolab.course.nb08_cifar10 import control_experiments
from rolab.experiments import NETS, PAPER, cifar10_experiment, mnist_experiment

FULL = cifar10_experiment("full")


def made_up(test, on_A=None, others=None, plan=FULL):
    """A table from the nets' accuracies; 30 disputed images for the other, the rest for this net."""

    def counts(net, other, place):
        lead = round(100 * (test[net][place] - test[other][place]))
        only_a = 30 + max(-lead, 0)
        return {"only_a": only_a, "only_b": only_a + lead, "p": 0.03 if abs(lead) > 19 else 0.8}

    result = made_up_table(plan, test, on_A or test, counts, size=1712)
    result["collection"]["other_baselines"] = others
    return result


EQUAL = {net: [90.0, 90.1, 90.2] for net in FULL.nets}


def test_other_baselines_on_A():
    on_A = {**EQUAL, "robust-l1": [60.0] * 3, "robust-l2": [70.0] * 3, "robust-linf": [58.0] * 3}
    values = [58.0, 59.0, 60.0, 60.0, 61.0, 62.0]
    others = {"mean": 60.0, "sd": 1.4, "values": values, "per_seed": [58.5, 60.0, 61.5]}
    said = control_experiments.others_on_A(made_up(EQUAL, on_A, others))
    assert "right on 60.0 % of A (58.0 to 62.0 %)" in said and "is 1.2 points." in said
    # ℓ1 and ℓ2 have the A of seed 0 alone, on which the others are right on 58.5 %.
    assert "| robust ℓ1 | 1 | 60.0 | 58.5 | +1.5 |" in said
    assert "| robust ℓ2 | 1 | 70.0 | 58.5 | +11.5 |" in said
    assert "| robust ℓ∞ | 3 | 58.0 | 60.0 | -2.0 |" in said
    for result in (made_up(EQUAL), {"collection": {}}):
        assert "one baseline only" in control_experiments.others_on_A(result)


def test_what_leads_the_seeds_allow():
    """Student's interval, by hand: leads of 10, 20 and 60 images, mean 30, error 26.46 / √3."""
    test = {**EQUAL, "robust-linf": [90.1, 90.3, 90.8]}
    half = 4.302653 * 26.457513 / 3**0.5
    said = control_experiments.resolution(made_up(test))
    assert "From 3 seeds the lead of robust ℓ∞ over the baseline is" in said
    assert f"between {30 - half:+.0f} and {30 + half:+.0f} images; the paper's gain is +57." in said
    assert "robust ℓ1" not in said  # it has one seed
    one = made_up({net: [90.0] for net in NETS}, plan=replace(mnist_experiment("full"), seeds=(0,)))
    assert control_experiments.resolution(one).startswith("One seed says nothing")


def test_the_cost_of_an_epoch_is_counted():
    test = {**EQUAL, "baseline-longer": [91.25], "robust-linf": [91.5, 0.0, 0.0], "robust-l2": [91.2]}
    said = control_experiments.same_time(made_up(test), 1.5)
    longer = str(FULL.recipe_of("baseline-longer").epochs)
    epochs, cost = str(FULL.recipe.epochs), f"{1.5 * FULL.recipe.epochs:g}"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in said.splitlines()[2:7]]
    assert rows[0] == ["baseline, more epochs", longer, longer, "91.25", "–", "–", "91.2"]
    assert rows[1] == ["baseline", epochs, epochs, "90.00", "-125", "0.03", "90.0"]
    assert rows[3] == ["robust ℓ2", epochs, cost, "91.20", "-5", "0.8", "91.2"]
    assert rows[4] == ["robust ℓ∞", epochs, cost, "91.50", "+25", "0.03", "91.5"]
    assert "significantly better: robust ℓ∞; significantly worse: robust ℓ1 (McNemar" in said
    level = {**EQUAL, "baseline-longer": [90.0]}
    assert "none of them differs" in control_experiments.same_time(made_up(level), 1.5)


def test_flips_and_shifts():
    test = {
        **EQUAL,
        "robust-linf": [90.4, 0, 0],
        "baseline-augmented": [93.0],
        "robust-linf-augmented": [92.9],
    }
    said = control_experiments.beside_augmentation(made_up(test))
    assert "| robust ℓ∞, without | 90.00 | 90.40 | +40 | 0.03 |" in said
    assert "| robust ℓ∞, both with flips and shifts | 93.00 | 92.90 | -10 | 0.8 |" in said
    assert "no p here knows of the luck of training" in said
    # 30 and 70 disputed images without, 40 and 30 with: √170 = 13.
    assert "the lead of robust ℓ∞ changes by -50 images; one standard error of such a change is 13" in said
    assert said.endswith("Flips and shifts change the baseline by +3.00 points (p = 0.03).")


def test_a_run_without_the_controls_says_so():
    plan = cifar10_experiment("fast")
    result = made_up(EQUAL, plan=plan)
    assert "no baseline with more epochs" in control_experiments.same_time(result, 1.5)
    assert "no nets with flips and shifts" in control_experiments.beside_augmentation(result)


# What is asked, and what came out


def test_how_the_longer_baseline_does():
    level = {**EQUAL, "baseline-longer": [90.0]}
    for robust, found in (
        ({}, "neither"),
        ({"robust-l1": [91.0]}, "worse"),
        ({"robust-l2": [89.0]}, "better"),
        ({"robust-l1": [91.0], "robust-l2": [89.0]}, "both"),
        ({"robust-l1": [90.1]}, "neither"),
    ):
        result = made_up(level | robust)
        assert control_experiments.time_found(result) == found in control_experiments.SAME_TIME.options
    said = control_experiments.time_in_words(made_up(level | {"robust-l1": [91.0]}))
    assert "more epochs bring +0 images, robust training +0 to +100." in said
    assert control_experiments.time_found(made_up(EQUAL, plan=cifar10_experiment("fast"))) is None


@pytest.mark.parametrize(
    "robust, found", [(90.2, "alike"), (90.5, "larger"), (89.5, "smaller"), (90.0, "alike")]
)
def test_how_the_lead_changes_with_flips_and_shifts(robust, found):
    """Two standard errors of 60 disputed images without, 60 and the lead with: 22 to 26."""
    test = {**EQUAL, "robust-linf-augmented": [robust]}
    assert control_experiments.augmented_found(made_up(test)) == found
    assert found in control_experiments.AUGMENTED_LEAD.options
    assert control_experiments.augmented_found(made_up(EQUAL, plan=cifar10_experiment("fast"))) is None


def test_how_the_radii_were_chosen():
    def row(norm, radius, accuracy, p):
        return {"norm": norm, "radius": radius, "accuracy": accuracy, "mcnemar": norm and {"p": p}}

    split = {"trained_on": 200, "judged_on": 100, "recipe": {"epochs": 6}, "chosen": {"l1": 0.1, "linf": 2}}
    split["rows"] = [row(None, None, 80, 0), row("l1", 0.1, 82, 0.01), row("l1", 0.3, 70, 0.01)]
    split["rows"].append(row("linf", 2, 79, 0.01))
    assert [r[""] for r in control_experiments.radii_tried(split)] == ["", "chosen", "", "chosen"]
    assert "Of the 2 chosen, 1 beat no robust training" in control_experiments.radii_in_words(split)


def test_how_seldom_the_baseline_is_wrong():
    said = control_experiments.mistakes(made_up({**EQUAL, "baseline": [90.0] * 3}))
    assert said == "The baseline is wrong on one in 10 of the images."
    assert "on no images" in control_experiments.mistakes(made_up({**EQUAL, "baseline": [100.0] * 3}))


# Orders


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_swapped_pairs_are_those_of_kendall_s_tau(order):
    """τ = 1 − 2 swaps / 6 for four nets without ties."""
    first, second = dict(zip(NETS, range(4), strict=True)), dict(zip(NETS, order, strict=True))
    tau = kendalltau(range(4), order).statistic
    assert len(control_experiments.swapped(first, second)) == round((1 - tau) * 3)
    assert set(control_experiments.swapped(first, second)) == set(control_experiments.swapped(second, first))


def test_a_tie_as_printed_is_no_swap():
    assert control_experiments.swapped({"a": 1.0, "b": 1.004}, {"a": 2.0, "b": 1.0}) == []
    assert control_experiments.swapped({"a": 1.0, "b": 1.01}, {"a": 2.0, "b": 1.0}) == [("a", "b")]


def test_orders_side_by_side():
    mnist = replace(mnist_experiment("full"), seeds=(0,))
    digits = made_up({net: [99.0 + k / 10] for k, net in enumerate(NETS)}, plan=mnist)
    # Seed 0 is what all four have; the others would put the baseline before robust ℓ1.
    photographs = made_up({**EQUAL, "baseline": [89.5, 95.0, 95.0], "robust-linf": [89.0, 99.0, 99.0]})
    said = control_experiments.orders(digits, photographs)
    assert "| digits | baseline < robust ℓ1 < robust ℓ2 < robust ℓ∞ | baseline < robust ℓ1 <" in said
    assert "| images | robust ℓ∞ < " in said
    assert "Pairs swapped on clean images: 3 of 6 (baseline and robust ℓ∞; robust ℓ1 and robust ℓ∞;" in said
    assert said.endswith("Note: the order on images is that in seed 0, the only one that all have.")
    found = control_experiments.swaps_found(digits, photographs)
    assert found["test_accuracy", "swaps"] == 3 and control_experiments.SWAPS.read(found) == found
    assert control_experiments.orders(digits, digits).endswith("Pairs swapped on A: 0 of 6.")


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.data())
def test_the_sentences_are_whole_for_any_table(data):
    accuracies = st.lists(st.integers(0, 10_000).map(lambda n: n / 100), min_size=3, max_size=3)
    test, on_A = ({net: data.draw(accuracies) for net in FULL.nets} for _ in range(2))
    others = {"mean": 50.0, "sd": 1.0, "values": [49.0, 51.0], "per_seed": [49.0, 51.0]}
    result = made_up(test, on_A, data.draw(st.sampled_from([None, others])))
    said = [
        control_experiments.others_on_A(result),
        control_experiments.same_time(result, 1.6),
        control_experiments.beside_augmentation(result),
    ]
    said.append(control_experiments.orders(result, result))
    assert not re.search(r"\b(nan|inf|None)\b|\{|\}", "\n".join(said))
    assert not re.search(r"\b(nan|inf|None)\b", control_experiments.resolution(result))
    for text in said[1:]:
        tables = [line.count("|") for line in text.splitlines() if line.startswith("|")]
        assert tables and len(set(tables[:2])) == 1


def test_the_paper_has_its_own_order():
    assert PAPER["cifar10"]["robust-l2"]["test_accuracy"] < PAPER["cifar10"]["robust-l1"]["test_accuracy"]
    assert "baseline < robust ℓ2 < robust ℓ1 < robust ℓ∞" in control_experiments.orders(made_up(EQUAL))
