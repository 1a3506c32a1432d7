"""Related work: every method that the paper names, trained and tested as the nets of Table 1. §2, §4.2.

    rolab reproduce related-work --preset full

The nets of Table 1 have its radii. How strong each other method is was chosen on a split of the training set,
by one rule for all: `rolab.experiments.strength_selection`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from rolab import zoo
from rolab.experiments.attack_grid import linf_in_pixel_box
from rolab.experiments.measures import (
    PROVED,
    SETS,
    SHIFTS,
    TURNS,
    norm_product,
    pgd_40,
    proved,
    right_however,
    right_under,
    seeded_ensemble,
)
from rolab.experiments.presets import MNIST_RADII, baseline_net, mnist_experiment, robust_net
from rolab.experiments.spec import Experiment, Measure, NetSpec, by_name
from rolab.manifold import encoder_tangents
from rolab.nets import ContractiveAutoencoder
from rolab.objectives import (
    Certified,
    Free,
    JacobianPenalty,
    Noise,
    Nominal,
    Objective,
    OperatorNorm,
    Robust,
    Stale,
    TangentPropagation,
    Virtual,
)
from rolab.sets import Ball, Tangent, UncertaintySet


@lru_cache
def _autoencoder(device: torch.device) -> ContractiveAutoencoder:
    model = zoo.load("autoencoders/mnist").to(device)
    assert isinstance(model, ContractiveAutoencoder)
    return model


@dataclass(frozen=True)
class LearntTangents:
    """x → the tangents of images that the zoo's autoencoder has learnt, (N, d, k).

    Two steps of subspace iteration hold 99.98 % of the energy of many, at half their time.
    """

    k: int = 15
    steps: int = 2

    def __call__(self, x: Tensor) -> Tensor:
        return encoder_tangents(_autoencoder(x.device), x, self.k, self.steps)


@dataclass(frozen=True)
class AlongTangents:
    """x → the perturbations of a ball along the learnt tangents at x, eq. (12)."""

    ball: Ball
    tangents: LearntTangents = LearntTangents()

    def __call__(self, x: Tensor) -> UncertaintySet:
        return Tangent(self.tangents(x), self.ball)


COMPARED = {"mcnemar": "baseline"}


@dataclass(frozen=True)
class Method:
    """A method of the related work, at any strength.

    Attributes:
        title: what the table calls it, with the paper's reference
        strengths: those tried
        objective: of a strength
        recipe: of a strength, where it differs from that of all
        control: whether the paper does not name it
    """

    title: str
    strengths: tuple[float, ...]
    objective: Callable[[float], Objective] = lambda strength: Nominal()
    recipe: Callable[[float], Mapping[str, Any]] = lambda strength: {}
    control: bool = False

    def net(self, name: str, strength: float) -> NetSpec:
        """The net of this method at a strength, which the table shows as its radius."""
        how = self.objective(strength), strength, self.recipe(strength)
        return NetSpec(name, self.title, *how, COMPARED, control=self.control)


def linf(radius: float) -> Ball:
    """The ℓ∞ ball."""
    return Ball("linf", radius)


METHODS = {
    "mixed": Method(
        "mixed loss (3) [7]", (0.06, 0.1, 0.15, 0.2), lambda r: 0.5 * Nominal() + 0.5 * Robust(linf(r))
    ),
    "virtual-l2": Method("virtual ℓ2 [12]", (1.0, 2.0, 3.0), lambda r: Nominal() + Virtual(Ball("l2", r))),
    "virtual-linf": Method("virtual ℓ∞ [12]", (0.06, 0.1, 0.15, 0.2), lambda r: Nominal() + Virtual(linf(r))),
    "tangent-set": Method(
        "tangent set (13)", (0.3, 0.6, 1.2, 2.4), lambda r: Robust(AlongTangents(Ball("l2", r)))
    ),
    "tangent-propagation": Method(
        "tangent propagation (4) [17]",
        (0.0003, 0.001, 0.01, 0.1),
        lambda factor: Nominal() + factor * TangentPropagation(LearntTangents()),
    ),
    "contractive-layers": Method(
        "contractive layers [8]",
        (1e-6, 1e-5, 1e-4, 3e-4),
        lambda factor: Nominal() + factor * JacobianPenalty(layerwise=True),
    ),
    "jacobian": Method(
        "Jacobian, end to end",
        (0.001, 0.003, 0.01, 0.1),
        lambda factor: Nominal() + factor * JacobianPenalty(),
    ),
    "operator-norm": Method(
        "operator norms [21]",
        (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        lambda factor: Nominal() + factor * OperatorNorm(),
    ),
    "stale": Method(
        "stale for 3 epochs [9], [21]", (0.03, 0.06, 0.1, 0.15), lambda r: Stale(linf(r), every=3, after=1)
    ),
    "free": Method("free", (0.06, 0.1, 0.15), lambda r: Free(linf_in_pixel_box(r)), control=True),
    "certified": Method(
        "certified", (0.02, 0.05, 0.1), lambda r: Certified(linf_in_pixel_box(r)), control=True
    ),
    "noise": Method("noise", (1.0, 2.0, 4.0, 6.0), lambda r: Noise(Ball("l2", r)), control=True),
    "weight-decay": Method(
        "weight decay",
        (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2),
        recipe=lambda decay: {"weight_decay": decay},
        control=True,
    ),
}
# As `rolab.experiments.strength_selection` chose them: results/related_work_strengths.json.
STRENGTHS = {
    "mixed": 0.15,
    "virtual-l2": 2.0,
    "virtual-linf": 0.15,
    "tangent-set": 0.3,
    "tangent-propagation": 0.0003,
    "contractive-layers": 0.0001,
    "jacobian": 0.003,
    "operator-norm": 0.01,
    "stale": 0.03,
    "free": 0.1,
    "certified": 0.02,
    "noise": 4.0,
    "weight-decay": 0.008,
}


def related_nets(epochs: int) -> list[NetSpec]:
    """The baseline, the nets of Table 1, one of each method, and a baseline of twice the epochs."""
    table_1 = [baseline_net(), *(robust_net(norm, radius) for norm, radius in MNIST_RADII.items())]
    related = [method.net(name, STRENGTHS[name]) for name, method in METHODS.items()]
    twice = {"epochs": 2 * epochs}
    longer = NetSpec("longer", "more epochs", Nominal(), None, twice, COMPARED, control=True)
    return [*table_1, *related, longer]


def measures(digits: int, budget: int, proofs: int) -> dict[str, Measure]:
    """What is measured of each net, of the first so many test digits."""
    each = {
        "pgd_accuracy": Measure("PGD-40 %", partial(right_under, pgd_40, SETS["linf"], digits)),
        "pgd_accuracy_l2": Measure("PGD-40 ℓ2 %", partial(right_under, pgd_40, SETS["l2"], digits)),
    }
    for name, title, U in (("", "", SETS["linf"]), ("_l2", " ℓ2", SETS["l2"])):
        attack = partial(seeded_ensemble, budget=budget)
        each[f"ensemble_accuracy{name}"] = Measure(
            f"ensemble{title} %", partial(right_under, attack, U, digits)
        )
    each["certified_accuracy"] = Measure("proved %", partial(proved, PROVED, proofs))
    each["norm_product"] = Measure("Π norms", norm_product)
    each["turned_accuracy"] = Measure("turned %", partial(right_however, TURNS))
    each["shifted_accuracy"] = Measure("shifted %", partial(right_however, SHIFTS))
    return each


def related_work_experiment(preset: str = "fast", seeds: tuple[int, ...] | None = None) -> Experiment:
    """The related work: `fast` (minutes), `full` (five seeds, six epochs) or `paper` (their recipe)."""
    mnist, few = mnist_experiment(preset, seeds), preset == "fast"
    recipe = replace(mnist.recipe, epochs=6) if preset == "full" else mnist.recipe
    return replace(
        mnist,
        name="related-work",
        recipe=recipe,
        nets=by_name(related_nets(recipe.epochs)),
        measures=measures(*((50, 100, 10) if few else (500, 1000, 200))),
        table="related_work",
        figures={"figure": "accuracy against ε"},
        examples=10_000 if few else None,
        memory=2 * 10**9,
    )
