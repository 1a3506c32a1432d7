#!/usr/bin/env python3
"""Write the generated parts of the README: the badges from pyproject.toml, the tables from results/.

    python scripts/readme.py [--check]

A part stands between two comments, <!-- name --> and <!-- /name -->. With --check nothing is written, and the
exit status is 1 where the README is not what it should be.
"""

import argparse
import sys
import tomllib
from pathlib import Path

from rolab.experiments import EXPERIMENTS, markdown
from rolab.storage import load_result, write

ROOT = Path(__file__).parents[1]


ADDRESS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def badges() -> str:
    """Links to Colab and Binder, from the one address in pyproject.toml."""
    repository = ADDRESS.removeprefix("https://github.com/")
    start = "notebooks/03_worst_case_perturbations.ipynb"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{repository}/blob/main/{start})\n"
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]"
        f"(https://mybinder.org/v2/gh/{repository}/main?labpath={start})"
    )


def clone() -> str:
    """The first commands of a newcomer."""
    return f"```sh\ngit clone {ADDRESS}.git\ncd {ADDRESS.rsplit('/', 1)[-1]}\nmake reproduce\n```"


def costs() -> str:
    """What rolab's steps cost beside those of other libraries, from results/benchmarks.json."""
    measured = load_result("benchmarks")
    step, program = measured["robust_step"], measured["robust_lp"]
    peers = ", ".join(f"{name} {peer['ratio']:.2f}" for name, peer in step["peers"].items())
    alone, threads = step["one_thread"], step["environment"]["threads"]
    ours, theirs = program["rolab"], program["rsome"]
    sweep, ascent, strongest = measured["epsilon_sweep"], measured["pgd20"]["radius"], measured["ensemble"]
    kernel, browser = measured["slider_kernel"], measured["slider_browser"]
    radii = ", ".join(ascent)
    rows = [
        ["what", "rolab", "others"],
        ["---", "---", "---"],
        [
            f"a robust step of batch {step['batch_size']}, in standard steps, on {threads} threads; on one",
            f"{step['ratio']:.2f}; {alone['ratio']:.2f}",
            peers,
        ],
        [
            f"a robust program of {program['variables']:,} variables and {program['rows']:,} uncertain rows",
            f"{ours['seconds']:.0f} s, {ours['megabytes']:.0f} MB",
            f"RSOME {theirs['version']} with ECOS {theirs['seconds']:.0f} s, {theirs['megabytes']:.0f} MB",
        ],
        [
            f"accuracy at {sweep['radii']} radii of one gradient step, {sweep['digits']} digits",
            f"{sweep['ours_s']:.2f} s",
            f"torchattacks {sweep['torchattacks_s']:.2f} s, foolbox {sweep['foolbox_s']:.2f} s",
        ],
        [
            f"PGD with 20 steps, {measured['pgd20']['digits']} digits, ε = {radii}",
            ", ".join(f"{run['ours_s']:.2f}" for run in ascent.values()) + " s",
            "; ".join(
                f"{name} " + ", ".join(f"{run[f'{name}_s']:.2f}" for run in ascent.values()) + " s"
                for name in ("torchattacks", "foolbox")
            ),
        ],
        *(
            [
                f"what is left of {strongest['digits']:,} digits at ε = {radius}, by the strongest attack",
                f"{run['accuracy']:.1f} % in {run['cpu_s']:.0f} s",
                f"AutoAttack {run['autoattack_accuracy']:.1f} % in {run['autoattack_cpu_s']:.0f} s",
            ]
            for radius, run in strongest["radius"].items()
        ),
        [
            "the ε slider of notebook 03, 95th percentile: in the kernel; until Chromium has drawn",
            f"{kernel['p95_ms']:.0f} ms; {browser['p95_ms']:.0f} ms",
            "–",
        ],
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def headline() -> str:
    """What a robust step costs beside the steps of others, from results/benchmarks.json."""
    step = load_result("benchmarks")["robust_step"]
    ours, share = step["robust_ms"], step["robust_ms"] / step["plain_standard_ms"]
    more = [peer["robust_ms"] / ours for name, peer in step["peers"].items() if name != "plain loop"]
    return (
        f"A robust step of rolab takes less time than a *standard* step of a plain loop, "
        f"{share:.2f} of it, and {min(more):.1f} to {max(more):.1f} times less "
        f"than a robust step with the attack libraries that we tried ([what it costs](#what-it-costs))."
    )


def generated(text: str) -> str:
    """The README with every generated part made anew."""
    tables = {EXPERIMENTS[name]().table: markdown(load_result(name)).strip() for name in ("mnist", "cifar10")}
    parts = {"badges": badges(), "headline": headline(), "clone": clone(), **tables, "costs": costs()}
    for name, content in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise ValueError(f"README.md has no {begin} … {end}")
        text = text[: text.index(begin)] + f"{begin}\n{content}\n" + text[text.index(end) :]
    return text


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the README is up to date")
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = generated(old)
    if parser.parse_args().check:
        if old != new:
            print("README.md is not what results/ and pyproject.toml say; run python scripts/readme.py")
        return int(old != new)
    write(path, new.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
