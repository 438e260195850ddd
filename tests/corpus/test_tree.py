"""The files below a folder: as git lists them, and what git has no say in."""

import os
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adjoin.corpus.tree import check_root, list_tree
from trees import git, listed_by_git, needs_any_bytes, needs_git, origins, reasons, write

# -- as git -----------------------------------------------------------------------------------------------------

NAMES = ["a", "b", "ab", "A", "a.c", "b.c", "é", ".h"]
PARTS = ["a", "b", "A", "*", "**", "?", "/", "/", ".c", "[ab]", "[A-B]", "é", "\\a", ".h"]
LINE = st.tuples(st.sampled_from(["", "", "", "!", "/", "!/"]), st.lists(st.sampled_from(PARTS), max_size=4))
LINES = st.lists(LINE.map(lambda line: line[0] + "".join(line[1])), max_size=4)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"])
LIST = st.tuples(LINES, ENCODINGS, st.sampled_from(["\n", "\r\n"])).map(
    lambda parts: parts[2].join(parts[0]).encode(parts[1])
)
FOLDERS = st.lists(st.sampled_from(NAMES), max_size=2).map("/".join)


@needs_git
@needs_any_bytes
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    paths=st.sets(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join), max_size=25),
    lists=st.dictionaries(FOLDERS, LIST, max_size=4),
    tracked=st.sets(st.integers(0, 24), max_size=4),
    info=LIST,
    user=LIST,
    ignore_case=st.booleans(),
    version=st.sampled_from([2, 3, 4]),
    below=FOLDERS,
)
def test_what_git_lists(
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    paths: set[str],
    lists: dict[str, bytes],
    tracked: set[int],
    info: bytes,
    user: bytes,
    ignore_case: bool,
    version: int,
    below: str,
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (home / ".config" / "git").mkdir(parents=True, exist_ok=True)
    (home / ".config" / "git" / "ignore").write_bytes(user)
    git(root, "init", "--quiet", "--template=")
    git(root, "config", "core.ignoreCase", str(ignore_case).lower())
    git(root, "config", "index.version", str(version))
    write(root, {".git/info/exclude": info})
    files = [path for path in sorted(paths) if not any(other.startswith(path + "/") for other in paths)]
    write(root, dict.fromkeys(files, ""))
    for folder, content in lists.items():
        if not (root / folder).is_file() and not any(file.startswith(f"{folder}/.") for file in files):
            try:
                write(root, {f"{folder}/.gitignore".removeprefix("/"): content})
            except OSError:  # a file stands where the folder would be
                continue
    for number, file in enumerate(files):
        if number in tracked:
            git(root, "add", "--force", "--", file)
    assert set(origins(list_tree(root))) == listed_by_git(root)
    if (root / below).is_dir() and (listed := listed_by_git(root / below)):  # none if git ignores the folder
        assert set(origins(list_tree(root / below))) == listed


@needs_git
@pytest.mark.parametrize("config", [".gitconfig", ".config/git/config", "xdg/git/config"])
def test_the_list_that_the_user_has_configured(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    if config.startswith("xdg"):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    write(home, {config: '[core]\n\texcludesFile = "~/my ignores" ; mine\n', "my ignores": "*.mine\n"})
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {"a.mine": "", "b.py": "", "sub/c.mine": ""})
    tree = list_tree(tmp_path)
    assert set(origins(tree)) == listed_by_git(tmp_path) == {"b.py"}
    assert reasons(tree)["sub/c.mine"] == "ignored by core.excludesFile"


@needs_git
def test_the_repository_can_name_another_list(tmp_path: Path, home: Path) -> None:
    write(home, {".config/git/ignore": "*.py\n", "more": "[core]\nexcludesfile = more.ignore"})
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {"a.txt": "", "b.py": "", "lists/mine": "*.txt\nlists"})
    git(tmp_path, "config", "core.excludesFile", "lists/mine")
    assert set(origins(list_tree(tmp_path))) == listed_by_git(tmp_path) == {"b.py"}
    git(tmp_path, "config", "core.excludesFile", "")
    assert set(origins(list_tree(tmp_path))) == listed_by_git(tmp_path) == {"a.txt", "b.py", "lists/mine"}
    git(tmp_path, "config", "--unset", "core.excludesFile")
    git(tmp_path, "config", "include.path", str(home / "more"))
    write(tmp_path, {"more.ignore": "b*"})
    assert set(origins(list_tree(tmp_path))) == listed_by_git(tmp_path) == {"a.txt", "lists/mine", "more.ignore"}


