"""The sentences about a table of results: made from the results, so they have to be true of any."""

import math
import re
from dataclasses import replace
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from rolab import verdicts
from rolab.experiments import NETS, NORMS, PAPER, TITLES, cifar10_experiment, mnist_experiment, table
from rolab.verdicts import (
    against_luck,
    as_radii_grow,
    beside_the_paper,
    claims,
    disputes,
    luck,
    own_norm,
    passes,
    rows_of,
    small_steps,
    standard_errors,
    verdict,
)

ROBUST = NETS[1:]
ABOUT_A_TABLE = (
    beside_the_paper,
    small_steps,
    as_radii_grow,
    standard_errors,
    verdict,
    against_luck,
    claims,
)


def p(a, b):
    return min(1.0, 2 * sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b))


def record(nets, seed, test, on_A, disputed):
    """What a seed might have measured, from accuracies and disputed images, a list a net."""
    measured = {}
    for net in nets:
        only_a, only_b = disputed[net][seed] if net in disputed else (0, 0)
        measured[net] = {
            "test_accuracy": test[net][seed],
            "adversarial_accuracy": on_A[net][seed],
            "radius_scaling": [on_A[net][seed], on_A[net][seed] / 2],
            "accuracy_vs_epsilon": [test[net][seed] - 10 * k for k in range(3)],
            "epochs": [test[net][seed]],
            "seconds": 1.0,
            "mcnemar": {"only_a": only_a, "only_b": only_b, "p": p(only_a, only_b)},
        }
    return {"size": 1203, "radii": {"l1": 2.5, "l2": 0.6162, "linf": 0.03}, "nets": measured}


def digits(test=None, on_A=None, disputed=None):
    """Results on MNIST, of the same seeds for all nets."""
    test = test or {"baseline": [99.0], "robust-l1": [99.1], "robust-l2": [99.2], "robust-linf": [99.3]}
    on_A = on_A or {net: [20.0 * k] * len(test[net]) for k, net in enumerate(NETS)}
    plan = mnist_experiment("full", tuple(range(len(test["baseline"]))))
    plan = replace(plan, radius_scales=(1.0, 3.0), epsilons=(0.0, 0.1, 0.2))
    return table(plan, [record(NETS, seed, test, on_A, disputed or {}) for seed in plan.seeds], {}, 1.0)


def images(test=None, on_A=None, disputed=None, seeds=(0, 1, 2), preset="full"):
    """Results on CIFAR-10: ℓ1 and ℓ2 with the first seed alone, and rows that the paper does not have."""
    plan = cifar10_experiment(preset, tuple(seeds))
    plan = replace(plan, radius_scales=(1.0, 3.0), epsilons=(0.0, 0.1, 0.2))
    test = {net: [91.0 + 0.01 * k] * 9 for k, net in enumerate(plan.nets)} | (test or {})
    on_A = {net: [10.0 * k] * 9 for k, net in enumerate(plan.nets)} | (on_A or {})
    records = [record(plan.nets_of(seed), seed, test, on_A, disputed or {}) for seed in plan.seeds]
    return table(plan, records, {}, 1.0)


# Beside the paper


def test_beside_the_paper():
    paper = {net: [PAPER["mnist"][net]["test_accuracy"]] for net in NETS}
    on_A = {net: [PAPER["mnist"][net]["adversarial_accuracy"]] for net in NETS}
    said = beside_the_paper(digits(paper, on_A))
    assert said.count("above the paper's number for none of the networks") == 2
    assert said.count("as in the paper") == 2
    better = {net: [values[0] + 0.3] for net, values in paper.items()}
    better["robust-l1"] = [99.4]
    on_A["robust-l2"], on_A["robust-linf"] = [82.004], [82.0]
    said = beside_the_paper(digits(better, on_A))
    assert "On the test digits our mean is above the paper's number for all 4 networks" in said
    assert "The order: baseline < robust ℓ1 < robust ℓ2 < robust ℓ∞, as in the paper" in said  # 99.39 99.40 …
    assert "On A our mean is above the paper's number for robust ℓ2, robust ℓ∞" in said
    assert "robust ℓ1 < robust ℓ2 = robust ℓ∞; robust ℓ1 < robust ℓ2 < robust ℓ∞ in the paper" in said


