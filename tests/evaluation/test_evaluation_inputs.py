"""What is judged must be judgeable: each bad input is one sentence that names it, and leaves no trace."""

import copy
import math

import numpy as np
import pytest
import torch
from small_nets import Small, data_for
from torch import nn

from rolab.attacks import first_order, pgd
from rolab.data import Dataset
from rolab.evaluation import (
    AccuracyEstimate,
    accuracy,
    accuracy_percent,
    accuracy_vs_radius,
    adversarial_collection,
    correct,
    correct_under_attack,
    gradients,
    mcnemar,
    perturbations,
    predict,
    robust_mask,
    transfer_matrix,
    worst_case_accuracy,
)
from rolab.sets import Ball, Box

U = Ball("linf", 0.1)
DATA = data_for(Small(0), 9)


def collected(model, data, sets=None, grids=None, sizes=None):
    """The collection A of one set."""
    start = {"linf": U}, {"linf": [0.1, 10.0]}, {"linf": 1}
    parts = (a if b is None else b for a, b in zip(start, (sets, grids, sizes), strict=True))
    return adversarial_collection(model, data, *parts)


JUDGES = {  # all that judge a net on data
    "accuracy": accuracy,
    "correct": correct,
    "correct, moved": lambda model, data: correct(model, data, torch.zeros_like(DATA.images)),
    "gradients": gradients,
    "accuracy_vs_radius": lambda model, data: accuracy_vs_radius(model, data, [U]),
    "perturbations": lambda model, data: perturbations(model, data, U),
    "perturbations by pgd": lambda model, data: perturbations(model, data, U, pgd),
    "correct_under_attack": lambda model, data: correct_under_attack(model, data, U),
    "robust_mask": lambda model, data: robust_mask(model, data, [U], [first_order]),
    "worst_case_accuracy": lambda model, data: worst_case_accuracy(model, data, [U], [first_order]),
    "transfer_matrix": lambda model, data: transfer_matrix({"a": Small(1), "b": model}, data, U),
    "adversarial_collection": collected,
}
PREDICTED = {**JUDGES, "predict": lambda model, data: predict(model, data.images)}


class Answering(nn.Module):
    """A net that makes something else of its logits, with batch norm, which an attack might move."""

    def __init__(self, change=lambda z: z, classes=4):
        super().__init__()
        self.inside = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, classes))
        self.change = change

    def forward(self, x):
        return self.change(self.inside(x))


def spoilt(change):
    """Data that were good when they were made."""
    data = Dataset(DATA.images.clone(), DATA.labels.clone())
    change(data)
    return data


LOGITS = r"^model: expected \(9, K\) logits with K ≥ 2, got"
MODELS = {
    "one logit": (Answering(classes=1), rf"{LOGITS} torch\.float32 of shape \(9, 1\)$"),
    "a dict": (Answering(lambda z: {"logits": z}), f"{LOGITS} dict$"),
    "a tuple": (Answering(lambda z: (z, z)), f"{LOGITS} tuple$"),
    "an array": (Answering(lambda z: z.detach().numpy()), f"{LOGITS} ndarray$"),
    "class numbers": (Answering(lambda z: z.argmax(1)), rf"{LOGITS} torch\.int64 of shape \(9,\)$"),
    "a map of logits": (Answering(lambda z: z[..., None]), rf"{LOGITS} torch\.float32 of shape \(9, 4, 1\)$"),
    "no batch axis": (Answering(lambda z: z[0]), rf"{LOGITS} torch\.float32 of shape \(4,\)$"),
    "another batch": (Answering(lambda z: z[:5]), rf"{LOGITS} torch\.float32 of shape \(5, 4\)$"),
    "NaN": (Answering(lambda z: z * math.nan), "^model: expected finite logits, got NaN or infinity$"),
    "one NaN": (Answering(lambda z: z.index_fill(1, torch.tensor([2]), math.nan)), "^model: expected finite"),
    "a function": (torch.sin, "^model: expected an nn.Module, got <built-in|"
                   r"^models\['b'\]: expected an nn.Module, got <built-in"),
}  # fmt: skip


