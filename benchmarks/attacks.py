#!/usr/bin/env python3
"""What do attacks cost, and what do they find? Ours beside torchattacks, foolbox and AutoAttack.

    python benchmarks/attacks.py [--digits N] [--repeats R] [--threads T] [--skip-ensemble] [--out FILE]

`epsilon_sweep`: accuracy at 20 radii of one gradient step. `pgd20`: PGD with 20 steps from the images, ℓ∞ in
the pixel box, step ε/8, on a batch of 200 test digits. All attack the same network, rolab's own: only the
attack differs. Ours leaves an example alone once it is lost, which is most of why it is faster: `same_result`
says that the same examples are lost as when the ascent goes on for all to the end. At a radius at which
hardly any is lost there is little to save, so several radii are measured; `speedup` is that at 0.2. The
contenders take turns, so that what else the machine does hits all alike, and CPU seconds are counted; the
speed-up is the median of the ratios turn by turn to the faster of the peers.

`ensemble`: the digits left by `rolab.attacks.ensemble` and by AutoAttack's standard version, and the CPU
seconds of both. AutoAttack is that of the package pyautoattack, else that of torchattacks; it takes most of
an hour.

`minimal_distance`: how far, in ℓ2, the nearest image is that is read otherwise: `minimal_radius` beside DDN
and FMN of foolbox; and the nearest that is read as the runner-up, `lbfgs` beside the same two. Medians.

`make benchmarks` installs the peers without pins. The result replaces the keys `epsilon_sweep`, `pgd20`,
`minimal_distance` and `ensemble` of results/benchmarks.json and no other.
"""

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rolab import zoo
from rolab.attacks import ensemble, input_gradient, lbfgs, minimal_radius, pgd
from rolab.data import Dataset, mnist
from rolab.evaluation import accuracy_percent, accuracy_vs_radius, correct, predict
from rolab.sets import Ball, UncertaintySetLike, pixel_box
from rolab.storage import environment, update_json

OUT = Path(__file__).parents[1] / "results" / "benchmarks.json"
RADII = [0.015 * i for i in range(1, 21)]
BATCH = 200
NET = "mnist/robust-linf"

Attack = Callable[[nn.Module, Tensor, Tensor, float], Tensor]  # net, x, y, radius → x + Δ


def boxed(radius: float) -> UncertaintySetLike:
    """The ℓ∞ ball in the pixel box."""
    return lambda x: Ball("linf", radius) & pixel_box(x)


