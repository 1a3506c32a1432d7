"""How fast a step is on an accelerator: step, memory, cifar10_epoch, compiled, graphs."""

import math
import statistics
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerator_common import ROOT, SEED, NotHere, Plan, flat, fresh, number, off, seeded, sgd, tf32
from torch import Tensor, nn

from rolab.attacks import cross_entropy, input_gradient
from rolab.data import Dataset
from rolab.experiments import cifar10_experiment
from rolab.experiments.seed import initial_net
from rolab.nets import MNIST_STD
from rolab.objectives import Nominal, Robust, frozen_statistics
from rolab.sets import Ball
from rolab.training import PRECISIONS, train, training_step

RADIUS = {"ConvNet": 0.2 * MNIST_STD, "WhitenedNet": 5e-4}  # ℓ∞
TURN = 10  # steps of the standard objective, then as many of the robust one

Step = Callable[[], Any]


def layout(last: bool) -> torch.memory_format:
    """Of nets and images."""
    return torch.channels_last if last else torch.contiguous_format


def batch(name: str, size: int, device: torch.device, last: bool = True) -> tuple[Tensor, Tensor]:
    """Random pixels and classes."""
    shape = (size, 1, 28, 28) if name == "ConvNet" else (size, 3, 32, 32)
    x, y = torch.rand(shape, generator=seeded()), torch.randint(10, (size,), generator=seeded())
    return x.to(device, memory_format=layout(last)), y.to(device)


def steps_of(
    plan: Plan, name: str, size: int, precision: str = "float32", last: bool = True, wrap: Any = None
) -> dict[str, Step]:
    """A step of each objective of the presets, each with a net of its own, which `wrap` may compile."""
    steps: dict[str, Step] = {}
    x, y = batch(name, size, plan.device, last)
    smoothing = 0.0 if name == "ConvNet" else 0.2
    robust = Robust(Ball("linf", RADIUS[name]), smoothing=smoothing)
    for kind, objective in {"standard": Nominal(smoothing), "robust": robust}.items():
        net = fresh(name, plan.device).to(memory_format=layout(last))
        seen, optimizer = wrap(net) if wrap else net, sgd(net)
        steps[kind] = partial(training_step, seen, x, y, objective, optimizer, precision)
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
    found = {"standard_ms": standard, "robust_ms": robust, "ratio": robust / standard}
    return {name: number(value, 6) for name, value in found.items()}


def raised(error: BaseException) -> str:
    """An error as text."""
    return f"{type(error).__name__}: {error}"[:500]


@contextmanager
def row_of(record: dict[str, Any], **row: Any) -> Iterator[dict[str, Any]]:
    """A row of the record, to be filled. An error is left in it as text, and the others stay."""
    record["rows"].append(row)
    try:
        yield row
    except Exception as error:
        row["raised"] = raised(error)


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
    repeats = 2 if plan.quick else 40
    record: dict[str, Any] = {"repeats": repeats, "rows": []}
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
            steps = steps_of(plan, name, batches[0])
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
        for kind, once in steps_of(plan, name, size).items():
            for _ in range(3):
                once()
            plan.wait()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            once()
            plan.wait()
            record.setdefault(f"{name}, batch {size}", {})[kind] = {
                "peak_mb": number((torch.cuda.max_memory_allocated() - before) / 1e6),
                "left_mb": number((torch.cuda.memory_allocated() - before) / 1e6),
            }
    return record


def cifar10_epoch(plan: Plan) -> dict[str, Any]:
    """An epoch of the two large presets, standard and robust."""
    count, record = 40 if plan.quick else 50_000 if plan.device.type != "cpu" else 1000, {}
    images = torch.rand(count, 3, 32, 32, generator=seeded())
    data = Dataset(images, torch.randint(10, (count,), generator=seeded()))
    for preset in ("full", "paper"):
        experiment = cifar10_experiment(preset).on(plan.device)
        for net in ("baseline", "robust-linf"):
            size = 20 if plan.quick else experiment.recipe.batch_size
            recipe = replace(experiment.recipe, epochs=1, batch_size=size)
            model, what = initial_net(experiment, SEED, images), experiment.objective(net)
            run, seconds = plan.timed(
                lambda m=model, o=what, r=recipe: train(m, data, o, r, device=plan.device, progress=False)
            )
            record[f"{preset}, {net}"] = {
                "architecture": experiment.architecture, "precision": recipe.precision, "images": count,
                "batch": size, "seconds": number(seconds), "in_steps": run.seconds,
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
        with row_of(record, net=name, batch=size, mode=mode, precision="as it comes") as row:
            if plan.left() < 100:
                row["skipped"] = "no time left"
                continue
            torch.compiler.reset()
            steps = steps_of(plan, name, size, wrap=partial(torch.compile, mode=mode))
            row["compile_seconds"] = number(sum(plan.timed(once)[1] for once in steps.values()))
            row |= measure(plan, steps, 40)
    return record


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
    for name, size in (("ConvNet", 100), ("WhitenedNet", 500)):
        for way in ("by hand", "as a graph"):
            with row_of(record, net=name, batch=size, way=way) as row:
                x, y = batch(name, size, plan.device)
                steps, nets = {}, {}
                for kind, reach in (("standard", None), ("robust", RADIUS[name])):
                    nets[kind] = fresh(name, plan.device).to(memory_format=torch.channels_last)
                    once = by_hand(nets[kind], x, y, reach, sgd(nets[kind]))
                    steps[kind] = captured(once) if way == "as a graph" else once
                row |= measure(plan, steps, 40)
                row["weights_finite"] = bool(flat(nets["robust"]).isfinite().all())
    with row_of(record, net="ConvNet", batch=100, way="8 steps as a graph against 8 by hand") as row:
        x, y = batch("ConvNet", 100, plan.device)
        nets = {way: fresh("ConvNet", plan.device) for way in ("by hand", "as a graph")}
        ways = {way: by_hand(net, x, y, RADIUS["ConvNet"], sgd(net)) for way, net in nets.items()}
        replay = captured(ways["as a graph"])  # which has made three steps
        for once in [ways["by hand"]] * 8 + [replay] * 5:
            once()
        row["weights_off"] = number(off(flat(nets["as a graph"]), flat(nets["by hand"])))
    try:
        captured(steps_of(plan, "ConvNet", 100)["robust"])
        record["the library's step"] = "can be captured"
    except Exception as error:
        first: BaseException = error
        while first.__context__:  # the end of the capture raises once more
            first = first.__context__
        record["the library's step"] = raised(first)
        lines = traceback.format_exc().splitlines()
        record["raised_at"] = [line.strip().replace(f"{ROOT}/", "") for line in lines if "rolab" in line][:12]
    return record