@needs_git
def test_a_worktree_has_the_lists_of_its_repository(tmp_path: Path) -> None:
    main, other = tmp_path / "main", tmp_path / "other"
    main.mkdir()
    git(main, "init", "--quiet")
    write(main, {"a.log": "", "a.py": "", ".git/info/exclude": "*.log\n"})
    git(main, "add", "a.py")
    git(main, "commit", "-qm", "first")
    git(main, "worktree", "add", "-q", str(other))
    write(other, {"b.log": "", "c.log": ""})
    git(other, "add", "-f", "c.log")
    tree = list_tree(other)
    assert set(origins(tree)) == listed_by_git(other) == {"a.py", "c.log"}
    assert reasons(tree) == {".git": "version control", "b.log": "ignored by .git/info/exclude"}


@needs_git
def test_repositories_within_go_by_their_own_rules(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        git(folder, "init", "--quiet")
    write(inner, {".gitignore": "*.log\n", "i.py": "", "kept.log": ""})
    git(inner, "add", "-f", ".")
    git(inner, "commit", "-qm", "first")
    git(outer, "submodule", "--quiet", "add", str(inner), "module")
    write(outer, {".gitignore": "*.py\nmodule\nhidden\n", ".adjoinignore": "*.tmp\n", "o.py": "", "o.log": ""})
    write(outer, {"module/new.log": "", "module/new.py": "", "module/new.tmp": "", "hidden/new.py": ""})
    (outer / "nested").mkdir()
    git(outer / "nested", "init", "--quiet")
    write(outer, {"nested/n.py": "", "nested/n.log": "", "nested/.git/info/exclude": "n.log"})
    write(outer, {"no/.git/config": "", "no/n.py": ""})  # no repository
    tree = list_tree(outer)
    assert origins(tree) == [
        *[".adjoinignore", ".gitignore", ".gitmodules", "o.log"],
        *["module/.gitignore", "module/i.py", "module/kept.log", "module/new.py", "nested/n.py"],
    ]
    assert {name: reason for name, reason in reasons(tree).items() if ".git" not in name} == {
        "hidden/": "ignored by .gitignore",
        "o.py": "ignored by .gitignore",
        "module/new.log": "ignored by .gitignore",
        "module/new.tmp": "ignored by .adjoinignore",
        "nested/n.log": "ignored by .git/info/exclude",
        "no/n.py": "ignored by .gitignore",
    }


@needs_git
def test_a_root_that_its_repository_ignores_is_listed(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {".gitignore": "/build/**\n*.log\n[bad", "build/out/a.py": "", "build/out/a.log": ""})
    tree = list_tree(tmp_path / "build" / "out")
    assert origins(tree) == ["a.log", "a.py"]
    assert tree.skipped == []
    write(tmp_path, {".gitignore": "*.log\n[bad"})
    tree = list_tree(tmp_path / "build" / "out")
    assert origins(tree) == ["a.py"]
    assert reasons(tree) == {
        "../../.gitignore:2": "malformed .gitignore pattern",
        "a.log": "ignored by .gitignore",
    }


@needs_git
def test_an_index_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {".gitignore": "*.log\n", "a.log": "", "b.py": ""})
    git(tmp_path, "add", "-f", ".")
    assert origins(list_tree(tmp_path)) == [".gitignore", "a.log", "b.py"]
    (tmp_path / ".git" / "index").write_bytes(b"DIRC\0\0\0\2\0\0\0\7")
    tree = list_tree(tmp_path)
    assert origins(tree) == [".gitignore", "b.py"]
    assert reasons(tree)[".git/index"] == "git's index: damaged"


