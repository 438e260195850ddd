"""Names of what is being written, and who may delete it: litter of the dead, never the work of the living."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin import unfinished
from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, write_atomically
from adjoin.unfinished import exchange, put_in_place, recover, remove_folder, sweep

DIE = """
import os, signal, sys
from pathlib import Path
from adjoin.files import folder_in_one_piece, write_atomically
with folder_in_one_piece(Path(sys.argv[1])) as folder:
    write_atomically(folder / "a", "new")
    (folder / ".b").mkdir()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tree(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "a").write_text(text)
    return folder


def test_a_killed_writer_leaves_litter_that_the_next_one_deletes(tmp_path: Path) -> None:
    tree(tmp_path / "out", "old")
    for _ in range(2):
        subprocess.run([sys.executable, "-c", DIE, tmp_path / "out"], check=False)
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert len(names(tmp_path)) == 2, "the second has deleted what the first had left"
    with folder_in_one_piece(tmp_path / "out") as folder:
        (folder / "a").write_text("new")
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "a").read_text() == "new"


@pytest.mark.parametrize(
    "name", [".out.notes", ".out.notes123", ".out.old", ".out.abcdefgh", "out.abcdefgh.unfinished"]
)
def test_files_of_others_stay(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious")
    with folder_in_one_piece(tmp_path / "out") as folder:
        (folder / "a").write_text("new")
    sweep(tmp_path)
    assert (tmp_path / name).read_text() == "precious"


def test_litter_of_a_hidden_name_has_one_dot(tmp_path: Path) -> None:
    """What begins with the name of an output is taken for it, and is no input."""
    tree(tmp_path / ".out.mining", "old")
    with folder_in_one_piece(tmp_path / ".out.mining") as folder:
        assert folder.name.startswith(".out.mining.")
        sweep(tmp_path, ".out.mining")
        assert folder.exists()
    folder.mkdir()
    sweep(tmp_path, ".out.mining")
    assert names(tmp_path) == [".out.mining"]


def test_litter_of_another_name_is_left_to_its_own_writer(tmp_path: Path) -> None:
    (tmp_path / ".other.abcd1234.unfinished").mkdir()
    sweep(tmp_path, "out")
    assert names(tmp_path) == [".other.abcd1234.unfinished"]
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_what_is_being_written_is_no_litter(tmp_path: Path) -> None:
    with folder_in_one_piece(tmp_path / "out") as folder:
        sweep(tmp_path)
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"from pathlib import Path; from adjoin.unfinished import sweep; sweep(Path({str(tmp_path)!r}))",
            ],
            check=True,
        )
        assert folder.is_dir()
        with folder_in_one_piece(tmp_path / "out") as other:  # of another process, say
            (other / "a").write_text("other")
        (folder / "a").write_text("new")
    assert (tmp_path / "out" / "a").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_links_and_pipes_with_such_names_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / ".a.abcd1234.unfinished").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / ".b.abcd1234.unfinished")
    sweep(tmp_path)
    assert len(names(tmp_path)) == 3


def test_an_exchange_has_no_moment_without_either(tmp_path: Path) -> None:
    old, new = tree(tmp_path / "old", "old"), tree(tmp_path / "new", "new")
    if not exchange(old, new):
        pytest.skip("this system cannot exchange two names")
    assert (old / "a").read_text() == "new"
    assert (new / "a").read_text() == "old"


def test_without_an_exchange_a_kill_between_the_renames_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "exchange", lambda one, other: False)
    out = tree(tmp_path / "out", "old")
    new = tree(tmp_path / "new", "new")
    put_in_place(new, out)
    assert names(tmp_path) == ["out"]
    assert (out / "a").read_text() == "new"
    out.rename(tmp_path / ".out.replaced")  # as a kill after the first rename leaves it
    recover(out)
    assert (out / "a").read_text() == "new"
    tree(tmp_path / ".out.replaced", "old")  # and after the second
    recover(out)
    assert names(tmp_path) == ["out"]


def test_an_exchange_that_fails_leaves_both(tmp_path: Path) -> None:
    tree(tmp_path / "new", "new")
    with pytest.raises(OSError, match="No such file") as error:
        exchange(tmp_path / "new", tmp_path / "missing")
    assert error.value.errno == errno.ENOENT
    assert names(tmp_path) == ["new"]


def test_a_removed_folder_vanishes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree(tmp_path / "out", "old")

    def killed(path: Path, **_: object) -> None:
        assert not folder.exists()
        assert (path / "a").exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(unfinished.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_folder(folder)
    assert len(names(tmp_path)) == 1
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    tree(tmp_path / "target", "precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    remove_folder(tmp_path / "link")
    remove_folder(tmp_path / "missing")
    assert names(tmp_path) == ["target"]
    assert (tmp_path / "target" / "a").read_text() == "precious"


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_a_file_replaces_nothing_but_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(AdjoinError, match=r"x is a (named pipe|folder), expected a file: choose another name"):
        write_atomically(path, "text")
    with pytest.raises(AdjoinError, match=r"/dev/null is a device, expected a file"):
        write_atomically(Path("/dev/null"), "text")
    assert names(tmp_path) == ["x"]