def traces(model):
    """All of a net that judging it may not change."""
    if not isinstance(model, nn.Module):
        return None
    parts = [
        (part.training, list(part._forward_hooks), list(part._forward_pre_hooks)) for part in model.modules()
    ]
    return copy.deepcopy(model.state_dict()), parts, [p.grad for p in model.parameters()]


def unchanged(before, model):
    after = traces(model)
    torch.testing.assert_close(before[0], after[0], rtol=0, atol=0)
    return before[1:] == after[1:]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bad", MODELS)
@pytest.mark.parametrize("judge", PREDICTED)
def test_what_a_net_answers_must_be_logits(judge, bad, training):
    model, message = MODELS[bad]
    if isinstance(model, nn.Module):
        model.train(training)
    before, random = traces(model), torch.get_rng_state()
    with pytest.raises(ValueError, match=message) as raised:
        PREDICTED[judge](model, DATA)
    assert "\n" not in str(raised.value)
    assert torch.equal(torch.get_rng_state(), random) and (before is None or unchanged(before, model))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("judge", PREDICTED)
def test_judging_leaves_no_trace_in_a_net(judge, training):
    """In training mode too: the batch norm does not move, dropout stays off, and all modes come back."""
    model = Answering().train(training)
    model.inside[2].eval()
    before, found = traces(model), PREDICTED[judge](model, DATA)
    assert unchanged(before, model)
    again = PREDICTED[judge](model.eval(), DATA)
    same = torch.equal(found, again) if isinstance(found, torch.Tensor) else repr(found) == repr(again)
    assert same, "it is judged in eval mode"


EVERY = {
    "a tuple": ((DATA.images, DATA.labels), "^data: expected a Dataset, got tuple$"),
    "images": (DATA.images, "^data: expected a Dataset, got Tensor$"),
    "-1": (
        spoilt(lambda data: data.labels[:1].fill_(-1)),
        "expected class numbers from 0 to 3, got entries from -1",
    ),
    "a class too many": (
        spoilt(lambda data: data.labels[:1].fill_(9)),
        "from 0 to 3, got entries from 0 to 9$",
    ),
    "NaN": (
        spoilt(lambda data: data.images[3].fill_(math.nan)),
        "^x: expected finite pixels, got NaN or infinity$",
    ),
}


@pytest.mark.parametrize("bad", EVERY)
@pytest.mark.parametrize("judge", JUDGES)
def test_what_a_net_is_judged_on_must_be_labelled_images(judge, bad):
    data, message = EVERY[bad]
    model = Small(0).train()
    before = traces(model)
    with pytest.raises(ValueError, match=message) as raised:
        JUDGES[judge](model, data)
    assert "\n" not in str(raised.value) and unchanged(before, model)


@pytest.mark.parametrize(
    "judge",
    ["accuracy", "accuracy_vs_radius", "worst_case_accuracy", "transfer_matrix", "adversarial_collection"],
)
def test_of_no_examples_there_is_no_share(judge):
    with pytest.raises(ValueError, match="^data: expected at least one example, got none$"):
        JUDGES[judge](Small(0), DATA[:0])


@pytest.mark.parametrize(
    "judge", ["correct", "perturbations", "correct_under_attack", "robust_mask", "gradients"]
)
def test_no_examples_have_no_answers(judge):
    assert JUDGES[judge](Small(0), DATA[:0]).numel() == 0


# Lists


