"""The rules of the house: who may import whom, what stays unloaded, where pickles are read."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mhbench"
SOURCES = sorted(PACKAGE.rglob("*.py"))

GROUND_FLOOR = {
    "bodies",
    "cameras",
    "checks",
    "columns",
    "errors",
    "frames",
    "kernels",
    "manifests",
    "places",
    "skeletons",
}
ARRAYS_ONLY = ("metrics", "heatmaps", "volumes", "matching", "matching_kernels")
TORCH_AT_HOME = ("models", "running", "training", "bodies", "shards.torch")


def dotted(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Dotted names of all modules a file imports; not those for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {name.removeprefix("mhbench.") for name in imports(path) if name.startswith("mhbench.")}


def rooms(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_ground_floor_imports_nothing_above_it(path):
    if dotted(path) in GROUND_FLOOR:
        assert rooms(ours(path)) <= GROUND_FLOOR


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_metrics_heatmaps_volumes_and_matching_know_arrays_only(path):
    room = dotted(path).partition(".")[0]
    if room in ARRAYS_ONLY:
        assert rooms(ours(path)) <= GROUND_FLOOR | set(ARRAYS_ONLY)


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_data_sets_never_import_shards(path):
    if dotted(path).startswith("datasets"):
        assert "shards" not in rooms(ours(path))


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_torch_stays_at_home_and_loads_late(path):
    name = dotted(path)
    uses = {module.partition(".")[0] for module in imports(path)} & {"torch", "smplx", "safetensors"}
    if uses:
        assert name.startswith(TORCH_AT_HOME) or path.stem.endswith("_torch"), name
    if not name.startswith("models") and not path.stem.endswith("_torch"):
        top = {module.partition(".")[0] for module in imports(path, top_level_only=True)}
        assert not top & {"torch", "smplx", "safetensors"}, name


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_only_the_restricted_reader_unpickles(path):
    if dotted(path) != "datasets.raw.pickles":
        modules = {module.partition(".")[0] for module in imports(path)}
        assert not modules & {"pickle", "dill", "cloudpickle"}
        assert "allow_pickle=True" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_kernels_call_kernels_of_their_own_file_only(path):
    if "mhbench.kernels" not in imports(path):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    compiled = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(decorator) == "kernel" for decorator in node.decorator_list)
    ]
    foreign = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mhbench.")
        for alias in node.names
    }
    for function in compiled:
        called = {
            node.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & foreign, f"{dotted(path)}.{function.name} calls {called & foreign}"


def test_no_modules_import_each_other_in_a_circle():
    """Not even for the type checker: what knows each other belongs together or wants a third file."""
    names = {dotted(path) for path in SOURCES}
    uses = {}
    for path in SOURCES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        found = {
            inner
            if (inner := f"{node.module}.{alias.name}".removeprefix("mhbench.")) in names
            else node.module.removeprefix("mhbench.")
            for node in nodes
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mhbench.")
            for alias in node.names
        }
        uses[dotted(path)] = found & names
    graphlib.TopologicalSorter(uses).prepare()


def test_no_module_bears_the_name_of_a_function_its_room_exports():
    for init in PACKAGE.rglob("__init__.py"):
        tree = ast.parse(init.read_text(encoding="utf-8"))
        exported = {
            key.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Dict)
            for key in node.keys
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        if init.parent.name == "datasets":
            continue  # its table maps the names of data sets to their modules on purpose
        modules = {path.stem for path in init.parent.iterdir() if path.suffix == ".py" or path.is_dir()}
        assert not exported & modules, f"{dotted(init)}: {exported & modules}"


def loaded_modules(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running some code."""
    script = (
        f"import sys, json\n{code}\nprint(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"numpy", "torch", "pandas", "matplotlib", "pycocotools", "h5py", "scipy", "numba"}
    assert not loaded_modules("import mhbench") & heavy


def test_help_loads_no_numpy():
    code = "from mhbench.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not loaded_modules(code) & {"numpy", "torch", "pandas", "matplotlib", "rich", "h5py"}


def test_opening_shards_loads_no_compiler():
    """Kernels come with the first volume; columns and centres need none."""
    code = "from mhbench.shards import Frame, Samples, open_shards"
    assert not loaded_modules(code) & {"numba", "torch", "pandas", "scipy", "PIL"}


def test_evaluate_loads_neither_torch_nor_pandas_nor_matplotlib_nor_solvers():
    # numba loads the bare package scipy itself; its solvers are what costs
    heavy = {"torch", "pandas", "matplotlib", "pycocotools", "scipy.optimize", "joblib", "smplx", "rich"}
    assert not loaded_modules("import mhbench.evaluation.pipeline") & heavy