# -- outside git's say ------------------------------------------------------------------------------------------


def test_without_a_repository_the_same_files_hold_but_none_above(tmp_path: Path, home: Path) -> None:
    write(home, {".config/git/ignore": "*.swp\n"})
    write(tmp_path, {".gitignore": "*.py\n", "sub/.gitignore": "/build/\n!keep.log\n*.log\n"})
    write(tmp_path, {"sub/a.py": "", "sub/build/b": "", "sub/x/build/b": "", "sub/a.swp": "", "sub/keep.log": ""})
    assert origins(list_tree(tmp_path / "sub")) == [".gitignore", "a.py", "x/build/b"]
    assert origins(list_tree(tmp_path)) == [".gitignore", "sub/.gitignore", "sub/x/build/b"]


@needs_git
def test_our_own_ignore_file_is_the_stronger_one_of_its_folder(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path, {".gitignore": "*.log\nbuild/\n", ".adjoinignore": "!a.log\n!node_modules/\ndocs/\n!build/\n"})
    write(tmp_path, {"a.log": "", "b.log": "", "docs/d.md": "", "build/b.py": "", "node_modules/n.js": ""})
    write(tmp_path, {"sub/.gitignore": "a.log", "sub/a.log": "", "sub/node_modules/n.js": "", "sub/docs/e.md": ""})
    git(tmp_path, "add", "-f", ".")
    git(tmp_path, "rm", "--cached", "-q", "b.log", "sub/a.log")
    tree = list_tree(tmp_path)
    assert origins(tree) == [
        *[".adjoinignore", ".gitignore", "a.log", "build/b.py", "node_modules/n.js"],
        *["sub/.gitignore", "sub/node_modules/n.js"],
    ]
    assert reasons(tree) == {
        ".git/": "version control",
        "b.log": "ignored by .gitignore",
        "docs/": "ignored by .adjoinignore",
        "sub/a.log": "ignored by .gitignore",
        "sub/docs/": "ignored by .adjoinignore",
    }


def test_hidden_files_are_listed_and_folders_of_tools_are_not(tmp_path: Path) -> None:
    listed = [".eslintrc", ".github/workflows/ci.yml", "license/code.py", "third_party/c.c", "vendor/copied.js"]
    write(tmp_path, dict.fromkeys(listed, ""))
    skipped = {
        "CVS/": "version control",
        "bare.git/": "version control",
        ".adjoin/": "the index itself",
        "node_modules/": "installed packages",
        "a/vendor/": "installed packages",
        "b/vendor/": "installed packages",
        "crates/one/": "installed packages",
        "env/": "virtual environment",
        "c/__pycache__/": "cache or folder of a tool",
    }
    write(tmp_path, {f"{folder}x/y.py": "" for folder in skipped})
    write(
        tmp_path, dict.fromkeys(["bare.git/HEAD", "bare.git/objects/x", "bare.git/refs/x", "env/pyvenv.cfg"], "")
    )
    filled = ["a/vendor/modules.txt", "b/vendor/autoload.php", "crates/one/.cargo-checksum.json"]
    write(tmp_path, dict.fromkeys(filled, ""))
    tree = list_tree(tmp_path)
    assert origins(tree) == listed
    assert reasons(tree) == skipped
    assert origins(list_tree(tmp_path / "env")) == ["pyvenv.cfg", "x/y.py"]  # a root is walked whatever it is