def test_images_are_compared_with_the_papers_images():
    paper = {net: [row["test_accuracy"]] for net, row in PAPER["cifar10"].items()}
    on_A = {net: [row["adversarial_accuracy"]] for net, row in PAPER["cifar10"].items()}
    said = beside_the_paper(images(paper, on_A, seeds=(0,)))
    assert "On the test images our mean is above the paper's number for none of the networks" in said
    assert "The order: baseline < robust ℓ2 < robust ℓ1 < robust ℓ∞, as in the paper" in said
    said = beside_the_paper(images({net: [values[0] + 0.01] for net, values in paper.items()}, seeds=(0,)))
    assert "On the test images our mean is above the paper's number for all 4 networks" in said


def test_nets_with_fewer_seeds_are_ordered_by_the_seeds_that_all_have():
    """Of ℓ∞ the mean is 91.2, above all; the paper's is 91.36. In seed 0 it is the last."""
    test = {"baseline": [90.9, 90, 90], "robust-l1": [91.15], "robust-l2": [91.0]}
    said = beside_the_paper(images(test | {"robust-linf": [90.8, 91.4, 91.4]}))
    assert "above the paper's number for robust ℓ1.\n" in said
    order = "robust ℓ∞ < baseline < robust ℓ2 < robust ℓ1; baseline"
    assert f"The order in seed 0, the only one that all have: {order}" in said
    said = beside_the_paper(images(test | {"robust-linf": [90.8, 92.4, 92.4]}))
    assert "above the paper's number for robust ℓ1, robust ℓ∞.\n" in said


def test_the_radii_and_their_growth():
    said = small_steps(digits())
    assert "ℓ2: 0.616 against 0.616, 1.0 times" in said and "ℓ∞: 0.03 against 0.0616, 0.5 times" in said
    assert "ℓ1: 2.5 against 0.1, 25.0 times" in small_steps(images())
    said = as_radii_grow(digits())
    assert "At 3 times the radii the order is the same" in said and "robust ℓ∞ from 60.0 to 30.0 %." in said
    turned = digits()
    turned["radius_scaling"]["accuracy"]["robust-l1"]["mean"][-1] = 99.0
    assert "the order is another: robust ℓ2 < robust ℓ∞ < robust ℓ1." in as_radii_grow(turned)
    assert "to 15.0 %, each a mean over the seeds that it has." in as_radii_grow(images())


def test_who_is_best_on_a_part_of_A():
    accuracies = {net: dict.fromkeys(NORMS, 50.0) for net in ("baseline", "robust-l1")}
    accuracies["robust-l1"]["l2"] = 60.0
    assert own_norm(accuracies) == (
        "Best on the ℓ1 examples baseline and robust ℓ1; on the ℓ2 examples robust ℓ1; "
        "on the ℓ∞ examples baseline and robust ℓ1."
    )


def test_where_a_curve_passes_a_level():
    assert passes([0, 1, 2], [100.0, 60.0, 20.0], 50) == pytest.approx(1.25)
    assert passes([0, 1, 2], [100.0, 50.0, 20.0], 50) == 1
    assert passes([0, 1], [100.0, 60.0], 50) is None
    assert passes([0, 1], [40.0, 30.0], 50) is None
    assert passes([0, 1], [100.0, 50.0], 50) is None, "to touch is not to pass"


# Against luck


def test_standard_errors():
    said = standard_errors(digits())
    assert "robust ℓ1 +7, robust ℓ2 +19, robust ℓ∞ +24" in said
    assert "0.09 points, 9 images" in said and "had its own digits, is 13 images" in said
    assert said.endswith("- One seed says nothing about the luck of training.")
    several = {net: [99.0, 99.1, 99.2] for net in NETS}
    said = standard_errors(digits(several))
    assert "from 3 seeds: 99.00, 99.10, 99.20 %, a standard deviation of 10 images." in said
    assert said.endswith("The digits stay the same: this is the luck of training alone.")


