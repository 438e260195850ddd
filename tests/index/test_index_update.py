import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from bag_encoder import BagEncoder, content, write
from numpy.typing import NDArray

from adjoin.corpus import find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.index import Index, update, update_index
from adjoin.pieces import pieces_of
from adjoin.tally import Tally

FILES = {
    "a.py": "def alpha():\n    return 'first'\n\n\ndef beta():\n    return 'second'\n",
    "sub/c.py": '"""Module."""\n\n\ndef gamma():\n    return 3\n',
    "notes.md": "# Notes\n\nUploads are retried three times before they are given up.\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "root", FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def names(folder: Path) -> list[str]:
    return sorted(row["name"] for row in content(folder) if row["kind"] == "function")


def test_first_run_embeds_every_piece(root: Path, folder: Path) -> None:
    encoder = BagEncoder()
    calls = []
    report = update_index(root, folder, encoder, model="shipped", progress=lambda *call: calls.append(call))
    tally = Tally()
    pieces = [p for s in find_sources([root], tally) for d in read_source(s, tally) for p in pieces_of(d)]
    assert sorted(encoder.documents) == sorted(piece.text for piece in pieces)
    assert (report.added, report.changed, report.removed, report.unchanged) == (3, 0, 0, 0)
    assert report.pieces == report.total == len(pieces) == len(Index.open(folder))
    assert not report.new_model
    assert calls[-1] == (3, 3)
    description = json.loads((folder / "index.json").read_text())
    assert description["root"] == str(root)
    assert (description["model"], description["fingerprint"], description["dimension"]) == ("shipped", "bag-1", 64)
    for row in content(folder):
        lines = (root / row["path"]).read_text().split("\n")
        if row["kind"] != "passage":
            assert row["text"] == "\n".join(lines[row["first_line"] - 1 : row["last_line"]])
        assert row["vector"] == encoder.encode_document([row["text"]])[0].tolist()


def test_second_run_does_nothing(root: Path, folder: Path) -> None:
    update_index(root, folder, BagEncoder())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    os.utime(root / "a.py")  # touched, not changed
    encoder = BagEncoder()
    report = update_index(root, folder, encoder)
    assert encoder.calls == 0
    assert (report.unchanged, report.pieces) == (3, 0)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_only_what_changed_is_embedded(root: Path, folder: Path) -> None:
    update_index(root, folder, BagEncoder())
    write(root, {"a.py": "def alpha():\n    return 'edited'\n"})
    encoder = BagEncoder()
    report = update_index(root, folder, encoder)
    assert encoder.documents == ["def alpha():\n    return 'edited'"]
    assert (report.added, report.changed, report.removed, report.unchanged) == (0, 1, 0, 2)
    assert names(folder) == ["alpha", "gamma"]


def test_deleted_renamed_and_emptied_files(root: Path, folder: Path) -> None:
    update_index(root, folder, BagEncoder())
    (root / "sub" / "c.py").rename(root / "sub" / "it's \N{SNOWMAN}.py")
    (root / "notes.md").unlink()
    write(root, {"a.py": ""})
    report = update_index(root, folder, BagEncoder())
    assert (report.added, report.removed) == (1, 3)
    assert {row["path"] for row in content(folder)} == {"sub/it's \N{SNOWMAN}.py"}
    write(root, {"sub/it's \N{SNOWMAN}.py": "def delta(): pass\n"})
    assert update_index(root, folder, BagEncoder()).changed == 1
    assert names(folder) == ["delta"]


def test_updated_is_the_same_as_made_anew(root: Path, folder: Path, tmp_path: Path) -> None:
    for step in range(4):
        write(root, {"a.py": f"def alpha():\n    return {step}\n", f"new{step}.py": f"def new{step}(): pass\n"})
        update_index(root, folder, BagEncoder())
    update_index(root, tmp_path / "anew", BagEncoder())
    assert content(folder) == content(tmp_path / "anew")
    for query in ("alpha", "new2", "uploads retried"):
        places = [
            [(hit.path, hit.first_line) for hit in Index.open(at).search(query, BagEncoder(), limit=3)]
            for at in (folder, tmp_path / "anew")
        ]
        assert places[0][0] == places[1][0]


def test_a_file_larger_than_a_batch_is_committed_in_parts(
    root: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index(root, tmp_path / "one", BagEncoder())
    monkeypatch.setattr(update, "BATCH_PIECES", 1)
    encoder = BagEncoder()
    update_index(root, folder, encoder)
    assert encoder.calls == len(encoder.documents)

    def without_hash(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{key: value for key, value in row.items() if key != "file_hash"} for row in rows]

    assert without_hash(content(folder)) == without_hash(content(tmp_path / "one"))
    assert update_index(root, folder, BagEncoder()).pieces == 0


def test_another_model_embeds_everything_anew(root: Path, folder: Path) -> None:
    update_index(root, folder, BagEncoder())
    other = BagEncoder(32, "bag-2")
    report = update_index(root, folder, other)
    assert report.new_model
    assert "another model" in report.summary()
    assert report.pieces == report.total == len(other.documents)
    assert {len(row["vector"]) for row in content(folder)} == {32}
    assert len(list((folder / "tables").iterdir())) == 1  # the old vectors are gone
    assert not update_index(root, folder, other).new_model


def test_the_old_model_answers_until_the_new_one_is_done(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index(root, folder, BagEncoder())
    old = content(folder)

    class Failing(BagEncoder):
        def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update_index(root, folder, Failing(32, "bag-2"))
    assert content(folder) == old
    assert Index.open(folder).search("alpha", BagEncoder())


def test_the_index_below_its_root_is_not_indexed(root: Path) -> None:
    folder = root / "found"
    update_index(root, folder, BagEncoder())
    report = update_index(root, folder, BagEncoder())
    assert (report.added, report.unchanged) == (0, 3)


def test_it_moves_with_its_root_but_is_not_taken_over(root: Path, folder: Path, tmp_path: Path) -> None:
    update_index(root, folder, BagEncoder())
    other = write(tmp_path / "other", {"z.py": "def zeta(): pass\n"})
    with pytest.raises(AdjoinError, match=r"belongs to .*root, not to .*other: choose another --out"):
        update_index(other, folder, BagEncoder())
    root.rename(tmp_path / "moved")
    encoder = BagEncoder()
    assert update_index(tmp_path / "moved", folder, encoder).unchanged == 3
    assert encoder.calls == 0
    assert Index.open(folder).root == tmp_path / "moved"


def test_skipped_files_are_counted(root: Path, folder: Path) -> None:
    write(root, {"empty.py": "", "digits.py": "1\n2\n"})
    (root / "binary.py").write_bytes(b"\0\1\2")
    report = update_index(root, folder, BagEncoder())
    assert report.added == 3
    assert report.skipped.counts.total() == 3
    assert report.skipped.counts["nothing to find in it"] == 1


@pytest.mark.parametrize("files", [{}, {"empty.py": ""}, {"digits.py": "1 2 3\n"}])
def test_nothing_to_index(tmp_path: Path, folder: Path, files: dict[str, str]) -> None:
    root = tmp_path / "bare"
    root.mkdir()
    with pytest.raises(AdjoinError, match=r"^nothing to index in .*bare.*: expected a folder"):
        update_index(write(root, files), folder, BagEncoder())


def test_two_updates_at_once(root: Path, folder: Path) -> None:
    class Nested(BagEncoder):
        def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
            with pytest.raises(AdjoinError, match="another process is writing to"):
                update_index(root, folder, BagEncoder())
            return super().encode_document(texts)

    assert update_index(root, folder, Nested()).total


def test_broken_vectors_are_refused(root: Path, folder: Path) -> None:
    class Broken(BagEncoder):
        def _encode(self, texts: list[str]) -> NDArray[np.float32]:
            return super()._encode(texts) * float("nan")

    class Short(BagEncoder):
        def _encode(self, texts: list[str]) -> NDArray[np.float32]:
            return super()._encode(texts)[:, :-1]

    with pytest.raises(AdjoinError, match="not finite"):
        update_index(root, folder, Broken())
    with pytest.raises(AdjoinError, match=r"shape \(\d+, 63\) for \d+ texts, expected \(\d+, 64\)"):
        update_index(root, folder, Short())
    shutil.rmtree(folder)
