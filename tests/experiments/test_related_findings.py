"""The sentences on the related work against tables whose truth is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from rolab.experiments.related_findings import COLUMNS, against_baseline, dominated, findings, holm


def row(title, *columns, cost=1.0):
    """Each column the values of its seeds; a number alone for all three, the same in each seed."""
    values = {name: {"mean": sum(v) / len(v), "values": v} for name, v in zip(COLUMNS, columns, strict=True)}
    return {"net": title, "title": title, **values, "step_cost": {"mean": cost}}


TRIED = [
    (None, None, 98.0, 1.0, 1e4),
    ("operator-norm", 0.1, 97.0, 5.0, 31.0),
    ("noise", 2.0, 90.0, 4.0, 77.0),
]
KEYS = "method", "strength", "accuracy", "pgd_accuracy", "norm_product"
STRENGTHS = {"rows": [dict(zip(KEYS, values, strict=True)) for values in TRIED]}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_closed_test(p):
    """The p of a hypothesis is the greatest Bonferroni p over all sets of hypotheses that hold it."""
    from itertools import combinations

    for k, corrected in enumerate(holm(p)):
        sets = (s for n in range(1, len(p) + 1) for s in combinations(range(len(p)), n) if k in s)
        assert corrected == pytest.approx(max(min(1.0, len(s) * min(p[i] for i in s)) for s in sets))


def test_leads_are_paired_by_seed():
    base, better = [98.0, 99.0, 97.0], [98.1, 99.11, 97.09]
    result = {"seeds": [0, 1, 2], "rows": [row("baseline", base, base, base), row("a", better, base, base)]}
    lead, p = against_baseline(result, "test_accuracy")["a"]
    assert lead == pytest.approx(0.1) and p == pytest.approx(ttest_rel(better, base).pvalue) and p < 0.01
    assert against_baseline(result, "ensemble_accuracy")["a"] == (0, 1)


def test_who_dominates_whom():
    flat = [[90.0, 90.0]] * 3
    rows = [row("baseline", *flat), row("dear", *flat, cost=2.0), row("good", [90, 90], [95, 95], [90, 90])]
    rows += [row("other", [91, 91], [10, 10], [90, 90]), row("twin", *flat)]
    assert dominated({"rows": rows}) == {"baseline": "good", "dear": "good", "twin": "good"}


def test_the_sentences():
    base = [99.0, 99.1, 99.2]
    rows = [
        row("baseline", base, [1.0, 2.0, 1.0], [0.0] * 3),
        row("strong", [98.0, 98.1, 98.2], [80.0, 82.0, 81.0], [5.0, 5.1, 5.3], cost=2.0),
        row("weak", base, [1.0, 2.0, 1.0], [0.0] * 3, cost=1.5),
    ]
    clean, linf, l2, by, below, norms = findings({"seeds": [0, 1, 2], "rows": rows}, STRENGTHS)
    assert "; worse than the baseline by more than luck: strong (-1.00)." in clean and "luck: none;" in clean
    assert "strong (+79.67)" in linf and "strong (+5.13)" in l2 and "weak" not in linf + l2
    assert by.endswith("one of them: weak (by baseline).")
    assert below == "Below 98.5 % on unperturbed images: strong (98.10 %)."
    assert "Without it 1e+04, 98.00 %, 1.0 %; with a factor of 0.1: 31, 97.00 %, 5.0 %." in norms
    assert "77" not in norms
    alone = findings({"seeds": [0], "rows": rows}, STRENGTHS)
    assert alone == [by, below, norms], "one seed has no spread"