def test_standard_errors_of_images():
    baseline = {"baseline": [91.0, 91.2, 91.4]}
    said = standard_errors(images(baseline))
    assert "robust ℓ1 +32, robust ℓ2 +25, robust ℓ∞ +57" in said
    assert "At 90.79 % one standard error is 0.29 points, 29 images." in said
    assert "had its own images, is 41 images" in said
    assert "from 3 seeds: 91.00, 91.20, 91.40 %, a standard deviation of 20 images. The images stay" in said
    excerpt = standard_errors(images(baseline, preset="fast"))
    assert "a standard deviation of 2 images of 1,000. The images stay" in excerpt
    assert "in images of 10,000: robust ℓ1 +32" in excerpt, "the paper's are of the whole test set"


FIVE, THREE = ({net: [99.0] * count for net in NETS} for count in (5, 3))
DISPUTED = {
    "baseline": [(0, 0)] * 5,
    "robust-l1": [(20, 20), (19, 21), (21, 19), (20, 22), (22, 20)],  # 0, 2, -2, 2, -2
    "robust-l2": [(10, 30), (10, 31), (10, 32), (10, 33), (10, 34)],  # p from 0.002 down
    "robust-linf": [(30, 10), (20, 20), (20, 20), (20, 20), (20, 21)],
}


def test_luck_and_verdict():
    result = digits(FIVE, disputed=DISPUTED)
    one, two, infinity = (luck(row) for row in rows_of(result))
    assert "a lead of +0.0 images on average (-2 to +2). It is ahead in 2 of 5 seeds, in 0 of them" in one
    assert "a lead of +22.0 images on average (+20 to +24). It is ahead in 5 of 5 seeds, in 5 of them" in two
    assert (
        f"t-test gives p = {2 * t.sf(22 / math.sqrt(2.5 / 5), 4):.2g}" in two
    )  # mean over its standard error
    assert "a lead of -3.8 images on average (-20 to +1)" in infinity and "in 0 of them" in infinity
    said = verdict(result)
    assert "a significant gain for robust ℓ1 in 0, robust ℓ2 in 5, robust ℓ∞ in 0 of 5 seeds" in said
    assert "a significant loss for robust ℓ∞ in 1 of 5 seeds" in said
    assert said.endswith("The t-test over the seeds finds a gain for robust ℓ2.")
    whole = against_luck(result).splitlines()
    assert whole[:3] == [f"- {line}" for line in (one, two, infinity)]
    assert whole[3].startswith("- By the luck of the images alone, if the nets are equally good, ")
    assert whole[3].endswith("at most 0.75 of these 15 tests fall below 0.05 on average.")
    assert whole[-1] == f"**In short.** {said}"


def test_a_loss_in_every_seed_is_no_gain():
    """-22 images on average, give or take 2: the t-test has no doubt, and it is no gain."""
    lost = [(b, a) for a, b in DISPUTED["robust-l2"]]
    said = verdict(digits(FIVE, disputed={"robust-l2": lost, "robust-linf": DISPUTED["robust-l2"]}))
    assert "a significant loss for robust ℓ2 in 5 of 5 seeds. " in said
    assert said.endswith("finds a gain for robust ℓ∞, a loss for robust ℓ2.")


def test_small_losses_in_every_seed_are_a_loss_over_the_seeds():
    """-29, -30 and -31 images: McNemar's test sees luck in each, the t-test does not."""
    said = verdict(digits(THREE, disputed={"robust-l1": [(329, 300), (330, 300), (331, 300)]}))
    assert "significant gain for robust ℓ1 in 0," in said and "significant loss" not in said
    assert said.endswith("finds a gain for none of the networks, a loss for robust ℓ1.")


def test_luck_with_one_seed():
    single = {net: pairs[:1] for net, pairs in DISPUTED.items()}
    result = digits(disputed=single)
    assert luck(rows_of(result)[1]) == "**robust ℓ2** has a lead of +20 images, p = 0.0022."
    said = verdict(result)
    assert (
        "robust ℓ2 in 1, robust ℓ∞ in 0 of 1 seed, a significant loss for robust ℓ∞ in 1 of 1 seed." in said
    )
    assert "t-test" not in said


