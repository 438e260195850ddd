"""The flow is the layout: a room imports only from rooms before it (see CONTRIBUTING.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import adjoin

PACKAGE = Path(adjoin.__file__).parent

# Each room may import itself, the floor that all stand on, and the rooms named here.
FLOOR = {"errors", "tally", "files", "arrow", "interrupts", "workers"}
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
    "embed": {"corpus", "index"},
    "index": {"corpus", "pairs", "model", "ranking"},
    "evaluation": {"ranking"},
    "workflows": {
        "cli",  # until the workflows report by a protocol
        "pairs",
        "collecting",
        "mining",
        "model",
        "training",
        "index",
        "evaluation",
    },
    "cli": {
        "workflows",
        "corpus",
        "pairs",
        "cleaning",
        "collecting",
        "mining",
        "tokens",
        "model",
        "ranks",
        "training",
        "planning",
        "embed",
        "index",
        "evaluation",
    },
}
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
    found = {room_of(path) for path in PACKAGE.rglob("*.py")} - FLOOR - {"__init__", "__main__"}
    assert found == set(ROOMS)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_have_one_subject(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import adjoin", ["numpy", "torch", "rich"]),
        ("from adjoin import Encoder", ["torch", "transformers", "pyarrow", "lancedb", "tree_sitter"]),
        (
            "from adjoin.cli.arguments import build_parser; build_parser()",
            ["torch", "transformers", "pyarrow", "numpy"],
        ),
        ("import adjoin.index.searcher", ["torch", "lancedb"]),
    ],
)
def test_imports_are_light(statement: str, absent: list[str]) -> None:
    code = f"import sys; {statement}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
