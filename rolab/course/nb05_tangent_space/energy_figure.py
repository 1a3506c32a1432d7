"""How much of the known tangents' energy each basis holds: the record as bars, a reader's guess beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rolab.course.live import Quantities, Quantity
from rolab.plotting import ABOVE, INK, RED, Axis, Bars, Figure, Legend, Line, Mark, Panel, Points, Text
from rolab.plotting.style import GREY


@dataclass(frozen=True, eq=False)
class EnergyFigure(Figure):
    """A bar for each basis, the six tangents as dots, and what was guessed, all in percent."""

    rows: Sequence[Mapping[str, Any]]  # of results/tangent_energy.json
    directions: int  # in each basis
    guesses: Mapping[str, float]  # name of a basis → percent; those guessed only
    HEIGHT: ClassVar[int] = 400
    MARGIN: ClassVar[tuple[int, int, int, int]] = (60, 16, 76, 40)
    legend: ClassVar[Legend] = ABOVE

    @property
    def title(self) -> str:  # type: ignore[override]
        best = max(self.rows, key=lambda row: row["share"]["mean"])
        return (
            f"{self.directions} directions hold at best {100 * best['share']['mean']:.0f} %: {best['title']}"
        )

    @property
    def alt(self) -> str:
        said = ", ".join(f"{row['title']} {100 * row['share']['mean']:.1f} %" for row in self.rows)
        return (
            f"The share of the six known tangents' energy in {self.directions} directions, as bars: {said}."
        )

    def panels(self) -> list[Panel]:
        places, means = range(len(self.rows)), [100 * row["share"]["mean"] for row in self.rows]
        each = [(k, 100 * t["mean"]) for k, row in enumerate(self.rows) for t in row["tangents"].values()]
        spread = [100 * row["sd_over_digits"] for row in self.rows]
        guessed = [
            (k, self.guesses[row["basis"]]) for k, row in enumerate(self.rows) if row["basis"] in self.guesses
        ]
        marks: list[Mark] = [
            Bars(places, means, "#9ecae1", name="mean of the six", broad=0.6, outline=INK),
            Points([k for k, _ in each], [y for _, y in each], GREY, size=6, name="one tangent each"),
        ]
        for k in places:
            ends = [means[k] - spread[k], means[k] + spread[k]]
            marks.append(Line([k - 0.2] * 2, ends, INK, width=2, name="± sd over digits", legend=k == 0))
            marks.append(Text(k, -6, str(self.rows[k]["title"]), size=12))
            marks.append(Text(k + 0.2, means[k] + 4, f"{means[k]:.1f} %", size=12))
        ring: dict[str, Any] = {"symbol": "diamond", "size": 13, "hollow": True, "name": "your guess"}
        marks.append(
            Points([k for k, _ in guessed], [y for _, y in guessed], RED, legend=bool(guessed), **ring)
        )
        across = Axis("", (-0.6, len(places) - 0.4), (), labels=False, grid=False)
        return [Panel(marks, across, Axis(f"energy in {self.directions} directions, %", (0, 100)))]

    def table(self) -> list[dict[str, Any]]:
        """A row for each basis, percent."""
        return [
            {
                "basis": row["title"],
                "mean": 100 * row["share"]["mean"],
                "sd over digits": 100 * row["sd_over_digits"],
                **{name: 100 * tangent["mean"] for name, tangent in row["tangents"].items()},
                "your guess": self.guesses.get(row["basis"]),
            }
            for row in self.rows
        ]


def energy_kind(record: Mapping[str, Any]) -> Quantities:
    """What a reader predicts of the record: a percentage for each basis."""
    titles = {row["basis"]: row["title"] for row in record["rows"]}
    return Quantities(titles, {"energy": "of the energy"}, Quantity("%", least=0, most=100))


def energy_found(record: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """What came out."""
    return {(row["basis"], "energy"): 100 * row["share"]["mean"] for row in record["rows"]}


def energy_figure(record: Mapping[str, Any], answer: Mapping[tuple[str, str], float] | None) -> EnergyFigure:
    """The record, and a reader's answer beside it if there is one."""
    guesses = {basis: percent for (basis, _), percent in (answer or {}).items()}
    return EnergyFigure(record["rows"], record["directions"], guesses)


def energy_in_words(record: Mapping[str, Any], pixels: int = 784) -> str:
    """Chance, as computed and as measured, and what one basis for all images holds most of."""
    k, rows = record["directions"], {row["basis"]: row for row in record["rows"]}
    chance, tangents = 100 * rows["random"]["share"]["mean"], rows["global-pca"]["tangents"]
    most = max(tangents, key=lambda name: tangents[name]["mean"])
    return (
        f"Random directions hold {k} / {pixels} = {100 * k / pixels:.1f} %; measured: {chance:.1f} %. "
        f"The {rows['global-pca']['title']} holds most of *{most}*: {100 * tangents[most]['mean']:.0f} %."
    )