LISTS = {
    "one set": (
        lambda net: worst_case_accuracy(net, DATA, U, [pgd]),
        r"^sets: expected a list, each .* got Ball\(",
    ),
    "one set to sweep": (
        lambda net: accuracy_vs_radius(net, DATA, U),
        r"^sets: expected a list, each .* got Ball\(",
    ),
    "one function": (
        lambda net: robust_mask(net, DATA, lambda x: U),
        "^sets: expected a list, each .* got <function",
    ),
    "a name": (
        lambda net: accuracy_vs_radius(net, DATA, "linf"),
        "^sets: expected a list, each .* got 'linf'",
    ),
    "radii": (
        lambda net: robust_mask(net, DATA, [0.1]),
        r"^sets\[0\]: expected an UncertaintySet or .*, got 0\.1$",
    ),
    "sets by name": (
        lambda net: accuracy_vs_radius(net, DATA, {"a": U}),
        r"^sets\[0\]: expected .*, got 'a'$",
    ),
    "one attack": (
        lambda net: worst_case_accuracy(net, DATA, [U], pgd),
        "^attacks: expected a list, each .* got <fun",
    ),
    "no attack": (
        lambda net: worst_case_accuracy(net, DATA, [U], []),
        "^attacks: expected at least 1 in the list",
    ),
    "names": (
        lambda net: robust_mask(net, DATA, [U], ["pgd"]),
        r"^attacks\[0\]: expected an attack .*, got 'pgd'$",
    ),
    "one net": (lambda net: transfer_matrix(net, DATA, U), "^models: expected name → net, got Answering"),
    "nets": (lambda net: transfer_matrix([net], DATA, U), r"^models: expected name → net, got \[Answering"),
    "one set to collect": (lambda net: collected(net, DATA, U), r"^sets: expected name → .*, got Ball\("),
    "no set to collect": (
        lambda net: collected(net, DATA, {}),
        "^sets: expected name → .*, at least one, got {}$",
    ),
    "a function to collect": (
        lambda net: collected(net, DATA, {"linf": lambda x: U}),
        r"^sets\['linf'\]: expected",
    ),
    "one grid": (
        lambda net: collected(net, DATA, grids=[0.1]),
        r"^grids: expected one for each .* got \[0\.1\]$",
    ),
    "another grid": (lambda net: collected(net, DATA, grids={"l2": [0.1]}), "^grids: expected .* 'linf' too"),
    "a radius": (
        lambda net: collected(net, DATA, grids={"linf": 0.1}),
        r"^grids\['linf'\]: expected a list, each",
    ),
    "no radius": (
        lambda net: collected(net, DATA, grids={"linf": ["a"]}),
        r"^grids\['linf'\]\[0\]: expected a radius",
    ),
    "descending": (
        lambda net: collected(net, DATA, grids={"linf": [2.0, 1.0]}),
        r"^grids\['linf'\]: .* ascending",
    ),
    "NaN radius": (
        lambda net: collected(net, DATA, grids={"linf": [math.nan]}),
        r"^grids\['linf'\]\[0\]: expected",
    ),
    "no sizes": (
        lambda net: collected(net, DATA, sizes=3),
        "^sizes: expected one for each name of a set, .* got 3$",
    ),
    "size 0": (
        lambda net: collected(net, DATA, sizes={"linf": 0}),
        r"^sizes\['linf'\]: expected a whole .* got 0$",
    ),
    "size True": (
        lambda net: collected(net, DATA, sizes={"linf": True}),
        r"^sizes\['linf'\]: expected a whole",
    ),
}


class Untouched(Answering):
    """A net that nobody may ask."""

    def forward(self, x):
        raise AssertionError("asked before the arguments were looked at")

    def __repr__(self):
        return "Answering()"


@pytest.mark.parametrize("bad", LISTS)
def test_one_where_a_list_is_wanted_is_refused_before_anything_is_computed(bad):
    call, message = LISTS[bad]
    with pytest.raises(ValueError, match=message) as raised:
        call(Untouched())
    assert "\n" not in str(raised.value)


def test_any_iterable_will_do():
    net, sets = Small(0), [Ball("linf", 0.1), Ball("linf", 0.2)]
    listed = worst_case_accuracy(net, DATA, sets, [first_order])
    assert worst_case_accuracy(net, DATA, iter(sets), (first_order,)) == listed
    assert worst_case_accuracy(net, DATA, {"a": sets[0], "b": sets[1]}.values(), {first_order}) == listed


# Sets of another number of examples


ANOTHER = {
    "radii": Ball("linf", torch.full((18,), 0.1)),
    "boxes": Box(-torch.rand(18, 1, 3, 4), torch.rand(18, 1, 3, 4)),
    "radii in a box": Ball("linf", torch.full((18,), 0.1)) & Box(-0.1, 0.1),
}


