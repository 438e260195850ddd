"""What may be a root of listed files, and the patterns that a user gives."""

import os
from pathlib import Path

import pytest

from adjoin.corpus.tree import list_tree
from adjoin.errors import AdjoinError
from trees import git, needs_git, origins, reasons, write


def test_a_file_as_the_root(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*", "a.py": "abc"})
    tree = list_tree(tmp_path / "a.py")
    assert [(file.path, file.origin, file.size) for file in tree.files] == [(tmp_path / "a.py", "a.py", 3)]
    (tmp_path / "link").symlink_to(tmp_path)
    assert origins(list_tree(tmp_path / "link")) == []


def test_roots_that_cannot_be_listed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, said in {
        "absent": "no such file or folder",
        "pipe": "neither a folder nor a file",
        "loop": "cannot read",
        "a" * 300: "cannot read",
        "a\0b": "cannot read",
    }.items():
        with pytest.raises(AdjoinError, match=said) as raised:
            list_tree(tmp_path / name)
        assert "\n" not in str(raised.value)


FILES = [
    "a.py",
    "docs/a.md",
    "docs/b.py",
    "node_modules/left/i.js",
    "node_modules/right/i.js",
    "out/a.py",
    "src/x/a.ts",
]


@pytest.mark.parametrize(
    ("include", "exclude", "listed"),
    [
        ([], [], ["a.py", "docs/a.md", "docs/b.py", "src/x/a.ts"]),
        (["*.py"], [], ["a.py", "docs/b.py"]),
        (["*.py", "src/**/*.ts"], [], ["a.py", "docs/b.py", "src/x/a.ts"]),
        (["docs/"], [], ["docs/a.md", "docs/b.py"]),
        (["./docs/"], ["*.md"], ["docs/b.py"]),
        ([], ["docs/", "/a.py"], ["src/x/a.ts"]),
        ([], ["docs/**"], ["a.py", "src/x/a.ts"]),
        ([], ["/x"], ["a.py", "docs/a.md", "docs/b.py", "src/x/a.ts"]),
        ([], ["*"], []),
        (["node_modules/left/"], [], ["node_modules/left/i.js"]),
        (["node_modules"], ["right"], ["node_modules/left/i.js"]),
        (["node_modules/*/i.js", "*.ts"], [], ["node_modules/left/i.js", "node_modules/right/i.js", "src/x/a.ts"]),
        (["/out/"], [], ["out/a.py"]),
        (["out/*.py"], [], ["out/a.py"]),
        ([".git/", ".gitignore"], [], [".gitignore"]),
    ],
)
def test_patterns_of_the_user(tmp_path: Path, include: list[str], exclude: list[str], listed: list[str]) -> None:
    write(tmp_path, {**dict.fromkeys(FILES, ""), ".gitignore": "out/\n", ".git/config": ""})
    for root in (tmp_path, Path(os.path.relpath(tmp_path))):
        tree = list_tree(root, include=include, exclude=exclude)
        assert [origin for origin in origins(tree) if include or origin != ".gitignore"] == listed
    assert len(reasons(tree)) == len(tree.skipped)


@needs_git
def test_patterns_of_the_user_go_from_the_root_and_not_from_the_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write(
        tmp_path,
        {".gitignore": "sub/b.py", "sub/a.py": "", "sub/b.py": "", "sub/sub/a.py": "", "sub/sub/b.py": ""},
    )
    assert origins(list_tree(tmp_path / "sub", exclude=["/sub/a.py"])) == ["a.py", "sub/b.py"]
    assert origins(list_tree(tmp_path / "sub", include=["/b.py", "sub/sub/*"])) == ["b.py"]


@pytest.mark.parametrize("glob", ["", "/", "[a", "!a.py", "a\0b", "a\\", "\ud800"])
def test_patterns_that_are_none(tmp_path: Path, glob: str) -> None:
    for option in ("include", "exclude"):
        with pytest.raises(AdjoinError, match=f"--{option} .* is no pattern") as raised:
            list_tree(tmp_path, **{option: ["*.py", glob]})
        assert "\n" not in str(raised.value)


def test_a_pattern_of_many_stars(tmp_path: Path) -> None:
    write(tmp_path, {"a" * 200: "", "a" * 100 + "b": ""})
    assert origins(list_tree(tmp_path, exclude=["*a" * 60 + "b"])) == ["a" * 200]