def test_luck_with_different_seeds_and_more_rows():
    """The longer baseline loses by far, in each seed: the sentences about the robust nets do not know it."""
    disputed = {
        "robust-l1": [(10, 40)],
        "robust-l2": [(40, 10)],
        "robust-linf": [(10, 40), (20, 22), (20, 21)],
        "baseline-longer": [(90, 10)],
        "robust-linf-augmented": [(10, 90)] * 3,
    }
    result = images(disputed=disputed)
    assert [row["net"] for row in result["rows"]] == [
        *NETS,
        "baseline-longer",
        "baseline-augmented",
        "robust-linf-augmented",
    ]
    assert verdict(result) == (
        "McNemar's test finds a significant gain for robust ℓ1 in 1 of 1 seed, robust ℓ2 in 0 of 1 seed, "
        "robust ℓ∞ in 1 of 3 seeds, a significant loss for robust ℓ2 in 1 of 1 seed. "
        "The t-test over the seeds (only robust ℓ∞ has several) finds no gain."
    )
    said = against_luck(result)
    assert "at most 0.25 of these 5 tests fall" in said and said.count("**robust") == 3
    assert "**robust ℓ1** has a lead of +30 images, p = " in said
    assert "**robust ℓ∞** has a lead of +11.0 images on average (+1 to +30)." in said
    assert "baseline, more epochs** has a lead of -80 images, p = " in luck(result["rows"][4])
    disputed["robust-linf"] = [(10, 40), (10, 41), (10, 42)]
    assert verdict(images(disputed=disputed)).endswith("finds a gain for robust ℓ∞.")


def test_the_disputes_are_listed_seed_by_seed():
    rows = disputes(images(disputed={"robust-l1": [(3, 5)], "robust-linf": [(0, 1), (9, 2), (4, 4)]}))
    assert [(row["network"], row["seed"], row["lead, images"]) for row in rows] == [
        ("robust ℓ1", 0, "+2"),
        ("robust ℓ2", 0, "+0"),
        ("robust ℓ∞", 0, "+1"),
        ("robust ℓ∞", 1, "-7"),
        ("robust ℓ∞", 2, "+0"),
    ]
    assert (rows[0]["only the baseline right"], rows[0]["only this one right"]) == (3, 5)
    assert rows[3]["p"] == f"{p(9, 2):.2g}"


# Claim by claim


def test_the_claims_about_digits():
    result = digits(FIVE, disputed=DISPUTED)
    said = claims(result)
    assert verdict(result) in said and "robust ℓ1 +0.0, robust ℓ2 +22.0, robust ℓ∞ -3.8." in said
    assert "| 20 to 60 %" in said and "5 seeds of every network" in said
    assert "at 0 (robust ℓ1), 0 (robust ℓ2), 0 (robust ℓ∞) of the 2 values of ε; against many" in said
    assert "against many steps: open here, see notebook 09 |" in said
    assert (
        "| on the test digits robust ℓ∞ with 99.00 %, before robust ℓ2 with 99.00 %; on A robust ℓ∞ with"
        in said
    )
    said = claims(digits({**FIVE, "robust-l2": [99.1, 99.2, 99.0, 99.1, 99.1]}))
    assert "robust ℓ2 with 99.10 %, before robust ℓ∞ with 99.00 % (t-test over the seeds: p = 0.034)" in said
    assert "at 0 (robust ℓ1), 2 (robust ℓ2), 0 (robust ℓ∞) of" in said


def test_the_claims_about_images():
    """ℓ∞ has the best mean; in seed 0, which all have, ℓ1 is better."""
    test = {"baseline": [90.0, 90, 90], "robust-l1": [91.5], "robust-l2": [91.0]}
    result = images(
        test | {"robust-linf": [91.2, 99.0, 99.0]}, disputed={"robust-linf": [(1, 2), (1, 5), (1, 9)]}
    )
    said = claims(result)
    assert "digits |\n| ---" not in said and "on the test images, all three" in said
    best = "robust ℓ1 with 91.50 %, before robust ℓ∞ with 91.20 % (baseline 90.00 %)"
    assert f"| on the test images {best}; on A robust ℓ∞" in said
    assert "; both in seed 0, the only one that all have |" in said
    assert "(t-test over the seeds: p" not in said
    assert "in images robust ℓ1 +0.0, robust ℓ2 +0.0, robust ℓ∞ +4.3." in said
    assert (
        "of the 2 values of ε, each a mean over the seeds that it has; against many steps: notebook 09"
        in said
    )
    assert said.endswith("| 3 seeds of baseline, robust ℓ∞; 1 seed of robust ℓ1, robust ℓ2 |")
    assert "| in images of 1,000 robust ℓ1 +0.0, " in claims(images(preset="fast"))
    alike = claims(images(seeds=(0,)))
    assert "1 seed of every network" in alike and "all have" not in alike
    assert "each a mean" not in alike and "against many steps: notebook 09 asks it of digits |" in alike


