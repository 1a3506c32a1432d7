"""Evaluation of trained networks: accuracy, the collection A, accuracy under attack, masked gradients. §5."""

from rolab.evaluation.accuracy import (
    BATCH,
    accuracy,
    accuracy_percent,
    accuracy_vs_radius,
    ascent_directions,
    correct,
    device_of,
    eval_mode,
    gradients,
    predict,
)
from rolab.evaluation.collection import Collection, adversarial_collection
from rolab.evaluation.masking import flatness, masking_report
from rolab.evaluation.robustness import (
    correct_under_attack,
    guarded_evaluation,
    perturbations,
    robust_mask,
    rows_of,
    worst_case_accuracy,
)
from rolab.evaluation.statistics import AccuracyEstimate, mcnemar
from rolab.evaluation.transfer import equal_norm_noise, transfer_matrix

__all__ = [
    "BATCH",
    "AccuracyEstimate",
    "Collection",
    "accuracy",
    "accuracy_percent",
    "accuracy_vs_radius",
    "adversarial_collection",
    "ascent_directions",
    "correct",
    "correct_under_attack",
    "device_of",
    "equal_norm_noise",
    "eval_mode",
    "flatness",
    "gradients",
    "guarded_evaluation",
    "masking_report",
    "mcnemar",
    "perturbations",
    "predict",
    "robust_mask",
    "rows_of",
    "transfer_matrix",
    "worst_case_accuracy",
]
