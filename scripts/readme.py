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

from rolab import results
from rolab.experiments import markdown
from rolab.records import write

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


def generated(text: str) -> str:
    """The README with every generated part made anew."""
    parts = {"badges": badges(), "clone": clone(), "table1": markdown(results.load("mnist")).strip()}
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
