#!/usr/bin/env python3
"""Build the book: the notebooks as they were committed, the reference, model cards, a glossary.

    python scripts/book.py [--out docs/_build/html]

The pages need nothing but their folder: open index.html. Nothing is fetched and no notebook is run. The
sources are laid out in docs/_build/source first: docs/, the notebooks, and what `book_pages.py` makes.
"""

import argparse
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
from book_pages import drawn_digit, model_cards, records, reference

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BADGE = re.compile(r"\[!\[([^\]]+)\]\([^)]+\)\]")  # a picture from the net
LINK = re.compile(r"\[([^\]]+)\]\((?:notebooks/)?(\d\d_\w+\.ipynb)\)")


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=DOCS / "_build" / "html")
    out = parser.parse_args().out
    needed = ("sphinx", "myst_nb", "furo", "sphinx-mathjax-offline")
    if missing := [name for name in needed if find_spec(name) is None]:
        print(f"the book needs {', '.join(missing)}: pip install -e '.[book]'", file=sys.stderr)
        return 2
    source = DOCS / "_build" / "source"
    lay_out(source)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", source, out]
    if status := subprocess.run(command).returncode:
        return status
    print(f"The book is {out / 'index.html'}.")
    return 0


def lay_out(source: Path) -> None:
    """Fills the folder of the sources anew."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("_build"))
    for path in source.glob("*.md"):
        path.write_text(without_dead_links(path.read_text(encoding="utf-8")), encoding="utf-8")
    (source / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        nbformat.write(page(nbformat.read(path, as_version=4)), source / "notebooks" / path.name)
    made = {"model_cards": model_cards(), "records": records(), "drawn_digit": drawn_digit()}
    (source / "generated").mkdir()
    for name, text in made.items():
        (source / "generated" / f"{name}.md").write_text(text, encoding="utf-8")
    (source / "reference").mkdir()
    for name, text in reference().items():
        (source / "reference" / f"{name}.md").write_text(text, encoding="utf-8")
    static = source / "_static"
    for package, file in (
        ("plotly", "package_data/plotly.min.js"),
        ("sphinx-mathjax-offline", "static/mathjax/tex-svg-full.js"),
    ):
        spec = find_spec(package)
        assert spec is not None and spec.origin is not None
        shutil.copy(Path(spec.origin).parent / file, static / Path(file).name)


def without_dead_links(text: str) -> str:
    """A text in which links to notebooks that are not there are words."""
    return LINK.sub(lambda link: link[0] if (ROOT / "notebooks" / link[2]).is_file() else link[1], text)


def page(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook as a page: badges are links in words, cells that JupyterLab folds are folded."""
    notebook.metadata.setdefault("language_info", {"name": "python"})  # of one that was not run yet
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = without_dead_links(BADGE.sub(r"[\1]", cell.source))
        elif cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    return notebook


if __name__ == "__main__":
    sys.exit(main())
