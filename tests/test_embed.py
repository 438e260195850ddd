import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.embed import embed_texts, load_vectors, read_texts
from adjoin.errors import AdjoinError

TEXTS = [(f"id {number}\n", f"text number {number}") for number in range(23)]


class LetterEncoder:
    """Unit vectors of letter counts that depend slightly on the batch, as those of real encoders do."""

    dimension = 26
    fingerprint = "letters"

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.roles: set[str] = set()

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        self.roles.add("query")
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        self.roles.add("document")
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        self.seen += texts
        counts = np.array([[text.count(chr(97 + letter)) for letter in range(26)] for text in texts]) + 1e-6 * len(
            texts
        )
        return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_vectors_and_ids(tmp_path: Path) -> None:
    encoder = LetterEncoder()
    calls: list[tuple[int, int]] = []
    report = embed_texts(TEXTS, encoder, tmp_path / "out", chunk_rows=5, progress=lambda *call: calls.append(call))
    assert (report.rows, report.dimension, report.embedded) == (23, 26, 23)
    assert calls == [(done, 23) for done in (0, 5, 10, 15, 20, 23)]
    ids, vectors = load_vectors(tmp_path / "out")
    assert ids == [name for name, _ in TEXTS]
    assert isinstance(vectors, np.memmap)
    assert vectors.dtype == np.float32
    plain = [LetterEncoder()._encode([text for _, text in TEXTS[start : start + 5]]) for start in range(0, 23, 5)]
    np.testing.assert_array_equal(vectors, np.concatenate(plain))
    state = json.loads((tmp_path / "out" / "embedding.json").read_text())
    assert (state["fingerprint"], state["role"], state["rows"], state["rows_done"]) == (
        "letters",
        "document",
        23,
        23,
    )
    assert encoder.roles == {"document"}


def test_queries_are_embedded_as_queries(tmp_path: Path) -> None:
    encoder = LetterEncoder()
    embed_texts(TEXTS, encoder, tmp_path / "out", role="query")
    assert encoder.roles == {"query"}
    embed_texts(TEXTS, encoder, tmp_path / "symmetric", role="symmetric")  # this encoder has no `encode_text`
    assert encoder.roles == {"query"}


def test_a_finished_run_does_nothing(tmp_path: Path) -> None:
    embed_texts(TEXTS, LetterEncoder(), tmp_path / "out")
    before = contents(tmp_path / "out")
    encoder = LetterEncoder()
    report = embed_texts(TEXTS, encoder, tmp_path / "out")
    assert encoder.seen == []
    assert report.embedded == 0
    assert report.summary().endswith("finished before, nothing to do")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("chunk", [1, 3, 5])
