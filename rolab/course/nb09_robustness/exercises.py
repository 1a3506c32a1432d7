"""The exercises of notebook 09: who masks its gradients, the worst of many attacks, a linear net's proof."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab import zoo
from rolab.attacks import first_order, pgd
from rolab.attacks.guards import guards
from rolab.course.checking import examine, exercise, finite_array, require, truth
from rolab.data import Dataset, mnist
from rolab.evaluation import accuracy_percent, correct_under_attack, flatness
from rolab.sets import Ball, UncertaintySet, UncertaintySetLike, pixel_box

RADIUS = 0.3
DIGITS = 60
MASKERS = ("B", "D", "E", "F")  # of the suspects
HONEST = (("A", 0.05), ("C", 0.1), ("A", 0.25))  # elsewhere too


class Disguised(nn.Module):
    """A network behind a change of its image, or of its logits.

    shades: of grey, in which it sees its image; flat almost everywhere, so its gradient is 0
    noise: that it adds to each pixel, anew each time
    times: as large are its logits: the same answers, but very sure of itself
    probabilities: what it returns in place of logits
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        shades: int | None = None,
        noise: float = 0.0,
        times: float = 1.0,
        probabilities: bool = False,
    ) -> None:
        super().__init__()
        self.net, self.shades, self.noise = net, shades, noise
        self.times, self.probabilities = times, probabilities

    def forward(self, x: Tensor) -> Tensor:
        """Pixels to logits, or to probabilities."""
        if self.shades is not None:
            x = (x * (self.shades - 1)).round() / (self.shades - 1)
        if self.noise:
            x = x + self.noise * torch.randn_like(x)
        z = self.times * self.net(x)
        return z.softmax(1) if self.probabilities else z


def suspects() -> dict[str, nn.Module]:
    """Six networks that read digits. An attack that follows the gradient can judge two of them."""
    return {
        "A": zoo.load("mnist/robust-linf"),
        "B": Disguised(zoo.load("mnist/robust-l2"), shades=4).eval(),
        "C": Disguised(zoo.load("mnist/baseline"), times=8.0).eval(),
        "D": Disguised(zoo.load("mnist/masked"), times=10.0).eval(),
        "E": Disguised(zoo.load("mnist/robust-linf"), times=10.0, probabilities=True).eval(),
        "F": Disguised(zoo.load("mnist/robust-l2"), noise=0.1).eval(),
    }


@exercise("who masks its gradients?")
def masks(f: Callable) -> str:
    """f(net, data, radius) → whether no attack along its gradient can judge the net (ℓ∞, pixel box).

    All suspects are asked about at `RADIUS`, the honest ones at other radii too.
    """
    data, nets = mnist("test")[:DIGITS], suspects()
    for name, radius in (*((name, RADIUS) for name in nets), *HONEST):
        at = f"suspect {name}{f' at radius {radius:g}' if radius != RADIUS else ''}"
        verdict = truth(f(nets[name], data, radius), at)
        if verdict != (name in MASKERS):
            evidence = " ".join(_evidence(nets[name], data, radius, name in MASKERS))
            require(False, f"you call {at} {'a masker' if verdict else 'honest'}. {evidence}")
    return "A is honest, C only loud; B has no gradient, D's misleads, E gives probabilities, F rolls dice"


def _evidence(net: nn.Module, data: Dataset, radius: float, masked: bool) -> list[str]:
    """What tells that the net masks its gradients, or that it does not, in sentences."""

    def U(x: Tensor) -> UncertaintySet:
        return Ball("linf", radius) & pixel_box(x)

    signs = [check for check in guards(net, data.images, data.labels) if check.masked]
    if signs:
        return [str(signs[0])]
    said = [str(flatness(net, data, U, torch.Generator().manual_seed(0)))]
    left = [
        accuracy_percent(correct_under_attack(net, data, U, attack)) for attack in (first_order, _ten_steps)
    ]
    if not masked and left[0] > 50:
        said.append(
            f"One step leaves {left[0]:.0f} %, ten leave {left[1]:.0f} %: that alone is no sign of it."
        )
    with torch.no_grad():
        faded = accuracy_percent(F.cross_entropy(net(data.images), data.labels, reduction="none") == 0)
    if faded > 50:
        said.append(
            f"(The usual cross-entropy is rounded to 0 for {faded:.0f} % of the digits; log_loss is not.)"
        )
    return said


