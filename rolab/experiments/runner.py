"""Runs an experiment into a folder: the nets, trained side by side, the collection A, the table, the figures.

out/experiment.json                what the folder holds; a folder that holds something else is refused
out/seed-0/                        the nets of a seed and what was measured: `rolab.experiments.seed`
out/table1.json, .md, figure1…3    the results (of CIFAR-10: table2, figure4…6)
"""

import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from rolab.evaluation import accuracy
from rolab.experiments.figures import draw
from rolab.experiments.seed import evaluate_seed, load_collection, load_net, train_net
from rolab.experiments.spec import Experiment
from rolab.experiments.tables import markdown, mean_sd, table
from rolab.experiments.workers import Progress, worker_pool
from rolab.storage import claim, read_json, write, write_json
from rolab.training import pick_device


def reproduce(
    experiment: Experiment, out: str | Path, *, device: str = "auto", progress: Progress = True
) -> dict:
    """Runs an experiment, or what is missing of it, and returns the table that it writes to `out`.

    On a CPU every net is trained by its own process on one thread, as many at a time as there are cores; on
    an accelerator one after the other.

    Args:
        experiment: as `mnist_experiment("fast")` gives it
        out: the folder; where it holds the same experiment, finished parts are taken over
        device: "auto", or a name that torch knows
        progress: a bar; or a function that is told (share done, a line); or False

    Raises:
        DataError: the images have not been fetched.
        RecordError: `out` cannot be written, is damaged, holds something else, or another process is at it.
        DivergedError: a loss became NaN.
    """
    out, place = Path(out), pick_device(device)
    experiment.images("test")  # if they have not been fetched, this says so before anything is written
    path, written = out / "experiment.json", out / f"{experiment.table}.json"
    begin, finished = {"seconds": 0.0}, lambda record: written.exists()
    with claim(path, experiment.identity(), "experiment", begin, finished=finished) as claimed:
        before, began = claimed["seconds"], time.perf_counter()

        def saved() -> None:  # over all sittings, each up to what it saved last
            claimed["seconds"] = round(before + time.perf_counter() - began, 1)
            write_json(path, claimed)

        records, workers = _train_and_evaluate(experiment, out, place, progress, saved)
        folders = {seed: out / f"seed-{seed}" for seed in experiment.seeds}
        first = folders[experiment.seeds[0]]
        run = read_json(first / experiment.baseline / "run.json")
        made_on = run["environment"] | {"workers": workers}
        result = table(experiment, [records[seed] for seed in folders], made_on, claimed["seconds"])
        result["collection"]["other_baselines"] = _others_on_A(experiment, folders)
        write(out / f"{experiment.table}.md", markdown(result, experiment=experiment).encode())
        write_json(written, result)
        try:
            draw(out, experiment, result, *load_collection(experiment, first))
        except ModuleNotFoundError as missing:
            package = str(missing.name).partition(".")[0]
            advice = "with rolab[course], started again, only they will be made"
            warnings.warn(f"no figures are drawn, for {package} is not installed; {advice}", stacklevel=2)
    return result


def _train_and_evaluate(
    experiment: Experiment, out: Path, place: torch.device, progress: Progress, saved: Callable[[], None]
) -> tuple[dict[int, dict], int]:
    """Trains what is missing, and evaluates each seed as soon as its nets are there; tells what is saved.

    Returns:
        the record of every seed, and the number of workers
    """
    # The baseline takes half as long as the others, so it comes last: it fills the gap that they leave.
    every = [(seed, net) for seed in experiment.seeds for net in reversed(experiment.nets_of(seed))]
    every.sort(key=lambda job: experiment.nets[job[1]].control)  # what the paper has comes before what we add
    jobs: deque[tuple] = deque((train_net, *job) for job in every)
    missing = {seed: set(experiment.nets_of(seed)) for seed in experiment.seeds}
    records: dict[int, dict] = {}
    with worker_pool(place.type, len(jobs), progress) as (workers, submit):
        running: dict[Future, tuple] = {}
        states = _states(out)
        while jobs or running:
            while jobs and len(running) < workers:
                job, seed, *net = jobs.popleft()
                future = submit(job, experiment, seed, *net, out / f"seed-{seed}", str(place))
                running[future] = (seed, *net)
            done = wait(running, timeout=1, return_when=FIRST_COMPLETED).done
            if states != (states := _states(out)):
                saved()
            for future in done:
                seed, *net = running.pop(future)
                result = future.result()
                missing[seed] -= set(net)
                if not net:
                    records[seed] = result
                elif not missing[seed]:
                    jobs.appendleft((evaluate_seed, seed))
    return records, workers


def _states(out: Path) -> dict[Path, int]:
    """When each record of the seeds was written: it changes with every epoch that is saved."""
    return {path: path.stat().st_mtime_ns for path in out.glob("seed-*/**/*.json")}


def _others_on_A(experiment: Experiment, folders: dict[int, Path]) -> dict[str, Any] | None:
    """The accuracy, on the A of each seed, of the baselines of the other seeds; None with one seed.

    A was not aimed at them, and they have seen no attack: what they get right, robust training need not
    explain.
    """
    if len(folders) < 2:
        return None
    baselines = {seed: load_net(experiment, folder) for seed, folder in folders.items()}
    right: list[list[float]] = []
    for seed, folder in folders.items():
        A = load_collection(experiment, folder)[0].examples()
        right.append([accuracy(net, A) for other, net in baselines.items() if other != seed])
    return mean_sd(sum(right, [])) | {"per_seed": [mean(values) for values in right]}
