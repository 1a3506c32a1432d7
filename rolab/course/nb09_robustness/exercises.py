"""The exercises of notebook 09: who masks its gradients, the worst of many attacks, a linear net's proof."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rolab import zoo
from rolab.attacks.guards import guards
from rolab.course.checking import exercise, require
from rolab.data import mnist
from rolab.evaluation import flatness
from rolab.sets import Ball, pixel_box

RADIUS = 0.3
DIGITS = 60
MASKERS = ("B", "D", "E", "F")  # of the suspects


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
        "C": Disguised(zoo.load("mnist/baseline"), times=4.0).eval(),
        "D": zoo.load("mnist/masked"),
        "E": Disguised(zoo.load("mnist/robust-linf"), times=10.0, probabilities=True).eval(),
        "F": Disguised(zoo.load("mnist/robust-l2"), noise=0.1).eval(),
    }


@exercise("who masks its gradients?")
def masks(f: Callable) -> str:
    """f(net, data, radius) → whether no attack along its gradient can judge the net (ℓ∞, pixel box)."""
    data = mnist("test")[:DIGITS]
    for name, net in suspects().items():
        called = f(net, data, RADIUS)
        truth = isinstance(called, bool) or (isinstance(called, Tensor) and called.dtype == torch.bool)
        require(truth, f"suspect {name}: expected True or False, got {called!r}")
        if bool(called) != (name in MASKERS):
            evidence = [check for check in guards(net, data.images, data.labels) if check.masked][:1]
            if not evidence:
                generator = torch.Generator().manual_seed(0)
                evidence = [flatness(net, data, lambda x: Ball("linf", RADIUS) & pixel_box(x), generator)]
            require(False, f"you call suspect {name} {'a masker' if called else 'honest'}. {evidence[0]}")
    return "A is honest, C only loud; B has no gradient, D's misleads, E gives probabilities, F rolls dice"


@exercise("the worst of all attacks")
def worst_curve(f: Callable) -> str:
    """f(lost) → accuracies in percent, (R,), from lost (A, R, N) bool: A attacks, R radii that grow."""
    generator = torch.Generator().manual_seed(1)
    cases = [
        torch.tensor([[[False, True, True], [True, False, False]]]),  # which a larger radius confuses
        torch.tensor([[[False, True, False]], [[True, True, False]]]),
        torch.rand(3, 5, 40, generator=generator) < 0.15,
    ]
    for lost in cases:
        attacks, radii, n = lost.shape
        yours = torch.as_tensor(f(lost.clone())).double().flatten()
        case = f"{attacks} attack{'s' * (attacks > 1)}, {radii} radi{'i' if radii > 1 else 'us'}, {n} digits"
        require(len(yours) == radii, f"{case}: expected a number for each radius, got {len(yours)}")
        broken = [lost[:, : r + 1].flatten(0, 1).any(0) for r in range(radii)]
        truth = torch.tensor([100 * (n - int(digits.sum())) / n for digits in broken])
        shown = ", ".join(f"{value:.0f}" for value in yours[:5])
        require(not 0 < float(yours.max()) <= 1, f"{case}: ({shown}) are shares; give them in percent")
        rises = f"your curve ({shown}) rises, but what breaks a digit is in every larger set as well"
        require((yours.diff() <= 1e-4).all(), f"{case}: {rises}")
        above = "but some digits counted there are lost to one of the attacks"
        require((yours <= truth + 1e-4).all(), f"{case}: yours is ({shown}), {above}")
        below = "which is less than what all attacks together leave"
        require((yours >= truth - 1e-4).all(), f"{case}: yours is ({shown}), {below}")
    return "over attacks, and over all smaller radii: that curve cannot rise"


@exercise("a proof for a linear net")
def linear_proof(f: Callable) -> str:
    """f(W, b, x, y, radius) → bool (N,): no Δ with ‖Δ‖∞ ≤ radius changes the answer of z = W x + b from y."""
    generator = torch.Generator().manual_seed(2)
    sizes = (4, 6), (4,), (200, 6)
    W, b, x = (torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes)
    z = x @ W.T + b
    y = z.argmax(1)
    y[:20] = (y[:20] + 1) % 4  # some that the net gets wrong
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 6)
    for radius in (0.0, 0.1, 0.4):
        reached = (x[:, None] + radius * corners) @ W.T + b  # (200, 64, 4)
        truth = (reached.argmax(2) == y[:, None]).all(1)  # linear in Δ, so a corner is worst
        yours = torch.as_tensor(f(W.clone(), b.clone(), x.clone(), y.clone(), radius))
        case = f"radius {radius:g}"
        kind = f"expected bool of shape (200,), got {yours.dtype} of shape {tuple(yours.shape)}"
        require(yours.dtype == torch.bool and yours.shape == y.shape, f"{case}: {kind}")
        wrong, over, under = (
            int(found.sum()) for found in (yours & (z.argmax(1) != y), yours & ~truth, truth & ~yours)
        )
        require(not wrong, f"{case}: you prove {wrong} that the net gets wrong without any Δ")
        require(not over, f"{case}: you prove {over} points that a corner of the ball breaks")
        require(not under, f"{case}: {under} points that no corner breaks are missing from your proof")
    return "for a linear net the proof misses nothing: lower and upper bound meet"