# Any results


def test_the_claims_side_by_side():
    both = verdicts.claims(digits(FIVE, disputed=DISPUTED), images()).splitlines()
    first, second = (
        verdicts.claims(result).splitlines() for result in (digits(FIVE, disputed=DISPUTED), images())
    )
    assert both[0] == "| the paper | digits | images |"
    for line, one, other in zip(both[2:], first[2:], second[2:], strict=True):
        claim, *ours = line.strip("| ").split(" | ")
        assert ours == [one.strip("| ").split(" | ")[1], other.strip("| ").split(" | ")[1]]
        assert "digits" not in claim


def accuracies(count):
    values = st.integers(0, 10_000).map(lambda n: n / 100)
    return st.lists(values, min_size=count, max_size=count)


def drawn(data, nets, seeds):
    """Accuracies on the test set and on A, and disputed images, of each net."""
    counts = st.tuples(st.integers(0, 80), st.integers(0, 80))
    test, on_A = ({net: data.draw(accuracies(seeds)) for net in nets} for _ in range(2))
    return test, on_A, {net: data.draw(st.lists(counts, min_size=seeds, max_size=seeds)) for net in nets}


def whole(result):
    """All that is said of a table, once it has no hole in it."""
    said = [about(result) for about in ABOUT_A_TABLE]
    said += [luck(row) for row in result["rows"] if row["mcnemar"]]
    text = "\n".join(said)
    assert not re.search(r"\b(nan|inf|None)\b|\{|\}|  +\S.*  |\(\)|[,;] *[.;|]| \.|\.\.", text), text
    return text


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.data())
def test_the_sentences_are_whole_for_any_digits(data):
    result = digits(*drawn(data, NETS, seeds=data.draw(st.integers(1, 5))))
    text = whole(result)
    assert "all have" not in text and "each a mean over" not in text and "alone has" not in text


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_the_sentences_are_whole_for_any_images(data):
    seeds = data.draw(st.sampled_from([(0,), (0, 1), (0, 1, 2), (0, 1, 2, 3)]))
    preset = data.draw(st.sampled_from(["fast", "full", "paper"]))
    plan = cifar10_experiment(preset, seeds)
    result = images(*drawn(data, plan.nets, len(seeds)), seeds=seeds, preset=preset)
    text = whole(result)
    assert "digits |" not in text.replace("asks it of digits |", "") and "test digits" not in text
    assert ("all have" in text) == ("each a mean over" in text) == (len(seeds) > 1)
    first = {row["net"]: row["adversarial_accuracy"]["values"][0] for row in rows_of(result, ROBUST)}
    best = [TITLES[net] for net in ROBUST if first[net] == max(first.values())]
    assert any(f"; on A {name}" in text for name in best)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.data())
def test_rows_that_the_paper_does_not_have_change_no_sentence(data):
    result = images(*drawn(data, cifar10_experiment("full").nets, 3))
    four = result | {"rows": rows_of(result, NETS)}
    assert len(result["rows"]) > len(four["rows"])
    for about in (*ABOUT_A_TABLE, disputes):
        assert about(result) == about(four)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6))
def test_the_t_test_over_the_seeds(leads):
    """t = mean / (s/√n) with n - 1 degrees of freedom, two-sided."""
    n, found = len(leads), verdicts.seeds_p(leads)
    if len(set(leads)) == 1:
        assert found is None
    else:
        s = math.sqrt(sum((lead - mean(leads)) ** 2 for lead in leads) / (n - 1))
        assert found == pytest.approx(2 * t.sf(abs(mean(leads)) / (s / math.sqrt(n)), n - 1))
