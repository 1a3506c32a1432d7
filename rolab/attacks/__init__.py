"""Attacks: given a network, an image and its label, the worst perturbation in a set. §4, eq. (10), (11).

An attack sees the set only through its oracles, and leaves no trace in the network. It returns the
perturbation Δ, not x + Δ.
"""

from rolab.attacks.black_box import random_search
from rolab.attacks.ensemble import ensemble
from rolab.attacks.first_order import Attack, ascent_direction, cross_entropy, first_order, input_gradient
from rolab.attacks.lbfgs import fooling, lbfgs
from rolab.attacks.losses import log_loss, log_odds, logit_ratio, margin, targeted_logit_ratio
from rolab.attacks.minimal_radius import minimal_radius
from rolab.attacks.pgd import pgd, random_point
from rolab.attacks.single_pixel import single_pixel

__all__ = [
    "Attack",
    "ascent_direction",
    "cross_entropy",
    "ensemble",
    "first_order",
    "fooling",
    "input_gradient",
    "lbfgs",
    "log_loss",
    "log_odds",
    "logit_ratio",
    "margin",
    "minimal_radius",
    "pgd",
    "random_point",
    "random_search",
    "single_pixel",
    "targeted_logit_ratio",
]
