"""Related work as an experiment: every method trains, is measured and stands in the table."""

import pickle
from dataclasses import replace
from functools import partial

import pytest
import torch
from table_forms import cells

from rolab.experiments import EXPERIMENTS, Measure
from rolab.experiments.measures import SETS, pgd_40, right_under
from rolab.experiments.related_work import METHODS, STRENGTHS, LearntTangents, related_work_experiment
from rolab.experiments.runner import reproduce
from rolab.experiments.strength_selection import COST, chosen
from rolab.experiments.tables import markdown
from rolab.manifold import encoder_tangents
from rolab.nets import ConvNet
from rolab.storage import load_result
from rolab.training import train

NETS = """baseline robust-l1 robust-l2 robust-linf mixed virtual-l2 virtual-linf tangent-set
tangent-propagation contractive-layers jacobian operator-norm stale free certified noise weight-decay
longer""".split()


def test_it_is_an_experiment_with_every_method_once():
    full = EXPERIMENTS["related-work"]("full")
    assert list(full.nets) == NETS and full.seeds == (0, 1, 2, 3, 4) and full.baseline == "baseline"
    assert all(full.nets_of(seed) == tuple(NETS) for seed in full.seeds)
    assert all(net.compared_with["mcnemar"] == "baseline" for net in list(full.nets.values())[1:])
    epochs = {net: full.recipe_of(net).epochs for net in full.nets}
    assert epochs.pop("longer") == 2 * full.recipe.epochs and set(epochs.values()) == {full.recipe.epochs}
    assert full.recipe_of("weight-decay").weight_decay == STRENGTHS["weight-decay"]
    assert len({repr(full.objective(net)) for net in NETS}) == len(NETS) - 2, "these two differ in the recipe"


@pytest.mark.slow
def test_each_method_trains_in_its_own_way_and_travels_to_a_worker(mnist_test):
    """In two epochs, for what is stale or free begins in the second; the weights of no two are the same."""
    recipe = replace(related_work_experiment().recipe, epochs=2, batch_size=20, learning_rate=0.02)
    images, found = mnist_test[:40], []
    for name in ("baseline", *METHODS):
        net = pickle.loads(pickle.dumps(related_work_experiment().nets[name]))
        torch.manual_seed(0)
        model = ConvNet()
        train(model, images, net.objective, replace(recipe, **net.recipe), device="cpu", progress=False)
        found.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
        assert found[-1].isfinite().all()
    assert torch.stack(found).unique(dim=0).shape[0] == len(METHODS) + 1


def test_the_learnt_tangents_hold_nearly_all_that_more_steps_find(mnist_test):
    from rolab import zoo

    x = mnist_test.images[:50]
    exact = encoder_tangents(zoo.load("autoencoders/mnist"), x, 15, steps=40)
    held = (LearntTangents()(x).mT @ exact).square().sum((1, 2)) / 15
    assert held.mean() > 0.9995 and held.min() > 0.99


def test_the_rule_takes_the_strongest_that_is_cheap_and_else_the_cheapest():
    def row(method, strength, accuracy, pgd_accuracy):
        return {"method": method, "strength": strength, "accuracy": accuracy, "pgd_accuracy": pgd_accuracy}

    rows = [row(None, None, 98.0, 1.0)]
    for name in METHODS:
        cheap = 98.0 - COST
        rows += [row(name, 1.0, 98.5, 20.0), row(name, 2.0, cheap, 30.0), row(name, 3.0, cheap - 0.01, 90.0)]
    rows[-3:] = [row(name, 1.0, 95.0, 20.0), row(name, 2.0, 96.0, 10.0), row(name, 3.0, 90.0, 90.0)]
    assert chosen(rows) == {name: 2.0 for name in METHODS}


def test_the_strengths_are_those_that_were_chosen_on_a_split_of_the_training_set():
    record = load_result("related_work_strengths")
    assert record["chosen"] == chosen(record["rows"]) == STRENGTHS
    assert record["trained_on"] + record["judged_on"] <= 60_000
    tried = [(row["method"], row["strength"]) for row in record["rows"][1:]]
    assert tried == [(name, s) for name, method in METHODS.items() for s in method.strengths]


@pytest.mark.slow
def test_a_small_one_runs_whole(tmp_path):
    """Few images, four of the nets; what is measured of them is what the table shows."""
    fast = related_work_experiment()
    names = "baseline", "robust-linf", "tangent-propagation", "longer"
    small = replace(
        fast,
        examples=600,
        nets={name: fast.nets[name] for name in names},
        examples_per_norm={"linf": 5},
        recipe=replace(fast.recipe, batch_size=20, learning_rate=0.02),
        measures={
            **{name: measure for name, measure in fast.measures.items() if "_accuracy" not in name},
            "pgd_accuracy": Measure("PGD-40 %", partial(right_under, pgd_40, SETS["linf"], 20)),
        },
        figures={},
    )
    result = reproduce(small, tmp_path, device="cpu", progress=False)
    assert [row["net"] for row in result["rows"]] == list(names)
    text = markdown(result, experiment=small)
    assert [row[0] for row in cells(text)] == [small.nets[name].title for name in names]
    assert "more epochs: 4" in text
