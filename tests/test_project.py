"""The rules of the house: which file may import which, and that the project's files agree with each other."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "rolab").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

LIBRARY = [  # a room imports only from itself and from rooms named before it
    "errors", "storage", "arguments", "norms", "sets", "nets", "data", "zoo", "manifold", "lp",
    "linear_models", "attacks", "certify", "objectives", "evaluation", "training", "plotting",
]  # fmt: skip
WINGS = [*LIBRARY, "experiments", "course", "terminal", "cli"]
COURSE = ["checking", "live"]  # within the course: these, then the notebooks in their order, then `check`
FRONT_DOORS = {"rolab", "rolab.cli"}  # they load what is asked for when it is asked for
LIGHT = {"torch", "torchvision", "cvxpy", "plotly", "matplotlib", "ipywidgets"}  # not before it is needed
COURSE_ONLY = {"cvxpy", "plotly", "matplotlib", "ipywidgets", "anywidget"}


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


def module_of(path: Path) -> str:
    """The dotted name of a file; a package's is its folder's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> dict[str, bool]:
    """The modules of rolab that a file imports, by name: whether it does so within a function."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            while name not in MODULES and "." in name:
                name = name.rpartition(".")[0]
            if name in MODULES and name != module_of(path):
                found[name] = found.get(name, False) or id(node) in inside
    return found


def rank(module: str) -> tuple[int, int]:
    """The place of a module's room in the order of the house, and within the course."""
    room, *rest = module.split(".")[1:] or [""]
    if room != "course":
        return WINGS.index(room), 0
    part = rest[0] if rest else "check"
    if part.startswith("nb"):
        return WINGS.index(room), len(COURSE) + int(part[2:4])
    return WINGS.index(room), COURSE.index(part) if part in COURSE else 100


every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: module_of(path))


@every_file
def test_a_file_imports_only_from_rooms_before_its_own(path):
    module = module_of(path)
    if module in FRONT_DOORS:
        return
    assert module.split(".")[1] in WINGS, f"give {module} a place"
    for other in imports(path):
        assert other != "rolab", f"{module} imports the front door: take each name from its room"
        assert rank(other) <= rank(module), f"{module} stands before {other} and imports it"


def test_there_is_no_circle_between_files():
    graph = {module: set(imports(path)) for module, path in MODULES.items() if module not in FRONT_DOORS}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"a circle: {' -> '.join(error.args[1])}") from None


@every_file
def test_an_import_in_a_function_is_of_a_heavy_package(path):
    """An import of our own within a function hides a circle; only the front doors wait for what is asked."""
    if module_of(path) not in FRONT_DOORS:
        assert not [name for name, inside in imports(path).items() if inside]


def test_every_folder_of_python_files_is_a_package():
    for path in FILES:
        assert (path.parent / "__init__.py").is_file()
        assert path.name == "__init__.py" or not path.with_suffix("").is_dir()


def test_a_file_of_tests_stands_where_its_file_stands():
    """tests/sets/test_balls.py tests rolab/sets/balls.py: the tests mirror the house."""
    stray = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT / "tests")
        if place.parts[0] not in {"browser", "notebooks", "project"} and len(place.parts) > 1:
            room = ROOT / "rolab" / place.parent
            files = [file.stem for file in room.glob("*.py")]
            name = place.stem.removeprefix("test_")
            if not any(name == stem or name.startswith(f"{stem}_") for stem in [*files, room.name]):
                stray.append(str(place))
    assert not stray


SET_CLASSES = {  # all that the sets' folder defines, but the two that every set is
    node.name
    for path in FILES
    if path.parent.name == "sets"
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.ClassDef) and node.name not in ("UncertaintySet", "Oracles")
}


