"""Statistics of right answers: the confidence interval of an accuracy, and McNemar's test of two."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rolab.evaluation.accuracy import accuracy_percent, check_right


@dataclass(frozen=True)
class AccuracyEstimate:
    """A share of right answers in percent, with the limits of its 95 % confidence interval.

    Attributes:
        percent: the share
        low, high: Wilson's interval for it, or that of Clopper and Pearson
        examples: how many there were
    """

    percent: float
    low: float
    high: float
    examples: int

    @classmethod
    def of(cls, right: Tensor, confidence: float = 0.95, method: str = "wilson") -> "AccuracyEstimate":
        """The accuracy of a bool tensor (N,). The method is one of SciPy's: "wilson" or "exact".

        Wilson's interval is the one within which the true share would not be refuted by what was seen; it
        holds 95 % on average. "exact", that of Clopper and Pearson, holds at least 95 % always, and is wider.

        >>> import torch
        >>> AccuracyEstimate.of(torch.tensor([True] * 90 + [False] * 10))
        AccuracyEstimate(percent=90.0, low=82.56, high=94.48, examples=100)
        """
        from scipy.stats import binomtest

        share = accuracy_percent(right)  # refuses no examples
        limits = binomtest(int(right.sum()), len(right)).proportion_ci(confidence, method)
        low, high = (round(100 * float(limit), 2) for limit in (limits.low, limits.high))
        return cls(share, low, high, len(right))

    def __str__(self) -> str:
        return f"{self.percent:.1f} % ({self.low:.1f}–{self.high:.1f})"


def mcnemar(right_a: Tensor, right_b: Tensor) -> dict[str, Any]:
    """McNemar's exact test: do two classifiers differ on the same examples?

    Only the examples on which one is right and the other wrong count. If both were equally good, `only_a`
    would be binomial with probability ½ out of `only_a` + `only_b`; p is the two-sided probability of a split
    that is at least as uneven.

    Args:
        right_a, right_b: which examples each of them has right, bool (N,), in the same order
    """
    from scipy.stats import binomtest

    for name, right in (("right_a", right_a), ("right_b", right_b)):
        check_right(right, name, least=0)
    if len(right_a) != len(right_b):
        raise ValueError(f"right_b: expected {len(right_a)} examples, as in right_a, got {len(right_b)}")

    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return {"only_a": only_a, "only_b": only_b, "p": float(p)}
