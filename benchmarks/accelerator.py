#!/usr/bin/env python3
"""Is the library right and fast on an accelerator? Each question is a section of one JSON record.

    python benchmarks/accelerator.py [--device auto] [--quick] [--minutes 8] [--only NAMES] [--out FILE]

agreement      the device against the CPU, in float64 and in float32 without TF32: sets, losses, attacks, a
               step of Algorithm 1, bounds. Maximisers jump where two entries tie, and the sign of a gradient
               that is 0 but for rounding is luck: so it is the value ⟨g, Δ⟩ and Δ ∈ U that are compared, and
               entries that differ are only counted. The digits carry noise, for in a black background max
               pooling ties; where it still does, an example or two has another gradient: what is measured
               for each example is compared at its 90th percentile.
precision      what TF32 and bfloat16 change in a gradient, in attacks and in a step, against float32
bounds         `certified` on the device and on the CPU
mnist_fast     `rolab reproduce mnist --preset fast`, whole
core_alone     whether all this needs the packages for solvers and figures
step           the robust beside the standard step, in turns; what a step waits for
memory         the peak of a step
cifar10_epoch  an epoch of the presets `full` and `paper`, standard and robust, on random pixels
compiled       the two steps with `torch.compile`
graphs         a robust step as a CUDA graph: of the library, and by hand without what waits for the device

The file is written after every section. What fails leaves its text under `error`, what the time (--minutes)
or the device does not allow says so under `skipped`, and the next section begins. `--quick` is for the tests.
"""

import argparse
import importlib.util
import math
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab import zoo
from rolab.attacks import (
    cross_entropy,
    first_order,
    input_gradient,
    log_loss,
    log_odds,
    logit_ratio,
    margin,
    pgd,
)
from rolab.certify import certified, margin_bound
from rolab.data import Dataset, mnist
from rolab.experiments import Experiment, cifar10_experiment, mnist_experiment, runner, seed
from rolab.nets import MNIST_STD, VGG, ConvNet, WhitenedNet
from rolab.objectives import Nominal, Objective, Robust, frozen_statistics
from rolab.sets import (  # fmt: skip
    Ball,
    Budget,
    Columns,
    Ellipsoid,
    GroupBall,
    Image,
    PixelBall,
    Rows,
    Scaled,
    Scenarios,
    SparsePixels,
    SpectralBall,
    Sum,
    UncertaintySet,
    pixel_box,
)
from rolab.storage import environment, write_json
from rolab.training import pick_device, train, training_step
from rolab.training.recipe import PRECISIONS, Recipe

ROOT = Path(__file__).parents[1]
SEED, RADIUS = 0, 0.2 * MNIST_STD
BOUNDED = 0.02  # the ℓ∞ radius of the proofs
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative to the largest number that is compared
OPTIONAL = ("cvxpy", "clarabel", "plotly", "matplotlib", "ipywidgets", "anywidget", "sklearn")
TURN = 10  # steps of the standard objective, then as many of the robust one

Step = Callable[[], Any]


class Plan:
    """The device, how much to do, and until when."""

    def __init__(self, device: torch.device, quick: bool, minutes: float) -> None:
        self.device, self.quick = device, quick
        self.end = time.monotonic() + 60 * minutes
        self.cuda = device.type == "cuda"

    def left(self) -> float:
        """The seconds that are left."""
        return self.end - time.monotonic()

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.type != "cpu":
            getattr(torch, self.device.type).synchronize()

    def timed(self, job: Callable[[], Any]) -> tuple[Any, float]:
        """What a job returns, and its seconds."""
        self.wait()
        started = time.perf_counter()
        result = job()
        self.wait()
        return result, time.perf_counter() - started


class NotHere(Exception):
    """A section that this device has no use for."""


@contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Products and convolutions of float32 on an NVIDIA card in TF32, or not; afterwards as before."""
    if hasattr(torch.backends.cudnn, "conv"):  # since PyTorch 2.9
        switches = [
            (part, "fp32_precision") for part in (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
        ]
    else:
        switches = [(part, "allow_tf32") for part in (torch.backends.cuda.matmul, torch.backends.cudnn)]
    before = [getattr(part, name) for part, name in switches]
    for part, name in switches:
        setattr(part, name, on if name == "allow_tf32" else "tf32" if on else "ieee")
    try:
        yield
    finally:
        for (part, name), value in zip(switches, before, strict=True):
            setattr(part, name, value)


def seeded() -> torch.Generator:
    """Random numbers of the CPU, the same for every device."""
    return torch.Generator().manual_seed(SEED)


def off(a: Tensor, b: Tensor) -> float:
    """The largest |a − b|, relative to the largest |b|."""
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-300)).item()


def number(value: float, digits: int = 4) -> float | str:
    """To so many digits; what JSON has no number for, as text."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else str(value)


