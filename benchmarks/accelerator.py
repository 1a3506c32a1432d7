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

The sections are in accelerator_agreement.py (the first three), accelerator_speed.py (the last five) and here.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from accelerator_agreement import agreement, bounds, precision
from accelerator_common import ROOT, SEED, NotHere, Plan, number
from accelerator_speed import cifar10_epoch, compiled, graphs, memory, step

from rolab.data import mnist
from rolab.experiments import mnist_experiment, runner
from rolab.experiments.workers import worker_pool
from rolab.storage import environment, lock, write_json
from rolab.training import Recipe, pick_device

OPTIONAL = ("cvxpy", "clarabel", "plotly", "matplotlib", "ipywidgets", "anywidget", "sklearn")


def mnist_fast(plan: Plan) -> dict[str, Any]:
    """The reproduction of Table 1, whole; where packages for figures are missing, without them."""
    experiment, hire = mnist_experiment("fast"), worker_pool
    if plan.quick:
        grids: dict[str, tuple] = {"l1": (16.0,), "l2": (4.0,), "linf": (0.4,)}
        experiment = replace(
            experiment,
            recipe=Recipe(epochs=1, batch_size=50),
            examples=1500,
            load=lambda split: mnist(split)[: 500 if split == "test" else None],
            examples_per_norm={norm: 5 for norm in grids},
            radius_grids=grids,
            epsilons=(0.0,),
            radius_scales=(1.0,),
            figures={"figure1": "single-pixel examples"},
        )

        def hire(_: str, *more: Any) -> Any:  # one thread, as on an accelerator
            return worker_pool("accelerator", *more)

    shown = ("test_accuracy", "adversarial_accuracy", "training_seconds")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with patch.object(runner, "worker_pool", hire):
            result = runner.reproduce(experiment, folder, device=str(plan.device), progress=False)
    told = dict.fromkeys(str(warning.message) for warning in warned)
    record = {
        "figures": next((text for text in told if text.startswith("no figures")), "drawn"),
        "warnings": [text for text in told if not text.startswith("no figures")],
        "seconds": number(time.perf_counter() - started),
    }
    return record | {
        "training_and_judging_seconds": result["seconds"],
        "rows": [{"net": row["net"]} | {name: row[name]["mean"] for name in shown} for row in result["rows"]],
        "radii": {norm: radius["mean"] for norm, radius in result["collection"]["radii"].items()},
    }


ALONE = """
import sys
sys.modules.update(dict.fromkeys({refused!r}))  # None there: neither found nor imported
import torch
import rolab.sets, rolab.attacks, rolab.training, rolab.objectives, rolab.evaluation, rolab.certify, rolab.cli
import rolab.experiments.runner
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

ORDER = (
    agreement, precision, bounds, step, memory, mnist_fast, core_alone, cifar10_epoch, compiled, graphs
)  # fmt: skip
SECTIONS: dict[str, Callable[[Plan], dict[str, Any]]] = {section.__name__: section for section in ORDER}


def told(*command: str) -> str | None:
    """The first line that a command prints, None where it fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else None


def place(plan: Plan, commit: str | None) -> dict[str, Any]:
    """The machine, and what was run on it."""
    found: dict[str, Any] = dict.fromkeys(("cuda", "cudnn", "driver", "memory_gb", "capability"))
    if plan.cuda:
        card = torch.cuda.get_device_properties(plan.device)
        found = {
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "driver": told("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
            "memory_gb": number(card.total_memory / 1e9),
            "capability": f"{card.major}.{card.minor}",
        }
    found["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    found["commit"] = commit or told("git", "rev-parse", "HEAD")
    return environment(plan.device) | found | {"seed": SEED}


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
    with lock(asked.out):
        for name in asked.only.split(","):
            started = time.monotonic()
            try:
                found = SECTIONS[name](plan) if plan.left() > 0 else {"skipped": "no time left"}
            except NotHere as reason:
                found = {"skipped": str(reason)}
            except Exception as error:
                where = traceback.format_exc().replace(f"{ROOT}/", "")[-1500:]
                found = {"error": f"{type(error).__name__}: {error}", "where": where}
            found["section_seconds"] = number(time.monotonic() - started)
            record[name] = found
            write_json(asked.out, record)
            how = next((f"{key}: {found[key]}" for key in ("error", "skipped") if key in found), "done")
            if "agree" in found:
                how = f"{found['agree']} of {found['compared']} agree; not: {found['not']}"
            print(f"{name}, {found['section_seconds']} s: {how}", flush=True)
    return int(any("error" in part for part in record.values() if isinstance(part, dict)))


if __name__ == "__main__":
    sys.exit(main())
