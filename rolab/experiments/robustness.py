"""The record of the whole stress test, written part by part: a part is one kind of attack on one net."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from rolab.attacks import ensemble, pgd
from rolab.data import Dataset
from rolab.errors import RecordError
from rolab.evaluation import masking_report, transfer_matrix
from rolab.records import RecordError, environment, read_json, write_json
from rolab.sets import UncertaintySetLike
from rolab.standing.trials import (
    RADII,
    RESTARTS,
    STEPS,
    ascending,
    attack_the_rest,
    begins_with_one,
    counted,
    generator_of,
    pixel_ball,
    put,
    take,
)
from rolab.storage import environment, read_json, write_json
from rolab.stress import masking_report, transfer_matrix

Certified = Callable[[nn.Module, Dataset, UncertaintySetLike], Tensor]  # who is proved right in U: bool (N,)


@dataclass(frozen=True)
class Plan:
    """What is done to each net. All sets are ℓ∞ balls within the pixel box, all radii in units of a pixel.

    Attributes:
        radii, steps, restarts: of the trial
        ensemble_radii, budget: of `ensemble`, which takes most of the time
        proof_radii, proof_digits: where certificates are tried, and for how many of the first digits
        transfer_radii, transfer_steps: of the transfer matrices, by `pgd`
        masking_radii: the two of `masking_report`
        seed: of all random numbers
    """

    radii: tuple[float, ...] = RADII
    steps: tuple[int, ...] = STEPS
    restarts: int = RESTARTS
    ensemble_radii: tuple[float, ...] = (0.1, 0.2, 0.3)
    budget: int = 2000
    proof_radii: tuple[float, ...] = (0.005, 0.01, 0.02, 0.03, 0.05)
    proof_digits: int = 100
    transfer_radii: tuple[float, ...] = (0.1, 0.2)
    transfer_steps: int = 20
    masking_radii: tuple[float, float] = (0.2, 1.0)
    seed: int = 0

    def __post_init__(self) -> None:
        begins_with_one("steps", self.steps)
        for name in ("radii", "ensemble_radii", "proof_radii", "transfer_radii", "masking_radii"):
            ascending(name, getattr(self, name), least=1e-9)


@dataclass(frozen=True)
class _Part:
    """What a part of the record is made from; `before` holds the finished parts of the same net, by kind."""

    model: nn.Module
    data: Dataset
    plan: Plan
    generator: torch.Generator
    before: Mapping[str, Any]
    progress: bool


def record(
    nets: Mapping[str, nn.Module],
    data: Dataset,
    out: Path,
    plan: Plan | None = None,
    certified: Certified | None = None,
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """Puts each net through the plan; writes the record after each part, and goes on from there if run again.

    Args:
        nets: name → network
        data: the digits
        out: the JSON file of the record
        plan: what is done; by default `Plan()`
        certified: (model, data, U) → bool (N,), such as `bounds.certified`; None leaves certificates out
        progress: whether bars are shown

    Returns:
        The record. Its `parts` are "NET/pgd", "NET/ensemble", "NET/certified", "NET/masking" and
        "transfer/RADIUS". `right` counts digits, of "NET/pgd" for each radius, number of steps and number
        of restarts. `falls` is the radius at which a digit is first misread (0: unattacked; null: at none),
        `one_step_falls` that under the single step, and `holds` the largest radius within which it is proved
        to be read correctly (0: none).

    Raises:
        RecordError: the file holds the record of another plan, other nets or other digits.
        ValueError: there are no nets or no digits.
    """
    plan = plan or Plan()
    if not nets or not len(data):
        raise ValueError(f"nets, data: expected at least one of each, got {len(nets)} and {len(data)}")
    wanted = json.loads(json.dumps({"digits": len(data), "nets": list(nets), **asdict(plan)}))
    device = next(next(iter(nets.values())).parameters()).device
    fresh = {"plan": wanted, "environment": environment(device), "parts": {}}
    written: dict[str, Any] = read_json(out) if out.exists() else fresh
    if not isinstance(written, dict) or written.get("plan") != wanted:
        raise RecordError(f"{out} holds the record of another plan: give another file, or remove it")
    parts = written["parts"]
    kinds: dict[str, Callable[[_Part], dict[str, Any]]] = {"pgd": _pgd, "ensemble": _ensemble}
    kinds |= {"certified": partial(_certified, certified)} if certified else {}
    kinds |= {"masking": _masking}

    def of_a_net(net: str, kind: str) -> dict[str, Any]:
        before = {other: parts[f"{net}/{other}"] for other in kinds if f"{net}/{other}" in parts}
        generator = generator_of(plan.seed, f"{net}/{kind}")
        return kinds[kind](_Part(nets[net], data, plan, generator, before, progress))

    def transfer(radius: float) -> dict[str, Any]:
        matrix = transfer_matrix(nets, data, pixel_ball(radius), partial(pgd, steps=plan.transfer_steps))
        rows = {net: {to: asdict(found) for to, found in row.items()} for net, row in matrix.items()}
        return {"accuracy": rows}

    jobs = {f"{net}/{kind}": partial(of_a_net, net, kind) for net in nets for kind in kinds}
    jobs |= {f"transfer/{radius:g}": partial(transfer, radius) for radius in plan.transfer_radii}
    with tqdm(jobs.items(), unit="part", disable=not progress) as bar:
        for name, job in bar:
            bar.set_postfix_str(name)
            if name not in parts:
                began = time.perf_counter()
                found = job()
                parts[name] = found | {"seconds": round(time.perf_counter() - began, 3)}
                write_json(out, written)
    return written


def _pgd(part: _Part) -> dict[str, Any]:
    plan = part.plan
    return counted(
        part.model,
        part.data,
        pixel_ball,
        plan.radii,
        plan.steps,
        plan.restarts,
        part.generator,
        part.progress,
    )


def _ensemble(part: _Part) -> dict[str, Any]:
    """The toolkit's strongest attack, on what the trial has left; from the smallest radius to the largest."""
    plan, lost_at = part.plan, take(part.before["pgd"]["falls"])
    attack = partial(ensemble, budget=plan.budget, generator=part.generator)
    for radius in tqdm(plan.ensemble_radii, unit="radius", leave=False, disable=not part.progress):
        stands = lost_at > radius
        after = attack_the_rest(part.model, part.data, pixel_ball(radius), attack, stands)
        lost_at[stands & ~after] = radius
    return {"right": [int((lost_at > r).sum()) for r in plan.ensemble_radii], "falls": put(lost_at)}


def _certified(certified: Certified, part: _Part) -> dict[str, Any]:
    """Proofs, from the largest radius to the smallest: what holds at one holds at all below it.

    A digit that an attack has broken at a radius is not tried there.
    """
    radii, digits = part.plan.proof_radii, part.plan.proof_digits
    data, lost_at = part.data[:digits], take(part.before["ensemble"]["falls"])[:digits]
    holds = torch.zeros(len(data), dtype=torch.float64)
    for radius in tqdm(radii[::-1], unit="radius", leave=False, disable=not part.progress):
        left = ((lost_at > radius) & (holds == 0)).nonzero()[:, 0]
        if len(left):
            proved = certified(part.model, data[left], pixel_ball(radius)).cpu()
            holds[left[proved]] = radius
    right = [int((holds >= radius).sum()) for radius in radii]
    return {"digits": len(data), "radii": list(radii), "right": right, "holds": holds.tolist()}


def _masking(part: _Part) -> dict[str, Any]:
    """The signs of masked gradients."""
    radii, generator = part.plan.masking_radii, part.generator
    found = masking_report(part.model, part.data, pixel_ball, radii, generator=generator)
    return {"findings": [asdict(finding) for finding in found]}