# Agreement


class Comparisons:
    """What was compared, and what came of it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, what: str, error: float, tolerance: float, feasible: bool = True, **more: Any) -> None:
        """One comparison: it agrees within the tolerance, if what was found is feasible too."""
        agrees = error <= tolerance and feasible
        self.rows.append(
            {"what": what, "error": number(error), "tolerance": tolerance, "agrees": agrees, **more}
            | ({} if feasible else {"feasible": False})
        )

    def add_each(
        self, what: str, errors: Tensor, tolerance: float, feasible: bool = True, **more: Any
    ) -> None:
        """One comparison of many examples, at the 90th percentile of their errors."""
        most = number(errors.max().item())
        self.add(what, errors.double().quantile(0.9).item(), tolerance, feasible, most=most, **more)

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """An error is a comparison that does not agree."""
        try:
            yield
        except Exception as error:
            self.rows.append(
                {"what": what, "agrees": False, "raised": f"{type(error).__name__}: {error}"[:300]}
            )

    def record(self) -> dict[str, Any]:
        """All of them, with a summary."""
        wrong = [row["what"] for row in self.rows if not row["agrees"]]
        return {
            "compared": len(self.rows),
            "agree": len(self.rows) - len(wrong),
            "not": wrong,
            "rows": self.rows,
        }


def closed(x: Tensor) -> dict[str, UncertaintySet]:
    """Every set with closed forms, for images x (N, 3, 4, 5) and beside them."""
    box, random = pixel_box(x), seeded()
    root = torch.rand(60, 60, dtype=torch.float64, generator=random)
    radii = torch.rand(len(x), dtype=torch.float64, generator=random)
    sets: dict[str, UncertaintySet] = {
        "Box": box,
        "Budget": Budget(2.5, 0.3),
        "Ellipsoid": Ellipsoid(root @ root.T / 60, 0.5),
        "Rows": Rows(Ball("l2", radii[:12].to(x)), (12, 5)),
        "Columns": Columns(Ball("l1", 0.4), (12, 5)),
        "SpectralBall": SpectralBall(0.5, (12, 5)),
        "Scaled": Scaled(0.5, Ball("l2", 1.0)),
        "Ball, a radius for each": Ball("l2", radii.to(x)),
        "Ball, radii on the CPU": Ball("l2", radii),
        "Pixels": SparsePixels(3, box),
    }
    for norm in ("l1", "l2", "linf", "l3"):
        sets[f"Ball {norm}"] = Ball(norm, 0.5)
        sets[f"Ball {norm} in Box"] = Ball(norm, 0.5) & box
        sets[f"GroupBall {norm}"] = GroupBall(norm, 0.5, (12, 5), 1)
        sets[f"PixelBall {norm}"] = PixelBall(norm, 0.5)
        sets[f"PixelBall {norm} in Box"] = PixelBall(norm, 0.5) & box
    return sets


def by_solver(x: Tensor) -> dict[str, UncertaintySet]:
    """Those of which only the maximiser has a closed form."""
    points = torch.randn(100, 60, dtype=torch.float64, generator=seeded())
    U = Ball("l1", 1.0) + pixel_box(x)
    assert isinstance(U, Sum)
    return {"Sum": U, "Image": Image(points[:60, :40], Ball("linf", 0.5)), "Scenarios": Scenarios(points)}


def compare_sets(found: Comparisons, plan: Plan, dtype: torch.dtype) -> None:
    """All oracles of all sets."""
    random, tolerance = seeded(), TOLERANCE[dtype]
    x, g, d = (torch.rand(32, 3, 4, 5, dtype=torch.float64, generator=random).to(dtype) for _ in range(3))
    g, d = 2 * g - 1, 0.6 * d - 0.3
    there = [tensor.to(plan.device) for tensor in (x, g, d)]
    for sets, asked in ((closed, True), (by_solver, False)):
        g[0] = there[1][0] = 0.0 if asked else 0.5  # where the direction is 0, so is the answer
        over_there = sets(there[0])
        for name, U in sets(x).items():
            V, title = over_there[name], f"{name}, {dtype}".replace("torch.", "")
            with found.trying(title):
                a, b = V.maximizer(there[1]).cpu(), U.maximizer(g)
                values = [(g * each).flatten(1).sum(1) for each in (a, b)]
                held = not asked or bool(U.contains(a, atol=tolerance).all())
                differ = int(((a - b).abs() > tolerance * b.abs().max()).sum())
                found.add(f"{title}: maximizer", off(*values), tolerance, held, entries_that_differ=differ)
                found.add(f"{title}: support", off(V.support(there[1]), U.support(g)), tolerance)
                if not asked:
                    continue
                points = [0.9 * b, 1.5 * d]
                if U.convex and not ("l3" in name and ("Group" in name or "Pixel" in name)):
                    near = U.project(d)
                    found.add(f"{title}: project", off(V.project(there[2]), near), tolerance)
                    points += [0.9 * near]
                d_all = torch.cat(points)
                same = [V.contains(p.to(plan.device)).cpu() == U.contains(p) for p in points]
                wrong = int((~torch.cat(same)).sum())
                found.add(f"{title}: contains", wrong / len(d_all), 0.0)


def noisy_digits(count: int) -> tuple[Tensor, Tensor]:
    """Test digits with a little noise, so that no two entries are the same."""
    data = mnist("test")[:count]
    noise = torch.rand(data.images.shape, dtype=torch.float64, generator=seeded())
    return (0.9 * data.images.double() + 0.1 * noise), data.labels


def compare_attacks(found: Comparisons, plan: Plan, dtype: torch.dtype) -> None:
    """Losses, gradients and attacks on the MNIST net of the zoo."""
    tolerance, kind = TOLERANCE[dtype], str(dtype).removeprefix("torch.")
    x, y = noisy_digits(16 if plan.quick else 100)
    x, net = x.to(dtype), zoo.load("mnist/baseline").to(dtype)
    x1, y1, net1 = x.to(plan.device), y.to(plan.device), zoo.load("mnist/baseline").to(plan.device, dtype)
    logits = net(x).detach()
    found.add(f"logits, {kind}", off(net1(x1), logits), tolerance)
    for loss in (log_loss, log_odds, margin, logit_ratio):
        with found.trying(f"{loss.__name__}, {kind}"):
            given = loss(logits.to(plan.device), y1)
            found.add(f"{loss.__name__}, {kind}", off(given, loss(logits, y)), tolerance)
    g, g1 = input_gradient(net, x, y), input_gradient(net1, x1, y1).cpu()
    parted = (g1 - g).flatten(1).norm(dim=1) / g.flatten(1).norm(dim=1).clamp(min=1e-30)
    found.add_each(f"input_gradient, {kind}", parted, 10 * tolerance)
    balls = {"l1": 2.0, "l2": 0.6, "linf": 0.05}
    families: dict[str, Any] = {norm: Ball(norm, r) for norm, r in balls.items()}
    families |= {
        f"{n} in the pixel box": lambda x, n=n, r=r: Ball(n, r) & pixel_box(x) for n, r in balls.items()
    }
    families["pixels"] = lambda x: SparsePixels(2, pixel_box(x))
    families["l2, radii on the CPU"] = Ball("l2", torch.full((len(x),), 0.6))
    for name, U in families.items():
        V = U if isinstance(U, UncertaintySet) else U(x)
        with found.trying(f"first_order, {name}, {kind}"):
            a, b = first_order(net1, x1, y1, U).cpu(), first_order(net, x, y, U)
            values = [(g * each).flatten(1).sum(1) for each in (a, b)]
            held, differ = bool(V.contains(a, atol=tolerance).all()), int(((a - b).abs() > tolerance).sum())
            parted = (values[0] - values[1]).abs() / values[1].abs().clamp(min=1e-30)
            what = f"first_order, {name}, {kind}"
            found.add_each(what, parted, 10 * tolerance, held, entries_that_differ=differ)
        if name == "pixels":
            continue
        with found.trying(f"pgd, {name}, {kind}"):
            more: dict[str, Any] = {"steps": 3 if plan.quick else 10, "restarts": 1}
            a = pgd(net1, x1, y1, U, generator=seeded(), **more).cpu()
            b = pgd(net, x, y, U, generator=seeded(), **more)
            lost = [(net(x + each).argmax(1) != y).double().mean().item() for each in (a, b)]
            held = bool(V.contains(a, atol=tolerance).all())
            # Signs of gradients near 0 part two walks for good; so it is what they reach that is compared.
            found.add(
                f"pgd, {name}, {kind}", abs(lost[0] - lost[1]), 0.02, held, misled=[number(p) for p in lost]
            )


def compare_steps(found: Comparisons, plan: Plan, dtype: torch.dtype) -> None:
    """The weights after one step of Algorithm 1, with both nets."""
    kind, random = str(dtype).removeprefix("torch."), seeded()
    x, y = noisy_digits(8 if plan.quick else 100)
    colour = torch.rand(len(x), 3, 32, 32, dtype=torch.float64, generator=random)
    for name, images in (("ConvNet", x), ("WhitenedNet", colour)):
        for ball in (None, Ball("l2", 0.6), Ball("linf", 0.02)):
            objective: Objective = Nominal() if ball is None else Robust(ball)
            with found.trying(f"step of {name}, {objective!r}, {kind}"):
                weights = []
                for device in (torch.device("cpu"), plan.device):
                    net = fresh(name, device, images.float(), dropout=0.0).to(dtype)
                    before = flat(net)
                    training_step(net, images.to(device, dtype), y.to(device), objective, sgd(net, 0.01))
                    weights.append(flat(net))
                moved = ((weights[1] - weights[0]).norm() / (weights[0] - before).norm()).item()
                parted = ((weights[1] - weights[0]).norm() / weights[0].norm()).item()
                what = f"step of {name}, {objective!r}, {kind}"
                found.add(what, parted, TOLERANCE[dtype], of_the_update=number(moved))


def flat(net: nn.Module) -> Tensor:
    """The learnt weights as a vector."""
    return torch.cat([weight.detach().cpu().double().flatten() for weight in net.parameters()])


def agreement(plan: Plan) -> dict[str, Any]:
    """The device against the CPU."""
    found, margins = Comparisons(), [[], []]
    with tf32(False):
        for dtype in (torch.float64, torch.float32) if plan.device.type != "mps" else (torch.float32,):
            compare_sets(found, plan, dtype)
            compare_attacks(found, plan, dtype)
            compare_steps(found, plan, dtype)
        if plan.device.type != "mps":
            with found.trying("margin_bound"):
                x, y = noisy_digits(1 if plan.quick else 8)
                net = zoo.load("mnist/robust-linf")
                for device, kept in zip(("cpu", plan.device), margins, strict=True):
                    kept.append(margin_bound(net.to(device), x.float().to(device), y.to(device), box_ball))
                found.add("margin_bound", off(margins[1][0], margins[0][0]), 1e-8)
    return found.record() | {"tolerance": {str(dtype)[6:]: value for dtype, value in TOLERANCE.items()}}


def box_ball(x: Tensor) -> UncertaintySet:
    """The ℓ∞ ball within the pixel box."""
    return Ball("linf", BOUNDED) & pixel_box(x)


def bounds(plan: Plan) -> dict[str, Any]:
    """`certified` on the device and on the CPU."""
    if plan.device.type == "mps":
        raise NotHere("MPS has no float64")
    record: dict[str, Any] = {"digits": 2 if plan.quick else 20, "radius": BOUNDED}
    for name in ("mnist/robust-linf",) if plan.quick else ("mnist/robust-linf", "mnist/masked"):
        answers = []
        for place in ("cpu", str(plan.device)):
            data, net = mnist("test")[: record["digits"]].to(place), zoo.load(name).to(place)
            if not plan.quick:
                certified(net, data[:2], box_ball)
            found, seconds = plan.timed(lambda net=net, data=data: certified(net, data, box_ball))
            answers.append(found.cpu())
            record.setdefault(name, {})[f"seconds on {place}"] = number(seconds)
        agree = torch.equal(*answers)
        record[name] |= {"certified": int(answers[0].sum()), "agrees": agree}
    return record


# Speed


def fresh(name: str, device: torch.device, images: Tensor | None = None, dropout: float = 0.1) -> nn.Module:
    """A net in training, the same each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(SEED)
        net = {"ConvNet": ConvNet, "VGG": VGG}[name]() if name != "WhitenedNet" else WhitenedNet(dropout)
        if isinstance(net, WhitenedNet):
            net.whiten(torch.rand(100, 3, 32, 32) if images is None else images)
    return net.to(device).train()


