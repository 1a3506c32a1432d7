"""Who still stands: the trial is monotone and exact, the record resumable, its figures hold its numbers."""

import itertools
import json
import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rolab import cli
from rolab.attacks import first_order, pgd
from rolab.data import Dataset
from rolab.errors import RecordError
from rolab.evaluation import AccuracyEstimate, correct_under_attack, masking_report, predict, transfer_matrix
from rolab.experiments.attack_grid import first_failure_radius, linf_in_pixel_box, pgd_grid
from rolab.experiments.robustness import BenchmarkConfig, benchmark
from rolab.experiments.robustness_results import RobustnessResults
from rolab.figures import style
from rolab.sets import Ball, pixel_box
from rolab.standing import BandFigure
from rolab.storage import write_json

exactly = settings(max_examples=25, deadline=None, derandomize=True)

RADII = (0.05, 0.1, 0.2, 0.4)
STEPS = (1, 2, 5)
PLAN = BenchmarkConfig(
    radii=RADII,
    steps=STEPS,
    restarts=2,
    ensemble_radii=RADII,
    budget=40,
    proof_radii=(0.02, 0.1, 0.2),
    proof_digits=25,
    transfer_radii=(0.1,),
    transfer_steps=3,
    masking_radii=(0.1, 1.0),
)


class Small(nn.Module):
    """Three classes of 2 × 3 pixels, with a bent boundary: more steps find more."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.data = 2 * torch.randn(parameter.shape, generator=generator)

    def forward(self, x):
        return self.layers(x)


def digits(n: int = 40, seed: int = 0) -> Dataset:
    """Points that the net of seed 0 classifies correctly, but for each seventh."""
    images = torch.rand(n, 1, 2, 3, generator=torch.Generator().manual_seed(seed))
    labels = predict(Small(0), images)
    labels[::7] = (labels[::7] + 1) % 3
    return Dataset(images, labels)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sure(model: nn.Module, data: Dataset, U) -> torch.Tensor:
    """A certificate by corners: who is right at 0 and at all corners of U. Enough for these tests."""
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=6))).view(-1, 1, 2, 3)
    right = predict(model, data.images) == data.labels
    for corner in corners:
        d = U(data.images).maximizer(corner.expand_as(data.images))
        right &= predict(model, data.images + d) == data.labels
    return right


NETS = {"masked": Small(3), "baseline": Small(0), "robust-linf": Small(1)}


def written(path, **more):
    return benchmark(NETS, digits(), path, PLAN, sure, progress=False, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole record."""
    return written(tmp_path_factory.mktemp("whole") / "stress.json")


def timeless(found):
    """A record without what differs from run to run."""
    parts = {name: {k: v for k, v in part.items() if k != "seconds"} for name, part in found["parts"].items()}
    return {"plan": found["plan"], "parts": parts}


# The trial


@exactly
@given(st.integers(0, 10_000), st.sampled_from(RADII))
def test_one_step_from_0_is_the_first_order_step(seed, radius):
    model, data = Small(seed), digits(30, seed)
    right = pgd_grid(model, data, [linf_in_pixel_box(radius)], [1], 0)
    assert right.shape == (1, 1, 1, 30)
    assert torch.equal(
        right[0, 0, 0], correct_under_attack(model, data, linf_in_pixel_box(radius), first_order)
    )


@exactly
@given(st.integers(0, 10_000))
def test_more_of_anything_leaves_no_more(seed):
    right = pgd_grid(
        Small(seed), digits(30, seed), list(map(linf_in_pixel_box, RADII)), STEPS, 2, seeded(seed)
    )
    assert right.shape == (4, 3, 3, 30)
    for axis in range(3):
        less, more = (
            right.narrow(axis, 0, right.shape[axis] - 1),
            right.narrow(axis, 1, right.shape[axis] - 1),
        )
        assert (less | ~more).all()


