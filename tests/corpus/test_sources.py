"""Walking folders and reading single files: which are listed, and that the rest is counted with a reason."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adjoin.corpus import Document, Source, find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.tally import Tally


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def origins(*roots: Path, tally: Tally | None = None) -> list[str]:
    return [source.origin for source in find_sources(roots, tally or Tally())]


def read(path: Path, tally: Tally) -> list[Document]:
    return list(read_source(Source(path, path.name), tally))


@contextmanager
def as_nobody() -> Iterator[None]:
    """The superuser may read everything, so tests that run as root step down for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def open_to_all(path: Path, tmp_path: Path) -> None:
    """Let the folders above the test's own be entered by whom `as_nobody` turns us into."""
    for folder in (path, *path.parents):
        folder.chmod(0o755)
        if folder.name.startswith("pytest-of-"):  # pytest's own; a parallel worker has one folder more below it
            break


def test_takes_files_before_folders_each_by_name(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "1", "a/z.md": "x", "a/b/c.go": "x", "c.txt": "x", "A.rs": "x"})
    tally = Tally()
    assert origins(tmp_path, tally=tally) == ["A.rs", "b.py", "c.txt", "a/z.md", "a/b/c.go"]
    assert not tally.counts


def test_empty_folder(tmp_path: Path) -> None:
    assert origins(tmp_path) == []


def test_counts_what_it_passes_over(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ok.py": "1", ".hidden.py": "1", ".git/x.py": "1", "node_modules/m/x.js": "1", "__pycache__/x.py": "1",
            "data.bin": "1", "s.pyi": "1", "LICENSE": "x", "licenses.md": "x", "COPYING.txt": "x",
            "license.py": "x",
            "env/pyvenv.cfg": "", "env/lib/x.py": "1", "requirements.txt": "x",
        },
    )  # fmt: skip
    (tmp_path / "big.py").write_text("x" * 101)
    os.mkfifo(tmp_path / "pipe.py")
    tally = Tally()
    sources = find_sources([tmp_path], tally, max_bytes=100)
    assert [source.origin for source in sources] == ["license.py", "ok.py"]
    assert tally.counts == {
        "hidden": 2, "cache or vendored folder": 2, "unknown format": 3,
        "licence text": 3, "virtual environment": 1,
        "too large": 1, "special file": 1,
    }  # fmt: skip
    assert tally.examples["too large"] == ["big.py"]


def test_streams_are_taken_at_any_size_or_not_at_all(tmp_path: Path) -> None:
    names = ["a.eml", "a.jsonl", "a.mbox.gz", "a.parquet", "a.warc.gz", "b.txt"]
    write(tmp_path, dict.fromkeys(names, "x"))
    (tmp_path / "a.jsonl").write_text("x" * 200)
    assert [source.origin for source in find_sources([tmp_path], Tally(), max_bytes=100)] == names
    tally = Tally()
    assert [source.origin for source in find_sources([tmp_path], tally, streams=False)] == ["b.txt"]
    assert tally.counts == {"unknown format": 5}
    with_one = find_sources([tmp_path / "a.jsonl"], tally, streams=False)
    assert (with_one, tally.counts) == ([], {"unknown format": 6})


def test_root_may_be_hidden_or_vendored(tmp_path: Path) -> None:
    root = tmp_path / ".venv" / "node_modules"
    write(tmp_path, {".gitignore": "*", ".venv/node_modules/a.js": "1"})
    assert origins(root) == ["a.js"]


def test_gitignore_files_count_for_their_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".gitignore": "*.log.txt\nbuild/\n/only_here.py\n!keep.log.txt\n[bad\n",
            "a.log.txt": "x", "keep.log.txt": "x", "only_here.py": "x", "build/x.py": "x",
            "sub/.gitignore": "!a.log.txt\nmine.py\n",
            "sub/a.log.txt": "x", "sub/b.log.txt": "x", "sub/mine.py": "x", "sub/only_here.py": "x",
            "other/mine.py": "x",
        },
    )  # fmt: skip
    tally = Tally()
    assert origins(tmp_path, tally=tally) == ["keep.log.txt", "other/mine.py", "sub/a.log.txt", "sub/only_here.py"]
    assert tally.counts == {"ignored by .gitignore": 5, "hidden": 2, "malformed .gitignore pattern": 1}
    assert tally.examples["malformed .gitignore pattern"] == [".gitignore:5"]