def sgd(net: nn.Module, rate: float = 1e-3) -> torch.optim.SGD:
    """The optimiser of the recipe."""
    r = Recipe()
    return torch.optim.SGD(
        net.parameters(), rate, r.momentum, nesterov=r.nesterov, weight_decay=r.weight_decay
    )


def batch(name: str, size: int, device: torch.device, last: bool = True) -> tuple[Tensor, Tensor]:
    """Random pixels and classes."""
    shape = (size, 1, 28, 28) if name == "ConvNet" else (size, 3, 32, 32)
    layout = torch.channels_last if last else torch.contiguous_format
    x, y = torch.rand(shape, generator=seeded()), torch.randint(10, (size,), generator=seeded())
    return x.to(device, memory_format=layout), y.to(device)


def objectives(name: str) -> dict[str, Objective]:
    """Standard and robust, as the presets have them."""
    if name == "ConvNet":
        return {"standard": Nominal(), "robust": Robust(Ball("linf", RADIUS))}
    return {"standard": Nominal(0.2), "robust": Robust(Ball("linf", 5e-4), smoothing=0.2)}


def steps_of(
    plan: Plan, name: str, size: int, precision: str, last: bool, wrap: Any = None
) -> dict[str, Step]:
    """A step of each objective, each with a net of its own, which `wrap` may compile."""
    steps: dict[str, Step] = {}
    x, y = batch(name, size, plan.device, last)
    for kind, objective in objectives(name).items():
        net = fresh(name, plan.device).to(
            memory_format=torch.channels_last if last else torch.contiguous_format
        )
        optimizer, seen = sgd(net), wrap(net) if wrap else net
        steps[kind] = lambda seen=seen, o=objective, opt=optimizer: training_step(
            seen, x, y, o, opt, precision
        )
    return steps


