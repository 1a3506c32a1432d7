"""A sweep: its perturbations and probabilities are the net's and the attack's, radius by radius."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from perturbation_sweeps import colourful, softmax
from torch import nn

from rolab.attacks import pgd
from rolab.course.nb03_perturbations.perturbation_sweep import ComparisonFigure, PerturbationSweep
from rolab.data import CIFAR10_CLASSES
from rolab.evaluation import predict
from rolab.sets import Ball, pixel_box


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_probabilities_are_the_models_one_by_one(explorer, norm, boxed):
    model, data = explorer.nets["baseline"], explorer.data
    sweep = explorer.sweep(net="baseline", index=3, norm=norm, in_pixel_box=boxed)
    x = data.images[3:4].clone().requires_grad_()
    nn.functional.cross_entropy(model(x), data.labels[3:4]).backward()
    for radius, d, probability in zip(sweep.radii, sweep.perturbation, sweep.probability, strict=True):
        U = Ball(norm, radius) & pixel_box(x.detach()) if boxed else Ball(norm, radius)
        assert torch.allclose(d, U.maximizer(x.grad)[0], atol=1e-5)
        assert torch.allclose(probability, softmax(model, x.detach() + d), atol=1e-5)
    assert torch.equal(sweep.perturbation[0], torch.zeros(1, 28, 28))
    assert torch.allclose(sweep.probability[0], softmax(model, x.detach()), atol=1e-6), (
        "ε = 0 changes nothing"
    )
    changed = sweep.image[0] + sweep.perturbation
    assert not boxed or (changed.min() >= -1e-6 and changed.max() <= 1 + 1e-6)


def test_the_flip_is_the_first_wrong_answer(explorer):
    found = set()
    for index in range(40):
        sweep = explorer.sweep(net="baseline", index=index, norm="linf")
        model, label = explorer.nets["baseline"], int(explorer.data.labels[index])
        answers = [int(predict(model, sweep.image + d)) for d in sweep.perturbation]
        wrong = [k for k, answer in enumerate(answers) if answer != label]
        assert sweep.answers == answers and sweep.flip == (wrong[0] if wrong else None)
        found.add(sweep.flips().split(" ")[0])
        assert f"says {answers[5]} " in sweep.sentences[5]
        assert sweep.sentences[5].endswith("right" if answers[5] == label else f"the label is {label}")
    assert found >= {"flips", "wrong"}
    explorer.radii["linf"] = (0.0, 1e-4)
    assert explorer.sweep(net="robust-l2", index=0, norm="linf").flips() == "no flip up to 0.0001"


def test_a_model_keeps_its_mode_and_gets_no_gradients(explorer):
    model = explorer.nets["baseline"].train()
    explorer.sweep(net="baseline", index=0)
    assert model.training and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_pgd_sweeps_as_if_called_radius_by_radius(explorer, norm, boxed):
    model, data = explorer.nets["baseline"], explorer.data
    x, y = data.images[3:4], data.labels[3:4]
    found = explorer.sweep(net="baseline", index=3, norm=norm, in_pixel_box=boxed, method="PGD")
    one_step = explorer.sweep(net="baseline", index=3, norm=norm, in_pixel_box=boxed)
    box = pixel_box(x)
    for k in range(0, 21, 5):
        ball = Ball(norm, found.radii[k])
        alone = pgd(model, x, y, ball & box if boxed else ball)
        loss = [float(-softmax(model, x + d)[int(y)].log()) for d in (alone, found.perturbation[k : k + 1])]
        assert loss[0] == pytest.approx(loss[1], rel=1e-2, abs=1e-4)
        assert bool(ball.contains(found.perturbation[k : k + 1], atol=1e-4))
    assert not boxed or bool(box.contains(found.perturbation[-1:], atol=1e-5))
    assert "PGD" in found.x_title and "PGD" not in one_step.x_title


@pytest.mark.parametrize("method", ["one step", "PGD"])
@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
def test_a_colour_sweep_is_the_models_and_in_its_set(colour, norm, boxed, method):
    explorer = colourful(colour, classes=CIFAR10_CLASSES, noun="image", gain=50)
    sweep, model = (
        explorer.sweep(net="baseline", index=2, norm=norm, in_pixel_box=boxed, method=method),
        explorer.nets["baseline"].eval(),
    )
    x = explorer.data.images[2:3]
    for radius, d, probability in zip(sweep.radii, sweep.perturbation, sweep.probability, strict=True):
        U = Ball(norm, radius) & pixel_box(x) if boxed else Ball(norm, radius)
        assert bool(U.contains(d[None], atol=1e-4))
        assert torch.allclose(probability, softmax(model, x + d), atol=1e-4)
    loss = -sweep.probability[:, sweep.label].log()
    assert loss[-1] > loss[0], "it attacks"


@settings(derandomize=True, deadline=None, max_examples=10)
@given(names=st.permutations(CIFAR10_CLASSES))
def test_a_sentence_names_the_answer_and_the_label(names):
    probability = torch.full((2, 10), 0.05)
    probability[0, 3] = probability[1, 5] = 0.55
    image, d = torch.rand(1, 3, 32, 32), torch.zeros(2, 3, 32, 32)
    sweep = PerturbationSweep("baseline", "linf", 3, image, (0.0, 0.01), d, probability, classes=names)
    assert sweep.label == 3 and sweep.answers == [3, 5], "labels stay numbers"
    assert sweep.sentences[0] == f"ℓ∞ radius 0: the baseline net says {names[3]} (55 % sure), right"
    said = f"says {names[5]} (55 % sure), the label is {names[3]}"
    assert sweep.sentences[1] == f"ℓ∞ radius 0.01: the baseline net {said}"
    assert [sweep.row(k)["answer"] for k in (0, 1)] == [names[3], names[5]]
    assert list(sweep.row(0)) == ["ε", "answer", *names]
    assert ComparisonFigure((sweep, sweep), 1).message(1).startswith(f"ℓ∞ radius 0.01, label {names[3]}: ")
