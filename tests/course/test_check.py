"""The texts of the notebooks that lean on the checkers: badges that lead home."""

import tomllib
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def markdown(path: Path) -> str:
    return "\n\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_badges_lead_to_the_repository(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    owner_and_name = project["urls"]["Repository"].removeprefix("https://github.com/")
    text = markdown(path)
    colab = f"https://colab.research.google.com/github/{owner_and_name}/blob/main/notebooks/{path.name}"
    binder = f"https://mybinder.org/v2/gh/{owner_and_name}/HEAD?urlpath=lab/tree/notebooks/{path.name}"
    assert f"({colab})" in text and f"({binder})" in text
