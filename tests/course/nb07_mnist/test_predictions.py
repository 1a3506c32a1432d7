"""What 07 and 08 ask of a table, and what came out: true of any table, and of the one that ships."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_tables import made_up_table

from rolab import storage
from rolab.course.nb07_mnist import predictions, significance
from rolab.experiments import NETS, NORMS, PAPER, TITLES, cifar10_experiment, mnist_experiment

COLUMNS = ("test_accuracy", "adversarial_accuracy")


def cifar10(disputed=(0, 0, 1.0)):
    """Results with one seed of some nets and with rows that the paper does not have."""
    plan = cifar10_experiment("full")
    test = {net: [90.0 + k + 0.1 * seed for seed in plan.seeds] for k, net in enumerate(plan.nets)}
    counts = dict(zip(("only_a", "only_b", "p"), disputed, strict=True))
    return made_up_table(plan, test, test, lambda *_: counts)


def mnist(baseline=(99.0, 99.1)):
    plan = mnist_experiment("full", tuple(range(len(baseline))))
    test = {net: list(baseline) for net in plan.nets}
    return made_up_table(plan, test, test, lambda *_: {"only_a": 10, "only_b": 30, "p": 0.002})


@pytest.mark.parametrize("result", [storage.load_result("mnist"), cifar10()], ids=["mnist", "cifar10"])
def test_the_table_asks_for_seven_numbers_and_shows_them_beside_ours_and_the_papers(result):
    kind, truth = predictions.table_of(result), predictions.table_found(result)
    noun = {"mnist": "digits", "cifar10": "images"}[result["experiment"]]
    ours, paper = {row["net"]: row for row in result["rows"]}, PAPER[result["experiment"]]
    given = {(net, column): 10.0 * k + j for k, net in enumerate(NETS) for j, column in enumerate(COLUMNS)}
    assert kind.hint() == "7 numbers" and kind.read(given)["baseline", "adversarial_accuracy"] == 0
    html = kind.verdict(kind.read(given), kind.read(truth))
    for net, column in given:
        name = {"test_accuracy": f"test {noun}", "adversarial_accuracy": "A"}[column]
        numbers = given[net, column], ours[net][column]["mean"], paper[net][column]
        if (net, column) == ("baseline", "adversarial_accuracy"):
            numbers = 0, 0, 0  # A is made so
        row = "".join(f"<td>{cell}</td>" for cell in (TITLES[net], name, *(f"{n:.4g}" for n in numbers)))
        assert f"<tr>{row}</tr>" in html
    with pytest.raises(ValueError, match="a number in percent"):
        kind.read(given | {("robust-l1", "test_accuracy"): 101})


def test_where_half_is_lost():
    result = storage.load_result("mnist")
    found = predictions.half_found(result)
    sweep = result["accuracy_vs_epsilon"]
    halves = {
        net: significance.crossing(sweep["epsilon"], sweep["accuracy"][net]["mean"], 50) for net in NETS
    }
    assert found == {
        ("baseline", "half"): halves["baseline"],
        ("best", "half"): max(half for net, half in halves.items() if net != "baseline"),
    }
    assert predictions.half_of(result).read(found) == found


def test_a_net_that_never_falls_to_half_stands_at_the_last_epsilon():
    result = mnist()
    sweep = result["accuracy_vs_epsilon"]
    sweep["accuracy"] = {net: {"mean": [90.0 for _ in sweep["epsilon"]]} for net in NETS}
    found = predictions.half_found(result)
    assert set(found.values()) == {sweep["epsilon"][-1]} and predictions.half_of(result).read(found) == found
    rows = predictions.crossings(result, (95, 50))
    assert [row["network"] for row in rows] == [TITLES[net] for net in NETS]
    assert all(row["50 % at ε ="] is None for row in rows)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.floats(0.1, 99.9), st.integers(10, 100_000))
def test_one_standard_error(percent, images):
    """Of the number of images that are right: the binomial's standard deviation."""
    share = percent / 100
    assert predictions.standard_error_in_images(percent, images) ** 2 == pytest.approx(
        images * share * (1 - share)
    )


def test_who_is_best_on_their_own():
    level = {net: dict.fromkeys(NORMS, 50.0) for net in NETS}
    assert predictions.best_on_their_own(level) == 3, "to share the first place counts"
    level["robust-l2"] |= {"l1": 60.0, "linf": 60.0}
    assert predictions.best_on_their_own(level) == 1
    level["baseline"]["l2"] = 70.0
    assert predictions.best_on_their_own(level) == 0


def test_comparisons_and_gains():
    result = mnist()
    assert predictions.comparisons(result).most == 6 and predictions.gains_found(result) == 6
    assert predictions.typically_disputed(result) == 40
    for counts, gains in (((30, 10, 0.002), 0), ((10, 30, 0.06), 0), ((10, 30, 0.04), 5)):
        uneven = cifar10(disputed=counts)
        assert predictions.comparisons(uneven).most == 5 and predictions.gains_found(uneven) == gains
    assert predictions.typically_disputed(cifar10(disputed=(0, 0, 1.0))) == 20, "enough to see luck"
    assert predictions.typically_disputed(cifar10(disputed=(25, 20, 1.0))) == 44


def test_whether_the_order_stays():
    result = storage.load_result("mnist")
    said = significance.as_radii_grow(result)
    assert (predictions.order_found(result) == "another") == ("the order is another" in said)
    curves = result["radius_scaling"]["accuracy"]
    for net in NETS:
        curves[net]["mean"] = [value / 2 for value in curves["robust-l1"]["mean"]]
    assert predictions.order_found(result) == "the same"
    curves["robust-l1"]["mean"][-1] = 0.1
    assert predictions.order_found(result) == "another"
