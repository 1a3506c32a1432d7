"""A training run: its recipe, its history, and the folder that keeps both after every epoch."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn

from rolab.data import Dataset
from rolab.records import (
    RecordError,
    environment,
    holds_something,
    read_json,
    read_tensors,
    write_json,
    write_tensors,
)
from rolab.sets import UncertaintySet


@dataclass(frozen=True)
class Recipe:
    """How to descend: stochastic gradient descent with momentum, as plain values.

    Attributes:
        epochs: passes over the data
        batch_size: images a step
        learning_rate: the peak of the schedule
        schedule: "triangular": from nothing up to the peak in a quarter of the steps, then straight down to
            nothing; "constant": the peak, always; "halving": the peak, halved after every 25 epochs
        momentum: of Nesterov's kind where `nesterov` says so
        nesterov: as above
        weight_decay: λ of the penalty (λ/2)‖θ‖². A step shrinks θ by the factor 1 − learning rate · λ, so a
            decay w stated apart from the rate (at its peak, without momentum) is λ = w / learning_rate
        shuffle: a new order in each epoch
        precision: "float32", or "bfloat16" for mixed precision by `torch.autocast`
        channels_last: the memory format of weights and images
    """

    epochs: int = 12
    batch_size: int = 100
    learning_rate: float = 0.08
    schedule: str = "triangular"
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    shuffle: bool = True
    precision: str = "float32"
    channels_last: bool = True

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 1}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is {value!r}, expected a whole number from {least} up")
        for name in ("learning_rate", "momentum", "weight_decay"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value!r}, expected a finite number from 0 up")
        for name, known in {"schedule": list(SCHEDULES), "precision": list(PRECISIONS)}.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for name in ("nesterov", "shuffle", "channels_last"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected True or False")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov is True, expected False where momentum is 0")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.learning_rate * SCHEDULES[self.schedule](
            (step + 1) / (steps + 1), step * self.epochs // steps
        )


SCHEDULES = {  # the factor of the peak, from the share of the steps and the epoch, counted from 0
    "triangular": lambda share, epoch: min(share / 0.25, (1 - share) / 0.75),
    "constant": lambda share, epoch: 1.0,
    "halving": lambda share, epoch: 0.5 ** (epoch // 25),
}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def multiplies_bfloat16(device: str | torch.device) -> bool:
    """Whether a device has instructions for bfloat16; one that has none takes many times as long with it."""
    place = torch.device(device)
    if place.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if place.type != "cpu":
        return False
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch lacks it
    return any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


@dataclass
class Run:
    """What training gave: the model, in eval mode, and one record an epoch (loss, test accuracy, seconds)."""

    model: nn.Module
    recipe: Recipe
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Time spent in training steps, over all sittings."""
        return sum(epoch["seconds"] for epoch in self.history)


HIDDEN = "layers of the model, or sets or attack of the objective,"  # which no other entry tells


