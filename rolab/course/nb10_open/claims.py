"""The claims of the paper and of its field as cards: what each says, how well it stands, and the evidence.

The evidence is a sentence computed from a record in `results/`, or a proof that a notebook has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean
from typing import Any

from rolab.course.live import Sorting
from rolab.course.nb07_mnist import significance
from rolab.experiments import NORMS, TITLES, grid
from rolab.experiments.robustness_results import RobustnessResults
from rolab.storage import load_result

BOXES = {
    "proved": "proved",
    "confirmed": "measured by the paper, and here",
    "here": "measured here, not in the paper",
    "not supported": "said, and not supported here",
    "open": "open",
}


@dataclass(frozen=True)
class Claim:
    """A card: what is said, in which box we put it, where, and a sentence that says why."""

    text: str
    box: str  # a key of BOXES
    notebook: str  # the file that has it, without .ipynb
    evidence: Callable[[], str]


def _net(name: str, net: str) -> Mapping[str, Any]:
    return next(row for row in load_result(name)["rows"] if row["net"] == net)


def _leads(name: str) -> str:
    """The gain of each robust net over the baseline on clean images, and its tests."""
    result, said = load_result(name), []
    images, _ = significance.tested(result)
    for row in significance.rows_of(result):
        gain, tests = 100 * mean(significance.leads_of(row)) / images, row["mcnemar"]
        better = (
            f"p < {significance.LEVEL} in {significance.significant(tests, 1)} of {len(tests)} paired tests"
        )
        said.append(f"{TITLES[row['net']]} {gain:+.2f} points, {better}")
    return "; ".join(said)


def _on_A() -> str:
    shares = {n: _net("mnist", f"robust-{n}")["adversarial_accuracy"]["mean"] for n in NORMS}
    said = ", ".join(f"{TITLES[f'robust-{norm}']} {share:.0f} %" for norm, share in shares.items())
    return f"of A the baseline reads nothing, {said}"


def _one_step() -> str:
    results, radius = RobustnessResults.of(load_result("robustness")), 0.1
    one, all_of_them = (results.percent("robust-linf", radius, *how) for how in ((1, 0), results.hardest))
    return f"robust ℓ∞ at ε = {radius:g}: {one:.1f} % are left by one step, {all_of_them:.1f} % by many"


def _masked() -> str:
    results, radius = RobustnessResults.of(load_result("robustness")), 0.3
    one, all_of_them = (results.percent("masked", radius, *how) for how in ((1, 0), results.hardest))
    return f"the masked net at ε = {radius:g}: {one:.1f} % are left by one step, {all_of_them:.1f} % by many"


def _harder() -> str:
    found = load_result("mnist")["accuracy_vs_epsilon"]
    k = min(range(len(found["epsilon"])), key=lambda i: abs(found["epsilon"][i] - 0.1))
    curves = {net: found["accuracy"][net]["mean"][k] for net in ("baseline", "robust-linf")}
    numbers = f"baseline {curves['baseline']:.0f} %, robust ℓ∞ {curves['robust-linf']:.0f} %"
    return f"each net under its own step, ε = {found['epsilon'][k]:g}: {numbers}"


def _transfer() -> str:
    found = load_result("transfer")
    left = {
        kind: [c["percent"] for a, row in table.items() for b, c in row.items() if a != b]
        for kind, table in found["accuracy"].items()
    }
    said = {kind: f"{min(shares):.0f} to {max(shares):.0f} %" for kind, shares in left.items()}
    size = f"ℓ∞ {found['radius']:g}"
    return f"examples of one net leave others {said['pgd']} right, noise as large {said['noise']} ({size})"


def _limit() -> str:
    rows = load_result("limits")["rows"]
    broken = sum(row["robustness"] > row["limit"] for row in rows)
    return f"the bound is broken by {broken} of {len(rows)} classifiers of two digits"


def _tangents() -> str:
    shares = {row["basis"]: 100 * row["share"]["mean"] for row in load_result("tangent_energy")["rows"]}
    two = f"{shares['autoencoder']:.0f} % (autoencoder) and {shares['local-pca']:.0f} % (PCA of neighbours)"
    return f"15 learnt directions hold {two} of the energy of six known moves"


def _operator_norms() -> str:
    rows = load_result("related_work_strengths")["rows"]
    tried = [row for row in rows if row["method"] == "operator-norm"]
    base = next(row for row in rows if row["method"] is None)
    best = max(tried, key=lambda row: row["pgd_accuracy"])
    return (
        f"the strongest of {len(tried)} penalties tried leaves {best['pgd_accuracy']:.1f} % under PGD, the "
        f"baseline {base['pgd_accuracy']:.1f} %, at {best['accuracy'] - base['accuracy']:+.2f} points clean"
    )


CLAIMS = {
    "support": Claim(
        "For all data in a set, a row holds if and only if it holds with the set's support function.",
        "proved",
        "01_robust_linear_programs",
        lambda: "a maximum is at most b if and only if each value is; `verify` checks it for every program",
    ),
    "ridge": Claim(
        "The worst case of ‖(A + Δ)x − b‖ over ‖Δ‖_F ≤ γ is ‖Ax − b‖ + γ‖x‖.",
        "proved",
        "02_robustness_is_regularisation",
        lambda: "Cauchy–Schwarz, and Δ* = γ r xᵀ/(‖r‖‖x‖) reaches it; the penalty of ridge is another one",
    ),
    "step": Claim(
        "The step (11) finds the perturbation in the set that raises a network's loss most.",
        "not supported",
        "09_stress_test",
        _one_step,
    ),
    "A": Claim(
        "Robust networks read examples correctly that were made to mislead the baseline.",
        "confirmed",
        "07_mnist_reproduction",
        _on_A,
    ),
    "harder": Claim(
        "One gradient step against a robust network itself does less harm than against the baseline.",
        "confirmed",
        "07_mnist_reproduction",
        _harder,
    ),
    "clean mnist": Claim(
        "Trained with ℓ2 or ℓ∞ balls, a network reads more clean digits of MNIST correctly.",
        "confirmed",
        "07_mnist_reproduction",
        lambda: _leads("mnist"),
    ),
    "clean cifar": Claim(
        "Robust training raises the accuracy on the clean images of CIFAR-10.",
        "not supported",
        "08_cifar10_reproduction",
        lambda: _leads("cifar10"),
    ),
    "masked": Claim(
        "A network can withstand one step because its gradient is useless, not because it is robust.",
        "here",
        "09_stress_test",
        _masked,
    ),
    "transfer": Claim(
        "Examples made for one network mislead others, of another architecture or from other images.",
        "here",
        "06_its_relatives",
        _transfer,
    ),
    "tangents": Claim(
        "Directions that are learnt from digits hold much of what shifts, turns and thickens a digit.",
        "here",
        "05_tangent_space",
        _tangents,
    ),
    "norms": Claim(
        "A penalty on the operator norms of the layers makes a network of MNIST withstand more.",
        "here",
        "06_its_relatives",
        _operator_norms,
    ),
    "limit": Claim(
        "No linear classifier that is right stands further from its images than its classes lie apart.",
        "proved",
        "06_its_relatives",
        _limit,
    ),
    "converges": Claim(
        "Algorithm 1 ends near a saddle point of the min–max problem (9).",
        "open",
        "04_algorithm_1",
        lambda: "replacing the worst case can go round in circles (01); nobody has a proof for deep networks",
    ),
    "which set": Claim(
        "The set that matters to people is a ball of pixels.",
        "open",
        "05_tangent_space",
        lambda: "a net is robust to its own set: the tests of 05 and the map of 06 differ by the set asked",
    ),
}


def sorting() -> Sorting:
    """The cards and the boxes that a reader sorts them into."""
    return Sorting({name: claim.text for name, claim in CLAIMS.items()}, BOXES)


def board(answer: Mapping[str, str] | None) -> str:
    """All cards, turned: where we put each, and why; a reader's own box where it is another. Markdown."""
    rows = []
    for name, claim in CLAIMS.items():
        yours = f" (you: {BOXES[answer[name]]})" if answer and answer[name] != claim.box else ""
        link = f"[{claim.notebook[:2]}]({claim.notebook}.ipynb)"
        rows.append([claim.text, f"**{BOXES[claim.box]}**{yours}", f"{claim.evidence()} ({link})"])
    return grid(("the claim", "we say", "because"), rows)
