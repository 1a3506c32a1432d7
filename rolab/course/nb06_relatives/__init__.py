"""Notebook 06, its relatives: the methods of the paper's section 2 on one loss, in explorers and figures."""

from rolab.course.nb06_relatives.convolution_norm import ConvolutionNormExplorer, kernels
from rolab.course.nb06_relatives.dropout_ridge import DropoutExplorer, coarse_digits
from rolab.course.nb06_relatives.family_tree import TWINS, family_table, noise_and_jacobian
from rolab.course.nb06_relatives.kl_plane import KLExplorer
from rolab.course.nb06_relatives.limits_map import LimitsExplorer
from rolab.course.nb06_relatives.loss_slices import SliceExplorer
from rolab.course.nb06_relatives.methods_map import MethodsExplorer, top_right
from rolab.course.nb06_relatives.moved_digits import MoveExplorer
from rolab.course.nb06_relatives.power_method import PowerMethodExplorer
from rolab.course.nb06_relatives.records import in_words, missing, record, unlabelled_table, virtual_accuracy
from rolab.course.nb06_relatives.slopes import jacobians
from rolab.course.nb06_relatives.stale_examples import StaleExamples

__all__ = [
    "TWINS",
    "ConvolutionNormExplorer",
    "DropoutExplorer",
    "KLExplorer",
    "LimitsExplorer",
    "MethodsExplorer",
    "MoveExplorer",
    "PowerMethodExplorer",
    "SliceExplorer",
    "StaleExamples",
    "coarse_digits",
    "family_table",
    "in_words",
    "jacobians",
    "kernels",
    "missing",
    "noise_and_jacobian",
    "record",
    "top_right",
    "unlabelled_table",
    "virtual_accuracy",
]