def measure(plan: Plan, steps: dict[str, Step], repeats: int) -> dict[str, Any]:
    """Medians of the milliseconds of a step, in turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(math.ceil(repeats / TURN)):
        for name, step in steps.items():
            for _ in range(5 if turn == 0 and not plan.quick else 1):
                step()
            for _ in range(min(TURN, repeats)):
                times[name].append(1000 * plan.timed(step)[1])
    standard, robust = (statistics.median(times[name]) for name in ("standard", "robust"))
    return {
        "standard_ms": number(standard, 6),
        "robust_ms": number(robust, 6),
        "ratio": number(robust / standard, 6),
    }


def waits(step: Step) -> dict[str, int]:
    """Where a step waits for a CUDA device: the line of Python → how often."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    places = [f"{Path(w.filename).name}:{w.lineno}" for w in told if "synchroniz" in str(w.message)]
    return {place: places.count(place) for place in dict.fromkeys(places)}


def step(plan: Plan) -> dict[str, Any]:
    """Robust ÷ standard, for nets, precisions and layouts."""
    repeats, record = 2 if plan.quick else 40, {"repeats": 2 if plan.quick else 40, "rows": []}
    sizes = {"ConvNet": [20] if plan.quick else [100, 1000], "WhitenedNet": [8] if plan.quick else [500]}
    kinds = ["float32"] if plan.quick else ["float32", "bfloat16"]
    if plan.cuda:  # as PyTorch comes, convolutions are in TF32 and products are not
        kinds = ["as it comes", "float32", "tf32", "bfloat16"]
    for name, batches in sizes.items():
        for size in batches:
            for kind in kinds:
                for last in (True,) if plan.quick else (True, False):
                    row = {"net": name, "batch": size, "precision": kind, "channels_last": last}
                    with nullcontext() if kind == "as it comes" else tf32(kind == "tf32"):
                        precision = kind if kind in PRECISIONS else "float32"
                        steps = steps_of(plan, name, size, precision, last)
                        record["rows"].append(row | measure(plan, steps, repeats))
        if plan.cuda:
            steps = steps_of(plan, name, batches[0], "float32", True)
            for once in steps.values():
                once()
            record[f"waits of {name}"] = {kind: waits(once) for kind, once in steps.items()}
    return record