def _ten_steps(net: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
    return pgd(net, x, y, U, steps=10)


@exercise("the worst of all attacks")
def worst_curve(f: Callable) -> str:
    """f(lost) → accuracies in percent, (R,), from lost (A, R, N) bool: A attacks, R radii that grow."""

    def percent(standing: Tensor) -> Tensor:
        return 100 * standing.double().mean(-1)

    def right(lost: Tensor) -> Tensor:
        return percent(~lost.any(0).cummax(0).values)

    def judge(answer: Any, lost: Tensor) -> None:
        radii = lost.shape[1]
        shape = f"expected a number for each of {radii} radi{'i' if radii > 1 else 'us'}, got shape {{}}"
        yours, exact = finite_array(answer, (radii,), "", "your curve", shape), right(lost).numpy()
        shown = ", ".join(f"{value:.4g}" for value in yours[:5])
        inside = (-1e-4 <= yours).all() and (yours <= 100 + 1e-4).all()
        require(inside, f"({shown}): an accuracy is 0 to 100 percent")
        rises = f"your curve ({shown}) rises; it cannot, what breaks a digit is in every larger set as well"
        require((np.diff(yours) <= 1e-4).all(), rises)
        above = f"yours is ({shown}), too much: more digits are lost to one of the attacks, at that radius"
        require((yours <= exact + 1e-4).all(), f"{above} or a smaller one")
        below = f"yours is ({shown}), which is less than what all attacks together leave"
        require((yours >= exact - 1e-4).all(), below)

    mistakes = {
        "shares; give them in percent": lambda lost: right(lost) / 100,
        "the digits lost, and not those that stand": lambda lost: 100 - right(lost),
        "a count of digits; give percent": lambda lost: right(lost) * lost.shape[2] / 100,
        "a curve that looks at each radius alone; what breaks a digit is in every larger set": lambda lost: (
            percent(~lost.any(0))
        ),
        "a running minimum of accuracies; other digits may be lost at other radii": lambda lost: (
            percent(~lost.any(0)).cummin(0).values
        ),
        "the lowest of the attacks' curves; a digit has to stand against each of them": lambda lost: percent(
            ~lost.cummax(1).values
        ).amin(0),
        "the lowest of the attacks' curves at each radius alone": lambda lost: percent(~lost).amin(0),
        "the highest of the attacks' curves: the worst attack leaves the least": lambda lost: percent(
            ~lost.cummax(1).values
        ).amax(0),
        "the mean over the attacks": lambda lost: percent(~lost.cummax(1).values).mean(0),
        "the digits that some attack leaves: all of them must": lambda lost: percent(
            ~lost.cummax(1).values.all(0)
        ),
        "the first attack alone": lambda lost: percent(~lost[0].cummax(0).values),
        "the last attack alone": lambda lost: percent(~lost[-1].cummax(0).values),
        "what is broken at a larger radius, which need not be broken at a smaller one": lambda lost: percent(
            ~lost.any(0).flip(0).cummax(0).values.flip(0)
        ),
        "what is broken at any radius, for each of them": lambda lost: percent(
            ~lost.flatten(0, 1).any(0).expand(lost.shape[1:])
        ),
        "whole percents; do not round": lambda lost: right(lost).round(),
    }
    generator = torch.Generator().manual_seed(1)
    few = [
        torch.tensor(
            [[[False, True, True, False], [True, False, False, False]]]
        ),  # a larger radius confuses it
        torch.tensor([[[False, True, False]], [[True, True, False]]]),
    ]
    drawn = [torch.rand(shape, generator=generator) < 0.15 for shape in ((3, 5, 40), (2, 3, 7))]
    cases = {}
    for lost in (*few, *drawn):
        attacks, radii, n = lost.shape
        many = f"{attacks} attack{'s' * (attacks > 1)}, {radii} radi{'i' if radii > 1 else 'us'}, {n} digits"
        cases[many] = (lost,)
    examine(f, cases, judge, mistakes)
    return "over attacks, and over all smaller radii: that curve cannot rise"


@exercise("a proof for a linear net")
def linear_proof(f: Callable) -> str:
    """f(W, b, x, y, radius) → bool (N,): no Δ with ‖Δ‖∞ ≤ radius changes the answer of z = W x + b from y."""

    def judge(answer: Any, W: Tensor, b: Tensor, x: Tensor, y: Tensor, radius: float) -> None:
        yours = answer if isinstance(answer, Tensor) else torch.as_tensor(np.asarray(answer))
        kind = f"expected bool of shape ({len(x)},), got {yours.dtype} of shape {tuple(yours.shape)}"
        require(yours.dtype == torch.bool and yours.shape == y.shape, kind)
        signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=x.dtype)] * x.shape[1])
        reached = (x[:, None] + radius * signs) @ W.T + b  # (N, 2^d, K)
        holds = (reached.argmax(2) == y[:, None]).all(1)  # linear in Δ, so a corner is worst
        wrong, over, under = (
            int(found.sum())
            for found in (yours & ((x @ W.T + b).argmax(1) != y), yours & ~holds, holds & ~yours)
        )
        require(not wrong, f"of what you prove, {wrong} the net gets wrong without any Δ")
        require(not over, f"of what you prove, {over} are broken by a corner of the ball")
        require(not under, f"{under} points that no corner breaks are missing from your proof")

    def proved(m: Tensor, y: Tensor, fall: Tensor) -> Tensor:
        """Whether each margin to another class than y is above its fall; both (N, K)."""
        return ((m > fall) | (torch.arange(m.shape[1]) == y[:, None])).all(1)

    def margins(W: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        z = x @ W.T + b
        return z.gather(1, y[:, None]) - z

    def by(fall: Callable[[Tensor], Tensor]) -> Callable:
        """With a fall of the margin that is radius times a function of the rows W_y − W_k: (N, K, d)."""
        return lambda W, b, x, y, radius: proved(margins(W, b, x, y), y, radius * fall(W[y][:, None] - W))

    def one(W: Tensor) -> Tensor:
        return W.abs().sum(-1)

    def runner_up(W: Tensor, b: Tensor, x: Tensor, y: Tensor, radius: float) -> Tensor:
        m = margins(W, b, x, y).scatter(1, y[:, None], torch.inf)
        return m.amin(1) > radius * one(W[y] - W[m.argmin(1)])

    mistakes = {
        "the answer without any Δ": by(lambda rows: 0 * one(rows)),
        "‖W_y − W_k‖₂, for a ball of ℓ2; that of ℓ∞ has ‖·‖₁": by(lambda rows: rows.norm(dim=2)),
        "‖W_y − W_k‖∞, the norm of the ball itself; the support function has the dual": by(
            lambda rows: rows.abs().amax(2)
        ),
        "Σ (W_y − W_k) without absolute values": by(lambda rows: rows.sum(2)),
        "|Σ (W_y − W_k)|: each entry needs its absolute value": by(lambda rows: rows.sum(2).abs()),
        "twice the radius": by(lambda rows: 2 * one(rows)),
        "a margin that rises with the radius": by(lambda rows: -one(rows)),
        "‖W_y‖₁ + ‖W_k‖₁, each logit by itself; it is one Δ for both": lambda W, b, x, y, r: proved(
            margins(W, b, x, y), y, r * (one(W)[y][:, None] + one(W))
        ),
        "‖W_k‖₁, and z_y moves as well": lambda W, b, x, y, r: proved(margins(W, b, x, y), y, r * one(W)),
        "‖W_y‖₁, and z_k moves as well": lambda W, b, x, y, r: proved(
            margins(W, b, x, y), y, r * one(W)[y][:, None]
        ),
        "W x without b": lambda W, b, x, y, r: by(one)(W, 0 * b, x, y, r),
        "the net's answer in place of y": lambda W, b, x, y, r: by(one)(W, b, x, (x @ W.T + b).argmax(1), r),
        "the runner-up alone: another class may overtake it": runner_up,
        "one class that stays below, and all have to": lambda W, b, x, y, r: (
            margins(W, b, x, y) > r * one(W[y][:, None] - W)
        ).any(1),
        "a comparison of y with itself too: 0 > 0 never holds": lambda W, b, x, y, r: (
            margins(W, b, x, y) > r * one(W[y][:, None] - W)
        ).all(1),
        "the complement: the points that can be turned": lambda *case: ~by(one)(*case),
    }
    generator = torch.Generator().manual_seed(2)
    cases = {}
    for radius, classes, d in ((0.0, 4, 6), (0.1, 4, 6), (0.4, 3, 5), (0.7, 2, 3)):
        sizes = (classes, d), (classes,), (200, d)
        W, b, x = (torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes)
        y = (x @ W.T + b).argmax(1)
        y[:20] = (y[:20] + 1) % classes  # some that the net gets wrong
        cases[f"radius {radius:g}, {classes} classes"] = (W, b, x, y, radius)
    examine(f, cases, judge, mistakes)
    return "for a linear net the proof misses nothing: lower and upper bound meet"
