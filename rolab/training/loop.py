"""Training loop: Algorithm 1. One loop trains every method of the course; what differs is the objective.

Started again, a run with a folder goes on after its last epoch. On a CPU it ends with the bits of one never
interrupted (same machine, same number of threads); an accelerator may add in another order.
"""

import math
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from rolab.arguments import whole_number
from rolab.data.base import Dataset
from rolab.errors import DivergedError, NonFiniteError
from rolab.evaluation import accuracy
from rolab.objectives.base import Objective, Step
from rolab.storage import user_path
from rolab.training.checkpoint import Checkpoint, Run
from rolab.training.checks import check_examples, check_weights
from rolab.training.devices import pick_device
from rolab.training.recipe import PRECISIONS, Recipe

Report = Callable[[int, int, str], None]  # steps done, steps in all, a line on how it goes


def train(
    model: nn.Module,
    data: Dataset,
    objective: Objective,
    recipe: Recipe,
    *,
    seed: int = 0,
    test: Dataset | None = None,
    folder: str | Path | None = None,
    device: str | torch.device = "auto",
    progress: bool | Report = True,
) -> Run:
    """Trains the model in place: with `Robust(U)` by Algorithm 1, with `Nominal()` in the standard way.

    Args:
        model: its weights are the initialisation; it ends on the device, in eval mode
        data: images in [0, 1] and labels, held on the device as a whole
        objective: `objective(model, x, y)`, the scalar that a step descends
        recipe: the optimiser and its schedule
        seed: of the order of the examples and of dropout
        test: where given, the accuracy on it is recorded after every epoch (and decides nothing)
        folder: where the run is saved after every epoch, and from where it goes on; None keeps nothing
        device: "auto", or a name that torch knows
        progress: a bar; or a function that is told (steps done, steps in all, a line); or False

    Raises:
        ValueError: the model, the data and the recipe do not go together; nothing was written or changed.
        DivergedError: the loss became NaN or infinite.
        RecordError: the folder holds another run, is damaged or cannot be written.
    """
    place, seed = pick_device(device), whole_number(seed, "seed")
    if not callable(objective) or isinstance(objective, type):
        raise ValueError(f"objective: expected an objective (model, x, y) -> scalar, got {objective!r}")
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe: expected a Recipe, got {recipe!r}")
    check_weights(model, kept=folder is not None)
    check_examples(model, data, test, recipe.batch_size)
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    model.to(place).to(memory_format=layout)
    data = data.to(place, layout)
    optimizer = recipe.optimizer(model)
    generator = torch.Generator().manual_seed(seed)
    run = Run(model, recipe, seed)
    kept = Checkpoint(user_path(folder), run, objective, data) if folder is not None else None
    with kept.open(optimizer, generator) if kept else nullcontext(), _reporting(progress) as report:
        replays = objective.replays if isinstance(objective, Objective) else 1
        steps = math.ceil(len(data) / recipe.batch_size) * replays  # of an epoch
        report(*_status(run, steps))
        while (epoch := len(run.history)) < recipe.epochs:
            started = time.perf_counter()
            try:
                loss = _epoch(run, data, objective, steps, optimizer, generator, report)
            except NonFiniteError as error:
                left = f" The state after epoch {epoch} is kept in {kept.folder}." if kept and epoch else ""
                raise DivergedError(f"training diverged in epoch {epoch + 1}: {error}.{left}") from error
            seconds = round(time.perf_counter() - started, 3)
            run.history.append({"epoch": epoch + 1, "loss": loss, "seconds": seconds})
            if test is not None:
                run.history[-1]["test_accuracy"] = accuracy(model, test)
            if len(run.history) == recipe.epochs:
                run.memory.clear()
            if kept:
                kept.save(optimizer, generator)
            report(*_status(run, steps))
    model.eval()
    return run


def _epoch(
    run: Run, data: Dataset, objective: Objective, steps: int, optimizer, generator, report: Report
) -> float:
    """One pass of Algorithm 1 over the data; returns the mean of the loss that was descended.

    With `Robust(U)` each step first sets x̃ᵢ ← xᵢ + Δ̂ᵢ by one ascent step, eq. (11).
    """
    model, recipe, device = run.model.train(), run.recipe, data.images.device
    epoch, total, seen = len(run.history), 0.0, 0
    done = epoch * steps
    lower = f"a learning_rate below {recipe.learning_rate:g} may help"
    with _seeded(generator, device):
        order = torch.randperm(len(data), generator=generator) if recipe.shuffle else torch.arange(len(data))
        batches = order.to(device).split(recipe.batch_size)
        for i in range(steps):  # for every mini-batch
            rows = batches[i * len(batches) // steps]
            optimizer.param_groups[0]["lr"] = recipe.rate(done + i, recipe.epochs * steps)
            x, y, now = data.images[rows], data.labels[rows], objective
            if isinstance(objective, Objective):
                now = objective.at_step(Step(epoch, recipe.epochs, i, steps, data, rows, run.memory))
            try:
                loss = training_step(model, x, y, now, optimizer, recipe.precision)
            except NonFiniteError as error:
                first = "no step came before it: look at the objective and the initial weights"
                raise NonFiniteError(f"{error}; {lower if done + i else first}") from error
            total, seen = total + loss * len(rows), seen + len(rows)
            if i % 20 == 0:
                report(*_status(run, steps, i, loss))
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise NonFiniteError(f"a weight became NaN or infinite; {lower}")
    return total / seen


def training_step(
    model: nn.Module, x: Tensor, y: Tensor, objective: Objective, optimizer, precision: str = "float32"
) -> float:
    """One descent step of θ on a mini-batch, the body of Algorithm 1; returns the loss before the step.

    Raises:
        NonFiniteError: the loss is NaN or infinite; θ is left as it was.
    """
    mixed = torch.autocast(x.device.type, PRECISIONS[precision]) if precision != "float32" else nullcontext()
    with mixed:
        loss = objective(model, x, y)
    value = loss.item()
    if not math.isfinite(value):
        raise NonFiniteError(f"the loss is {value}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return value


def _status(run: Run, steps: int, batch: int = 0, loss: float | None = None) -> tuple[int, int, str]:
    """The steps done, the steps in all, and a line: the epoch, its loss so far, the last accuracy known."""
    done, epochs = len(run.history), run.recipe.epochs
    line = f"epoch {done}/{epochs}" if loss is None else f"epoch {done + 1}/{epochs}, loss {loss:.4f}"
    if done and "test_accuracy" in run.history[-1]:
        line += f", test accuracy {run.history[-1]['test_accuracy']:.2f} %"
    return done * steps + batch, epochs * steps, line


@contextmanager
def _seeded(generator: torch.Generator, device: torch.device):
    """Seeds what draws from the global generators (dropout) from the run's own, and puts them back after."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        yield


@contextmanager
def _reporting(progress: bool | Report):
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, steps, line: None
    else:
        from tqdm.auto import tqdm

        with tqdm(unit="step") as bar:

            def report(done: int, steps: int, line: str) -> None:
                if bar.total is None:
                    bar.reset(steps)
                    bar.initial = done  # what an earlier sitting did does not count for the speed
                bar.n = done
                bar.set_description(line)

            yield report
