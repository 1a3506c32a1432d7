"""The robustness benchmark behind `rolab evaluate`, run by run: a kind of attack on a net each."""

from __future__ import annotations

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
from rolab.evaluation import masking_report, transfer_matrix
from rolab.experiments.attack_grid import (
    RADII,
    RESTARTS,
    STEPS,
    ascending,
    attack_the_rest,
    begins_with_one,
    from_json,
    generator_of,
    grid_counts,
    linf_in_pixel_box,
    to_json,
)
from rolab.sets import UncertaintySetLike
from rolab.storage import claim, environment, write_json

Certified = Callable[[nn.Module, Dataset, UncertaintySetLike], Tensor]  # who is proved right in U: bool (N,)


@dataclass(frozen=True)
class BenchmarkConfig:
    """What is done to each net. All sets are ℓ∞ balls within the pixel box, all radii in units of a pixel.

    Attributes:
        radii, steps, restarts: of the grid of `pgd`
        ensemble_radii, budget: of `ensemble`, which takes most of the time
        proof_radii, proof_examples: where certificates are tried, and for how many of the first examples
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
    proof_examples: int = 100
    transfer_radii: tuple[float, ...] = (0.1, 0.2)
    transfer_steps: int = 20
    masking_radii: tuple[float, float] = (0.2, 1.0)
    seed: int = 0

    def __post_init__(self) -> None:
        begins_with_one("steps", self.steps)
        for name in ("radii", "ensemble_radii", "proof_radii", "transfer_radii", "masking_radii"):
            ascending(name, getattr(self, name), least=1e-9)


@dataclass(frozen=True)
class _Run:
    """What a run needs; `before` holds the finished runs of the same net, by kind."""

    model: nn.Module
    data: Dataset
    config: BenchmarkConfig
    generator: torch.Generator
    before: Mapping[str, Any]
    progress: bool


def benchmark(
    nets: Mapping[str, nn.Module],
    data: Dataset,
    out: Path,
    config: BenchmarkConfig | None = None,
    certified: Certified | None = None,
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """Puts each net through the benchmark; writes the record after each run, and goes on from there.

    Args:
        nets: name → network
        data: the examples
        out: the JSON file of the record
        config: what is done; by default `BenchmarkConfig()`
        certified: (model, data, U) → bool (N,), such as `certify.certified`; None leaves certificates out
        progress: whether bars are shown

    Returns:
        The record. Its `runs` are "NET/pgd", "NET/ensemble", "NET/certified", "NET/masking" and
        "transfer/RADIUS". `correct` counts examples, of "NET/pgd" for each radius, number of steps and number
        of restarts. `first_failure_radius` is the radius at which an example is first misread (0: unattacked;
        null: at none), `first_failure_radius_one_step` that under the single step, and `certified_radius` the
        largest radius within which it is proved to be read correctly (0: none).

    Raises:
        RecordError: the file holds the record of another benchmark: other nets, examples or settings.
        ValueError: there are no nets or no examples.
    """
    config = config or BenchmarkConfig()
    if not nets or not len(data):
        raise ValueError(f"nets, data: expected at least one of each, got {len(nets)} and {len(data)}")
    identity = {"examples": len(data), "nets": list(nets), **asdict(config)}
    device = next(next(iter(nets.values())).parameters()).device
    kinds: dict[str, Callable[[_Run], dict[str, Any]]] = {"pgd": _pgd, "ensemble": _ensemble}
    kinds |= {"certified": partial(_certified, certified)} if certified else {}
    kinds |= {"masking": _masking}

    def of_a_net(net: str, kind: str) -> dict[str, Any]:
        before = {other: runs[f"{net}/{other}"] for other in kinds if f"{net}/{other}" in runs}
        generator = generator_of(config.seed, f"{net}/{kind}")
        return kinds[kind](_Run(nets[net], data, config, generator, before, progress))

    def transfer(radius: float) -> dict[str, Any]:
        attack = partial(pgd, steps=config.transfer_steps)
        matrix = transfer_matrix(nets, data, linf_in_pixel_box(radius), attack)
        rows = {net: {to: asdict(found) for to, found in row.items()} for net, row in matrix.items()}
        return {"accuracy": rows}

    jobs = {f"{net}/{kind}": partial(of_a_net, net, kind) for net in nets for kind in kinds}
    jobs |= {f"transfer/{radius:g}": partial(transfer, radius) for radius in config.transfer_radii}
    begin = {"environment": environment(device), "runs": {}}
    with (
        claim(out, identity, "benchmark", begin, folder=False) as record,
        tqdm(jobs.items(), unit="run", disable=not progress) as bar,
    ):
        runs = record["runs"]
        for name, job in bar:
            bar.set_postfix_str(name)
            if name not in runs:
                began = time.perf_counter()
                found = job()
                runs[name] = found | {"seconds": round(time.perf_counter() - began, 3)}
                write_json(out, record)
    return record


def _pgd(run: _Run) -> dict[str, Any]:
    c, generator = run.config, run.generator
    grid = (c.radii, c.steps, c.restarts)
    return grid_counts(run.model, run.data, linf_in_pixel_box, *grid, generator, run.progress)


def _ensemble(run: _Run) -> dict[str, Any]:
    """The toolkit's strongest attack, on what the grid has left; from the smallest radius to the largest."""
    config, failed_at = run.config, from_json(run.before["pgd"]["first_failure_radius"])
    attack = partial(ensemble, budget=config.budget, generator=run.generator)
    for radius in tqdm(config.ensemble_radii, unit="radius", leave=False, disable=not run.progress):
        left = failed_at > radius
        after = attack_the_rest(run.model, run.data, linf_in_pixel_box(radius), attack, left)
        failed_at[left & ~after] = radius
    correct = [int((failed_at > radius).sum()) for radius in config.ensemble_radii]
    return {"correct": correct, "first_failure_radius": to_json(failed_at)}


def _certified(certified: Certified, run: _Run) -> dict[str, Any]:
    """Proofs, from the largest radius to the smallest: what holds at one holds at all below it.

    An example that an attack has broken at a radius is not tried there.
    """
    radii, data = run.config.proof_radii, run.data[: run.config.proof_examples]
    failed_at = from_json(run.before["ensemble"]["first_failure_radius"])[: len(data)]
    proved_to = torch.zeros(len(data), dtype=torch.float64)
    for radius in tqdm(radii[::-1], unit="radius", leave=False, disable=not run.progress):
        left = ((failed_at > radius) & (proved_to == 0)).nonzero()[:, 0]
        if len(left):
            proved = certified(run.model, data[left], linf_in_pixel_box(radius)).cpu()
            proved_to[left[proved]] = radius
    correct = [int((proved_to >= radius).sum()) for radius in radii]
    counts = {"examples": len(data), "radii": list(radii), "correct": correct}
    return counts | {"certified_radius": proved_to.tolist()}


def _masking(run: _Run) -> dict[str, Any]:
    """The signs of masked gradients."""
    radii, generator = run.config.masking_radii, run.generator
    found = masking_report(run.model, run.data, linf_in_pixel_box, radii, generator=generator)
    return {"findings": [asdict(finding) for finding in found]}
