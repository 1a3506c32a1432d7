"""The robustness benchmark behind `rolab evaluate`, run by run: a kind of attack on a net each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from rolab.attacks import Attack, ensemble, pgd
from rolab.data import Dataset
from rolab.evaluation import guarded_evaluation, masking_report, transfer_matrix
from rolab.experiments import attack_grid
from rolab.experiments.attack_grid import from_json, linf_in_pixel_box, to_json
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

    radii: tuple[float, ...] = attack_grid.RADII
    steps: tuple[int, ...] = attack_grid.STEPS
    restarts: int = attack_grid.RESTARTS
    ensemble_radii: tuple[float, ...] = (0.1, 0.2, 0.3)
    budget: int = 2000
    proof_radii: tuple[float, ...] = (0.005, 0.01, 0.02, 0.03, 0.05)
    proof_examples: int = 100
    transfer_radii: tuple[float, ...] = (0.1, 0.2)
    transfer_steps: int = 20
    masking_radii: tuple[float, float] = (0.2, 1.0)
    seed: int = 0

    def __post_init__(self) -> None:
        attack_grid.begins_with_one("steps", self.steps)
        for name in ("radii", "ensemble_radii", "proof_radii", "transfer_radii", "masking_radii"):
            attack_grid.ascending(name, getattr(self, name), least=1e-9)


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

    A `MaskingWarning` says where no attack can judge a net; so do the findings of "NET/masking".

    Raises:
        RecordError: the file holds the record of another benchmark: other nets, examples or settings.
        ValueError: there are no nets or no examples.
    """
    config = config or BenchmarkConfig()
    if not nets or not len(data):
        raise ValueError(f"nets, data: expected at least one of each, got {len(nets)} and {len(data)}")
    identity = {"examples": len(data), "nets": list(nets), **asdict(config)}
    device = next(next(iter(nets.values())).parameters()).device
    kinds = ["pgd", "ensemble", *(["certified"] if certified else []), "masking"]

    def of_a_net(net: str, kind: str) -> dict[str, Any]:
        model, generator = nets[net], attack_grid.generator_of(config.seed, f"{net}/{kind}")
        if kind == "pgd":
            grid = (config.radii, config.steps, config.restarts)
            return attack_grid.grid_counts(model, data, linf_in_pixel_box, *grid, generator, progress)
        if kind == "ensemble":
            attack = partial(ensemble, budget=config.budget, generator=generator)
            return _ensemble(model, data, attack, config.ensemble_radii, failed_at(net, "pgd"), progress)
        if kind == "certified" and certified:
            some, radii = data[: config.proof_examples], list(config.proof_radii)
            lost = failed_at(net, "ensemble")[: len(some)]
            return _certified(certified, model, some, radii, lost, progress)
        found = masking_report(model, data, linf_in_pixel_box, config.masking_radii, generator=generator)
        return {"findings": [asdict(finding) for finding in found]}

    def failed_at(net: str, kind: str) -> Tensor:
        return from_json(runs[f"{net}/{kind}"]["first_failure_radius"])

    def transfer(radius: float) -> dict[str, Any]:
        attack = partial(pgd, steps=config.transfer_steps)
        matrix = transfer_matrix(nets, data, linf_in_pixel_box(radius), attack)
        rows = {net: {to: asdict(found) for to, found in row.items()} for net, row in matrix.items()}
        return {"accuracy": rows}

    jobs = {f"{net}/{kind}": partial(of_a_net, net, kind) for net in nets for kind in kinds}
    jobs |= {f"transfer/{radius:g}": partial(transfer, radius) for radius in config.transfer_radii}
    begin = {"environment": environment(device), "runs": {}}

    def finished(record: dict[str, Any]) -> bool:
        return jobs.keys() <= record["runs"].keys()

    with (
        claim(out, identity, "benchmark", begin, folder=False, finished=finished) as record,
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


def _ensemble(
    model: nn.Module, data: Dataset, attack: Attack, radii: Sequence[float], failed_at: Tensor, progress: bool
) -> dict[str, Any]:
    """The toolkit's strongest attack, on what the grid has left; from the smallest radius to the largest."""
    with guarded_evaluation(model, data):
        for radius in tqdm(radii, unit="radius", leave=False, disable=not progress):
            left = failed_at > radius
            after = attack_grid.attack_the_rest(model, data, linf_in_pixel_box(radius), attack, left)
            failed_at[left & ~after] = radius
    correct = [int((failed_at > radius).sum()) for radius in radii]
    return {"correct": correct, "first_failure_radius": to_json(failed_at)}


def _certified(
    prove: Certified, model: nn.Module, data: Dataset, radii: list[float], failed_at: Tensor, progress: bool
) -> dict[str, Any]:
    """Proofs, from the largest radius to the smallest: what holds at one holds at all below it.

    An example that an attack has broken at a radius is not tried there.
    """
    proved_to = torch.zeros(len(data), dtype=torch.float64)
    for radius in tqdm(radii[::-1], unit="radius", leave=False, disable=not progress):
        left = ((failed_at > radius) & (proved_to == 0)).nonzero()[:, 0]
        if len(left):
            proved = prove(model, data[left], linf_in_pixel_box(radius)).cpu()
            proved_to[left[proved]] = radius
    correct = [int((proved_to >= radius).sum()) for radius in radii]
    return {"examples": len(data), "radii": radii, "correct": correct, "certified_radius": proved_to.tolist()}