@pytest.mark.parametrize("bad", ANOTHER)
@pytest.mark.parametrize(
    "judge",
    [
        lambda net, V: perturbations(net, DATA, V),
        lambda net, V: correct_under_attack(net, DATA, V, pgd),
        lambda net, V: robust_mask(net, DATA, [V], [first_order]),
        lambda net, V: worst_case_accuracy(net, DATA, [V], [first_order]),
        lambda net, V: transfer_matrix({"a": net}, DATA, V),
        lambda net, V: accuracy_vs_radius(net, DATA, [V]),
    ],
)
def test_radii_and_bounds_of_other_examples_are_not_taken_from_the_front(judge, bad):
    with pytest.raises(ValueError, match=r"(radius|lower): expected a number.*9.*got shape \(18"):
        judge(Small(0), ANOTHER[bad])


def test_a_box_shaped_like_one_example_is_that_of_all():
    m = 0.3 * torch.rand(1, 3, 4)
    each = Box(-m.expand(9, 1, 3, 4), m.expand(9, 1, 3, 4))
    for attack in (first_order, pgd):
        d = perturbations(Small(0), DATA, Box(-m, m), attack)
        torch.testing.assert_close(d, perturbations(Small(0), DATA, each, attack))
        right = robust_mask(Small(0), DATA, [Box(-m, m), Box(-2 * m, 2 * m)], [attack])
        assert torch.equal(right[0], correct_under_attack(Small(0), DATA, each, attack))


# What is right


RIGHT = torch.tensor([True, False, True, True])
NOT_BOOLS = {
    "a list": ([True, False], "got list$"),
    "an array": (np.array([True, False]), "got ndarray$"),
    "class numbers": (torch.tensor([3, 5, 7, 0]), r"got torch\.int64 of shape \(4,\)$"),
    "shares": (torch.ones(4), r"got torch\.float32 of shape \(4,\)$"),
    "a column": (RIGHT[:, None], r"got torch\.bool of shape \(4, 1\)$"),
    "a number": (torch.tensor(True), r"got torch\.bool of shape \(\)$"),
    "a share": (0.5, "got float$"),
}


@pytest.mark.parametrize("bad", NOT_BOOLS)
def test_what_is_right_is_a_bool_for_each_example(bad):
    value, came = NOT_BOOLS[bad]
    expected = r"expected a bool tensor \(N,\), which examples are right"
    for call, name in (
        (lambda: accuracy_percent(value), "right"),
        (lambda: AccuracyEstimate.of(value), "right"),
        (lambda: mcnemar(value, RIGHT), "right_a"),
        (lambda: mcnemar(RIGHT, value), "right_b"),
    ):
        with pytest.raises(ValueError, match=f"^{name}: {expected}, {came}"):
            call()


@pytest.mark.parametrize("other", [RIGHT[:1], RIGHT[:3], RIGHT[:0], RIGHT.repeat(2)])
def test_mcnemar_compares_the_same_examples(other):
    """One entry would be broadcast over all."""
    with pytest.raises(ValueError, match=f"^right_b: expected 4 examples, as in right_a, got {len(other)}$"):
        mcnemar(RIGHT, other)


def test_a_perturbation_has_the_shape_of_the_images():
    for d in (torch.zeros(1, 3, 4), torch.zeros(1, 1, 3, 4), torch.zeros(10, 1, 3, 4), torch.zeros(9, 12)):
        with pytest.raises(ValueError, match=r"^perturbation: expected shape \(9, 1, 3, 4\), got"):
            correct(Small(0), DATA, d)


def test_a_net_without_weights_is_judged_where_the_images_are():
    class Sums(nn.Module):
        def forward(self, x):
            return torch.stack([x.flatten(1).sum(1), 12 - x.flatten(1).sum(1)], 1)

    data = Dataset(DATA.images, (DATA.images.flatten(1).sum(1) <= 6).long())
    assert accuracy(Sums(), data) == 100
