"""Evaluation folders of strangers: read and measured, or refused in one line."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tasks import SpellingEmbedder

from adjoin.evaluation.jobs import find_jobs
from adjoin.evaluation.report.report import JUDGED, MODEL
from adjoin.evaluation.run import run_evaluation
from adjoin.evaluation.suites import probe
from adjoin.evaluation.systems.scorers import BM25Scorer
from adjoin.evaluation.systems.system import Named
from fuzzing import fuzz

TEXTS = st.sampled_from(
    [
        "a",
        "open file",
        "close_file(x)",
        "",
        " ",
        "\\ud800",
        "\\u0000",
        "é",
        "日本",
        "\\n",
        "x" * 300,
        "the",
        "\\u2028",
    ]
)
IDS = st.sampled_from(["1", "2", "3", "q1", "d1", "", " ", "d\\t1", "\\ud801", "é"])
ENDS = st.sampled_from([b"\n"] * 8 + [b"\r\n", b"\r", b"\n\n", b""])
ODD_LINES = st.sampled_from(
    [
        b"",
        b" ",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b'{"_id": 1, "text": 2}',
        b'{"_id": true, "text": "a"}',
        b'{"_id": "9", "text": "a", "title": 3}',
        b'{"_id": 1e999, "text": "a"}',
        b'{"_id": "1", "text": null}',
        b"[" * 3000,
        b"9" * 5000,
        b"\xff\xfe\x00",
        b"\x00\x00",
        b"\t\t",
        b"0\t1\t2\t3",
        b"q1\td1",
        b"nan\tnan\tnan",
        b"score\ttext1\ttext2",
        b"label\ttext",
        b"query-id\tcorpus-id\tscore",
    ]
)
NUMBERS = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "1",
        "0",
        "-1",
        "0.5",
        "1e999",
        "nan",
        "inf",
        "-0",
        "1e308",
        "5e-324",
        "high",
        "",
        "1_0",
        "٣",
        "99999",
    ]
)


def mostly(good: st.SearchStrategy, odd: st.SearchStrategy, times: int) -> st.SearchStrategy:
    """Draw something odd once in so many times."""
    return st.integers(1, times).flatmap(lambda number: odd if number == 2 else good)


@st.composite
def lines(draw: st.DrawFn, good: st.SearchStrategy[bytes], head: bytes | None = None) -> bytes:
    """A file: a header or none, good lines with a few odd ones between them, and what damages whole files."""
    rows = draw(
        st.lists(mostly(good, ODD_LINES, 30), min_size=draw(mostly(st.just(5), st.just(0), 9)), max_size=14)
    )
    if head is not None and draw(st.integers(1, 20)) != 2:
        rows.insert(0, head)
    content = draw(mostly(st.just(b"\n"), ENDS, 8)).join(rows) + draw(ENDS)
    damage = draw(st.integers(1, 40))
    if damage == 5:
        content = b"\xef\xbb\xbf" + content
    elif damage == 6:
        content = content.decode("utf-8", "replace").encode("utf-16", "surrogatepass")
    elif damage == 7 and content:
        place = draw(st.integers(0, len(content) - 1))
        content = content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]
    elif damage == 8:
        content = content[: draw(st.integers(0, len(content)))]
    return content


@st.composite
def record(draw: st.DrawFn) -> bytes:
    """A line of a corpus or of queries, mostly with ids that differ."""
    identity = draw(mostly(st.integers(0, 9999).map(str), IDS, 12))
    text = draw(TEXTS)
    further = draw(
        st.sampled_from(["", "", ', "title": "t"', ', "language": "go"', ', "title": null', ', "extra": [1]'])
    )
    number = identity if identity.isascii() and identity.isdigit() and draw(st.booleans()) else f'"{identity}"'
    return f'{{"_id": {number}, "text": "{text}"{further}}}'.encode()


@st.composite
def judgment(draw: st.DrawFn) -> bytes:
    ids = [draw(mostly(st.integers(0, 5).map(str), IDS, 40)) for _ in range(2)]
    return "\t".join([*ids, draw(mostly(st.sampled_from(["1", "0", "2", "0.5", "-1"]), NUMBERS, 30))]).encode()


@st.composite
def row(draw: st.DrawFn, columns: int) -> bytes:
    cells = [draw(mostly(TEXTS.map(lambda text: text.strip() or "b"), TEXTS, 40)) for _ in range(columns)]
    first = st.sampled_from(["0", "1", "2", "3.5"] if columns == 2 else ["0", "1"])
    return "\t".join([draw(mostly(first, NUMBERS, 40)), *cells]).encode()


def measured(folder: Path) -> None:
    """Read whatever there is and measure a tiny model and BM25 on it."""
    systems = {MODEL: Named(SpellingEmbedder(), "tiny", "00"), "bm25": BM25Scorer()}
    report = run_evaluation(find_jobs(folder, suites=JUDGED), systems, "tiny", date="d")
    for results in report.systems.values():
        assert all(np.isfinite(result.estimate.value) for result in results)


def written(folder: Path, files: dict[str, bytes | None]) -> Path:
    for name, content in files.items():
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            packed = gzip.compress(content, 1) if name.endswith(".gz") else content
            (folder / name).write_bytes(packed)
    return folder


FILES = st.fixed_dictionaries(
    {
        "corpus": mostly(lines(record()), st.none(), 30),
        "queries": mostly(lines(record()), st.none(), 30),
        "qrels": mostly(lines(judgment(), b"query-id\tcorpus-id\tscore"), st.none(), 30),
        "consistent": st.integers(0, 3),
        "packed": mostly(st.sampled_from(["", ".gz"]), st.just(".cut"), 20),
    }
)


@given(files=FILES)
def beir(files: dict) -> None:
    """A BEIR folder. In three of four, all ids that are judged are there, once."""
    parts = {name: files[name] for name in ("corpus", "queries", "qrels")}
    if files["consistent"]:
        for name in ("corpus", "queries"):
            numbered = [f'{{"_id": "{n}", "text": "text {n}"}}'.encode() for n in range(6)]
            known = {f'"_id": {quote}{n}{quote}'.encode() for n in range(6) for quote in ('"', "")}
            kept = [line for line in (parts[name] or b"").split(b"\n") if not any(each in line for each in known)]
            parts[name] = b"\n".join(numbered + (kept if files["consistent"] == 1 else []))
        judged = {line.rpartition(b"\t")[0]: line for line in (parts["qrels"] or b"").split(b"\n")}
        parts["qrels"] = b"\n".join(judged.values())
    with tempfile.TemporaryDirectory() as folder:
        pack = ".gz" if files["packed"] == ".gz" else ""
        task = written(
            Path(folder, "task"),
            {
                f"corpus.jsonl{pack}": parts["corpus"],
                "queries.jsonl": parts["queries"],
                "qrels/test.tsv": parts["qrels"],
            },
        )
        if files["packed"] == ".cut" and parts["corpus"]:
            (task / "corpus.jsonl").rename(task / "corpus.jsonl.gz")
        measured(Path(folder))


@given(
    splits=mostly(
        st.fixed_dictionaries(dict.fromkeys(["train", "test"], lines(row(1), b"label\ttext"))),
        st.dictionaries(st.sampled_from(["train", "test", "dev", "all", "other"]), lines(row(1), b"label\ttext")),
        4,
    ),
    pairs=st.dictionaries(
        st.sampled_from(["test", "news", "a"]), lines(row(2), b"score\ttext1\ttext2"), max_size=2
    ),
    labels=st.sampled_from(
        [b"label\tname\n0\tbad\n1\tgood\n"] * 6
        + [b"", b"label\tname\n", b"0\tbad\n1\tgood\n", b"label\tname\n0\tb\n0\tc\n"]
    ),
    whole=mostly(st.just(False), st.just(True), 5),
)
def tables(splits: dict[str, bytes], pairs: dict[str, bytes], labels: bytes, whole: bool) -> None:
    """Folders of labelled texts and of scored pairs, side by side."""
    probe._GRID = (1.0,)  # in this process alone: the fits of the whole grid would take most of the time
    if whole:
        splits = {"all": b"label\ttext\n" + b"".join(splits.values()).replace(b"label\ttext\n", b"")}
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder, "labelled"), {f"{name}.tsv": content for name, content in splits.items()})
        if splits:
            written(Path(folder, "labelled"), {"labels.tsv": labels})
        written(Path(folder, "scored"), {f"{name}.tsv": content for name, content in pairs.items()})
        for part in Path(folder).iterdir():
            measured(part)


@pytest.mark.parametrize("one_case", [beir, tables])
def test_some_hundred_folders(one_case: object) -> None:
    fuzz(one_case, cases=200)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("one_case", [beir, tables])
def test_five_thousand_folders(one_case: object) -> None:
    fuzz(one_case)  # type: ignore[arg-type]
