"""What the trial of several nets gave: counts, accuracies, curves, bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rolab.data import Dataset
from rolab.evaluation import AccuracyEstimate
from rolab.figures import STYLES, style
from rolab.sets import UncertaintySetLike
from rolab.standing.figure import BandFigure, StandingFigure
from rolab.standing.trials import RADII, RESTARTS, STEPS, ascending, counted, generator_of, pixel_ball, take


@dataclass(frozen=True)
class Standing:
    """How many digits each net reads correctly, for each radius, number of steps and number of restarts.

    Attributes:
        radii, steps: ascending; restarts: from 0 to this number
        digits: how many there were
        parts: "NET/KIND" → the finished parts, as in the record: "pgd" of every net that is here, and
            "ensemble", "certified", "masking" where they were run; "transfer/RADIUS"
        nets: the names, those that have a style of their own first, in its order
    """

    radii: tuple[float, ...]
    steps: tuple[int, ...]
    restarts: int
    digits: int
    parts: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        if not self.nets:
            raise ValueError("record: expected the finished trial of at least one net, got none")

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Standing:
        """What a record holds, also if it is not finished.

        Raises:
            ValueError: it is not a record of `rolab stress`, or no trial in it is finished.
        """
        try:
            plan, parts = record["plan"], record["parts"]
            radii, steps = tuple(plan["radii"]), tuple(plan["steps"])
            return cls(radii, steps, plan["restarts"], plan["digits"], parts)
        except (KeyError, TypeError) as error:
            raise ValueError(f"record: expected one of `rolab stress`, got one without {error}") from error

    @classmethod
    def run(
        cls,
        nets: Mapping[str, nn.Module],
        data: Dataset,
        sets: Callable[[float], UncertaintySetLike] = pixel_ball,
        *,
        radii: Sequence[float] = RADII,
        steps: Sequence[int] = STEPS,
        restarts: int = RESTARTS,
        seed: int = 0,
        progress: bool = True,
    ) -> Standing:
        """The trial computed anew; the same numbers as `record` writes for the same nets, digits and seed.

        Args:
            nets: name → network
            data: the digits
            sets: radius → a set, or a function `x -> set`; the sets are nested
            radii: ascending
            steps: ascending
            restarts: from 0 to this number
            seed: of the random starts
            progress: whether bars are shown
        """
        ascending("radii", radii, least=1e-9)
        parts = {}
        for net, model in nets.items():
            generator = generator_of(seed, f"{net}/pgd")
            parts[f"{net}/pgd"] = counted(model, data, sets, radii, steps, restarts, generator, progress)
        return cls(tuple(radii), tuple(steps), restarts, len(data), parts)

    @property
    def nets(self) -> tuple[str, ...]:
        """The nets whose trial is finished, those first that have a style of their own."""
        found = [name.removesuffix("/pgd") for name in self.parts if name.endswith("/pgd")]
        places = {net: place for place, net in enumerate(STYLES)}
        return tuple(sorted(found, key=lambda net: places.get(net, len(places))))

    @property
    def hardest(self) -> tuple[int, int]:
        """The largest number of steps and of restarts."""
        return self.steps[-1], self.restarts

    def right(self, net: str, radius: float, steps: int, restarts: int) -> int:
        """How many digits withstand all runs of at most so many steps and restarts, up to this radius.

        Raises:
            ValueError: one of the four is not among those that were run.
        """
        offered = (
            ("net", net, self.nets),
            ("radius", radius, (0, *self.radii)),
            ("steps", steps, self.steps),
        )
        for name, value, values in (*offered, ("restarts", restarts, range(1 + self.restarts))):
            if value not in values:
                raise ValueError(f"{name}: expected one of {', '.join(map(str, values))}, got {value!r}")
        part = self.parts[f"{net}/pgd"]
        if not radius:
            return part["clean"]
        return part["right"][self.radii.index(radius)][self.steps.index(steps)][restarts]

    def percent(self, net: str, radius: float, steps: int, restarts: int) -> float:
        """The same as a share of all digits, in percent."""
        return 100 * self.right(net, radius, steps, restarts) / self.digits

    def accuracy(self, net: str, radius: float, steps: int, restarts: int) -> AccuracyEstimate:
        """The same with its confidence interval."""
        return AccuracyEstimate.of(torch.arange(self.digits) < self.right(net, radius, steps, restarts))

    def stands(self, net: str, radius: float) -> Tensor:
        """Which digits the trial and the ensemble together have left, bool (N,).

        Raises:
            ValueError: the ensemble was not run on this net.
        """
        if f"{net}/ensemble" not in self.parts:
            raise ValueError(f"net: expected one that the ensemble has attacked, got {net!r}")
        return self._fates(net, "ensemble", "falls") > radius

    def after_all(self, net: str, radius: float) -> AccuracyEstimate:
        """The same as an accuracy with its confidence interval."""
        return AccuracyEstimate.of(self.stands(net, radius))

    def best(self, radius: float, steps: int, restarts: int, among: Sequence[str] = ()) -> tuple[str, ...]:
        """The net that stands best, or several that do so alike; among all, or some."""
        right = {net: self.right(net, radius, steps, restarts) for net in among or self.nets}
        return tuple(net for net, count in right.items() if count == max(right.values()))

    def figure(
        self,
        steps: int | None = None,
        restarts: int | None = None,
        *,
        radius: float | None = None,
        nets: Sequence[str] | None = None,
    ) -> StandingFigure:
        """The curves of these nets, with a slider of its own over the steps, at which it opens.

        Args:
            steps: as many as there are, if left out
            restarts: the same
            radius: of which the title speaks; that nearest to 0.1, if left out
            nets: which are drawn; all, if left out
        """
        chosen = (
            self.hardest[0] if steps is None else steps,
            self.restarts if restarts is None else restarts,
        )
        spoken = min(self.radii, key=lambda r: abs(r - 0.1)) if radius is None else radius
        return StandingFigure(self, *chosen, spoken, self.nets if nets is None else tuple(nets))

    def band(self, net: str, largest: float = 0.3) -> BandFigure:
        """Between what is proved and what attacks have broken, for radii up to the largest.

        Raises:
            ValueError: the certificates of this net were not computed.
        """
        if f"{net}/certified" not in self.parts:
            raise ValueError(f"net: expected one with certificates in the record, got {net!r}")
        holds = self._fates(net, "certified", "holds")
        found = (self._fates(net, "pgd", "one_step_falls"), self._fates(net, "ensemble", "falls"))
        one_step, attacks = (falls[: len(holds)] for falls in found)
        return BandFigure(net, one_step, attacks, holds, largest)

    def table(self) -> list[dict[str, Any]]:
        """A row for each net and radius: one step, the hardest trial, the ensemble, what is proved; percent.

        Every accuracy with its interval. The certificates are of fewer digits, which the row says.
        """
        steps, restarts = self.hardest
        rows = []
        for net in self.nets:
            for radius in self.radii:
                row: dict[str, Any] = {"net": style(net).label, "ε": radius}
                row["one step"] = str(self.accuracy(net, radius, 1, 0))
                row[f"{steps} steps, {restarts} restarts"] = str(self.accuracy(net, radius, *self.hardest))
                rows.append(row | self._bounds(net, radius))
        return rows

    def _bounds(self, net: str, radius: float) -> dict[str, str | None]:
        """What the ensemble and the certificates say, None where they were not asked."""
        bounds: dict[str, str | None] = {"ensemble": None, "proved": None}
        if f"{net}/ensemble" in self.parts:
            bounds["ensemble"] = str(self.after_all(net, radius))
        tried = self.parts.get(f"{net}/certified", {"radii": [0.0]})["radii"][-1]
        if radius <= tried:
            holds = self._fates(net, "certified", "holds")
            bounds["proved"] = f"{AccuracyEstimate.of(holds >= radius)} of {len(holds)}"
        return bounds

    def _fates(self, net: str, kind: str, name: str) -> Tensor:
        """The radius at which each digit falls, or within which it holds."""
        return take(self.parts[f"{net}/{kind}"][name])