@exactly
@given(st.integers(0, 10_000))
def test_without_restarts_it_is_the_worst_of_all_smaller_runs(seed):
    """Brute force: every example through every run, none dropped, the worst of what is allowed."""
    model, data = Small(seed), digits(30, seed)
    sets = list(map(linf_in_pixel_box, RADII))
    alone = torch.stack(
        [
            torch.stack([correct_under_attack(model, data, U, partial(pgd, steps=s)) for s in STEPS])
            for U in sets
        ]
    )
    found = pgd_grid(model, data, sets, STEPS, 0)[:, :, 0]
    for i, j in itertools.product(range(len(RADII)), range(len(STEPS))):
        assert torch.equal(found[i, j], alone[: i + 1, : j + 1].flatten(0, 1).all(0))


def test_restarts_find_what_the_first_run_does_not():
    """Where the gradient at 0 leads nowhere, only a random start can find the way."""

    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):
            z = self.scale * (((x.flatten(1) - 0.5) ** 2).sum(1, keepdim=True) - 0.1)
            return torch.cat([-z, z], 1)

    data = Dataset(torch.full((20, 1, 2, 3), 0.5), torch.zeros(20, dtype=torch.long))
    right = pgd_grid(Flat(), data, [linf_in_pixel_box(0.3)], [1, 3], 3, seeded())
    assert right[0, :, 0].all() and not right[0, -1, -1].any()


def test_who_is_lost_is_not_attacked_again(monkeypatch):
    data, asked = digits(), []

    def counting(model, data, U, attack):
        asked.append(len(data))
        return correct_under_attack(model, data, U, attack)

    monkeypatch.setattr("rolab.experiments.attack_grid.withstands", counting)
    right = pgd_grid(Small(0), data, list(map(linf_in_pixel_box, RADII)), STEPS, 2, seeded())
    clean = predict(Small(0), data.images) == data.labels
    padded = clean.expand(5, 4, 4, -1).clone()
    padded[1:, 1:, 1:] = right
    allowed = padded[:-1, 1:, 1:] & padded[1:, :-1, 1:] & padded[1:, 1:, :-1]
    assert asked == [n for n in allowed.sum(-1).flatten().tolist() if n]
    assert asked[0] == clean.sum() < len(data) and asked[-1] < 0.8 * asked[0]


def test_any_nested_sets_will_do_shared_ones_too():
    data = digits()
    shared = [Ball("l2", radius) for radius in RADII]
    made = [lambda x, r=r: Ball("l2", r) for r in RADII]
    a, b = (pgd_grid(Small(0), data, sets, STEPS, 1, seeded()) for sets in (shared, made))
    assert torch.equal(a, b) and 0 < a[-1, -1, -1].sum() < a[0, 0, 0].sum()


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"steps": ()}, r"steps: expected numbers ascending from 1, got \[\]"),
        ({"steps": (2, 1)}, "steps: expected numbers ascending"),
        ({"steps": (2, 3)}, "steps: expected numbers ascending from 1"),
        ({"restarts": -1}, "restarts: expected a number ≥ 0, got -1"),
        ({"sets": [linf_in_pixel_box(0.2), linf_in_pixel_box(0.1)]}, r"sets\[1\]: expected nested sets"),
    ],
)
def test_a_wrong_trial_is_refused(wrong, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        pgd_grid(
            Small(0), digits(), **{"sets": [linf_in_pixel_box(0.1)], "steps": (1,), "restarts": 0} | wrong
        )


@exactly
@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, math.inf]), min_size=1, max_size=20))
def test_the_radius_of_the_fall_is_the_first_at_which_it_is_wrong(fates):
    radii, lost_at = [0.1, 0.2], torch.tensor(fates, dtype=torch.float64)
    right = torch.stack([lost_at > radius for radius in radii])
    assert first_failure_radius(radii, lost_at > 0, right).tolist() == fates


# The record


def test_the_record_is_on_disk_and_complete(whole, tmp_path):
    again = written(tmp_path / "stress.json")
    assert json.loads((tmp_path / "stress.json").read_text()) == again
    assert timeless(again) == timeless(whole)
    kinds = ("pgd", "ensemble", "certified", "masking")
    assert list(whole["parts"]) == [f"{net}/{kind}" for net in NETS for kind in kinds] + ["transfer/0.1"]
    assert all(part["seconds"] >= 0 for part in whole["parts"].values())
    assert {"torch", "processor", "threads"} <= set(whole["environment"])