def leaks(source: str) -> list[str]:
    """Branches on which norm or which set it is, in whatever form: the one idea of DESIGN.md leaks there."""
    found = []

    def named(node: ast.AST) -> str:
        return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")

    def is_norm(node: ast.AST) -> bool:  # Lp(1), Lp.of("l1")
        called = isinstance(node, ast.Call) and ast.unparse(node.func)
        return called in ("Lp", "Lp.of", "norms.Lp", "norms.Lp.of")

    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare():
                sides = [node.left, *node.comparators]
                equal = any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops)
                exponents = {named(s) for s in sides if equal or isinstance(s, ast.Attribute)}
                parts = [part for s in sides for part in [s, *getattr(s, "elts", [])]]
                values = {part.value for part in parts if isinstance(part, ast.Constant)}
                types = {s for s in sides if isinstance(s, ast.Call) and named(s.func) == "type"}
                if (
                    any(map(is_norm, sides))
                    or values & {"l1", "l2", "linf"}
                    or (exponents & {"norm", "ord", "p"} and values - {None})
                    or (types and {named(s) for s in sides} & SET_CLASSES)
                ):
                    found.append(ast.unparse(node))
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kinds]):
                if {named(kind) for kind in ast.walk(kinds)} & SET_CLASSES:
                    found.append(ast.unparse(node))
            case ast.MatchClass(cls=cls) if named(cls) in SET_CLASSES | {"Lp"}:
                found.append(f"case {ast.unparse(cls)}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "norm == 'l1'", "norm == Lp(1)", "U.norm.p <= 2", "p in (1, 2)", "ord != 2", "U.norm == Lp.of('l2')",
        "isinstance(U, Ball)", "isinstance(U, Ball | Box)", "isinstance(U, (sets.Budget, int))",
        "type(U) is Ball", "match U:\n case Ball(): pass", "name == 'linf'", "name in ('l1', 'l2')",
    ],
)  # fmt: skip
def test_the_guard_sees_a_branch_on_a_norm_or_a_set_in_each_of_its_forms(source):
    assert leaks(source)


@pytest.mark.parametrize(
    "source", ["U.norm.euclidean", "isinstance(U, UncertaintySet)", "loss == 0", "U[0] is U"]
)
def test_the_guard_lets_questions_pass(source):
    assert not leaks(source)


@every_file
def test_no_branch_on_a_norm_or_a_set_outside_their_rooms(path):
    if module_of(path).split(".")[1:2] not in (["norms"], ["sets"]):
        assert not leaks(path.read_text()), "give the set, or the norm, a method that answers the question"


@every_file
def test_no_name_of_a_net_is_parsed_and_no_data_set_switched_on_by_name(path):
    source = path.read_text()
    assert not re.search(
        r"(remove|starts?|ends?)(prefix|suffix|with)\(\W*(robust|baseline|-?augmented)", source
    )
    assert not re.search(r"""(==|!=|\bin\b) *\(?["'](mnist|cifar10)["']""", source), "an experiment is data"
    assert not re.search(r"""(==|!=) *["'](baseline|robust)""", source), "a net is an entry with its answers"


@pytest.mark.parametrize(
    "arguments", [["-c", "import rolab"], ["-m", "rolab.cli", "--help"]], ids=["import", "help"]
)
def test_the_front_door_is_light(arguments):
    command = [sys.executable, "-X", "importtime", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(re.findall(r"\| +([\w.]+)$", result.stderr, re.MULTILINE))
    assert "rolab" in imported
    assert ("reproduce" in result.stdout) == ("--help" in arguments)
    assert not imported & LIGHT


BARE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Nothing())
import rolab.sets, rolab.attacks, rolab.training, rolab.objectives, rolab.evaluation, rolab.certify
import rolab.data, rolab.nets, rolab.experiments

data = rolab.data.mnist("train")[:200]
net, U = rolab.nets.ConvNet(), rolab.sets.Ball("linf", 0.06)
run = rolab.training.train(
    net, data, rolab.objectives.Robust(U), rolab.training.Recipe(epochs=1), device="cpu", progress=False
)
step = rolab.attacks.first_order(net, data.images[:5], data.labels[:5], lambda x: U & rolab.sets.pixel_box(x))
assert rolab.sets.Ball("linf", 0.06).contains(step).all()
assert rolab.evaluation.accuracy(net, data) > 5
assert not {missing} & {{name.partition(".")[0] for name in sys.modules}}
print("loss", run.history[-1]["loss"])
"""


@pytest.mark.slow
def test_the_core_needs_none_of_what_the_course_needs():
    """Sets, attacks, Algorithm 1 where cvxpy, plotly, matplotlib and the widgets are not installed."""
    missing = {*COURSE_ONLY, "clarabel", "papermill", "playwright"}
    command = [sys.executable, "-c", BARE.format(missing=missing)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("loss")


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


def test_cleaning_keeps_what_slides_and_a_grader_need(notebook):
    path = notebook("1")
    kept = {"slideshow": {"slide_type": "slide"}, "nbgrader": {"grade_id": "a", "points": 1}}
    content = nbformat.read(path, as_version=4)
    content.cells[0].metadata |= kept
    nbformat.write(content, path)
    script("clean", path)
    assert nbformat.read(path, as_version=4).cells[0].metadata == kept


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
