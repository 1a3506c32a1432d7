"""rolab: robust optimisation from linear programs to neural networks, one paper made to run.

*Understanding Adversarial Training: Increasing Local Stability of Neural Nets through Robust Optimization*
(Shaham, Yamada, Negahban) is one idea. An **uncertainty set** U answers one question: given a direction g,
which Δ ∈ U goes furthest along it? Training against that worst case is Algorithm 1:

    import rolab

    train, test = rolab.data.mnist("train"), rolab.data.mnist("test")
    net = rolab.ConvNet()
    U = rolab.Ball("linf", 0.06)                        # what may happen to an image
    rolab.train(net, train, rolab.Robust(U), rolab.Recipe(epochs=3), test=test)
    rolab.accuracy(net, test)                           # in percent

Where to find the paper (module → names):

    §3    uncertainty sets                    norms → Lp; sets → UncertaintySet, Ball, Box, pixel_box …
          robust linear programs, eq. (5)     lp → RobustLP
          regression, eq. (7), and the SVM    linear_models → robust_least_squares …
    §4    the worst perturbation, eq. (11)    attacks → first_order …
          the min–max loss, eq. (9)           objectives → Nominal, Robust
          Algorithm 1                         training → Recipe, train
          tangents of the images, eq. (13)    manifold → encoder_tangents …; sets → Tangent
    §5    the networks, the images            nets → ConvNet; data; zoo: trained networks
          accuracy, the collection A          evaluation → accuracy, adversarial_collection, mcnemar …
          what is proved                      certify → certified
          Tables 1 and 2, Figures 1–6         experiments → mnist_experiment; experiments.runner → reproduce
          more steps, restarts, attacks       experiments.robustness_benchmark → benchmark
    live  sliders, a folder a notebook        course.nb03_perturbations → PerturbationExplorer …

Beside them: `plotting` (figures), `course.check` (the exercises), `storage` (records that ship).
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Lp": "norms",
    "UncertaintySet": "sets",
    "Ball": "sets",
    "Box": "sets",
    "pixel_box": "sets",
    "RobustLP": "lp",
    "robust_least_squares": "linear_models",
    "first_order": "attacks",
    "Nominal": "objectives",
    "Robust": "objectives",
    "Recipe": "training",
    "train": "training",
    "ConvNet": "nets",
    "accuracy": "evaluation",
    "accuracy_vs_radius": "evaluation",
    "adversarial_collection": "evaluation",
    "mcnemar": "evaluation",
    "mnist_experiment": "experiments",
    "reproduce": "experiments.runner",
    "PerturbationExplorer": "course.nb03_perturbations",
}
_MODULES = {home.split(".")[0] for home in _HOME.values()}
_MODULES |= {"certify", "data", "errors", "manifold", "plotting", "storage", "zoo"}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Imports a name when it is first used (PEP 562): `import rolab` alone loads no torch."""
    if name in _HOME:
        return getattr(import_module(f"rolab.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"rolab.{name}")
    raise AttributeError(f"module 'rolab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES])