def test_links_special_files_and_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.py": "", "closed/b.py": "", "d/c.py": "", "gone.py": ""})
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "d" / "a.py").symlink_to("../a.py")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)
        server.bind("socket")
    scandir = os.scandir

    def fails(path: str) -> object:
        if str(path).endswith("/closed"):
            raise PermissionError(path)
        (tmp_path / "gone.py").unlink(missing_ok=True) if str(path).endswith("/d") else None
        return scandir(path)

    monkeypatch.setattr("os.scandir", fails)
    tree = list_tree(tmp_path)
    assert origins(tree) == ["a.py", "gone.py", "d/c.py"]
    assert reasons(tree) == {
        "closed/": "no permission",
        "d/a.py": "symbolic link",
        "pipe": "special file",
        "self": "symbolic link",
        "socket": "special file",
        "up": "symbolic link",
    }


def test_files_and_folders_that_vanish_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"in/a.py": "", "in/b.py": "", "in/c/d.py": ""})
    root = str(tmp_path / "in")
    scandir = os.scandir

    class Vanishing:
        def __init__(self, path: str) -> None:
            self.scan = scandir(path)

        def __enter__(self) -> list[os.DirEntry[str]]:
            entries = list(self.scan)
            if entries[0].name in ("a.py", "b.py", "c"):
                os.unlink(root + "/b.py")  # noqa: PTH108 (pathlib scans too)
                os.rename(root + "/c", root + "/../elsewhere")  # noqa: PTH104
            return entries

        def __exit__(self, *error: object) -> None:
            self.close()

        def close(self) -> None:
            self.scan.close()

    plain_check = check_root(tmp_path / "in")
    monkeypatch.setattr("adjoin.corpus.tree.check_root", lambda root: plain_check)
    monkeypatch.setattr("os.scandir", Vanishing)
    tree = list_tree(tmp_path / "in")
    assert origins(tree) == ["a.py"]
    assert reasons(tree) == {"b.py": "vanished", "c/": "vanished"}


@needs_any_bytes
def test_names_of_any_kind(tmp_path: Path) -> None:
    names = [b"line\nbreak.py", b"\xff.py", b"\xfe.py", b"caf\xe9/x.py", "é☃.py".encode(), b"\xf0.py", b"\\xf0.py"]
    write(tmp_path, {os.fsdecode(name): "" for name in names})
    tree = list_tree(tmp_path)
    assert set(origins(tree)) == {"line\nbreak.py", "\\xff.py", "\\xfe.py", "caf\\xe9/x.py", "é☃.py", "\\xf0.py"}
    assert reasons(tree) == {"\\xf0.py": "name shown as another file's"}
    assert all(file.path.is_file() for file in tree.files)


def test_a_deep_tree(tmp_path: Path) -> None:
    depth = 1200
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):  # the path is longer than the system takes at once
        os.mkdir("folder", dir_fd=descriptor)
        inner = os.open("folder", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    for reached in range(1 << 12):  # each folder has files whose names are longer than its own
        folder = tmp_path / "/".join(["folder"] * reached)
        try:
            (folder / ".gitignore").write_text("*.log")
            (folder / ".git").mkdir()
        except OSError:
            break
    tree = list_tree(tmp_path)
    assert {one.reason for one in tree.skipped} == {"path too long", "version control"}
    assert len(tree.files) >= reached
    subprocess.run(["rm", "-rf", str(tmp_path / "folder")], check=True)


def test_a_file_costs_one_stat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"d{number % 3}/f{number}.py": "x" * number for number in range(200)})
    tree = list_tree(tmp_path)
    for file in tree.files:
        status = (tmp_path / file.origin).stat()
        assert (file.path, file.size) == (tmp_path / file.origin, status.st_size)
        assert (file.mtime_ns, file.inode) == (status.st_mtime_ns, status.st_ino)
    calls: Counter[str] = Counter()
    for name in ("stat", "lstat", "open"):
        plain = getattr(os, name)
        monkeypatch.setattr(
            f"os.{name}", lambda *args, _n=name, _p=plain, **kw: (calls.update([_n]), _p(*args, **kw))[1]
        )
    list_tree(tmp_path)
    assert sum(calls.values()) < 100  # for 200 files: the stat of an entry of a scan is no call of os.stat
