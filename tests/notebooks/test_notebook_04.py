"""Notebook 04: its parameters and the solutions of its exercises. nbval runs the notebook itself."""

import re

import pytest
import torch
from shipped import Shipped
from standing_figures import slides

SHIPPED = Shipped("04")
FOLDS = [fold.html for fold in SHIPPED.folds]


def test_the_parameters():
    assert SHIPPED.parameters() == {"norm": "l2", "epsilon": 0.2, "radius": 0.1, "steps": 150}


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"norm": "l7"}, ValueError),
        ({"epsilon": "0.2"}, TypeError),
        ({"steps": 3}, ValueError),
        ({"radius": None}, TypeError),
        ({"epsilom": 0.1}, NameError),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, error):
    with pytest.raises(error, match=next(iter(wrong))):
        SHIPPED.start(1, **wrong)


def test_the_solutions_solve_the_exercises():
    verdicts = SHIPPED.verdicts(torch=torch)
    assert list(verdicts) == ["hand_step", "flow", "robust_logistic"]
    assert all(verdicts.values()), verdicts


def test_every_prediction_has_its_place_and_its_fold():
    asked = re.findall(r"^(\w+) = Prediction\(", SHIPPED.source, re.M)
    assert len(asked) == SHIPPED.text.count("**Predict") == 7
    for name in asked:
        assert len(re.findall(rf"^{name}\.reveal\(", SHIPPED.source, re.M)) == 1
    assert len(FOLDS) == 7 + 3 and len(SHIPPED.reports) == 3


def test_no_answer_stands_outside_a_fold():
    seen = re.sub(r"<script.*?</script>", "", SHIPPED.unfolded(), flags=re.DOTALL)
    truths = [words for fold in FOLDS for words in re.findall(r"<p>It is (\d[\d.]*)[^<]*</p>", fold)]
    assert len(truths) == 3, "how far, which share, how many times"
    for truth in truths:
        assert not re.search(rf"(?<![\d.]){re.escape(truth)}(?![\d.])", seen), truth
    for telling in ("never settles", "replaces as well", "More ε, more margin", "masking", "for ℓ2 only."):
        assert telling not in seen


def test_the_explorer_opens_uphill_and_shows_no_step_that_was_not_taken():
    (standing,) = (o.data for o in SHIPPED.sliding)
    slider = slides(standing)["layout"]["sliders"][0]
    assert slider["steps"][slider["active"]]["label"] == "1, up"
    curves = [t for t in slides(standing)["data"] if t["name"] in ("J(x)", "Algorithm 1", "standard")]
    assert len(curves) == 3 and all(max(curve["x"], default=0) <= 1 for curve in curves)


def test_what_is_shown_bears_out_what_is_explained():
    """More margin than ε; nothing through ℓ1 and ℓ∞; who lets gradients flow is misled."""
    margins, digits, through, use, *_ = FOLDS
    robust, standard = map(float, re.findall(r"<td>margin</td><td>([\d.]+)</td>", margins))
    assert robust > SHIPPED.parameters()["epsilon"] > standard
    clean, attacked, robust_clean, robust_attacked = map(float, re.findall(r"<td>([\d.]+)</td></tr>", digits))
    assert robust_attacked > attacked + 5 and abs(clean - robust_clean) < 3
    assert "It is “for ℓ2 only”" in through
    rows = [[float(cell) for cell in re.findall(r"<td>([\d.]+)</td>", row)] for row in use.split("<tr>")[2:]]
    one_step, worst, _ = zip(*rows, strict=True)
    assert "It is “it bends" in use and one_step[0] > one_step[1] and worst[0] < worst[1]


def test_the_loop_of_the_notebook_is_the_one_of_the_library():
    """Ten lines, and after some steps the same weights as `descend` with `Robust(U)`."""
    from rolab.data import mnist
    from rolab.nets import ConvNet
    from rolab.objectives import Robust
    from rolab.sets import Ball
    from rolab.training import training_step

    names = SHIPPED.run(SHIPPED.code[2], {})
    SHIPPED.run("def algorithm_1", names)
    digits, U = mnist("test")[:300], Ball("linf", 0.1)
    torch.manual_seed(0)
    ours, theirs = ConvNet(), ConvNet()
    theirs.load_state_dict(ours.state_dict())
    names["algorithm_1"](ours, digits, U, steps=3)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        rows = torch.randint(len(digits), (100,), generator=generator)
        training_step(theirs, digits.images[rows], digits.labels[rows], Robust(U), optimizer)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-5)
    assert len(SHIPPED.cell("def algorithm_1").source.splitlines()) <= 13