def test_its_parts_are_what_the_house_finds(whole):
    data = digits()
    for net, model in NETS.items():
        parts = {kind: whole["parts"][f"{net}/{kind}"] for kind in ("pgd", "ensemble", "certified")}
        clean = int((predict(model, data.images) == data.labels).sum())
        assert parts["pgd"]["clean"] == clean == sum(fall != 0 for fall in parts["pgd"]["falls"])
        one_step, trial_, all_ = (
            [math.inf if fall is None else fall for fall in found]
            for found in (parts["pgd"]["one_step_falls"], parts["pgd"]["falls"], parts["ensemble"]["falls"])
        )
        for i, radius in enumerate(RADII):
            right = parts["pgd"]["right"][i]
            assert right[0][0] == sum(fall > radius for fall in one_step)
            assert right[-1][-1] == sum(fall > radius for fall in trial_)
            assert parts["ensemble"]["right"][i] == sum(fall > radius for fall in all_)
        assert all(a >= b >= c for a, b, c in zip(one_step, trial_, all_, strict=True))
        for fall, holds in zip(all_, parts["certified"]["holds"], strict=False):
            assert holds < fall or holds == fall == 0
        assert parts["certified"]["digits"] == 25 and any(parts["certified"]["holds"])
    matrix = transfer_matrix(NETS, data, linf_in_pixel_box(0.1), partial(pgd, steps=3))
    stored = whole["parts"]["transfer/0.1"]["accuracy"]
    assert {a: {b: AccuracyEstimate(**x) for b, x in row.items()} for a, row in stored.items()} == matrix
    for finding in whole["parts"]["baseline/masking"]["findings"]:
        assert set(finding) == {"question", "masked", "words", "numbers"}
    assert len(whole["parts"]["baseline/masking"]["findings"]) == len(
        masking_report(NETS["baseline"], data, linf_in_pixel_box, (0.1, 1.0), steps=1, queries=5)
    )


def test_the_ensemble_breaks_nothing_that_is_lost_already(tmp_path, monkeypatch):
    seen = []

    def watched(model, x, y, U, budget, generator):
        seen.append((len(x), budget))
        return torch.zeros_like(x)

    monkeypatch.setattr("rolab.experiments.robustness.ensemble", watched)
    found = benchmark({"baseline": Small(0)}, digits(), tmp_path / "a.json", PLAN, progress=False)["parts"]
    left = [rows[-1][-1] for rows in found["baseline/pgd"]["right"]]
    assert seen == [(n, 40) for n in left if n] and found["baseline/ensemble"]["right"] == left
    assert "baseline/certified" not in found


def test_certificates_go_from_the_largest_radius_to_the_smallest(tmp_path):
    asked, data = [], digits()

    def certified(model, given, U):
        grey = torch.full((1, 1, 2, 3), 0.5)
        asked.append((round(float(U(grey).maximizer(grey).amax()), 6), given.images))
        return sure(model, given, U)

    found = benchmark({"baseline": Small(0)}, data, tmp_path / "a.json", PLAN, certified, progress=False)[
        "parts"
    ]
    falls_at = [math.inf if f is None else f for f in found["baseline/ensemble"]["falls"][:25]]
    holds = found["baseline/certified"]["holds"]
    assert [radius for radius, _ in asked] == [0.2, 0.1, 0.02]
    for radius, images in asked:
        expected = [i for i in range(25) if falls_at[i] > radius and holds[i] <= radius]
        assert torch.equal(images, data.images[expected])
    for i, radius in enumerate(PLAN.proof_radii):
        assert found["baseline/certified"]["right"][i] == sum(hold >= radius for hold in holds)
    assert len(set(holds)) > 2, "some digits hold further than others"


def test_an_interrupted_run_goes_on_to_the_same_numbers(whole, tmp_path, monkeypatch):
    """Stopped in each part in turn; what is finished is not computed again."""
    out, parts = tmp_path / "stress.json", len(whole["parts"])
    calls = []

    def stops(path, found):
        write_json(path, found)
        calls.append(len(found["parts"]))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rolab.experiments.robustness.write_json", stops)
        for _ in range(parts):
            with pytest.raises(KeyboardInterrupt):
                written(out)
    assert calls == list(range(1, parts + 1))
    monkeypatch.setattr("rolab.experiments.robustness.write_json", None)  # nothing is left to be written
    assert timeless(written(out)) == timeless(whole)