def memory(plan: Plan) -> dict[str, Any]:
    """The most that a step allocates beside what was there before it, and what it leaves, in MB."""
    if not plan.cuda:
        raise NotHere("only CUDA counts its memory")
    record: dict[str, Any] = {}
    for name, size in (("ConvNet", 100), ("ConvNet", 1000), ("WhitenedNet", 500)):
        for kind, once in steps_of(plan, name, size, "float32", True).items():
            for _ in range(3):
                once()
            plan.wait()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            once()
            plan.wait()
            peak, left = torch.cuda.max_memory_allocated() - before, torch.cuda.memory_allocated() - before
            here = record.setdefault(f"{name}, batch {size}", {})
            here[kind] = {"peak_mb": number(peak / 1e6), "left_mb": number(left / 1e6)}
    return record


def precision(plan: Plan) -> dict[str, Any]:
    """What a lower precision changes, against float32 without TF32."""
    x, y = noisy_digits(20 if plan.quick else 1000)
    x, y, net = x.float().to(plan.device), y.to(plan.device), zoo.load("mnist/baseline").to(plan.device)
    U, seen = Ball("linf", 0.1), {}
    kinds = ["float32", "tf32", "bfloat16"] if plan.cuda else ["float32", "bfloat16"]
    for kind in kinds:
        half = torch.autocast(plan.device.type, torch.bfloat16) if kind == "bfloat16" else nullcontext()
        with tf32(kind == "tf32"):
            with half:
                g, answers = input_gradient(net, x, y), net(x).argmax(1)
                attacks = {"first_order": first_order(net, x, y, U)}
                attacks["pgd"] = pgd(net, x, y, U, steps=3 if plan.quick else 20)
            model = fresh("ConvNet", plan.device)
            before = flat(model)
            named = kind if kind in PRECISIONS else "float32"
            training_step(model, x[:100], y[:100], Robust(U), sgd(model, 0.01), named)
        with tf32(False), torch.no_grad():
            lost = {name: (net(x + d).argmax(1) != y).double().mean().item() for name, d in attacks.items()}
        seen[kind] = (g, answers, lost, flat(model) - before)
    record: dict[str, Any] = {"digits": len(x)}
    base, answers, _, update = seen["float32"]
    for kind, (g, these, lost, moved) in seen.items():
        parted = (g - base).flatten(1).norm(dim=1) / base.flatten(1).norm(dim=1).clamp(min=1e-30)
        record[kind] = {
            "gradient_off": {"median": number(parted.median().item()), "most": number(parted.max().item())},
            "equal_signs": number((g.sign() == base.sign())[base != 0].double().mean().item()),
            "equal_answers": number((these == answers).double().mean().item()),
            "misled": {name: number(share) for name, share in lost.items()},
            "update_off": number(((moved - update).norm() / update.norm()).item()),
        }
    return record


