"""A refresh reads and embeds what changed, and only that."""

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_encoder import BagEncoder, content, words, write
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.index.refresh import RefreshReport, refresh
from adjoin.index.searcher import Searcher
from adjoin.index.sources import TreeFile, list_files, pieces_in
from adjoin.index.store import UNTRUSTED, FileRecord
from adjoin.pieces import Piece
from adjoin.pieces.piece import encoded_text
from adjoin.tally import Tally

refresh_module: Any = import_module("adjoin.index.refresh")
readahead: Any = import_module("adjoin.index.readahead")

FILES = {
    "a.py": "def alpha():\n    return 'first'\n\n\ndef beta():\n    return 'second'\n",
    "sub/c.py": '"""Module."""\n\n\ndef gamma():\n    return 3\n',
    "notes.md": "# Notes\n\nUploads are retried three times before they are given up.\n",
}
OLD_NS = 1_500_000_000_000_000_000  # a modification time long before any test


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return age(write(tmp_path / "root", FILES))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def age(root: Path, *names: str) -> Path:
    """Make files look old: what is not modified within the same tick is not read again."""
    for path in [root / name for name in names] or list(root.rglob("*")):
        if path.is_file():
            os.utime(path, ns=(OLD_NS, OLD_NS))
    return root


def names(folder: Path) -> list[str]:
    return sorted(row["name"] for row in content(folder) if row["kind"] == "function")