def test_resumed_is_uninterrupted_bit_for_bit(tmp_path: Path, chunk: int) -> None:
    """The process is killed in the n-th chunk, after its rows were appended."""
    code = textwrap.dedent(f"""
        import os, signal, sys
        import adjoin.files
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        import adjoin.embed as embed
        from test_embed import TEXTS, LetterEncoder
        def write_or_die(path, state):
            if state["rows_done"] >= {min(5 * chunk, 23)}:
                os.kill(os.getpid(), signal.SIGKILL)
            adjoin.files.write_json(path, state)
        embed.write_json = write_or_die
        embed.embed_texts(TEXTS, LetterEncoder(), Path({str(tmp_path / "out")!r}), chunk_rows=5)
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with pytest.raises(AdjoinError, match=rf"not finished \({5 * (chunk - 1)} of 23\): run `adjoin embed` again"):
        load_vectors(tmp_path / "out")
    encoder = LetterEncoder()
    report = embed_texts(TEXTS, encoder, tmp_path / "out", chunk_rows=1000)  # the first run's chunks are kept
    assert encoder.seen == [text for _, text in TEXTS[5 * (chunk - 1) :]]
    assert report.embedded == 23 - 5 * (chunk - 1)
    embed_texts(TEXTS, LetterEncoder(), tmp_path / "whole", chunk_rows=5)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_killed_before_the_ids_had_their_name(tmp_path: Path) -> None:
    out = tmp_path / "out"
    embed_texts(TEXTS, LetterEncoder(), out, chunk_rows=5)
    whole = contents(out)
    state = json.loads((out / "embedding.json").read_text())
    (out / "embedding.json").write_text(json.dumps(state | {"rows_done": 0}))
    (out / "ids.jsonl").rename(out / ".ids.jsonl.abcd1234.unfinished")
    (out / "vectors.npy").unlink()
    embed_texts(TEXTS, LetterEncoder(), out)
    assert contents(out) == whole


def test_ids_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ids.jsonl").write_text("precious")
    with pytest.raises(AdjoinError, match=r"something else than a folder of vectors, ids.jsonl"):
        embed_texts(TEXTS, LetterEncoder(), tmp_path / "out")
    assert (tmp_path / "out" / "ids.jsonl").read_text() == "precious"


def test_input_that_changes_between_the_two_readings(tmp_path: Path) -> None:
    """What is embedded is what was hashed: the same number of texts, and another one among them."""

    class Changing:
        readings = 0

        def __iter__(self) -> Iterator[tuple[str, str]]:
            self.readings += 1
            return iter([*TEXTS[:17], ("id 17\n", f"reading {self.readings}"), *TEXTS[18:]])

    out = tmp_path / "out"
    with pytest.raises(AdjoinError, match=r"the input of .*out changed while it was read: remove the folder"):
        embed_texts(Changing(), LetterEncoder(), out, chunk_rows=5)
    assert json.loads((out / "embedding.json").read_text())["rows_done"] == 15


def test_input_that_grows_between_the_two_readings(tmp_path: Path) -> None:
    class Growing:
        readings = 0

        def __iter__(self) -> Iterator[tuple[str, str]]:
            self.readings += 1
            return iter([*TEXTS, *((f"more {n}", "text") for n in range(9))][: len(TEXTS) + self.readings])

    with pytest.raises(AdjoinError, match=r"the input of .*out changed while it was read"):
        embed_texts(Growing(), LetterEncoder(), tmp_path / "out", chunk_rows=5)


@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "/dev/null"])
def test_what_cannot_be_read_twice(target: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "x.jsonl").symlink_to(tmp_path / target)
    with pytest.raises(AdjoinError, match=r"x.jsonl is a (named pipe|device), expected a file") as error:
        read_texts(tmp_path / "x.jsonl")
    assert "\n" not in str(error.value)


def test_vectors_below_their_input_are_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    return 1\n")
    for _ in range(2):
        report = embed_texts(read_texts(tmp_path), LetterEncoder(), tmp_path / "vectors")
        assert report.rows == 1


def test_a_full_disk(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))  # header, two chunks, half of the third
    try:
        with pytest.raises(OSError, match="File too large"):
            embed_texts(TEXTS, LetterEncoder(), tmp_path / "out", chunk_rows=5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    state = json.loads((tmp_path / "out" / "embedding.json").read_text())
    assert state["rows_done"] == 10
    embed_texts(TEXTS, LetterEncoder(), tmp_path / "out")
    embed_texts(TEXTS, LetterEncoder(), tmp_path / "whole", chunk_rows=5)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_other_input_role_or_model(tmp_path: Path) -> None:
    out = tmp_path / "out"
    embed_texts(TEXTS, LetterEncoder(), out)
    other = LetterEncoder()
    other.fingerprint = "another"
    remedy = "choose another --out, or remove that folder"
    with pytest.raises(AdjoinError, match=f"of the model letters, not of another: {remedy}"):
        embed_texts(TEXTS, other, out)
    with pytest.raises(AdjoinError, match=f"of the role document, not query: {remedy}"):
        embed_texts(TEXTS, LetterEncoder(), out, role="query")
    for changed in (
        TEXTS[:-1],
        [*TEXTS[:-1], ("id 22\n", "edited")],
        [*TEXTS[:-1], ("other", TEXTS[-1][1])],
        TEXTS[::-1],
    ):
        with pytest.raises(
            AdjoinError, match=rf"another input \(23 texts; there are {len(changed)} now\): {remedy}"
        ):
            embed_texts(changed, LetterEncoder(), out)


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "vectors.npy").write_bytes(b"mine")
    with pytest.raises(AdjoinError, match=r"else than a folder of vectors, vectors.npy: choose another --out"):
        embed_texts(TEXTS, LetterEncoder(), tmp_path)
    assert (tmp_path / "vectors.npy").read_bytes() == b"mine"


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match="nothing to embed"):
        embed_texts([], LetterEncoder(), tmp_path / "none")
    with pytest.raises(AdjoinError, match="read only once"):
        embed_texts(iter(TEXTS), LetterEncoder(), tmp_path / "none")
    with pytest.raises(AdjoinError, match="chunk_rows is 0"):
        embed_texts(TEXTS, LetterEncoder(), tmp_path / "none", chunk_rows=0)
    with pytest.raises(AdjoinError, match="no state of the vectors at"):
        load_vectors(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "size"), [("vectors.npy", 300), ("vectors.npy", 3), ("ids.jsonl", 30), ("embedding.json", 9)]
)
def test_damaged_vectors(tmp_path: Path, name: str, size: int) -> None:
    embed_texts(TEXTS, LetterEncoder(), tmp_path)
    os.truncate(tmp_path / name, size)
    with pytest.raises(AdjoinError, match=r"damaged|cannot read the state") as error:
        load_vectors(tmp_path)
    assert "\n" not in str(error.value)


def test_a_state_without_its_rows(tmp_path: Path) -> None:
    embed_texts(TEXTS, LetterEncoder(), tmp_path, chunk_rows=5)
    state = json.loads((tmp_path / "embedding.json").read_text())
    (tmp_path / "embedding.json").write_text(json.dumps(state | {"rows_done": 20}))
    os.truncate(tmp_path / "vectors.npy", 1000)
    with pytest.raises(AdjoinError, match=r"vectors.npy is damaged: it has 1,000 bytes, expected at least 2,208"):
        embed_texts(TEXTS, LetterEncoder(), tmp_path)


JSONL = '{"_id": "a", "title": "Title", "text": "words"}\n\n{"id": 7, "text": "more \N{SNOWMAN}"}\n'


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.ndjson"])
def test_reading_jsonl(tmp_path: Path, name: str) -> None:
    data = JSONL.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    texts = read_texts(tmp_path / name)
    assert list(texts) == list(texts) == [("a", "Title words"), ("7", "more \N{SNOWMAN}")]


def test_reading_lines(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("\ufefffirst\n\n  second \r\n".encode())
    assert list(read_texts(tmp_path / "x.txt")) == [("1", "first"), ("3", "second")]


def test_reading_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os\n\n\ndef f():\n    return 1\n")
    (tmp_path / "b.py").write_bytes(b"\0")
    texts = read_texts(tmp_path)
    assert list(texts) == [("a.py:1-5", "import os\ndef f():\n    return 1")]
    assert texts.skipped.counts.total() == 1
    assert embed_texts(texts, LetterEncoder(), tmp_path / "out").rows == 1


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("x.jsonl", b'{"_id": "a", "text": "b"}\nnonsense\n', r"x.jsonl:2 is not JSON"),
        ("x.jsonl", b'{"text": "b"}\n', r"x.jsonl:1 is .*expected an object with"),
        ("x.jsonl", b'{"_id": "a", "text": 3}\n', r"x.jsonl:1 is .*expected an object with"),
        ("x.jsonl", b"[]\n", r"x.jsonl:1 is .*expected an object with"),
        ("x.txt", b"fine\n\xff\xfe\n", r"x.txt:2 is not UTF-8"),
        ("x.txt.gz", b"not compressed", r"cannot read .*x.txt.gz after line 0"),
        ("y.txt.gz", gzip.compress(b"line\n" * 9, mtime=0)[:-9], r"cannot read .*y.txt.gz after line \d+"),
    ],
)
def test_broken_input(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AdjoinError, match=expected) as error:
        embed_texts(read_texts(tmp_path / name), LetterEncoder(), tmp_path / "out")
    assert "\n" not in str(error.value)


def test_no_input(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"no texts at .*nowhere"):
        read_texts(tmp_path / "nowhere")


def test_code_that_crashes_its_parser_is_counted_and_embedded(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    return 1\n")
    (tmp_path / "b.py").write_text("needle\n" + "/*\n" * 40_000)
    texts = read_texts(tmp_path)
    first, *others = texts
    assert first == ("a.py:1-2", "def f():\n    return 1")
    assert "needle" in "".join(text for _, text in others)
    assert texts.skipped.examples == {"its parser crashed": ["b.py"]}
