"""The table at the end of notebook 06 is made of what its cells found, with the benchmark or without."""

from types import SimpleNamespace

import pytest

from rolab.course.nb06_relatives import QUIZ
from rolab.course.nb06_relatives.claims import benchmark_says, paper_and_here

UNLABELLED = {
    "rows": [
        {"net": net, "test_accuracy": {"mean": mean}}
        for net, mean in (("supervised", 90.0), ("virtual-labelled", 94.0), ("virtual", 95.5))
    ]
}


@pytest.mark.parametrize("made", [True, False])
def test_every_number_is_what_came_out(related, made):
    related["rows"].append({**related["rows"][3], "net": "stale"})
    shares = {"pixels": 0.8, "convnet": 0.3, "scattering": 0.5}
    said = paper_and_here(
        kl=1.234,
        bound=35.0,
        unlabelled=UNLABELLED,
        stale=SimpleNamespace(gained=11.0),
        dropout=SimpleNamespace(missed=lambda family, scale=1.0: 7 * scale),
        moved=SimpleNamespace(far=lambda: {"shift": shares, "bend": shares}),
        limits=SimpleNamespace(
            share=lambda name: 42.0,
            record={"rows": [{"robustness": 1.0, "limit": 2.0}, {"robustness": 3.0, "limit": 2.0}]},
        ),
        related=related if made else None,
    )
    for part in (
        "the KL is 1.23. It adds 4.0 points at 1,000 labelled images, 5.5 with 59,000 more",
        "35 times the steepest slope",
        "by 11 points",
        "it misses 7 % here, and 28 %",
        "by 0.50 of a digit, the pixels by 0.80, a trained convnet by 0.30; bent, 0.50 against 0.30",
        "broken by 1 of 2 classifiers; logistic regression reaches 42 %",
    ):
        assert part in said
    assert said.count("; trained so: 99.10 ± 0.10 % clean, 10.00 ± 3.00 % after all attacks") == 2 * made
    assert (benchmark_says(related if made else None, "stale") == "") != made


def test_the_quiz_has_a_reply_for_every_option():
    assert len(QUIZ) == 3
    for question in QUIZ:
        assert len(question.replies) >= 3 and all(len(reply) > 40 for reply in question.replies.values())