def ours_pgd(net: nn.Module, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """PGD-20, with the same steps as the peers."""
    return x + pgd(net, x, y, boxed(radius), steps=20, step=Ball("linf", radius / 8))


def without_leaving_any(net: nn.Module, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Which examples the same ascent loses when it goes on with all of them to the end: bool (N,)."""
    U, step = Ball("linf", radius) & pixel_box(x), Ball("linf", radius / 8)
    d, lost = torch.zeros_like(x), predict(net, x) != y
    for _ in range(20):
        d = U.project(d + step.maximizer(input_gradient(net, x + d, y)))
        lost |= predict(net, x + d) != y
    return lost


def torchattacks(net: nn.Module, x: Tensor, y: Tensor, radius: float, steps: int | None = None) -> Tensor:
    """FGSM of torchattacks, or its PGD."""
    import torchattacks

    if steps is None:
        return torchattacks.FGSM(net, eps=radius)(x, y)
    return torchattacks.PGD(net, eps=radius, alpha=radius / 8, steps=steps, random_start=False)(x, y)


def foolbox(net: nn.Module, x: Tensor, y: Tensor, radius: float, steps: int | None = None) -> Tensor:
    """The fast gradient sign attack of foolbox, or its projected gradient descent."""
    import foolbox

    attack = foolbox.attacks.LinfFastGradientAttack()
    if steps is not None:
        kind = foolbox.attacks.LinfProjectedGradientDescentAttack
        attack = kind(abs_stepsize=radius / 8, steps=steps, random_start=False)
    wrapped = foolbox.PyTorchModel(net, bounds=(0, 1), device=str(x.device))
    return attack.run(wrapped, x, foolbox.criteria.Misclassification(y), epsilon=radius)


def peers(**options: Any) -> dict[str, Attack]:
    """The peers whose package is installed, with these options; of the others it is said."""
    found: dict[str, Attack] = {}
    for attack in (torchattacks, foolbox):
        try:
            __import__(attack.__name__)
            found[attack.__name__] = partial(attack, **options)
        except ImportError as error:
            print(f"{attack.__name__} is left out: {error}")
    return found


def in_turns(
    tasks: dict[str, Callable[[], Any]], repeats: int
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """The CPU seconds of each task, turn by turn after one that is not counted, and what it answered."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    answers = {}
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            started = time.process_time()
            answers[name] = task()
            if turn:
                times[name].append(time.process_time() - started)
    return times, answers


def compared(times: dict[str, list[float]]) -> dict[str, Any]:
    """The speed-up of ours to the faster of the peers, turn by turn, and everybody's median."""
    turns = zip(
        times["ours"], zip(*(times[name] for name in times if name != "ours"), strict=True), strict=True
    )
    ratios = [min(peers) / ours for ours, peers in turns]
    medians = {f"{name}_s": round(statistics.median(values), 4) for name, values in times.items()}
    return {
        "speedup": round(statistics.median(ratios), 3),
        "ratios": [round(r, 3) for r in ratios],
        **medians,
    }


def epsilon_sweep(net: nn.Module, data: Dataset, repeats: int) -> dict[str, Any]:
    """The accuracy at each of 20 radii, by `evaluation.sweep` and by a loop over the peers' single step."""

    def loop(attack: Attack) -> list[float]:
        x, y = data.images, data.labels
        return [accuracy_percent(predict(net, attack(net, x, y, radius)) == y) for radius in RADII]

    tasks: dict[str, Callable[[], Any]] = {
        "ours": lambda: accuracy_vs_radius(net, data, [boxed(r) for r in RADII])
    }
    tasks |= {name: partial(loop, attack) for name, attack in peers().items()}
    times, curves = in_turns(tasks, repeats)
    off = {
        name: max(abs(a - b) for a, b in zip(curve, curves["ours"], strict=True))
        for name, curve in curves.items()
    }
    return {**compared(times), "largest_difference_points": off, "radii": len(RADII)}


def pgd20(net: nn.Module, data: Dataset, repeats: int, radius: float) -> dict[str, Any]:
    """PGD-20, and whether to leave the lost examples alone has changed which are lost."""
    x, y = data.images, data.labels
    tasks: dict[str, Callable[[], Any]] = {"ours": lambda: ours_pgd(net, x, y, radius)}
    tasks |= {name: partial(attack, net, x, y, radius) for name, attack in peers(steps=20).items()}
    times, images = in_turns(tasks, repeats)
    right = {name: predict(net, found) == y for name, found in images.items()}
    return {
        **compared(times),
        "same_result": torch.equal(~right["ours"], without_leaving_any(net, x, y, radius)),
        "accuracy": {name: accuracy_percent(left) for name, left in right.items()},
    }


def minimal_distance(net: nn.Module, data: Dataset) -> dict[str, Any]:
    """The medians of the ℓ2 lengths of Δ, ours and of foolbox, for any other class and for the runner-up."""
    import foolbox

    x, y = data.images, data.labels
    with torch.no_grad():
        second = net(x).argsort(1, descending=True)[:, 1]
    grid = [0.25 * 2**i for i in range(7)]
    within = lambda r: lambda x: Ball("l2", r) & pixel_box(x)  # noqa: E731
    found: dict[str, dict[str, Tensor]] = {
        "any class": {"minimal_radius": minimal_radius(net, x, y, within, grid=grid)[1]},
        "the runner-up": {"lbfgs": lbfgs(net, x, second)},
    }
    wrapped = foolbox.PyTorchModel(net, bounds=(0, 1), device=str(x.device))
    goals = foolbox.criteria.Misclassification(y), foolbox.criteria.TargetedMisclassification(second)
    for (aim, lengths), criterion in zip(found.items(), goals, strict=True):
        for kind in (foolbox.attacks.DDNAttack, foolbox.attacks.L2FMNAttack):
            lengths[kind.__name__] = kind(steps=100)(wrapped, x, criterion, epsilons=None)[1].detach() - x
        for name, d in lengths.items():
            answer = predict(net, x + d)
            reached = answer != y if aim == "any class" else answer == second
            lengths[name] = d.flatten(1).norm(dim=1).masked_fill(~reached, torch.inf)
    medians = {aim: {name: float(each.median()) for name, each in of.items()} for aim, of in found.items()}
    return {"median": medians, "digits": len(data)}


def autoattack(net: nn.Module, data: Dataset, radius: float) -> tuple[Tensor, str]:
    """The images of AutoAttack's standard version, and the package that made them."""
    try:
        from pyautoattack import AutoAttack

        attack = AutoAttack(net, norm="Linf", eps=radius, seed=0, version="standard", device="cpu")
        found = attack.run_standard_evaluation(data.images, data.labels, batch_size=BATCH)
        return found[0] if isinstance(found, tuple) else found, f"pyautoattack {version('pyautoattack')}"
    except ImportError:
        import torchattacks

        attack = torchattacks.AutoAttack(net, norm="Linf", eps=radius, seed=0)
        parts = [
            attack(x, y) for x, y in zip(data.images.split(BATCH), data.labels.split(BATCH), strict=True)
        ]
        return torch.cat(parts), f"torchattacks {version('torchattacks')}"


def against_autoattack(net: nn.Module, data: Dataset, radius: float) -> dict[str, Any]:
    """What both leave, in percent, and the CPU seconds that they took."""
    generator, started = torch.Generator().manual_seed(0), time.process_time()
    made = [
        x + ensemble(net, x, y, boxed(radius), generator=generator)
        for x, y in zip(data.images.split(BATCH), data.labels.split(BATCH), strict=True)
    ]
    between = time.process_time()
    theirs, package = autoattack(net, data, radius)
    ended = time.process_time()
    left, left_there = predict(net, torch.cat(made)) == data.labels, predict(net, theirs) == data.labels
    return {
        "accuracy": accuracy_percent(left),
        "autoattack_accuracy": accuracy_percent(left_there),
        "cpu_s": round(between - started, 1),
        "autoattack_cpu_s": round(ended - between, 1),
        "autoattack": package,
    }


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--digits", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--skip-ensemble", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    net, data = zoo.load(NET), mnist("test")[: arguments.digits]
    few, about = data[:BATCH], {"net": NET, "environment": environment()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        at = {str(r): pgd20(net, few, arguments.repeats, r) for r in (0.1, 0.2, 0.3)}
        record: dict[str, Any] = {
            "epsilon_sweep": {**epsilon_sweep(net, few, arguments.repeats), "digits": len(few), **about},
            "pgd20": {"speedup": at["0.2"]["speedup"], "radius": at, "digits": len(few), **about},
        }
        record["minimal_distance"] = {**minimal_distance(net, data[correct(net, data)][:100]), **about}
        if not arguments.skip_ensemble:
            found = {str(r): against_autoattack(net, data, r) for r in (0.1, 0.2)}
            record["ensemble"] = {"radius": found, "digits": len(data), **about}
    update_json(arguments.out, record)
    print(f"ε sweep: {record['epsilon_sweep']['speedup']} times as fast as the faster of the peers")
    for radius, each in at.items():
        print(
            f"PGD-20 at {radius}: {each['speedup']}, same result: {each['same_result']}, {each['accuracy']}"
        )
    print(f"minimal distance: {record['minimal_distance']['median']}")
    for radius, each in record.get("ensemble", {}).get("radius", {}).items():
        print(f"ensemble at {radius}: {each}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