class RunFolder:
    """A run's folder. `run.json` names the one state file that counts; it is replaced last, in one move."""

    def __init__(self, folder: Path, run: Run, objective: Any, data: Dataset) -> None:
        self.folder, self.run, self.path = folder, run, folder / "run.json"
        parameters = sum(parameter.numel() for parameter in run.model.parameters())
        self.identity = {
            "model": f"{type(run.model).__name__}, {parameters} parameters",
            "objective": _without_address(repr(objective)),
            "recipe": asdict(run.recipe),
            "seed": run.seed,
            "examples": len(data),
            "data": _fingerprint(data),
            "details": hashlib.sha256(repr((str(run.model), _told(objective))).encode()).hexdigest()[:16],
        }

    def save(self, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in self.run.model.state_dict().items()}
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": value for name, value in state.items() if value is not None}
        tensors["random"] = generator.get_state()
        name = f"state-{len(self.run.history):04d}.safetensors"
        sha256 = write_tensors(self.folder / name, tensors)
        self._note(name, sha256)
        for stale in self.folder.glob("state-*.safetensors"):
            if stale.name != name:
                stale.unlink(missing_ok=True)

    def _note(self, state: str | None, sha256: str | None) -> None:
        record = {"identity": self.identity, "state": state, "sha256": sha256, "history": self.run.history}
        device = next(self.run.model.parameters()).device
        write_json(self.path, record | {"environment": environment(device)})

    def restore(self, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> None:
        if not self.path.exists():
            if holds_something(self.folder):
                raise RecordError(f"folder {self.folder} holds something else than a run; choose another")
            self._note(None, None)  # an unwritable folder fails now, not after an epoch
            return
        record = read_json(self.path)
        if record.get("identity") != self.identity:
            differ = [k for k, v in self.identity.items() if record.get("identity", {}).get(k) != v]
            differ = [k for k in differ if k != "details"] or [HIDDEN]
            raise RecordError(
                f"folder {self.folder} holds another run ({' and '.join(differ)} differ); choose another"
            )
        if record["state"] is None:
            return
        tensors = read_tensors(self.folder / record["state"], record["sha256"])
        self.run.history.extend(record["history"])
        if record["state"] == WEIGHTS:
            self.run.model.load_state_dict(tensors)
            return
        self.run.model.load_state_dict(_weights(tensors))
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, i, key = name.split(".", 2)
                in_layout = torch.empty_like(weights[int(i)]).copy_(tensor)  # that of its weight
                state.setdefault(int(i), {})[key] = in_layout
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        generator.set_state(tensors["random"])


def keep_weights(folder: Path, precision: str) -> dict[str, Any]:
    """Leaves of a finished run what a net needs, in this precision; what the optimiser held goes.

    Returns what `run.json` then says. Called again, or after it was interrupted, it ends with the same.
    """
    record = read_json(folder / "run.json")
    if record["state"] != WEIGHTS:
        tensors = read_tensors(folder / record["state"], record["sha256"])
        kept = {
            name: tensor.to(getattr(torch, precision)) if tensor.is_floating_point() else tensor
            for name, tensor in _weights(tensors).items()
        }
        record |= {"state": WEIGHTS, "sha256": write_tensors(folder / WEIGHTS, kept)}
        write_json(folder / "run.json", record)
    for stale in folder.glob("state-*.safetensors"):
        stale.unlink(missing_ok=True)
    return record


WEIGHTS = "weights.safetensors"  # the file of a finished run


def _weights(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The model's part of a saved state."""
    return {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}


def _told(part: Any) -> Any:
    """What two things that do the same share, and a `repr` may leave out: tensors' numbers, functions' code.

    A function that can be imported is its name. Of the global names in another those of numbers, tensors and
    sets count, as in `lambda x: Ball("l2", epsilon)`.
    """
    if isinstance(part, torch.Tensor):
        dense = part.detach().to_dense().cpu()
        return str(dense.dtype), tuple(dense.shape), hashlib.sha256(dense.numpy().tobytes()).hexdigest()
    if isinstance(part, type):
        return part.__qualname__
    if is_dataclass(part):
        return type(part).__qualname__, [_told(getattr(part, each.name)) for each in fields(part)]
    if isinstance(part, partial):
        return _told(part.func), _told(part.args), _told(part.keywords)
    if isinstance(part, CodeType):
        return part.co_code.hex(), part.co_names, _told(part.co_consts)
    if isinstance(part, FunctionType):
        if part.__module__ != "__main__" and part.__qualname__.isidentifier():
            return part.__module__, part.__qualname__
        cells = [value for cell in part.__closure__ or () if (value := cell.cell_contents) is not part]
        seen = (part.__globals__.get(name) for name in part.__code__.co_names)
        values = [value for value in seen if isinstance(value, int | float | torch.Tensor | UncertaintySet)]
        return _told(part.__code__), _told(cells), _told(part.__defaults__), _told(values)
    if isinstance(part, Mapping):
        return [(str(key), _told(value)) for key, value in part.items()]
    if isinstance(part, tuple | list):
        return [_told(each) for each in part]
    return _without_address(repr(part))


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _fingerprint(data: Dataset) -> str:
    """A hash of the labels and of some of the pixels: enough to tell one data set from another."""
    step = max(1, data.images.numel() // 10_000)
    while math.gcd(step, data.images.shape[1:].numel()) > 1:  # it would meet the same pixels of all images
        step += 1
    some = data.images.reshape(-1)[::step]
    return hashlib.sha256(data.labels.cpu().numpy().tobytes() + some.cpu().numpy().tobytes()).hexdigest()[:16]
