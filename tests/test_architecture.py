"""The layout of the package (CONTRIBUTING.md): arrows between rooms, no import circles, small files and rooms."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import adjoin

PACKAGE = Path(adjoin.__file__).parent

# Each room may import itself, the floor that all stand on, and the rooms named here.
FLOOR = {
    *("redaction", "errors", "tally", "files", "unfinished", "outputs", "locks", "texts"),
    *("vectors", "blas", "npy", "arrow", "interrupts", "workers", "sandbox"),
}
ROOMS = {
    "corpus": set(),
    "pairs": {"corpus"},
    "cleaning": {"corpus", "pairs"},
    "collecting": set(),
    "mining": {"corpus", "pairs", "cleaning", "collecting"},
    "tokens": set(),
    "batches": {"corpus", "pairs", "tokens"},
    "ranks": set(),
    "model": {"tokens", "batches"},
    "objective": {"tokens", "batches", "model", "ranks"},
    "training": {"corpus", "pairs", "tokens", "batches", "model", "ranks", "objective"},
    "planning": {"pairs", "tokens", "batches", "model", "ranks", "objective", "training"},
    "ranking": set(),
    "pieces": {"corpus", "pairs"},
    "embed": {"corpus", "tokens", "pieces", "index"},
    "index": {"corpus", "pieces", "tokens", "model", "ranking"},
    "evaluation": {"ranking"},
    "serving": {"index"},
    "workflows": {
        "pairs",
        "collecting",
        "mining",
        "model",
        "training",
        "index",
        "evaluation",
    },
    "cli": {
        "pairs",
        "collecting",
        "mining",
        "tokens",
        "model",
        "ranks",
        "training",
        "planning",
        "embed",
        "index",
        "ranking",
        "serving",
        "evaluation",
        "workflows",
    },
}
LONGEST_FILE = 400  # lines
LARGEST_ROOM = 20  # modules in one folder; `__init__.py` and subfolders are not counted
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in ROOMS)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_run_one_way(path: Path) -> None:
    room = room_of(path)
    allowed = FLOOR | ROOMS[room] | {room}
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [
                f"{node.module}.{alias.name}" if node.module == "adjoin" else node.module for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "adjoin" and parts[1:2] != ["__version__"]:
                assert parts[1] in allowed, f"line {node.lineno}: {room} imports {name}"


def test_every_room_is_known() -> None:
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - FLOOR - {"__init__", "__main__"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_have_one_subject(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_are_small(folder: Path) -> None:
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert len(modules) <= LARGEST_ROOM


def module_of(path: Path) -> str:
    """The dotted name of a file; a package's is that of its `__init__.py`."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path, modules: set[str]) -> set[str]:
    """The modules of ours that a file imports, inside functions too, but not under TYPE_CHECKING."""
    imported: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                imported.add(submodule if submodule in modules else str(node.module))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return imported & modules


def import_circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules along one import circle of a graph; none if there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def room_graph(room: str) -> dict[str, set[str]]:
    """Module of a room → the modules of this room that it imports."""
    paths = {module_of(path): path for path in PACKAGE.rglob("*.py")}
    inside = {name for name, path in paths.items() if room_of(path) == room}
    return {name: imports_of(paths[name], set(paths)) & inside - {name} for name in inside}


@pytest.mark.parametrize("room", ROOMS)
def test_no_import_circle_inside_a_room(room: str) -> None:
    assert " → ".join(import_circle(room_graph(room))) == ""


def test_import_circles_are_seen(tmp_path: Path) -> None:
    lines = {
        "a": "from adjoin.x import b\n",
        "b": "def late():\n    import adjoin.x.c\n",
        "c": "from adjoin.x.a import name\nif TYPE_CHECKING:\n    import adjoin.x.d\n",
        "d": "from adjoin.x import c\n",
    }
    modules = {f"adjoin.x.{name}" for name in lines}
    graph = {}
    for name, text in lines.items():
        (tmp_path / f"{name}.py").write_text(text)
        graph[f"adjoin.x.{name}"] = imports_of(tmp_path / f"{name}.py", modules)
    assert set(import_circle(graph)) == {"adjoin.x.a", "adjoin.x.b", "adjoin.x.c"}
    del graph["adjoin.x.a"]
    assert import_circle(graph) == []


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import adjoin", ["numpy", "torch", "rich"]),
        ("from adjoin import Encoder", ["torch", "transformers", "pyarrow", "tree_sitter"]),
        (
            "from adjoin.cli.arguments import build_parser; build_parser()",
            ["torch", "transformers", "pyarrow", "numpy"],
        ),
        ("import adjoin.index.searcher", ["torch", "pyarrow", "tree_sitter"]),
    ],
)
def test_imports_are_light(statement: str, absent: list[str]) -> None:
    code = f"import sys; {statement}; print([name for name in {absent!r} if name in sys.modules])"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"


def test_no_two_test_files_have_one_name() -> None:
    """Tests are no packages: pytest cannot import two files of one name."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
