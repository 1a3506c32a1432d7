"""Notebook 09: its parameters, the solutions of its exercises, what it says. nbval runs it."""

import ast
import re

import pytest
import torch
from shipped import Shipped

from rolab import storage, zoo
from rolab.attacks import first_order
from rolab.certify import certified
from rolab.course.live.prediction import as_html
from rolab.course.nb09_robustness import claims
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
    verdicts = SHIPPED.verdicts(torch=torch, first_order=first_order, Ball=Ball, pixel_box=pixel_box)
    assert list(verdicts) == ["masks", "worst_curve", "linear_proof"]
    assert all(verdicts.values()), verdicts


def test_its_exercises_and_pictures():
    assert len(SHIPPED.reports) == 3
    assert len(SHIPPED.pictures) >= 4 and len(SHIPPED.sliding) >= 2


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
    shown = "".join(output.data["text/html"] for output in cell.outputs)
    rows = re.findall(r"<tr><td>(.*?)</td><td>(yes|no)</td>", shown)
    assert ("the fifth", "yes") in rows and ("robust ℓ∞", "yes") not in rows and len(rows) == 2 * 8


def test_the_notebook_says_what_the_record_says():
    shown = SHIPPED.shown()
    for said in (
        claims.more_steps(RESULTS),
        claims.fifth_in_words(RESULTS),
        claims.signs_in_words(RECORD),
    ):
        assert as_html(said) in shown, f"run the notebook again: {said[:60]}"
    for said in (
        claims.after_one_step(RESULTS, 0.3),
        claims.claims(RECORD, storage.load_result("mnist")),
    ):
        assert said in shown, f"run the notebook again: {said[:60]}"


ASKED = "many loser fifth signs sixth_left proofs transfer".split()


def test_what_it_asks_is_revealed_and_stands_nowhere_outside_a_fold():
    outside = SHIPPED.unfolded()
    for name in ASKED:
        assert re.search(rf"^{name} = Prediction\(", SHIPPED.source, re.M)
        assert re.search(rf"^{name}\.reveal\(", SHIPPED.source, re.M)
    handed = RECORD["runs"]["transfer/0.2"]["accuracy"]["baseline"]["robust-linf"]["percent"]
    hardest = RESULTS.percent("masked", 0.3, *RESULTS.hardest)
    for number in (handed, hardest, RESULTS.percent("baseline", 0.1, *RESULTS.hardest)):
        for shown in (f"{number:.1f}", f"{number:.4g}"):
            assert not re.search(rf"(?<![\d.]){re.escape(shown)}(?!\d)", outside)


def test_what_its_folded_texts_say_of_the_record():
    """One step finds nearly all at the smallest ε; at 0.1 that holds for robust ℓ∞ and ℓ2 alone."""
    losses = {net: claims.loss(RESULTS, net, RESULTS.radii[0]) for net in claims.FOUR}
    assert max(losses.values()) < 5
    far = {net: claims.loss(RESULTS, net, 0.1) for net in claims.FOUR}
    assert max(far["robust-linf"], far["robust-l2"]) < 5 and min(far["baseline"], far["robust-l1"]) > 10
