"""The rules of the house: what may import what, and that the project's files agree with each other."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    [*(ROOT / "rolab").glob("*.py"), *(ROOT / "rolab").glob("*/*.py")]
)  # a module, or a package's files
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

FLOORS = [  # a room imports only from floors below its own
    {"records"},
    {"norms", "data", "nets", "crew"},
    {"sets", "results", "zoo"},
    {"attacks", "convex", "runs"},
    {"objectives", "evaluation", "bounds", "stories"},
    {"training", "experiments", "stress"},
    {"figures", "check"},
    {"pictures", "planes", "census", "standing", "verdicts"},
    {"plots", "walks", "polygons", "moons", "rivals"},
    {"pixelwise", "reproduction", "paths"},
    {"widgets"},
    {"levers"},
    {"cli", "dials", "trainers", "benches", "predictions"},
]


def tracked() -> list[Path]:
    """The files that are, or are about to be, in git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def texts() -> dict[str, str]:
    """The text files among them, by name."""
    found = {}
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            found[str(path.relative_to(ROOT))] = content.decode()
    return found


# The architecture


def imports(source: str) -> set[str]:
    """The names under `rolab` that a module imports, at its top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = ("rolab." if node.level else "") + (node.module or "")
            direct = module.strip(".") != "rolab"
            found |= {module} if direct else {f"rolab.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("rolab.")}


def room_of(path: Path) -> str:
    """The room that a file belongs to: a module of its own, or a package of several files."""
    return path.relative_to(ROOT / "rolab").with_suffix("").parts[0]


every_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: ".".join(path.relative_to(ROOT / "rolab").with_suffix("").parts)
)


@every_file
def test_a_room_imports_only_from_floors_below(path):
    floor = {name: number for number, names in enumerate(FLOORS, 1) for name in names}
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return  # the front door leads to every room, on request
    assert room in floor, f"give {room} a floor"
    for other in imports(path.read_text()) - {room}:
        assert other in floor, f"{path.name} imports rolab.{other}: take it from its room"
        assert floor[other] < floor[room], f"{room} is not above {other}"


def test_every_package_of_rooms_is_seen():
    """A folder of Python files is a room with an `__init__`, and no room is both a module and a package."""
    rooms = {room_of(path) for path in FILES if path.parent != ROOT / "rolab"}
    assert "sets" in rooms
    for room in rooms:
        assert (ROOT / "rolab" / room / "__init__.py").is_file()
        assert not (ROOT / "rolab" / f"{room}.py").exists()
    assert not list((ROOT / "rolab").glob("*/*/*.py")), "no packages in packages"


@pytest.mark.parametrize(
    "arguments", [["-c", "import rolab"], ["-m", "rolab.cli", "--help"]], ids=["import", "help"]
)
def test_the_front_door_is_light(arguments):
    command = [sys.executable, "-X", "importtime", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(re.findall(r"\| +([\w.]+)$", result.stderr, re.MULTILINE))
    assert "rolab" in imported
    assert ("reproduce" in result.stdout) == ("--help" in arguments)
    assert not imported & {"torch", "torchvision", "cvxpy", "plotly", "matplotlib", "ipywidgets"}


def test_at_most_twenty_public_names():
    import rolab

    assert 0 < len(rolab.__all__) <= 20
    for name in rolab.__all__:
        assert getattr(rolab, name) is not None


@every_file
def test_a_file_is_small_and_keeps_the_rules(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    assert ".cuda(" not in source, "the caller names the device"
    assert not re.search(r"\bpickle\b|\btorch\.(load|save)\(", source), "weights are safetensors"
    assert not re.search(r"(?<![\w.])eval\(", source), "nothing is evaluated from a string"
    if room_of(path) not in ("norms", "sets"):
        assert not re.search(r"\b(norm|ord|p) *(==|!=) *[\"'\d]", source), (
            "a norm switched on by name: DESIGN.md's one idea"
        )


# The files beside it


def test_readme_and_ci_run_the_same_command():
    command = (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1]
    assert command == "make test"
    assert re.search(rf"^{command}\b", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_the_generated_parts_of_the_readme_are_up_to_date():
    command = [sys.executable, ROOT / "scripts" / "readme.py", "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_versions_are_open_in_pyproject_and_exact_in_constraints():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, version = line.split("==")
            pins[re.sub(r"[-_.]+", "-", name).lower()] = version
    assert not [name for name in pins if name.startswith(("nvidia", "cuda", "triton"))]
    extras = PROJECT["optional-dependencies"]
    for requirement in PROJECT["dependencies"] + [line for extra in extras.values() for line in extra]:
        assert not re.search(r"<|==|~=|!=", requirement), f"{requirement} has an upper bound"
    for requirement in PROJECT["dependencies"] + extras["course"] + extras["test"]:
        assert re.split(r"[<>=\[ ]", requirement)[0] in pins, f"{requirement} has no pin in constraints.txt"


def test_one_version_and_one_address():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited and cited[1] == PROJECT["version"]
    assert list(PROJECT["urls"]) == ["Repository"]


def test_no_package_registry_and_no_path_of_one_machine_is_named():
    registry = re.compile(r"\b(pypi|pythonhosted|npmjs|download\.pytorch)\.(org|com|io)\b")
    machine = re.compile(r"(?<![\w.])/(home|root|work|Users)/\w")
    for name, text in texts().items():
        assert not registry.search(text), f"{name} names a package registry"
        example = name == "tests/test_project.py"  # of the test of `check` below
        assert example or not machine.search(text), f"{name} names a path of one machine"


# The notebooks. What they do is tested cell by cell: `pytest` runs them under nbval.


def test_there_are_notebooks():
    assert NOTEBOOKS


def script(*arguments):
    command = [sys.executable, ROOT / "scripts" / "notebooks.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_notebooks_are_clean():
    result = script("check")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_a_kernel_and_one_parameters_cell(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3", "JupyterLab would ask which kernel to take"
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1 and tagged[0].cell_type == "code", "papermill needs one cell tagged `parameters`"


@pytest.fixture
def notebook(tmp_path):
    """A function that writes a notebook of these code cells and returns its path."""

    def make(*sources, **metadata):
        cells = [nbformat.v4.new_code_cell(source, metadata={"scrolled": True}) for source in sources]
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells, metadata=metadata), path := tmp_path / "some.ipynb"
        )
        return path

    return make


@pytest.mark.slow
def test_running_a_notebook_cleans_it(notebook):
    path = notebook(
        "import ipywidgets\nprint(open('beside.txt').read())\nipywidgets.IntSlider()",
        "import IPython.display\nIPython.display.HTML('<b>kept</b>')",
        widgets={"state": {}},
    )
    (path.parent / "beside.txt").write_text("read in its own folder")
    assert "was not run from top to bottom" in script("check", path).stderr
    result = script("run", path)
    assert result.returncode == 0, result.stderr
    content = json.loads(path.read_text())
    assert content["metadata"].keys() == {"kernelspec", "language_info"}
    first, second = content["cells"]
    assert [first["execution_count"], second["execution_count"]] == [1, 2]
    assert first["metadata"] == second["metadata"] == {}
    assert [output.get("text") for output in first["outputs"]] == [["read in its own folder\n"]]
    assert second["outputs"][0]["data"]["text/html"] == ["<b>kept</b>"]
    before = path.read_bytes()
    assert script("clean", path).returncode == 0 and path.read_bytes() == before


@pytest.mark.slow
def test_a_notebook_that_fails_is_left_as_it_was(notebook):
    before = (path := notebook("1 / 0")).read_bytes()
    result = script("run", path)
    assert result.returncode == 1 and "ZeroDivisionError: division by zero" in result.stderr
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_check_says_what_is_wrong_with_a_notebook(notebook):
    path = notebook("print()", "print()")
    content = nbformat.read(path, as_version=4)
    content.cells[0].outputs = [
        nbformat.v4.new_output("stream", text="saved in /home/someone/runs\n" + "x" * 10**6)
    ]
    content.cells[1].outputs = [nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])]
    nbformat.write(content, path)
    said = script("check", path).stderr
    for sentence in (
        "was not run from top to bottom",
        "code cell 1 shows a path of this machine: /home/someone/runs",
        "code cell 2 ends in an error",
        "which is over 1,000,000",
        "is not clean",
    ):
        assert sentence in said