def records(folder: Path) -> dict[str, FileRecord]:
    return Searcher(folder, None).status().files


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose bytes a refresh reads, to hash or to split them."""
    origins: list[str] = []
    hash_of, pieces_of = readahead.content_of, readahead.pieces_in

    def noting_hash(file: TreeFile) -> str:
        origins.append(f"hash {file.origin}")
        return hash_of(file)

    def noting_pieces(file: TreeFile, tally: Tally) -> Iterator[Piece]:
        origins.append(f"read {file.origin}")
        return pieces_of(file, tally)

    monkeypatch.setattr(readahead, "content_of", noting_hash)
    monkeypatch.setattr(readahead, "pieces_in", noting_pieces)
    return origins


def counts(report: RefreshReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def test_first_run_embeds_every_piece(root: Path, folder: Path) -> None:
    encoder = BagEncoder()
    calls = []
    report = refresh(root, folder, encoder, model="shipped", progress=lambda *call: calls.append(call))
    files = list_files(root, folder).files.values()
    pieces = [piece for file in files for piece in pieces_in(file, Tally())]
    assert sorted(encoder.documents) == sorted(map(encoded_text, pieces))
    assert counts(report) == (3, 0, 0, 0)
    assert report.pieces == report.total == len(pieces) == len(Searcher(folder, None))
    assert not report.new_model
    assert calls[-1] == (3, 3)
    description = Searcher(folder, None).description
    assert description == report.description
    assert (description.root, description.version) == (str(root), 1)
    assert (description.model, description.fingerprint, description.dimension) == ("shipped", "bag-1", 64)
    stored = {(row["path"], row["first_line"]): row for row in content(folder)}
    for piece, vector in zip(pieces, encoder.encode_document(list(map(encoded_text, pieces))), strict=True):
        row = stored[piece.path, piece.first_line]
        for column in ("language", "kind", "name", "symbols", "last_line", "text"):
            assert row[column] == getattr(piece, column)
        np.testing.assert_allclose(row["vector"], vector, atol=vector.max() / 127)


def test_nothing_changed_reads_and_writes_nothing(root: Path, folder: Path, reads: list[str]) -> None:
    refresh(root, folder, BagEncoder())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del reads[:]
    encoder = BagEncoder()
    report = refresh(root, folder, encoder)
    assert (encoder.calls, reads) == (0, [])
    assert counts(report) == (0, 0, 0, 3)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_touched_file_is_hashed_once_more(root: Path, folder: Path, reads: list[str]) -> None:
    refresh(root, folder, BagEncoder())
    os.utime(root / "a.py", ns=(OLD_NS + 1, OLD_NS + 1))
    for expected in (["hash a.py"], []):
        del reads[:]
        report = refresh(root, folder, BagEncoder())
        assert (counts(report), report.pieces, reads) == ((0, 0, 0, 3), 0, expected)
        assert report.description is not None
        assert report.description.version == 1


def test_an_edit_within_the_same_tick_is_seen(root: Path, folder: Path, reads: list[str]) -> None:
    """As git's racy entries: same size, same time, other content."""
    write(root, {"a.py": "def one(): pass\n"})
    status = (root / "a.py").stat()
    refresh(root, folder, BagEncoder())
    assert records(folder)["a.py"].mtime_ns == UNTRUSTED
    (root / "a.py").write_text("def two(): pass\n")
    os.utime(root / "a.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert refresh(root, folder, BagEncoder()).changed == 1
    assert names(folder) == ["gamma", "two"]
    age(root, "a.py")  # as if the tick were over
    refresh(root, folder, BagEncoder())
    assert records(folder)["a.py"].mtime_ns == OLD_NS
    del reads[:]
    refresh(root, folder, BagEncoder())
    assert reads == []


def test_a_replaced_file_is_seen(root: Path, folder: Path) -> None:
    """Another file of the same size and time has another inode."""
    refresh(root, folder, BagEncoder())
    size = (root / "a.py").stat().st_size
    other = write(root.parent / "other", {"a.py": "def omega(): pass\n".ljust(size)}) / "a.py"
    os.utime(other, ns=(OLD_NS, OLD_NS))
    other.replace(root / "a.py")
    assert refresh(root, folder, BagEncoder()).changed == 1
    assert names(folder) == ["gamma", "omega"]


def test_only_what_changed_is_embedded(root: Path, folder: Path) -> None:
    refresh(root, folder, BagEncoder())
    write(root, {"a.py": "def alpha():\n    return 'edited'\n"})
    encoder = BagEncoder()
    report = refresh(root, folder, encoder)
    (document,) = encoder.documents
    assert document.endswith("def alpha():\n    return 'edited'")
    assert counts(report) == (0, 1, 0, 2)
    assert names(folder) == ["alpha", "gamma"]
    assert not (folder / "pending.sqlite").exists()


def test_deleted_renamed_and_emptied_files(root: Path, folder: Path) -> None:
    refresh(root, folder, BagEncoder())
    (root / "sub" / "c.py").rename(root / "sub" / "it's \N{SNOWMAN}.py")
    (root / "notes.md").unlink()
    write(root, {"a.py": ""})
    report = refresh(root, folder, BagEncoder())
    assert (report.added, report.removed) == (1, 3)
    assert {row["path"] for row in content(folder)} == {"sub/it's \N{SNOWMAN}.py"}
    write(root, {"sub/it's \N{SNOWMAN}.py": "def delta(): pass\n"})
    assert refresh(root, folder, BagEncoder()).changed == 1
    assert names(folder) == ["delta"]


@pytest.mark.parametrize("segments", [1, 12])
def test_refreshed_is_the_same_as_made_anew(
    root: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segments: int
) -> None:
    monkeypatch.setattr("adjoin.index.sqlite.segments.MOST_SEGMENTS", segments)
    for step in range(6):
        write(root, {"a.py": f"def alpha():\n    return {step}\n", f"new{step}.py": f"def new{step}(): pass\n"})
        if step == 4:
            (root / "new1.py").unlink()
        assert refresh(root, folder, BagEncoder()).description.version == step + 1
    refresh(root, tmp_path / "anew", BagEncoder())
    assert content(folder) == content(tmp_path / "anew")
    assert words(folder) == words(tmp_path / "anew")
    for query in ("alpha", "new2", "uploads retried"):
        places = [
            [(hit.path, hit.first_line) for hit in Searcher(at, BagEncoder()).search(query, limit=3)]
            for at in (folder, tmp_path / "anew")
        ]
        assert places[0][0] == places[1][0]


@pytest.mark.parametrize("again", [False, True])
def test_many_batches_are_the_same_as_one(
    root: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """In a first run they are committed one by one; later they wait in pending.sqlite."""
    refresh(root, tmp_path / "one", BagEncoder())
    if again:
        age(write(root, {"a.py": "def old(): pass\n", "more.py": "def more(): pass\n"}))
        refresh(root, folder, BagEncoder())
        (root / "more.py").unlink()
        age(write(root, {"sub/c.py": "def other(): pass\n"}))
        refresh(root, folder, BagEncoder())
        write(root, FILES)
    monkeypatch.setattr(refresh_module, "BATCH_PIECES", 1)
    monkeypatch.setattr(refresh_module, "BATCH_FILES", 1)
    encoder = BagEncoder()
    refresh(root, folder, encoder)
    assert encoder.calls == len(encoder.documents) > 1
    assert content(folder) == content(tmp_path / "one")
    assert words(folder) == words(tmp_path / "one")
    assert not (folder / "pending.sqlite").exists()


def test_another_model_embeds_everything_anew(root: Path, folder: Path) -> None:
    refresh(root, folder, BagEncoder())
    other = BagEncoder(32, "bag-2")
    report = refresh(root, folder, other)
    assert report.new_model
    assert "another model" in report.summary()
    assert report.pieces == report.total == len(other.documents)
    assert {len(row["vector"]) for row in content(folder)} == {32}
    assert not refresh(root, folder, other).new_model


def test_the_old_model_answers_until_the_new_one_is_done(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_module, "BATCH_FILES", 1)
    refresh(root, folder, BagEncoder())
    old = content(folder)

    class Failing(BagEncoder):
        def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().encode_document(texts)

    with pytest.raises(KeyboardInterrupt):
        refresh(root, folder, Failing(32, "bag-2"))
    assert content(folder) == old
    assert Searcher(folder, BagEncoder()).search("alpha")
    again = BagEncoder(32, "bag-2")
    report = refresh(root, folder, again)
    assert report.unchanged == 1  # what the first run had put aside
    assert len(again.documents) < report.total
    assert {len(row["vector"]) for row in content(folder)} == {32}


def test_what_another_model_put_aside_is_forgotten(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_module, "BATCH_FILES", 1)
    refresh(root, folder, BagEncoder())

    class Failing(BagEncoder):
        def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().encode_document(texts)

    with pytest.raises(KeyboardInterrupt):
        refresh(root, folder, Failing(32, "bag-2"))
    third = BagEncoder(16, "bag-3")
    assert refresh(root, folder, third).unchanged == 0
    assert {len(row["vector"]) for row in content(folder)} == {16}


def test_the_index_below_its_root_is_not_indexed(root: Path) -> None:
    folder = root / "found"
    refresh(root, folder, BagEncoder())
    report = refresh(root, folder, BagEncoder())
    assert (report.added, report.unchanged) == (0, 3)


def test_git_does_not_see_it(root: Path) -> None:
    refresh(root, None, BagEncoder())
    assert (root / ".adjoin" / ".gitignore").read_text() == "*\n"


def test_no_gitignore_beside_files_of_others(root: Path, folder: Path) -> None:
    write(folder, {"mine.txt": "mine"})
    refresh(root, folder, BagEncoder())
    assert not (folder / ".gitignore").exists()


def test_it_moves_with_its_root_but_is_not_taken_over(root: Path, folder: Path, tmp_path: Path) -> None:
    refresh(root, folder, BagEncoder())
    other = write(tmp_path / "other", {"z.py": "def zeta(): pass\n"})
    with pytest.raises(AdjoinError, match=r"belongs to .*root, not to .*other: choose another --out"):
        refresh(other, folder, BagEncoder())
    root.rename(tmp_path / "moved")
    encoder = BagEncoder()
    assert refresh(tmp_path / "moved", folder, encoder).unchanged == 3
    assert encoder.calls == 0
    assert Searcher(folder, None).description.root == str(tmp_path / "moved")


def test_skipped_files_are_counted_and_not_read_again(root: Path, folder: Path, reads: list[str]) -> None:
    write(root, {"empty.py": "", "digits.py": "1\n2\n"})
    (root / "binary.py").write_bytes(b"\0\1\2")
    age(root)
    for _ in range(2):
        report = refresh(root, folder, BagEncoder())
        assert report.skipped.counts.total() == 3
    assert reads.count("read binary.py") == reads.count("hash binary.py") == 1
    found = records(folder)
    assert found["digits.py"].pieces == 0
    assert found["digits.py"].reason
    assert found["binary.py"].reason


def test_a_file_too_large_to_be_read_is_not_read_for_its_hash(root: Path, folder: Path) -> None:
    for name in ("weights.bin", "dump.sql"):
        with (root / name).open("wb") as file:
            file.truncate(1 << 43)  # 8 terabytes of nothing: hashing them would take hours
    for _ in range(2):
        report = refresh(root, folder, BagEncoder())
        assert report.skipped.counts.total() == 2
    assert records(folder)["weights.bin"].reason
    write(root, {"dump.sql": "SELECT name FROM giants;\n"})
    assert refresh(root, folder, BagEncoder()).added == 1


@pytest.mark.parametrize("files", [{}, {"empty.py": ""}, {"digits.py": "1 2 3\n"}])
def test_nothing_to_index(tmp_path: Path, folder: Path, files: dict[str, str]) -> None:
    root = tmp_path / "bare"
    root.mkdir()
    with pytest.raises(AdjoinError, match=r"^nothing to index in .*bare.*: expected a folder"):
        refresh(write(root, files), folder, BagEncoder())
    assert not folder.exists()


def test_two_refreshes_at_once(root: Path, folder: Path) -> None:
    class Nested(BagEncoder):
        def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
            with pytest.raises(AdjoinError, match="another process is writing to"):
                refresh(root, folder, BagEncoder())
            return super().encode_document(texts)

    assert refresh(root, folder, Nested()).total


def test_broken_vectors_are_refused(root: Path, folder: Path) -> None:
    class Broken(BagEncoder):
        def _encode(self, texts: list[str]) -> NDArray[np.float32]:
            return super()._encode(texts) * float("nan")

    class Short(BagEncoder):
        def _encode(self, texts: list[str]) -> NDArray[np.float32]:
            return super()._encode(texts)[:, :-1]

    with pytest.raises(AdjoinError, match="not finite"):
        refresh(root, folder, Broken())
    with pytest.raises(AdjoinError, match=r"shape \(\d+, 63\) for \d+ texts, expected \(\d+, 64\)"):
        refresh(root, folder, Short())
    assert not folder.exists()


def test_files_that_vanish_or_change_while_they_are_read(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_and_meddle(*args: Path | tuple[str, ...]) -> object:
        listing = list_files(*args)
        (root / "notes.md").unlink()
        (root / "a.py").write_text("def changed(): pass\n")
        return listing

    monkeypatch.setattr(refresh_module, "list_files", list_and_meddle)
    report = refresh(root, folder, BagEncoder())
    assert report.skipped.counts["unreadable"] == 1
    assert names(folder) == ["changed", "gamma"]
    monkeypatch.undo()
    report = refresh(root, folder, BagEncoder())
    assert counts(report) == (0, 0, 0, 2)


def test_a_file_that_changes_after_it_was_hashed_is_read_again(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meddle(file: TreeFile, tally: Tally) -> Iterator[Piece]:
        if file.origin == "a.py":
            file.path.write_text("def between(): pass\n")
        pieces = list(pieces_in(file, tally))
        if file.origin == "a.py":
            file.path.write_text("def after(): pass\n")
        return iter(pieces)

    monkeypatch.setattr(readahead, "pieces_in", meddle)
    refresh(root, folder, BagEncoder())
    monkeypatch.undo()
    assert refresh(root, folder, BagEncoder()).changed == 1
    assert names(folder) == ["after", "gamma"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_are_named(root: Path, folder: Path) -> None:
    (root / "a.py").chmod(0)
    report = refresh(root, folder, BagEncoder())
    assert report.skipped.counts.total() == 1
    (root / "a.py").chmod(0o644)
    assert refresh(root, folder, BagEncoder()).added == 1


def test_an_index_of_the_first_version_is_replaced(root: Path, folder: Path) -> None:
    write(folder, {"index.json": "{}", "tables/pieces.lance/data": "x", "lock": ""})
    with pytest.raises(AdjoinError, match=r"of an earlier version of Adjoin: run `adjoin index` again") as error:
        Searcher(folder, None)
    assert "\n" not in str(error.value)
    refresh(root, folder, BagEncoder())
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "index.sqlite"]
    assert len(Searcher(folder, None))
    shutil.rmtree(folder)