def test_links_are_followed_only_at_the_root(tmp_path: Path) -> None:
    write(tmp_path, {"real/a.py": "1"})
    (tmp_path / "real" / "cycle").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "b.py").symlink_to(tmp_path / "real" / "a.py")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    tally = Tally()
    assert origins(link, tally=tally) == ["a.py"]
    assert tally.counts == {"symbolic link": 2}


def test_overlapping_roots_give_a_file_once(tmp_path: Path) -> None:
    write(tmp_path, {"sub/a.py": "1", "sub/ignored.py": "1", ".gitignore": "ignored.py"})
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    tally = Tally()
    roots = (tmp_path, tmp_path / "sub", tmp_path / "sub" / "a.py", tmp_path / "link")
    assert origins(*roots, tally=tally) == ["sub/a.py", "ignored.py"]
    assert tally.counts["given twice"] == 4


def test_file_as_root_is_named_by_itself(tmp_path: Path) -> None:
    write(tmp_path, {"deep/.x.py": "1", "deep/.gitignore": "*"})
    assert origins(tmp_path / "deep" / ".x.py") == [".x.py"]


@pytest.mark.parametrize("name", ["missing", "loop", "a\0b"])
def test_bad_root(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(AdjoinError, match="give a ") as error:
        find_sources([tmp_path / name], Tally())
    assert "\n" not in str(error.value)


def test_fifo_as_root_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AdjoinError, match="neither a folder nor a file"):
        find_sources([tmp_path / "pipe"], Tally())


def test_no_permission(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "1", "shut/b.py": "1", "ok.py": "1"})
    open_to_all(tmp_path, tmp_path)
    (tmp_path / "a.py").chmod(0)
    (tmp_path / "shut").chmod(0)
    tally = Tally()
    try:
        with as_nobody():
            sources = find_sources([tmp_path], tally)
            texts = [document.text for source in sources for document in read_source(source, tally)]
            with pytest.raises(AdjoinError, match="no permission"):
                find_sources([tmp_path / "a.py"], Tally())
    finally:
        (tmp_path / "shut").chmod(0o755)
    assert texts == ["1"]
    assert tally.counts == {"no permission": 2}


def test_sparse_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.touch()
    os.truncate(path, 1 << 30)
    tally = Tally()
    assert find_sources([tmp_path], tally) == []
    assert tally.counts == {"too large": 1}
    assert read(path, tally) == []  # it may grow between the walk and the reading
    assert tally.counts == {"too large": 2}


def test_reads_source_code_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\r\nx = 1  \r\n\r\n")
    (document,) = read(tmp_path / "a.py", Tally())
    assert (document.text, document.span, document.language) == ("\nx = 1  \n\n", (1, 4), "python")


def test_file_that_vanished_is_counted(tmp_path: Path) -> None:
    tally = Tally()
    assert read(tmp_path / "gone.py", tally) == []
    assert read(tmp_path / "gone.zip", tally) == []
    assert tally.counts == {"unreadable": 2}


def test_name_that_is_not_unicode(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.py")).write_text("x")
    (source,) = find_sources([tmp_path], Tally())
    assert source.origin == "\ufffd.py"
    assert len(list(read_source(source, Tally()))) == 1


def test_importing_the_room_loads_no_parser() -> None:
    code = "import sys, adjoin.corpus; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"docutils", "markdown_it", "pathspec", "tarfile", "zipfile"} & set(loaded)


def test_a_folder_named_license_may_hold_code(tmp_path: Path) -> None:
    for name in ("license/validator.py", "notices/banner.py", "licenses/MIT", "LICENSES/LICENSE.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    tally = Tally()
    assert {source.origin for source in find_sources([tmp_path], tally)} == {
        "license/validator.py", "notices/banner.py",
    }  # fmt: skip
    assert tally.counts == {"unknown format": 1, "licence text": 1}