def test_certificates_can_come_later(whole, tmp_path):
    out = tmp_path / "stress.json"
    without = benchmark(NETS, digits(), out, PLAN, progress=False)
    assert len(without["parts"]) == len(whole["parts"]) - len(NETS)
    assert timeless(written(out)) == timeless(whole)


def test_a_record_of_something_else_is_refused_and_left_alone(whole, tmp_path):
    out = tmp_path / "stress.json"
    for text, said in (
        (json.dumps(whole | {"plan": whole["plan"] | {"seed": 1}}), "another plan"),
        (json.dumps(whole | {"plan": whole["plan"] | {"nets": ["baseline"]}}), "another plan"),
        ('{"rows": []}', "another plan"),
        ("[]", "another plan"),
        ('{"plan"', "damaged"),
    ):
        out.write_text(text)
        with pytest.raises(RecordError, match=said):
            written(out)
        assert out.read_text() == text


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda out: benchmark({}, digits(), out), "nets, data: expected at least one of each, got 0 and 40"),
        (
            lambda out: benchmark(NETS, digits()[:0], out),
            "nets, data: expected at least one of each, got 3 and 0",
        ),
        (lambda out: BenchmarkConfig(radii=(0.2, 0.1)), "radii: expected numbers ascending"),
        (lambda out: BenchmarkConfig(proof_radii=()), "proof_radii: expected numbers ascending"),
        (lambda out: BenchmarkConfig(steps=(0,)), "steps: expected numbers ascending"),
        (lambda out: RobustnessResults.run(NETS, digits(), radii=(0,)), "radii: expected numbers ascending"),
    ],
)
def test_a_wrong_plan_is_named(tmp_path, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(tmp_path / "stress.json")
    assert not list(tmp_path.iterdir())


# One computation: run anew, and read back


def test_run_and_record_are_one_computation(whole):
    read = RobustnessResults.of(json.loads(json.dumps(whole)))
    anew = RobustnessResults.run(NETS, digits(), radii=RADII, steps=STEPS, restarts=2, progress=False)
    assert (read.radii, read.steps, read.restarts, read.digits) == (RADII, STEPS, 2, 40)
    assert read.nets == anew.nets == ("baseline", "robust-linf", "masked"), "the house's styles first"
    for net, i, j, k in itertools.product(NETS, range(4), range(3), range(3)):
        place = (net, RADII[i], STEPS[j], k)
        assert anew.accuracy(*place) == read.accuracy(*place)
        right = read.right(*place)
        assert right == whole["parts"][f"{net}/pgd"]["right"][i][j][k]
        assert read.accuracy(*place) == AccuracyEstimate.of(torch.arange(40) < right)
        assert read.percent(*place) == pytest.approx(100 * right / 40)
    assert anew.figure(2, 1).table() == read.figure(2, 1).table()
    assert (
        RobustnessResults.run(NETS, digits(), radii=RADII, steps=STEPS, restarts=2, seed=1, progress=False)
        != anew
    )


def test_another_maker_of_sets_is_another_trial():
    options = {"radii": RADII, "steps": STEPS, "restarts": 0, "progress": False}
    box = RobustnessResults.run(NETS, digits(), **options)
    free = RobustnessResults.run(NETS, digits(), lambda r: Ball("linf", r), **options)
    less = [free.right(n, r, 1, 0) - box.right(n, r, 1, 0) for n in NETS for r in RADII]
    assert min(less) < 0
    assert box == RobustnessResults.run(
        NETS, digits(), lambda r: lambda x: Ball("linf", r) & pixel_box(x), **options
    )


def test_the_table_has_each_bound_and_each_is_below_the_one_before(whole):
    rows = RobustnessResults.of(whole).table()
    assert [(row["net"], row["ε"]) for row in rows] == [
        (style(net).label, radius) for net in ("baseline", "robust-linf", "masked") for radius in RADII
    ]
    columns = ("one step", "5 steps, 2 restarts", "ensemble")
    for row in rows:
        values = [float(row[name].split(" %")[0]) for name in columns]
        assert values == sorted(values, reverse=True)
        assert (row["proved"] is None) == (row["ε"] > PLAN.proof_radii[-1])
        assert row["proved"] is None or row["proved"].endswith("of 25")


def test_after_all_attacks_no_more_stand_than_after_the_trial(whole):
    read = RobustnessResults.of(whole)
    for net, radius in itertools.product(NETS, RADII):
        left = read.after_all(net, radius)
        assert left.percent <= read.percent(net, radius, *read.hardest) and left.examples == read.digits
        assert left.percent == 2.5 * whole["parts"][f"{net}/ensemble"]["right"][RADII.index(radius)]


def test_an_unfinished_record_shows_what_it_has(whole):
    parts = {name: part for name, part in whole["parts"].items() if name.startswith("baseline/pgd")}
    part = RobustnessResults.of(whole | {"parts": parts})
    assert part.nets == ("baseline",) and {row["ensemble"] for row in part.table()} == {None}
    with pytest.raises(ValueError, match="net: expected one with certificates in the record, got 'baseline'"):
        part.band("baseline")
    with pytest.raises(ValueError, match="net: expected one that the ensemble has attacked, got 'baseline'"):
        part.after_all("baseline", 0.1)


@pytest.mark.parametrize(
    "call, said",
    [
        (
            lambda s: s.right("nobody", 0.1, 1, 0),
            "net: expected one of baseline, robust-linf, masked, got 'nob",
        ),
        (lambda s: s.right("masked", 0.3, 1, 0), "radius: expected one of 0, 0.05, 0.1, 0.2, 0.4, got 0.3"),
        (lambda s: s.right("masked", 0.1, 4, 0), "steps: expected one of 1, 2, 5, got 4"),
        (lambda s: s.right("masked", 0.1, 1, 3), "restarts: expected one of 0, 1, 2, got 3"),
        (lambda s: s.figure(4, 0), "steps: expected one of"),
        (lambda s: s.figure(radius=0), "radius: expected one of 0.05, 0.1, 0.2, 0.4, got 0"),
        (lambda s: s.figure(nets=()), "nets: expected at least one, got none"),
        (lambda s: s.band("baseline", 0), "largest: expected a radius above 0, got 0"),
        (
            lambda s: RobustnessResults.of({"rows": []}),
            "record: expected one of `rolab evaluate`, got one without 'plan'",
        ),
        (
            lambda s: RobustnessResults(RADII, STEPS, 2, 40, {}),
            "record: expected the finished trial of at least one net",
        ),
    ],
)
def test_a_wrong_question_is_named(whole, call, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        call(RobustnessResults.of(whole))


# The figures


def test_the_standing_figure_says_and_draws_its_numbers(whole):
    standing = RobustnessResults.of(whole)
    figure = standing.figure(5, 2)
    plot = json.loads(figure.plotly().to_json())
    assert [frame["name"] for frame in plot["frames"]] == ["1", "2", "5"]
    rows = figure.table()
    for frame, steps in zip(plot["frames"], STEPS, strict=True):
        here = [row for row in rows if row["steps"] == steps]
        for trace, net in zip(frame["data"], standing.nets, strict=True):
            assert trace["x"] == [0, *RADII] == [row["ε"] for row in here]
            assert trace["y"] == [row[style(net).label] for row in here]
            assert trace["y"][1:] == [standing.percent(net, radius, steps, 2) for radius in RADII]
    assert [trace["y"] for trace in plot["data"]] == [trace["y"] for trace in plot["frames"][-1]["data"]]
    best = max(standing.nets, key=lambda net: standing.right(net, 0.1, 5, 2))
    first, last = standing.percent(best, 0.1, 1, 0), standing.percent(best, 0.1, 5, 2)
    label = style(best).label
    assert (
        figure.title
        == f"At ε = 0.1, one step leaves {label} {first:.1f} %; 5 steps, 2 restarts: {last:.1f} %"
    )
    assert "; 1 step, 2 restarts: " in figure.message(1)
    assert standing.figure(1, 0).title == f"At ε = 0.1, one step leaves {label} {first:.1f} %"
    assert plot["layout"]["title"]["text"] == figure.title and figure.title in figure.alt
    assert plot["layout"]["sliders"][0]["active"] == 2


def test_a_net_keeps_its_look_when_others_are_left_out(whole):
    standing = RobustnessResults.of(whole)
    looks = {curve.look.label: curve.look for curve in standing.figure().curves()}
    assert len({(look.color, look.marker) for look in looks.values()}) == 3
    alone = [curve for curve in standing.figure(nets=["masked"]).curves() if curve.shown]
    assert [curve.look for curve in alone] == [looks["the fifth"]]
    assert standing.figure(nets=["masked"]).title.count("the fifth") == 1


def test_pictures_are_equal_where_data_are(whole):
    read = RobustnessResults.of(whole)
    for figures in ([read.figure(2, 1), read.figure(2, 1)], [read.band("baseline"), read.band("baseline")]):
        a, b = (figure.png_bytes() for figure in figures)
        assert a == b and a.startswith(b"\x89PNG")
    assert read.figure(5, 2).png_bytes() != read.figure(1, 0).png_bytes()


@exactly
@given(st.data())
def test_the_band_is_right_at_every_radius(draw):
    """Bounds by counting, at radii that no one tried: lower ≤ upper ≤ one step, and so do the stairs."""
    n = draw.draw(st.integers(1, 12))
    fates = st.sampled_from([0.0, 0.05, 0.1, math.inf])
    one_step = [draw.draw(fates) for _ in range(n)]
    all_ = [min(fate, draw.draw(fates)) for fate in one_step]
    holds = [draw.draw(st.sampled_from([h for h in (0.0, 0.02, 0.05) if h < f or not h])) for f in all_]
    band = BandFigure(
        "baseline", *(torch.tensor(each, dtype=torch.float64) for each in (one_step, all_, holds)), 0.3
    )
    assert [curve.x[-1] for curve in band.curves()] == [0.3] * 3
    for radius in (0.001, 0.019, 0.021, 0.04, 0.06, 0.099, 0.101, 0.2):
        counted = [
            100 * sum(hold >= radius and fall > 0 for hold, fall in zip(holds, all_, strict=True)) / n,
            100 * sum(fall > radius for fall in all_) / n,
            100 * sum(fall > radius for fall in one_step) / n,
        ]
        assert counted == [band.lower(radius), band.upper(radius), band.single(radius)] == sorted(counted)
        for curve, value in zip(band.curves(), counted, strict=True):
            assert np.interp(radius, curve.x, curve.y) == pytest.approx(value)
    for row in band.table():
        assert row["proved"] <= row["all attacks leave"] <= row["one step leaves"]


def test_the_band_of_a_record_is_of_the_digits_with_certificates(whole):
    standing = RobustnessResults.of(whole)
    band = standing.band("baseline", 0.4)
    assert len(band.holds) == len(band.falls) == len(band.one_step) == 25
    parts = whole["parts"]
    assert band.upper(0.2) == 4 * sum((fall or 9) > 0.2 for fall in parts["baseline/ensemble"]["falls"][:25]
                                      if fall != 0)  # fmt: skip
    assert band.lower(0.1) == 4 * sum(hold >= 0.1 for hold in parts["baseline/certified"]["holds"])
    assert "the truth lies between" in band.title and band.title in band.alt
    shaded = [trace["fill"] for trace in json.loads(band.plotly().to_json())["data"]]
    assert shaded == ["none", "tonexty", "none"]


# The command


def test_the_command_writes_a_record_and_shows_it(tmp_path, capsys, monkeypatch):
    small = BenchmarkConfig(
        radii=(0.1, 0.2), steps=(1, 2), restarts=1, budget=20, proof_digits=2, transfer_steps=1
    )
    monkeypatch.setattr("rolab.experiments.robustness.BenchmarkConfig", lambda seed: small)
    monkeypatch.setattr("rolab.certify.certified", lambda model, data, U: data.labels >= 0, raising=False)
    out = tmp_path / "stress.json"
    monkeypatch.setattr(
        "sys.argv", ["rolab", "stress", "--digits", "4", "--nets", "baseline", "--out", str(out)]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    found = json.loads(out.read_text())
    assert found["plan"]["digits"] == 4 and found["plan"]["nets"] == ["baseline"]
    assert found["parts"]["baseline/certified"]["digits"] == 2 and "transfer/0.2" in found["parts"]
    printed = capsys.readouterr().out
    assert "one step" in printed and "ensemble" in printed and str(out) in printed
