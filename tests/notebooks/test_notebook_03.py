"""Notebook 03: its parameters, the solutions, and that nothing gives a prediction away. nbval runs it."""

import re

import pytest
import torch
from shipped import Shipped
from standing_figures import slides

SHIPPED = Shipped("03")
FOLDS = [fold.html for fold in SHIPPED.folds]


def test_the_parameters():
    assert SHIPPED.parameters() == {"digit": 2, "net": "baseline", "norm": "linf", "sample": 120}


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"digit": 10_000}, ValueError),
        ({"net": "robust"}, ValueError),
        ({"norm": 2}, TypeError),
        ({"sample": 5}, ValueError),
        ({"sampel": 50}, NameError),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, error):
    with pytest.raises(error, match=next(iter(wrong))):
        SHIPPED.start(1, **wrong)


def test_the_solutions_solve_the_exercises():
    verdicts = SHIPPED.verdicts(torch=torch)
    assert list(verdicts) == ["l1_maximizer", "l2_in_box", "certificate"]
    assert all(verdicts.values()), verdicts
    assert len(SHIPPED.reports) == 3


def test_every_prediction_has_its_place_and_its_fold():
    assert SHIPPED.text.count("**Predict.**") == 7
    asked = re.findall(r"^(\w+) = Prediction\(", SHIPPED.source, re.M)
    assert len(asked) == 8, "one of them asks two things"
    for name in asked:
        assert SHIPPED.source.count(f"\n{name}.reveal(") + SHIPPED.source.startswith(f"{name}.reveal(") == 1
    assert len(FOLDS) == len(asked) + 3 and SHIPPED.source.count("QUIZ[") == 3


def test_no_answer_stands_outside_a_fold():
    """What came out, the words of the quiz that are right, the verdict on the medians."""
    seen = re.sub(r"<script.*?</script>", "", SHIPPED.unfolded(), flags=re.DOTALL)
    truths = [words for fold in FOLDS for words in re.findall(r"<p>It is “?(.*?)”?\.</p>", fold)]
    assert len(truths) == len(FOLDS) - 1, "the angles are a table"
    for truth in truths[:-3]:
        found = re.search(rf"(?<![\w.]){re.escape(truth)}(?![\w.])", seen)
        assert truth == "robust ℓ∞" or not found, (truth, seen[found.start() - 60 : found.end() + 60])
    for telling in ("flips at 0", "Better in", "<td>the best", "place in truth", "25.", "medians show"):
        assert telling not in seen.replace("25.5", "")


def test_it_opens_where_gradient_and_truth_differ():
    (best,) = (fold for fold in FOLDS if "the ℓ1 step</td>" in fold)
    step, truth = (re.findall(rf"<td>{who}</td>(.*?)</tr>", best)[0] for who in ("the ℓ1 step", "the best"))
    by_step, by_truth = (re.findall(r"<td>(.*?)</td>", row) for row in (step, truth))
    assert by_step[0] != by_truth[0] and int(by_step[5]) > 100 and by_truth[5] == by_step[4] == "1"
    assert by_step[-1] == "1" != by_truth[-1], "one is still read right, the other is not"


def test_the_explorers_do_not_open_at_the_answer():
    """They open at ε = 0, and say of no flip."""
    openings = [
        slides(o.data)["layout"]["sliders"][0]
        for o in SHIPPED.sliding
        if "rolab-fold" not in o.data["text/html"]
    ]
    named = [slider for slider in openings if slider["currentvalue"]["prefix"].startswith("ε")]
    assert len(named) == 2 and all(slider["active"] == 0 for slider in named)


def test_the_surprise_is_computed_and_said():
    (firm,) = (fold for fold in FOLDS if "The median radius" in fold)
    assert "Better in ℓ1 than the net that was trained against ℓ1: robust ℓ2, robust ℓ∞." in firm
    assert firm.count("<table>") == 2 and "with the first 20 digits only" in firm