class FewDigits(Experiment):
    """The experiment with a twentieth of the test digits."""

    def images(self, split: Literal["train", "test"]) -> Dataset:
        return super().images(split)[: 500 if split == "test" else None]


def no_figures(*_: Any) -> None:
    """Draws nothing."""


def mnist_fast(plan: Plan) -> dict[str, Any]:
    """The reproduction of Table 1, whole; where packages for figures are missing, without them."""
    experiment, record = mnist_experiment("fast"), {}
    if plan.quick:
        grids: dict[str, tuple] = {"l1": (16.0,), "l2": (4.0,), "linf": (0.4,)}
        few = {norm: 5 for norm in grids}
        recipe = Recipe(epochs=1, batch_size=50)
        experiment = replace(
            experiment,
            recipe=recipe,
            examples=1500,
            sizes=few,
            radius_grids=grids,
            epsilons=(0.0,),
            scales=(1.0,),
        )
        experiment = FewDigits(**vars(experiment))
    draw, hire = runner._draw, runner.crew
    if plan.quick:  # no figures, and one thread, as on an accelerator
        runner._draw = no_figures
        runner.crew = lambda _, jobs, progress: hire("accelerator", jobs, progress)
    with tempfile.TemporaryDirectory() as folder:

        def run() -> dict:
            return runner.reproduce(experiment, folder, device=str(plan.device), progress=False)

        started = time.perf_counter()
        try:
            try:
                result = run()
            except ImportError as error:
                record["figures"] = f"none: {type(error).__name__}: {error}"
                runner._draw = no_figures
                result = run()
        finally:
            runner._draw, runner.crew = draw, hire
        record["seconds"] = number(time.perf_counter() - started)
    return record | {
        "training_and_judging_seconds": result["seconds"],
        "rows": [
            {
                "net": row["net"],
                "test_accuracy": row["test_accuracy"]["mean"],
                "adversarial_accuracy": row["adversarial_accuracy"]["mean"],
                "training_seconds": row["training_seconds"]["mean"],
            }
            for row in result["rows"]
        ],
        "radii": {norm: radius["mean"] for norm, radius in result["collection"]["radii"].items()},
    }


