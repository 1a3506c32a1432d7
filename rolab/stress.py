"""What is left under the strongest attacks at hand: worst cases, transfer, and whether a net only hides.

Every accuracy comes with a confidence interval. Models are judged in eval mode.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from rolab.attacks import Attack, ensemble, first_order, log_loss, pgd, random_point, random_search
from rolab.data import Dataset
from rolab.evaluation import BATCH, evaluating, mcnemar, percent, predict
from rolab.sets import UncertaintySet, UncertaintySetLike, resolve

LEVEL = 0.05  # differences are called differences where chance makes them more seldom than this
FEW = 10  # percent of examples that may show a sign of masking in a net that does not mask


@dataclass(frozen=True)
class Accuracy:
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
    def of(cls, right: Tensor, confidence: float = 0.95, method: str = "wilson") -> "Accuracy":
        """The accuracy of a bool tensor (N,). The method is one of SciPy's: "wilson" or "exact".

        Wilson's interval is the one within which the true share would not be refuted by what was seen; it
        holds 95 % on average. "exact", that of Clopper and Pearson, holds at least 95 % always, and is wider.

        >>> Accuracy.of(torch.tensor([True] * 90 + [False] * 10))
        Accuracy(percent=90.0, low=82.56, high=94.48, examples=100)
        """
        from scipy.stats import binomtest

        share = percent(right)  # refuses no examples
        limits = binomtest(int(right.sum()), len(right)).proportion_ci(confidence, method)
        low, high = (round(100 * float(limit), 2) for limit in (limits.low, limits.high))
        return cls(share, low, high, len(right))

    def __str__(self) -> str:
        return f"{self.percent:.1f} % ({self.low:.1f}–{self.high:.1f})"


def rows_of(U: UncertaintySetLike, rows: Tensor) -> UncertaintySetLike:
    """The sets of some examples; a function of x makes them itself."""
    return U[rows] if isinstance(U, UncertaintySet) else U


def attacked(model: nn.Module, data: Dataset, U: UncertaintySetLike, attack: Attack = first_order) -> Tensor:
    """The Δ that an attack finds, shaped like the images and beside them; in eval mode, part by part."""
    device = next(model.parameters()).device
    parts = []
    with evaluating(model):
        for rows in torch.arange(len(data)).split(BATCH):
            x, y = data.images[rows], data.labels[rows]
            parts.append(attack(model, x.to(device), y.to(device), rows_of(U, rows)).to(x.device))
    return torch.cat([data.images[:0], *parts])


def withstands(
    model: nn.Module, data: Dataset, U: UncertaintySetLike, attack: Attack = first_order
) -> Tensor:
    """Which examples are still classified correctly under an attack: bool (N,)."""
    return predict(model, data.images + attacked(model, data, U, attack)) == data.labels


def survivors(
    model: nn.Module,
    data: Dataset,
    sets: Sequence[UncertaintySetLike],
    attacks: Sequence[Attack] = (ensemble,),
) -> Tensor:
    """Which examples no attack has broken in a set, nor in one before it: bool (sets, N).

    The sets are nested, each within the next, so whatever breaks an example in one of them does so in all
    that follow: an example that is lost stays lost, and is not attacked again.

    Raises:
        ValueError: a Δ found in one set is not in the next.
    """
    right = predict(model, data.images) == data.labels
    worst = torch.zeros_like(data.images)
    rows = []
    for number, U in enumerate(sets):
        lost = (~right).nonzero()[:, 0]
        if not resolve(U, data.images)[lost].contains(worst[lost]).all():
            raise ValueError(
                f"sets[{number}]: expected nested sets, each within the next, got {sets[number]!r}"
            )
        for attack in attacks:
            left = right.nonzero()[:, 0]
            if len(left):
                d = attacked(model, data[left], rows_of(U, left), attack)
                broken = predict(model, data.images[left] + d) != data.labels[left]
                worst[left[broken]], right[left[broken]] = d[broken], False
        rows.append(right.clone())
    return torch.stack(rows) if rows else right.new_zeros(0, len(data))


def worst_case_accuracy(
    model: nn.Module,
    data: Dataset,
    sets: Sequence[UncertaintySetLike],
    attacks: Sequence[Attack] = (ensemble,),
) -> list[Accuracy]:
    """The accuracy under the worst of all attacks, for each of some nested sets: a curve that cannot rise.

    An upper bound of the true robust accuracy, (1/N) Σ_i 1[the model is right at x_i + Δ for all Δ ∈ U]. One
    attack's own curve may rise with the radius, as that of a single step does where it jumps over the worst.

    Args:
        model: the network
        data: the examples
        sets: each contained in the next, such as `[lambda x, r=r: Ball("linf", r) & pixel_box(x) for r in …]`
        attacks: `(model, x, y, U) -> Δ`, run in this order on what the others have left

    Raises:
        ValueError: the sets are not nested, or there are no examples.
    """
    return [Accuracy.of(right) for right in survivors(model, data, sets, attacks)]


def transfer_matrix(
    models: Mapping[str, nn.Module], data: Dataset, U: UncertaintySetLike, attack: Attack = first_order
) -> dict[str, dict[str, Accuracy]]:
    """matrix[a][b]: the accuracy of net b on what the attack made from net a. The diagonal is white-box.

    Each net makes its Δ once, and all nets see them.
    """
    matrix = {}
    for source, model in models.items():
        images = data.images + attacked(model, data, U, attack)
        matrix[source] = {
            name: Accuracy.of(predict(other, images) == data.labels) for name, other in models.items()
        }
    return matrix


@dataclass(frozen=True)
class Finding:
    """One sign of masked gradients, looked for.

    Attributes:
        question: what was asked
        masked: whether the answer is a sign of masking
        words: the answer, a sentence with its numbers
        numbers: the same numbers by name, accuracies and shares in percent
    """

    question: str
    masked: bool
    words: str
    numbers: dict[str, float]

    def __str__(self) -> str:
        return f"{self.question} {self.words}"


def masking_report(
    model: nn.Module,
    data: Dataset,
    U: Callable[[float], UncertaintySetLike],
    radii: Sequence[float],
    *,
    steps: int = 40,
    queries: int = 300,
    generator: torch.Generator | None = None,
) -> list[Finding]:
    """Is the net robust, or are its gradients of no use to an attack? Four questions, each with a verdict.

    The signs that Athalye, Carlini and Wagner (2018) name. None proves anything, and a net may mask without
    them; but a net that shows one has not been shown to be robust by an attack that follows its gradient.

    Args:
        model: the network
        data: the examples; some hundreds tell enough
        U: radius → a set, or a function `x -> set`
        radii: two radii: one at which the net is said to be robust, and one so large that no net can be
        steps: of `pgd`
        queries: of `random_search`
        generator: where random numbers come from

    Returns:
        Four findings: one step against many, gradients against none, a radius without bound, flatness.

    Raises:
        ValueError: radii are not two, ascending from above 0.
    """
    if len(radii) != 2 or not 0 < radii[0] < radii[1]:
        raise ValueError(f"radii: expected two, ascending from above 0, got {list(radii)}")
    near, far = U(radii[0]), U(radii[1])

    def wandering(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
        """From a random point, so that it does not begin with the single step that it is compared with."""
        return pgd(model, x, y, U, steps=steps, start=random_point(U, x, generator))

    many = partial(pgd, steps=steps, restarts=1, generator=generator)
    blind = partial(random_search, queries=queries, generator=generator)
    one_step, wandered = withstands(model, data, near, first_order), withstands(model, data, near, wandering)
    white, black = withstands(model, data, near, many), withstands(model, data, near, blind)
    return [
        _beats("Does one step beat many?", ("one step", one_step), (f"{steps} steps", wandered)),
        _beats("Does an attack without gradients beat one with?", ("without", black), ("with", white)),
        _unbounded(withstands(model, data, far, many), radii[1]),
        flatness(model, data, near, generator),
    ]


def _beats(question: str, weak: tuple[str, Tensor], strong: tuple[str, Tensor]) -> Finding:
    """Whether the attack that should be the weaker one leaves less, by more than chance: McNemar's test."""
    (weaker, left), (stronger, left_by_strong) = weak, strong
    a, b, test = percent(left), percent(left_by_strong), mcnemar(left, left_by_strong)
    masked = a < b and test["p"] < LEVEL
    words = (
        f"{'Yes' if masked else 'No'}: {weaker} leaves {a:.1f} %, {stronger} {b:.1f} % (p = {test['p']:.2g})."
    )
    return Finding(question, masked, words, {weaker: a, stronger: b, "p": test["p"]})


