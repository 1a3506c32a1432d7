"""Certified robustness: a lower bound of the margin that no perturbation in a set can break. CROWN."""

from rolab.certify.bounds import certified, margin_bound
from rolab.certify.intervals import largest_differences
from rolab.certify.relaxations import layers_of

__all__ = ["certified", "largest_differences", "layers_of", "margin_bound"]