def cifar10_epoch(plan: Plan) -> dict[str, Any]:
    """An epoch of the two large presets, standard and robust."""
    count, record = 40 if plan.quick else 50_000 if plan.device.type != "cpu" else 1000, {}
    images = torch.rand(count, 3, 32, 32, generator=seeded())
    data = Dataset(images, torch.randint(10, (count,), generator=seeded()))
    for preset in ("full", "paper"):
        plan_of_it = cifar10_experiment(preset).on(plan.device)
        for net in ("baseline", "robust-linf"):
            recipe = replace(plan_of_it.recipe, epochs=1)
            if plan.quick:
                recipe = replace(recipe, batch_size=20)
            model = seed.initial_net(plan_of_it, SEED, images)
            what = plan_of_it.objective(net)
            run, seconds = plan.timed(
                lambda m=model, o=what, r=recipe: train(m, data, o, r, device=plan.device, progress=False)
            )
            record[f"{preset}, {net}"] = {
                "architecture": plan_of_it.architecture, "precision": recipe.precision, "images": count,
                "batch": recipe.batch_size, "seconds": number(seconds), "in_steps": run.seconds,
                "loss": number(run.history[-1]["loss"]),
                "images_per_second": number(count / max(run.seconds, 1e-9)),
                "finite": math.isfinite(run.history[-1]["loss"]),
            }  # fmt: skip
    return record


def compiled(plan: Plan) -> dict[str, Any]:
    """The two steps of `rolab.train` on a compiled net."""
    if not plan.cuda:
        raise NotHere("measured on CUDA only")
    record: dict[str, Any] = {"rows": []}
    for name, size, mode in (
        ("ConvNet", 100, "default"), ("ConvNet", 100, "reduce-overhead"), ("WhitenedNet", 500, "default"),
    ):  # fmt: skip
        row: dict[str, Any] = {"net": name, "batch": size, "mode": mode, "precision": "as it comes"}
        if plan.left() < 100:
            record["rows"].append(row | {"skipped": "no time left"})
            continue
        try:
            torch.compiler.reset()
            steps = steps_of(
                plan, name, size, "float32", True, lambda net, m=mode: torch.compile(net, mode=m)
            )
            row["compile_seconds"] = number(sum(plan.timed(once)[1] for once in steps.values()))
            row |= measure(plan, steps, 40)
        except Exception as error:
            row["raised"] = f"{type(error).__name__}: {error}"[:500]
        record["rows"].append(row)
    return record


class NoQuestions(WhitenedNet):
    """The net without the look at its filters, for which a step waits."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.groups(F.conv2d(self.standardize(x), self.filters))) / 9


def by_hand(net: nn.Module, x: Tensor, y: Tensor, radius: float | None, optimizer: Any) -> Step:
    """A step of Algorithm 1 that never waits: no look at the loss, none at the entries of the gradient."""

    def once() -> None:
        seen = x
        if radius is not None:
            with frozen_statistics(net):
                seen = x + radius * input_gradient(net, x, y).sign()
        optimizer.zero_grad()
        cross_entropy(net, seen, y).backward()
        optimizer.step()

    return once


def captured(once: Step) -> Step:
    """The same step as a CUDA graph, after three for real."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            once()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        once()

    def replay(kept: Step = once) -> None:  # it reads and writes what `once` holds: the optimiser's momentum
        graph.replay()

    return replay


def graphs(plan: Plan) -> dict[str, Any]:
    """A step as a CUDA graph; what cannot be captured comes last, for it may leave the device in disorder."""
    if not plan.cuda:
        raise NotHere("CUDA only")
    record: dict[str, Any] = {"rows": []}
    for name, size, radius in (("ConvNet", 100, RADIUS), ("WhitenedNet", 500, 5e-4)):
        x, y = batch(name, size, plan.device)
        for way in ("by hand", "as a graph"):
            steps, nets = {}, {}
            for kind, reach in (("standard", None), ("robust", radius)):
                net = fresh(name, plan.device).to(memory_format=torch.channels_last)
                if name == "WhitenedNet":
                    net.__class__ = NoQuestions
                once = by_hand(net, x, y, reach, sgd(net))
                nets[kind], steps[kind] = net, captured(once) if way == "as a graph" else once
            row = {"net": name, "batch": size, "way": way} | measure(plan, steps, 40)
            record["rows"].append(row | {"weights_finite": bool(flat(nets["robust"]).isfinite().all())})
    x, y = batch("ConvNet", 100, plan.device)
    nets = {way: fresh("ConvNet", plan.device) for way in ("eager", "graph")}
    ways = {way: by_hand(net, x, y, RADIUS, sgd(net)) for way, net in nets.items()}
    replay = captured(ways["graph"])  # which has made three steps
    for once in [ways["eager"]] * 8 + [replay] * 5:
        once()
    record["weights after 8 steps, graph against eager"] = number(
        off(flat(nets["graph"]), flat(nets["eager"]))
    )
    try:
        captured(steps_of(plan, "ConvNet", 100, "float32", True)["robust"])
        record["the library's step"] = "can be captured"
    except Exception as error:
        first: BaseException = error
        while first.__context__:  # the end of the capture raises once more
            first = first.__context__
        record["the library's step"] = f"{type(first).__name__}: {first}"[:500]
        lines = traceback.format_exc().splitlines()
        record["raised_at"] = [line.strip() for line in lines if "rolab" in line][:12]
    return record


