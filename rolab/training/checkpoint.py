"""Checkpoint: a training run and the folder that keeps it after every epoch, for this one run only."""

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn

from rolab.data.base import Dataset
from rolab.errors import RecordError
from rolab.sets.base import UncertaintySet
from rolab.storage import before, claim, environment, lock, read_json, read_tensors, write_json, write_tensors
from rolab.training.recipe import Recipe

RECORD = "run.json"  # what a run is, its history, and the name of its state
WEIGHTS = "weights.safetensors"  # the state of a finished run of which only the weights are kept
STATES = "state-*.safetensors"


@dataclass
class Run:
    """What training gave: the model, in eval mode, and one record an epoch (loss, test accuracy, seconds).

    While it is under way, `memory` holds what its objective keeps from step to step.
    """

    model: nn.Module
    recipe: Recipe
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)
    memory: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @property
    def seconds(self) -> float:
        """Time spent in training steps, over all sittings."""
        return sum(epoch["seconds"] for epoch in self.history)


class Checkpoint:
    """A run's folder. `run.json` names the state file that counts; it is replaced last, in one move.

    The state before it is kept, named by the record before: where one of the later two is damaged, the run
    goes on from there, and a warning tells so. The identity says which run it is. It names classes and
    functions as users know them, `Ball` and `first_order`, whatever file of rolab they stand in.
    """

    def __init__(self, folder: Path, run: Run, objective: Any, data: Dataset) -> None:
        self.folder, self.run, self.path = folder, run, folder / RECORD
        self.record: dict[str, Any] = {}  # the last that is safe
        parameters = sum(parameter.numel() for parameter in run.model.parameters())
        hidden = repr((str(run.model), fingerprint_of(objective)))
        self.identity = {
            "model": f"{type(run.model).__name__}, {parameters} parameters",
            "objective": _public(repr(objective)),
            "recipe": asdict(run.recipe),
            "seed": run.seed,
            "examples": len(data),
            "pixels and labels": _fingerprint_of_data(data),
            "layers, sets, attack": hashlib.sha256(hidden.encode()).hexdigest()[:16],
        }

    @contextmanager
    def open(self, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> Iterator[None]:
        """Claims the folder; model, optimiser and random numbers go on from what it holds."""

        def finished(record: dict[str, Any]) -> bool:
            return len(record["history"]) == self.run.recipe.epochs

        begin = self._now(None, None)
        with claim(self.path, self.identity, "run", begin, finished=finished) as self.record:
            try:
                tensors = _state(self.folder, self.record)
            except RecordError as error:
                spare = read_json(before(self.path)) if before(self.path).exists() else self.record
                if spare == self.record or spare["identity"] != self.record["identity"]:
                    raise
                self.record, tensors = spare, _state(self.folder, spare)
                warnings.warn(f"{error}; going on from the state before it", stacklevel=4)
                write_json(self.path, spare)
            with suppress(RecordError, OSError):  # what was left by a kill behind the last record
                _remove_states(self.folder, {self.record["state"], read_json(before(self.path))["state"]})
            self.run.history.extend(self.record["history"])
            if tensors:
                self._go_on_from(tensors, optimizer, generator)
            yield

    def _go_on_from(
        self,
        tensors: dict[str, torch.Tensor],
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
    ) -> None:
        finished = self.record["state"] == WEIGHTS
        self.run.model.load_state_dict(tensors if finished else _weights(tensors))
        if not finished:
            generator.set_state(tensors["random"])
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for name in tensors:
            if name.startswith("optimizer."):
                _, i, key = name.split(".", 2)
                in_layout = torch.empty_like(weights[int(i)]).copy_(tensors[name])  # of its weight
                optimizer.state[weights[int(i)]][key] = in_layout
            elif name.startswith("memory."):
                self.run.memory[name.removeprefix("memory.")] = tensors[name].to(weights[0].device)

    def save(self, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> None:
        """Writes all that the next epoch depends on."""
        tensors = {f"model.{name}": tensor for name, tensor in self.run.model.state_dict().items()}
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": value for name, value in state.items() if value is not None}
        tensors |= {f"memory.{name}": tensor for name, tensor in self.run.memory.items()}
        tensors["random"] = generator.get_state()
        name = f"state-{len(self.run.history):04d}.safetensors"
        sha256 = write_tensors(self.folder / name, tensors)
        write_json(before(self.path), self.record)
        but = {name, self.record["state"]}
        self.record = {"identity": self.identity, **self._now(name, sha256)}
        write_json(self.path, self.record)
        _remove_states(self.folder, but)

    def _now(self, state: str | None, sha256: str | None) -> dict[str, Any]:
        machine = environment(next(self.run.model.parameters()).device)
        return {"state": state, "sha256": sha256, "history": list(self.run.history), "environment": machine}


def keep_weights(folder: Path, precision: str) -> dict[str, Any]:
    """Leaves of a finished run what a net needs, in this precision; what the optimiser held goes.

    Returns what `run.json` then says. Called again, or after it was interrupted, it ends with the same.
    """
    path = folder / RECORD
    record = read_json(path)
    if record["state"] == WEIGHTS and not list(folder.glob(STATES)):
        return record
    with lock(path, folder=True):
        record = read_json(path)
        if record["state"] != WEIGHTS:
            weights = _weights(_state(folder, record))
            record |= {"state": WEIGHTS, "sha256": write_tensors(folder / WEIGHTS, weights, precision)}
            write_json(path, record)
        write_json(before(path), record)
        _remove_states(folder, {WEIGHTS})
    return record


def _state(folder: Path, record: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors that a record names, which lie in its folder; none at the beginning."""
    name = record["state"]
    if name is None:
        return {}
    if Path(name).name != name:
        raise RecordError(f"{folder / RECORD} names a state outside of its folder: {name!r}")
    return read_tensors(folder / name, record["sha256"])


def _weights(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The model's part of a saved state."""
    return {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}


def _remove_states(folder: Path, but: set[str]) -> None:
    for stale in folder.glob(STATES):
        if stale.name not in but:
            stale.unlink(missing_ok=True)


def fingerprint_of(part: Any) -> Any:
    """What two things that do the same share, and a `repr` may leave out: tensors' numbers, functions' code.

    A function that can be imported is its name; of rolab's the file does not count. Of the global names in
    another function those of numbers, tensors and sets count, as in `lambda x: Ball("l2", epsilon)`.
    """
    if isinstance(part, torch.Tensor):
        dense = part.detach().to_dense().cpu()
        return str(dense.dtype), tuple(dense.shape), hashlib.sha256(dense.numpy().tobytes()).hexdigest()
    if isinstance(part, type):
        return part.__qualname__
    if is_dataclass(part):
        return type(part).__qualname__, [fingerprint_of(getattr(part, each.name)) for each in fields(part)]
    if isinstance(part, partial):
        return fingerprint_of((part.func, part.args, part.keywords))
    if isinstance(part, CodeType):
        return part.co_code.hex(), part.co_names, fingerprint_of(part.co_consts)
    if isinstance(part, FunctionType):
        if part.__module__ != "__main__" and part.__qualname__.isidentifier():
            of_rolab = part.__module__.startswith("rolab.")
            return "rolab" if of_rolab else part.__module__, part.__qualname__
        cells = [value for cell in part.__closure__ or () if (value := cell.cell_contents) is not part]
        seen = (part.__globals__.get(name) for name in part.__code__.co_names)
        values = [value for value in seen if isinstance(value, int | float | torch.Tensor | UncertaintySet)]
        return fingerprint_of((part.__code__, cells, part.__defaults__, values))
    if isinstance(part, Mapping):
        return [(str(key), fingerprint_of(value)) for key, value in part.items()]
    if isinstance(part, tuple | list):
        return [fingerprint_of(each) for each in part]
    return _public(repr(part))


def _public(text: str) -> str:
    """A `repr` without addresses in memory and without the modules of rolab's classes."""
    return re.sub(r" at 0x[0-9a-f]+|(?<=[<'])rolab\.(?:[a-z_0-9]+\.)+", "", text)


def _fingerprint_of_data(data: Dataset) -> str:
    """A hash of every pixel and label."""
    seen = hashlib.sha256(repr(tuple(data.images.shape)).encode())
    for part in (data.labels, *data.images.split(1000)):
        seen.update(part.cpu().contiguous().numpy().data)
    return seen.hexdigest()[:16]
