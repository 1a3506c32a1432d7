#!/usr/bin/env python3
"""What does a robust linear program cost? Ours beside RSOME, on the same sparse program.

    python benchmarks/robust_lp.py [--variables N] [--rows M] [--repeats R] [--out FILE]

A packing program, max cᵀx over Ax ≤ b and 0 ≤ x ≤ 1 with 20 coefficients a row; each may be off by 10 %. A
third of the rows is protected against a box, a third against an ellipsoid, a third against a budget of 3.
Measured are the time to state and solve it, and the memory that the process needed at most above what its
imports took, each time in a process of its own; the contenders take turns. RSOME hands the problem to ECOS,
rolab to Clarabel, through cvxpy: `solver_seconds` is the share of these two.

`make benchmarks` installs RSOME and ECOS. The result replaces the key `robust_lp` of results/benchmarks.json
and no other.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp

from rolab.storage import environment, update_json

OUT = Path(__file__).parents[1] / "results" / "benchmarks.json"
A_ROW, ERROR, GAMMA = 20, 0.1, 3.0


def instance(variables: int, rows: int) -> dict[str, Any]:
    """The data: c, b, and for each row the places and the values of its coefficients."""
    generator = np.random.default_rng(0)
    places = np.stack([generator.choice(variables, A_ROW, replace=False) for _ in range(rows)])
    values = generator.uniform(1, 10, places.shape)
    return {
        "c": generator.uniform(1, 10, variables),
        "places": places,
        "values": values,
        "b": values.sum(1) / 4,
    }


def ours(data: dict[str, Any]) -> tuple[float, float]:
    """The optimum by `RobustLP.solve("counterpart")`, and the seconds that Clarabel took of it."""
    import cvxpy

    from rolab.lp import RobustLP, Uncertain
    from rolab.sets import Ball, Box, Budget

    rows, n = len(data["b"]), len(data["c"])
    at = np.repeat(np.arange(rows), A_ROW)
    A = sp.csr_array((data["values"].ravel(), (at, data["places"].ravel())), shape=(rows, n))
    sets = [Box(-1.0, 1.0), Ball("l2", 1.0), Budget(GAMMA, 1.0)]
    moved = {}
    for i, (places, values) in enumerate(zip(data["places"], data["values"], strict=True)):
        P = sp.csr_array((ERROR * values, (places, np.arange(A_ROW))), shape=(n, A_ROW))
        moved[str(i + 1)] = Uncertain(sets[i % 3], row=P)
    program = RobustLP.from_arrays(data["c"], A, data["b"], upper=1.0, maximize=True, uncertain=moved)
    spent, solve = [], cvxpy.Problem.solve

    def watched(problem: Any, **settings: Any) -> Any:
        answer = solve(problem, **settings)
        spent.append(problem.solver_stats.solve_time)
        return answer

    with patch.object(cvxpy.Problem, "solve", watched):
        return program.solve("counterpart").objective, sum(spent)


def rsome(data: dict[str, Any]) -> tuple[float, float]:
    """The optimum by RSOME, written as its documentation writes robust constraints, and ECOS' seconds."""
    from rsome import eco_solver, norm, ro

    model = ro.Model()
    x, z = model.dvar(len(data["c"])), model.rvar(A_ROW)
    model.max(data["c"] @ x)
    model.st(x >= 0, x <= 1)
    sets = [
        norm(z, "inf") <= 1,
        norm(z) <= 1,
        (norm(z, "inf") <= 1, norm(z, 1) <= GAMMA),
    ]
    for i, (places, values) in enumerate(zip(data["places"], data["values"], strict=True)):
        row = values @ x[places] + (ERROR * values * z) @ x[places] <= data["b"][i]
        model.st(row.forall(sets[i % 3]))
    model.solve(eco_solver, display=False)
    return float(model.get()), float(model.solution.time)


CONTENDERS = {"rolab": ours, "rsome": rsome}


def alone(name: str, variables: int, rows: int) -> dict[str, float]:
    """One measurement, in this process."""
    data = instance(variables, rows)
    CONTENDERS[name](instance(60, 6))  # imports everything
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    objective, solver = CONTENDERS[name](data)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"objective": objective, "seconds": seconds, "solver": solver, "megabytes": (peak - before) / 1024}


def run(variables: int, rows: int, repeats: int) -> dict[str, Any]:
    """Measures all, and returns the record."""
    found: dict[str, list[dict[str, float]]] = {}
    for name in CONTENDERS:
        try:
            version(name)
        except PackageNotFoundError:
            print(f"{name} is left out: it is not installed")
        else:
            found[name] = []
    for _ in range(repeats):
        for name, measured in found.items():
            command = [sys.executable, __file__, "--alone", name]
            command += ["--variables", str(variables), "--rows", str(rows)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            measured.append(json.loads(printed.splitlines()[-1]))  # ECOS prints too, told to or not
    record: dict[str, Any] = {
        name: {
            "version": version(name),
            "objective": statistics.median(each["objective"] for each in measured),
            "seconds": round(statistics.median(each["seconds"] for each in measured), 3),
            "solver_seconds": round(statistics.median(each["solver"] for each in measured), 3),
            "megabytes": round(statistics.median(each["megabytes"] for each in measured), 1),
        }
        for name, measured in found.items()
    }
    if "rsome" in record:
        record["ratio"] = round(record["rolab"]["seconds"] / record["rsome"]["seconds"], 3)
    sizes = {"variables": variables, "rows": rows, "a_row": A_ROW, "repeats": repeats}
    return record | sizes | {"environment": environment()}


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--variables", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--alone", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(alone(arguments.alone, arguments.variables, arguments.rows)))
        return 0
    record = run(arguments.variables, arguments.rows, arguments.repeats)
    update_json(arguments.out, {"robust_lp": record})
    for name in CONTENDERS:
        if name in record:
            each = record[name]
            times = f"{each['seconds']:.2f} s ({each['solver_seconds']:.2f} its solver)"
            print(f"{name} {each['version']}: {times}, {each['megabytes']:.0f} MB, {each['objective']:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