ALONE = """
import sys
sys.modules.update(dict.fromkeys({refused!r}))  # None there: neither found nor imported
import torch
import rolab.sets, rolab.attacks, rolab.training, rolab.objectives, rolab.evaluation, rolab.certify.bounds, rolab.cli
from rolab import Ball, ConvNet, Recipe, Robust, accuracy, data, train
torch.manual_seed(0)
net = ConvNet()
run = train(net, data.mnist("train")[:{count}], Robust(Ball("linf", 0.06)), Recipe(epochs=1, batch_size=50),
            device="{device}", progress=False)
print("loss", run.history[-1]["loss"], "accuracy", accuracy(net, data.mnist("test")[:200]))
"""


def core_alone(plan: Plan) -> dict[str, Any]:
    """Which optional packages are there, and whether the core works where they are refused."""
    script = ALONE.format(refused=OPTIONAL, count=300 if plan.quick else 3000, device=plan.device)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=max(30, plan.left())
    )  # fmt: skip
    there = [name for name in OPTIONAL if importlib.util.find_spec(name)]
    return {"importable": there, "works": done.returncode == 0, "said": (done.stdout + done.stderr)[-500:]}


# The record

SECTIONS: dict[str, Callable[[Plan], dict[str, Any]]] = {
    section.__name__: section
    for section in (
        agreement,
        precision,
        bounds,
        step,
        memory,
        mnist_fast,
        core_alone,
        cifar10_epoch,
        compiled,
        graphs,
    )  # fmt: skip
}


def told(*command: str) -> str | None:
    """The first line that a command prints, None where it fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else None


def place(plan: Plan, commit: str | None) -> dict[str, Any]:
    """The machine, and what was run on it."""
    card = torch.cuda.get_device_properties(plan.device) if plan.cuda else None
    return environment(plan.device) | {
        "cuda": torch.version.cuda if plan.cuda else None,
        "cudnn": torch.backends.cudnn.version() if plan.cuda else None,
        "driver": told("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        if plan.cuda
        else None,
        "memory_gb": number(card.total_memory / 1e9) if card else None,
        "capability": f"{card.major}.{card.minor}" if card else None,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit or told("git", "rev-parse", "HEAD"),
        "seed": SEED,
    }


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--quick", action="store_true", help="very little of all, for the tests")
    parser.add_argument("--minutes", type=float, default=8, help="after these no further section begins")
    parser.add_argument("--only", default=",".join(SECTIONS), help="names of sections")
    parser.add_argument("--commit", help="what is run, where the folder is no checkout of git")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "accelerator.json")
    asked = parser.parse_args()
    if unknown := set(asked.only.split(",")) - set(SECTIONS):
        parser.error(f"--only: expected some of {', '.join(SECTIONS)}, got {', '.join(sorted(unknown))}")
    plan = Plan(pick_device(asked.device), asked.quick, asked.minutes)
    record: dict[str, Any] = {"environment": place(plan, asked.commit), "quick": plan.quick}
    for name in asked.only.split(","):
        started = time.monotonic()
        try:
            record[name] = SECTIONS[name](plan) if plan.left() > 0 else {"skipped": "no time left"}
        except NotHere as reason:
            record[name] = {"skipped": str(reason)}
        except Exception as error:
            record[name] = {
                "error": f"{type(error).__name__}: {error}",
                "where": traceback.format_exc()[-1500:],
            }
        seconds = record[name]["section_seconds"] = number(time.monotonic() - started)
        write_json(asked.out, record)
        how = next(
            (f"{key}: {record[name][key]}" for key in ("error", "skipped") if key in record[name]), "done"
        )
        if "agree" in record[name]:
            how = f"{record[name]['agree']} of {record[name]['compared']} agree; not: {record[name]['not']}"
        print(f"{name}, {seconds} s: {how}", flush=True)
    return int(any("error" in part for part in record.values() if isinstance(part, dict)))


if __name__ == "__main__":
    sys.exit(main())
