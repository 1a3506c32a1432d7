"""An experiment as data: its objectives, its identity, its comparisons, its precision."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from rolab.attacks import first_order
from rolab.experiments import NETS, by_name, cifar10_experiment, mnist_experiment
from rolab.experiments.presets import MNIST_RADII, augmented_net, paper_nets
from rolab.objectives import Nominal, Robust
from rolab.sets import Ball
from rolab.training import Recipe


def test_the_objectives_of_the_nets():
    experiment = mnist_experiment("fast")
    assert experiment.objective("baseline") == Nominal()
    assert experiment.radius("baseline") is None
    for norm in ("l1", "l2", "linf"):
        objective = experiment.objective(f"robust-{norm}")
        assert isinstance(objective, Robust)
        assert objective.attack is first_order
        assert repr(objective.U) == repr(Ball(norm, MNIST_RADII[norm]))
        assert experiment.radius(f"robust-{norm}") == MNIST_RADII[norm]


def test_an_experiment_is_a_value():
    assert mnist_experiment("fast") == mnist_experiment("fast")
    assert mnist_experiment("fast", (3, 1)).seeds == (3, 1)
    with pytest.raises(FrozenInstanceError):
        mnist_experiment("fast").seeds = (1,)


@pytest.mark.parametrize("seeds", [(True,), (0, False), [0], 0, (0.0,)])
def test_seeds_are_whole_numbers(seeds):
    with pytest.raises(ValueError, match="^seeds is .*expected distinct whole numbers from 0 up"):
        replace(mnist_experiment("fast"), seeds=seeds)


def test_its_identity_is_all_but_which_nets_there_are_and_survives_json():
    identity = mnist_experiment("full").identity()
    plain = json.loads(json.dumps(identity))  # as it is compared
    assert json.loads(json.dumps(plain)) == plain and plain.keys() == identity.keys()
    assert mnist_experiment("full", (9,)).identity() == identity
    cifar10 = cifar10_experiment("full")
    alone = cifar10.without_controls()
    assert tuple(alone.nets) == alone.nets_of(0) == NETS != tuple(cifar10.nets)
    assert alone.nets_of(1) == cifar10.nets_of(1)
    assert alone.identity() == cifar10.identity()
    different = {
        "recipe": Recipe(epochs=11),
        "examples": 10,
        "nets": by_name(paper_nets("mnist", {"l1": 1.0})),
        "epsilons": (0.0,),
    }
    for field, value in different.items():
        assert replace(mnist_experiment("full"), **{field: value}).identity() != identity, field
    assert mnist_experiment("fast").identity() != identity


def test_the_precision_is_the_preset_s_where_the_device_has_it(monkeypatch):
    fast, full = cifar10_experiment("fast"), cifar10_experiment("full")
    for has_it, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(
            "rolab.experiments.spec.multiplies_bfloat16", lambda device, has_it=has_it: has_it
        )
        assert full.on("cpu") == replace(full, recipe=replace(full.recipe, precision=precision))
        assert fast.on("cpu") == fast
        assert full.on("cpu", "float32").recipe.precision == "float32"
        assert fast.on("cpu", "bfloat16").recipe.precision == "bfloat16"
    with pytest.raises(ValueError, match="precision is 'half', expected one of float32, bfloat16"):
        full.on("cpu", "half")


def test_whom_a_net_is_compared_with():
    full, mnist = cifar10_experiment("full"), mnist_experiment("full")
    robust = {"mcnemar": "baseline"}
    assert {net: mnist.comparisons(net) for net in NETS} == {
        "baseline": {},
        **{net: robust for net in NETS[1:]},
    }
    assert full.comparisons("baseline") == {}
    assert full.comparisons("robust-l1") == {"mcnemar": "baseline", "against_longer": "baseline-longer"}
    assert full.comparisons("baseline-longer") == full.comparisons("baseline-augmented") == robust
    assert full.comparisons("robust-linf-augmented") == {"mcnemar": "baseline-augmented"}
    alone = augmented_net(full.nets["robust-linf"], "baseline")  # whose baseline was not augmented
    assert replace(full, nets=full.nets | by_name([alone])).comparisons(alone.name) == robust
    assert full.without_controls().comparisons("robust-l1") == robust  # the longer baseline is not there
