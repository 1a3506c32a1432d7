"""Notebook 06, its relatives: the methods of the paper's section 2 on one loss, in explorers and figures."""

from rolab.course.live import busy, folded
from rolab.course.nb06_relatives.claims import paper_and_here
from rolab.course.nb06_relatives.convolution_norm import ASKED, ConvolutionNormExplorer, kernels
from rolab.course.nb06_relatives.dropout_ridge import SIDES, DropoutExplorer, coarse_digits
from rolab.course.nb06_relatives.family_tree import SAME, TWINS, family_table, twins_measured
from rolab.course.nb06_relatives.kl_plane import KLExplorer
from rolab.course.nb06_relatives.limits_map import LimitsExplorer
from rolab.course.nb06_relatives.loss_slices import SliceExplorer
from rolab.course.nb06_relatives.methods_map import MethodsExplorer, top_right
from rolab.course.nb06_relatives.moved_digits import FEATURES, MoveExplorer
from rolab.course.nb06_relatives.power_method import ENDS, PowerMethodExplorer, where_it_ends
from rolab.course.nb06_relatives.quiz import QUIZ
from rolab.course.nb06_relatives.records import (
    mean_of,
    methods_kind,
    methods_table,
    missing,
    record,
    unlabelled_table,
)
from rolab.course.nb06_relatives.slopes import slopes
from rolab.course.nb06_relatives.stale_examples import StaleExamples

__all__ = [
    "ASKED",
    "ENDS",
    "FEATURES",
    "QUIZ",
    "SAME",
    "SIDES",
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
    "busy",
    "coarse_digits",
    "family_table",
    "folded",
    "kernels",
    "mean_of",
    "methods_kind",
    "methods_table",
    "missing",
    "paper_and_here",
    "record",
    "slopes",
    "top_right",
    "twins_measured",
    "unlabelled_table",
    "where_it_ends",
]
