"""The table of the notebooks: it says what their first cells say."""

import re
from pathlib import Path

import nbformat
import pytest

from rolab.course.nb00_start.notebooks import NOTEBOOKS, WAYS, notebooks_table, ways_table

FOLDER = Path(__file__).parents[3] / "notebooks"
NUMBERS = {"one": 1, "two": 2, "three": 3}


def test_every_notebook_is_in_the_table_in_its_order():
    assert [each.file for each in NOTEBOOKS] == sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda each: each.number)
def test_title_time_and_needs_are_those_of_its_first_cell(notebook):
    first = nbformat.read(FOLDER / notebook.file, as_version=4).cells[0].source
    assert re.match(rf"# {notebook.number} · {re.escape(notebook.title)}\b", first)
    minutes, run, unit = re.search(
        r"\*\*Time\*\* (\d+) minutes to read and try, (\w+) (minutes|seconds) to run on two cores", first
    ).groups()
    assert int(minutes) == notebook.minutes
    assert (NUMBERS.get(run) or int(run)) * {"minutes": 60, "seconds": 1}[unit] == notebook.seconds
    needs = re.sub(r"\[(\d\d)[^]]*\]\([^)]*\)", r"\1", re.search(r"\*\*Needs\*\* ([^;]+);", first)[1])
    for word in re.findall(r"\w+", notebook.needs):
        assert re.search(rf"\b{word}\b", needs) or f"{word}, {word}" in needs, (word, needs)


def test_a_way_has_known_notebooks_in_order_and_says_how_long_it_takes():
    minutes = {each.number: each.minutes for each in NOTEBOOKS}
    lines = ways_table().splitlines()[2:]
    times = []
    for (name, (numbers, _)), line in zip(WAYS.items(), lines, strict=True):
        assert list(numbers) == sorted(set(numbers)) and set(numbers) <= set(minutes)
        value, unit = re.search(r"([\d.]+) (min|h) \|", line).groups()
        times.append(sum(minutes[number] for number in numbers))
        assert float(value) * {"min": 1, "h": 60}[unit] == pytest.approx(times[-1], abs=3.1)
        assert line.startswith(f"| {name} |")
    assert times[0] <= 60 and times == sorted(times)
    assert set(WAYS["a term"][0]) == set(minutes)


def test_the_tables_link_to_files_that_are_there():
    for table in (notebooks_table(), ways_table()):
        links = re.findall(r"\]\(([^)]+)\)", table)
        assert links and all((FOLDER / link).is_file() for link in links)