def _unbounded(right: Tensor, radius: float) -> Finding:
    """Whether something withstands an attack that may do whatever it wants."""
    left = Accuracy.of(right)
    masked = left.low > 1
    words = (
        f"{'Yes' if masked else 'No'}: at radius {radius:g}, where nothing is left to be robust to, {left}."
    )
    return Finding(
        "Does accuracy stay above 0 as the radius grows?", masked, words, {"accuracy": left.percent}
    )


def flatness(
    model: nn.Module, data: Dataset, U: UncertaintySetLike, generator: torch.Generator | None = None
) -> Finding:
    """The last question of `masking_report`: is a random step of full length worse than the gradient's?

    It counts the examples for which one of ten random extreme points of U has the larger loss.
    """

    def anywhere(model: nn.Module, x: Tensor, y: Tensor, U: UncertaintySetLike) -> Tensor:
        g = torch.randn(x.shape, generator=generator, device=generator.device if generator else x.device)
        return resolve(U, x).maximizer(g.to(x))

    def losses(attack: Attack) -> Tensor:
        images = data.images + attacked(model, data, U, attack)
        device = next(model.parameters()).device
        with evaluating(model), torch.no_grad():
            parts = [
                log_loss(model(x.to(device)), y.to(device)).to(x.device)
                for x, y in zip(images.split(BATCH), data.labels.split(BATCH), strict=True)
            ]
        return torch.cat(parts)

    along = losses(first_order)
    elsewhere = torch.stack([losses(anywhere) for _ in range(10)]).amax(0)
    share = percent(elsewhere > along)
    masked = share > FEW
    words = (
        f"{'Yes' if masked else 'No'}: for {share:.1f} % of the examples a random direction "
        "raises the loss more than the gradient's."
    )
    return Finding("Is the loss flat along the gradient but not elsewhere?", masked, words, {"share": share})
