"""Notebook 09: its parameters, the solutions of its exercises, what it says. nbval runs it."""

import ast
import re

import pytest
import torch
from shipped import Shipped

from rolab import storage, zoo
from rolab.attacks import first_order
from rolab.certify import certified
from rolab.course import check
from rolab.data import mnist
from rolab.evaluation import correct_under_attack
from rolab.experiments.attack_grid import linf_in_pixel_box
from rolab.experiments.robustness_results import RobustnessResults
from rolab.sets import Ball, pixel_box

SHIPPED = Shipped("09")
RECORD = storage.load_result("robustness")
RESULTS = RobustnessResults.of(RECORD)


def test_the_parameters():
    assert SHIPPED.parameters() == {"digits": 60, "epsilon": 0.1, "seed": 0}


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"digits": 3}, ValueError),
        ({"epsilon": 0.12}, ValueError),
        ({"epsilon": "0.1"}, TypeError),
        ({"seed": None}, TypeError),
        ({"epsilom": 0.1}, NameError),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, error):
    with pytest.raises(error, match=next(iter(wrong))):
        SHIPPED.start(1, **wrong)


def test_every_epsilon_that_may_be_chosen_is_in_the_record():
    (call,) = (
        node
        for node in ast.walk(SHIPPED.tree(SHIPPED.code[1]))
        if isinstance(node, ast.Call) and node.keywords
    )
    (allowed,) = (ast.literal_eval(k.value) for k in call.keywords if k.arg == "epsilon")
    assert set(allowed) <= set(RESULTS.radii) and len(allowed) > 1


def test_the_solutions_solve_the_exercises():
    names: dict = {"torch": torch, "first_order": first_order, "Ball": Ball, "pixel_box": pixel_box}
    for solution in SHIPPED.solutions:
        exec(solution, names)
    for report in (
        check.masks(names["my_test"]),
        check.worst_curve(names["my_curve"]),
        check.linear_proof(names["my_proof"]),
    ):
        assert report, report


def test_its_exercises_and_pictures():
    assert len(SHIPPED.reports) == 7
    assert len(SHIPPED.pictures) == 5 and len(SHIPPED.sliding) >= 2


# What the record says, against the nets that ship


def test_the_record_is_of_the_nets_that_ship():
    shipped = {name for name in zoo.names() if zoo.card(name)["architecture"] == "ConvNet"}
    assert {f"mnist/{net}" for net in RESULTS.nets} == shipped
    kinds = {name.split("/")[1] for name in RECORD["runs"] if not name.startswith("transfer")}
    assert kinds == {"pgd", "ensemble", "certified", "masking"}
    assert len(RECORD["runs"]) == len(kinds) * len(RESULTS.nets) + len(RECORD["identity"]["transfer_radii"])


@pytest.mark.parametrize("net", ["baseline", "robust-linf", "masked"])
def test_one_step_of_the_record_is_one_step_today(net):
    data, model = mnist("test")[: RESULTS.examples], zoo.load(f"mnist/{net}")
    for radius in (0.1, 0.3):
        right = correct_under_attack(
            model, data, lambda x, r=radius: Ball("linf", r) & pixel_box(x), first_order
        )
        # Rounding may turn a digit that stands on the boundary.
        lost_before = RESULTS.correct(net, radius, 1, 0)
        assert lost_before <= int(right.sum()) + 2, "the worst of smaller radii too"
        falls = RECORD["runs"][f"{net}/pgd"]["first_failure_radius_one_step"]
        fell = torch.tensor([9 if fall is None else fall for fall in falls])
        assert int(((fell > radius) & ~right).sum()) <= 2


def test_the_bounds_of_the_record_do_not_cross():
    for net in RESULTS.nets:
        holds = RECORD["runs"][f"{net}/certified"]["certified_radius"]
        falls = RECORD["runs"][f"{net}/ensemble"]["first_failure_radius"][: len(holds)]
        for hold, fall in zip(holds, falls, strict=True):
            assert fall is None or hold < fall or hold == fall == 0


@pytest.mark.parametrize("net, radius", [("baseline", 0.02), ("masked", 0.03)])
def test_a_proof_of_the_record_is_one_today(net, radius):
    """Some hold at this radius and some do not: a bound that is too good would be seen, or too weak."""
    data = mnist("test")[:20]
    proved = certified(zoo.load(f"mnist/{net}"), data, linf_in_pixel_box(radius))
    recorded = torch.tensor(RECORD["runs"][f"{net}/certified"]["certified_radius"][:20]) >= radius
    assert int((proved != recorded).sum()) <= 1, "rounding may decide one"
    assert 0 < int(recorded.sum()) < 20


def test_the_fifth_net_looks_better_than_it_is():
    """One step leaves it the most, many steps hardly anything; its report shows a sign."""
    one_step = {net: RESULTS.percent(net, 0.3, 1, 0) for net in RESULTS.nets}
    assert max(one_step, key=one_step.get) == "masked" and one_step["masked"] > 80
    assert RESULTS.percent("masked", 0.3, *RESULTS.hardest) < 20
    cell = SHIPPED.cell("def report")
    rows = re.findall(r"<tr><td>(.*?)</td><td>(yes|no)</td>", cell.outputs[0].data["text/html"])
    assert ("the fifth", "yes") in rows and ("robust ℓ∞", "yes") not in rows and len(rows) == 2 * 8


def test_the_claims_say_which_survive():
    cell = SHIPPED.cell("table1 = ")
    said = cell.outputs[0].data["text/markdown"]
    assert said.count("\n|") == 8  # seven claims below the two lines of the head
    assert said.count("**survives**") + said.count("**Survives**") >= 2 and "**does not survive**" in said
    for net in ("robust-linf", "baseline"):
        assert f"{RESULTS.after_all(net, 0.1).percent:.1f}" in said


def test_the_numbers_in_its_prose_are_those_of_the_record():
    one, many = {}, {}
    for net in RESULTS.nets:
        for radius in (0.1, 0.2, 0.3):
            one[net, radius] = f"{RESULTS.percent(net, radius, 1, 0):.0f}"
            many[net, radius] = f"{RESULTS.percent(net, radius, *RESULTS.hardest):.0f}"
    left = {
        radius: f"{RESULTS.after_all('masked', radius).percent:.{digits}f} %"
        for radius, digits in ((0.2, 0), (0.3, 1))
    }
    robust = f"robust ℓ∞ ({RESULTS.after_all('robust-linf', 0.2).percent:.0f} %)"
    for claim in (
        f"robust ℓ∞ ({one['robust-linf', 0.1]} → {many['robust-linf', 0.1]} %)",
        f"({one['baseline', 0.1]} → {many['baseline', 0.1]} %)",
        f"robust ℓ2 falls from {one['robust-l2', 0.2]} to {many['robust-l2', 0.2]} %",
        f"robust ℓ∞ from {one['robust-linf', 0.2]} to {many['robust-linf', 0.2]} %",
        f"leave it {left[0.2]}, not much less than {robust}",
        f"the {one['masked', 0.2]} % that one step reports",
        f"its {one['masked', 0.3]} % at 0.3, where {left[0.3]} is left",
    ):
        assert claim in SHIPPED.text, claim
