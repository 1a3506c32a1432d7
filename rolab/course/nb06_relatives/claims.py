"""What the paper says of its relatives, and what notebook 06 found."""

from collections.abc import Mapping
from typing import Any

from rolab import zoo
from rolab.course.nb06_relatives.dropout_ridge import DropoutExplorer
from rolab.course.nb06_relatives.limits_map import LimitsExplorer
from rolab.course.nb06_relatives.moved_digits import MovedDigits
from rolab.course.nb06_relatives.records import in_words, mean_of, row_of
from rolab.course.nb06_relatives.stale_examples import StaleExamples

MEASURED = "test_accuracy", "ensemble_accuracy"


def benchmark_says(related: Mapping[str, Any] | None, net: str) -> str:
    """What the benchmark of all methods adds to a sentence; nothing where it has not been made."""
    if not related:
        return ""
    clean, left = (in_words(row_of(dict(related), net), key) for key in MEASURED)
    _, plain = (in_words(row_of(dict(related), "baseline"), key) for key in MEASURED)
    return f"; trained so: {clean} % clean, {left} % after all attacks (baseline {plain} %)"


def paper_and_here(
    kl: float,
    bound: float,
    unlabelled: Mapping[str, Any],
    stale: StaleExamples,
    dropout: DropoutExplorer,
    moved: MovedDigits,
    limits: LimitsExplorer,
    related: Mapping[str, Any] | None,
) -> str:
    """Claims of the paper with what came out, as a table (Markdown).

    Args:
        kl: at the Δ that the second order finds
        bound: the product of the baseline's operator norms over its steepest slope
        unlabelled, related: records; `related` may not have been made yet
    """
    labelled, both, plain = (
        mean_of(dict(unlabelled), net) for net in ("virtual-labelled", "virtual", "supervised")
    )
    far = moved.far()
    shift, bend = far["shift"], far["bend"]
    fixed, learnt = (zoo.card(f"mnist/{name}")["test_accuracy"] for name in ("scattering", "baseline"))
    broken = [row for row in limits.record["rows"] if row["robustness"] > row["limit"]]
    claims = {
        "[12] needs no label: its loss has a KL term": "yes. The KL has no gradient at Δ = 0: the second "
        f"order finds Δ; on your digit, with ‖Δ‖₂ = 0.5, the KL is {kl:.3g}. It adds "
        f"{labelled - plain:.1f} points at 1,000 labelled images, {both - plain:.1f} with 59,000 "
        "more that have no label",
        "(4) penalises ⟨u, ∇o⟩ squared, with the network's output o": "o is a vector, so the sum is ‖Ju‖²; "
        "with all directions in the basis it is the Jacobian penalty",
        "operator norms push the Lipschitz constant down [21]; no empirical result is known": "their product "
        f"is {bound:.0f} times the steepest slope found{benchmark_says(related, 'operator-norm')}",
        "feeding examples back did not improve resistance [9]": "examples of 100 steps ago are read better "
        f"by {stale.gained:.0f} points than fresh ones{benchmark_says(related, 'stale')}",
        "dropout is a weighted ridge [22]": "exactly for least squares; for logistic regression it misses "
        f"{dropout.missed('logistic'):.0f} % here, and {dropout.missed('logistic', 4.0):.0f} % where the "
        "model is four times as sure",
        "scattering is stable under shifts, rotations, small deformations [16]": "a shift of 2 pixels moves "
        f"it by {shift['scattering']:.2f} of a digit, the pixels by {shift['pixels']:.2f}, a trained convnet "
        f"by {shift['convnet']:.2f}; bent, {bend['scattering']:.2f} against {bend['convnet']:.2f}",
        "its performance is often inferior to convnets": f"{fixed:.2f} % against {learnt:.2f} %, "
        "one seed each",
        "robustness needs distinguishability [6]": f"the bound is broken by {len(broken)} of "
        f"{len(limits.record['rows'])} classifiers; logistic regression reaches "
        f"{limits.share('linear'):.0f} % of it",
    }
    return "| the paper | here |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in claims.items())
