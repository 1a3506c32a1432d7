"""Results of the robustness benchmark: counts, accuracies and bounds, computed anew or read from a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rolab.data import Dataset
from rolab.evaluation import AccuracyEstimate
from rolab.experiments import attack_grid
from rolab.experiments.attack_grid import from_json, linf_in_pixel_box
from rolab.experiments.presets import TITLES
from rolab.sets import UncertaintySetLike


@dataclass(frozen=True)
class RobustnessResults:
    """How many examples each net reads correctly, for each radius, number of steps and number of restarts.

    Attributes:
        radii, steps: ascending; restarts: from 0 to this number
        examples: how many there were
        runs: "NET/KIND" → the finished runs, as in the record: "pgd" of every net that is here, and
            "ensemble", "certified", "masking" where they were run; "transfer/RADIUS"
        nets: the names, those that have a title first, in its order
    """

    radii: tuple[float, ...]
    steps: tuple[int, ...]
    restarts: int
    examples: int
    runs: Mapping[str, Mapping[str, Any]]

    def __post_init__(self) -> None:
        if not self.nets:
            raise ValueError("record: expected the finished attack grid of at least one net, got none")

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RobustnessResults:
        """What a record holds, also if it is not finished.

        Raises:
            ValueError: it is not a record of `rolab evaluate`, or no attack grid in it is finished.
        """
        try:
            config, runs = record["identity"], record["runs"]
            radii, steps = tuple(config["radii"]), tuple(config["steps"])
            return cls(radii, steps, config["restarts"], config["examples"], runs)
        except (KeyError, TypeError) as error:
            raise ValueError(f"record: expected one of `rolab evaluate`, got one without {error}") from error

    @classmethod
    def run(
        cls,
        nets: Mapping[str, nn.Module],
        data: Dataset,
        sets: Callable[[float], UncertaintySetLike] = linf_in_pixel_box,
        *,
        radii: Sequence[float] = attack_grid.RADII,
        steps: Sequence[int] = attack_grid.STEPS,
        restarts: int = attack_grid.RESTARTS,
        seed: int = 0,
        progress: bool = True,
    ) -> RobustnessResults:
        """The attack grid computed anew; the same numbers as `benchmark` writes for the same seed.

        Args:
            nets: name → network
            data: the examples
            sets: radius → a set, or a function `x -> set`; the sets are nested
            radii: ascending
            steps: ascending
            restarts: from 0 to this number
            seed: of the random starts
            progress: whether bars are shown
        """
        attack_grid.ascending("radii", radii, least=1e-9)
        runs, grid = {}, (radii, steps, restarts)
        for net, model in nets.items():
            generator = attack_grid.generator_of(seed, f"{net}/pgd")
            runs[f"{net}/pgd"] = attack_grid.grid_counts(model, data, sets, *grid, generator, progress)
        return cls(tuple(radii), tuple(steps), restarts, len(data), runs)

    @property
    def nets(self) -> tuple[str, ...]:
        """The nets whose attack grid is finished, those first that have a title."""
        found = [name.removesuffix("/pgd") for name in self.runs if name.endswith("/pgd")]
        places = {net: place for place, net in enumerate(TITLES)}
        return tuple(sorted(found, key=lambda net: places.get(net, len(places))))

    @property
    def hardest(self) -> tuple[int, int]:
        """The largest number of steps and of restarts."""
        return self.steps[-1], self.restarts

    def correct(self, net: str, radius: float, steps: int, restarts: int) -> int:
        """How many examples withstand all runs of at most so many steps and restarts, up to this radius.

        Raises:
            ValueError: one of the four is not among those that were run.
        """
        offered = (
            ("net", net, self.nets),
            ("radius", radius, (0, *self.radii)),
            ("steps", steps, self.steps),
            ("restarts", restarts, range(1 + self.restarts)),
        )
        for name, value, values in offered:
            if value not in values:
                raise ValueError(f"{name}: expected one of {', '.join(map(str, values))}, got {value!r}")
        run = self.runs[f"{net}/pgd"]
        if not radius:
            return run["clean"]
        return run["correct"][self.radii.index(radius)][self.steps.index(steps)][restarts]

    def percent(self, net: str, radius: float, steps: int, restarts: int) -> float:
        """The same as a share of all examples, in percent."""
        return 100 * self.correct(net, radius, steps, restarts) / self.examples

    def accuracy(self, net: str, radius: float, steps: int, restarts: int) -> AccuracyEstimate:
        """The same with its confidence interval."""
        return AccuracyEstimate.of(torch.arange(self.examples) < self.correct(net, radius, steps, restarts))

    def robust_mask(self, net: str, radius: float) -> Tensor:
        """Which examples the attack grid and the ensemble together have left, bool (N,).

        Raises:
            ValueError: the ensemble was not run on this net.
        """
        return self.first_failure_radius(net, "ensemble") > radius

    def after_all(self, net: str, radius: float) -> AccuracyEstimate:
        """The same as an accuracy with its confidence interval."""
        return AccuracyEstimate.of(self.robust_mask(net, radius))

    def best(self, radius: float, steps: int, restarts: int, among: Sequence[str] = ()) -> tuple[str, ...]:
        """The net that is most robust, or several that are so alike; among all, or some."""
        correct = {net: self.correct(net, radius, steps, restarts) for net in among or self.nets}
        return tuple(net for net, count in correct.items() if count == max(correct.values()))

    def first_failure_radius(self, net: str, kind: str = "pgd", one_step: bool = False) -> Tensor:
        """The radius at which each example first fails, float64 (N,); inf where it does not.

        Args:
            net: its name
            kind: "pgd"; or "ensemble", the two together
            one_step: under the single step of "pgd" alone
        """
        if f"{net}/{kind}" not in self.runs:
            raise ValueError(f"net: expected one that the {kind} has attacked, got {net!r}")
        return from_json(self.runs[f"{net}/{kind}"]["first_failure_radius" + "_one_step" * one_step])

    def certified_radius(self, net: str) -> Tensor:
        """The largest radius within which each example is proved correct, float64 (N,); 0 where none is.

        Raises:
            ValueError: the certificates of this net were not computed.
        """
        if f"{net}/certified" not in self.runs:
            raise ValueError(f"net: expected one with certificates in the record, got {net!r}")
        return from_json(self.runs[f"{net}/certified"]["certified_radius"])

    def table(self) -> list[dict[str, Any]]:
        """A row for each net and radius: one step, the hardest attack, the ensemble, what is proved; percent.

        Every accuracy with its interval. The certificates are of fewer examples, which the row says.
        """
        steps, restarts = self.hardest
        rows = []
        for net in self.nets:
            for radius in self.radii:
                row: dict[str, Any] = {"net": TITLES.get(net, net), "ε": radius}
                row["one step"] = str(self.accuracy(net, radius, 1, 0))
                row[f"{steps} steps, {restarts} restarts"] = str(self.accuracy(net, radius, *self.hardest))
                row |= {"ensemble": None, "proved": None}  # where they were not asked
                if f"{net}/ensemble" in self.runs:
                    row["ensemble"] = str(self.after_all(net, radius))
                if radius <= self.runs.get(f"{net}/certified", {"radii": [0.0]})["radii"][-1]:
                    proved_to = self.certified_radius(net)
                    row["proved"] = f"{AccuracyEstimate.of(proved_to >= radius)} of {len(proved_to)}"
                rows.append(row)
        return rows
