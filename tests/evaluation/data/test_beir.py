import gzip
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_tasks import task_of

from adjoin.errors import AdjoinError
from adjoin.evaluation import RetrievalTask, load_tasks, write_task

CORPUS: list[dict[str, Any]] = [
    {"_id": "a", "title": "Files", "text": "how to open a file"},
    {"_id": "b", "title": "", "text": "def close(): pass", "language": "python"},
    {"_id": "c", "text": "def open(): pass", "language": "python"},
]
QUERIES: list[dict[str, Any]] = [
    {"_id": "q1", "text": "opening"},
    {"_id": "q2", "text": "closing"},
    {"_id": "a", "text": "alike"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\tc\t1\nq1\ta\t2\nq2\tb\t0\na\tb\t1\n"


def lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tiny"
    (made / "qrels").mkdir(parents=True)
    (made / "corpus.jsonl.gz").write_bytes(gzip.compress(lines(CORPUS).encode()))
    (made / "queries.jsonl").write_text(lines(QUERIES))
    (made / "qrels" / "test.tsv").write_text(QRELS)
    return made


def message(path: Path) -> str:
    """The one line that loading fails with."""
    with pytest.raises(AdjoinError) as caught:
        load_tasks(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        (task,) = load_tasks(folder)
    assert task.name == "tiny"
    assert task.document_ids == ["a", "b", "c"]
    assert task.documents == ["Files\nhow to open a file", "def close(): pass", "def open(): pass"]
    assert task.query_ids == ["q1", "a"]
    assert task.queries == ["opening", "alike"]
    assert task.relevant == [{2: 1.0, 0: 2.0}, {1: 1.0}]
    assert task.excluded == [None, 0]
    assert task.languages == ["", "python", "python"]
    assert task.suite == "code"
    assert "1 of 3 queries have no relevant document" in caplog.text


def test_other_spellings_of_the_layout(folder: Path) -> None:
    (expected,) = load_tasks(folder)
    (folder / "corpus.jsonl").write_text(lines(CORPUS))
    (folder / "corpus.jsonl.gz").unlink()
    (folder / "queries.jsonl.gz").write_bytes(gzip.compress((lines(QUERIES) + "\n").encode()))
    (folder / "queries.jsonl").unlink()
    (folder / "qrels.tsv").write_bytes(QRELS.partition("\n")[2].replace("\n", "\r\n").encode())
    (folder / "qrels" / "test.tsv").unlink()
    assert load_tasks(folder) == [expected]


def test_whole_numbers_as_ids(folder: Path) -> None:
    (folder / "queries.jsonl").write_text('{"_id": 7, "text": "opening"}\n')
    (folder / "qrels" / "test.tsv").write_text("7\ta\t1.5\n")
    (task,) = load_tasks(folder)
    assert (task.query_ids, task.relevant) == (["7"], [{0: 1.5}])


def test_folders_of_folders(tmp_path: Path) -> None:
    for name in ("code/beta", "code/alpha", "text/gamma"):
        write_task(tmp_path / name, task_of([{0: 1.0}]))
    (tmp_path / "code" / "notes").mkdir()
    (tmp_path / "SOURCES.md").write_text("where it is from")
    assert [task.name for task in load_tasks(tmp_path / "code")] == ["alpha", "beta"]
    assert [task.name for task in load_tasks(tmp_path)] == ["alpha", "beta", "gamma"]


def test_no_folder_and_no_task(tmp_path: Path) -> None:
    assert "no evaluation data at" in message(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    assert "no evaluation data in" in message(tmp_path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-12])


def rewrite(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


def packed(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(gzip.compress(content)) and None


@pytest.mark.parametrize(
    ("file", "damage", "expected"),
    [
        ("corpus.jsonl.gz", Path.unlink, "has no corpus.jsonl or corpus.jsonl.gz"),
        ("queries.jsonl", Path.unlink, "has no queries.jsonl or queries.jsonl.gz"),
        ("qrels/test.tsv", Path.unlink, "has no qrels/test.tsv or qrels.tsv"),
        ("corpus.jsonl.gz", cut, "corpus.jsonl.gz, it is damaged or cut off"),
        ("corpus.jsonl.gz", rewrite("plain text"), "corpus.jsonl.gz, it is damaged or cut off"),
        ("corpus.jsonl.gz", packed(b""), "corpus.jsonl.gz has no document"),
        ("corpus.jsonl.gz", packed(b'{"_id": "a", "text": "\xff"}'), "line 1 is not UTF-8 (invalid start"),
        ("corpus.jsonl.gz", packed(lines(CORPUS + CORPUS[:1]).encode()), "line 4 repeats the _id 'a'"),
        ("corpus.jsonl.gz", packed(b'{"_id": "a", "text": "x", "title": 3}'), "line 1: title and language"),
        ("queries.jsonl", rewrite('{"_id": "q1", "text": "x"}\n{"_id": '), "queries.jsonl, line 2 is not JSON"),
        ("queries.jsonl", rewrite('\n["q1", "x"]\n'), 'line 2: expected an object with the strings "_id"'),
        ("queries.jsonl", rewrite('{"_id": "q1"}'), "line 1: expected an object"),
        ("queries.jsonl", rewrite('{"_id": true, "text": "x"}'), "line 1: expected an object"),
        ("queries.jsonl", rewrite(lines(QUERIES + QUERIES[1:2])), "line 4 repeats the _id 'q2'"),
        (
            "queries.jsonl",
            rewrite(lines(QUERIES[:1])),
            "names 2 query ids that queries.jsonl does not have ('a', 'q2')",
        ),
        ("queries.jsonl", rewrite(""), "names 3 query ids that queries.jsonl does not have ('a', 'q1', 'q2')"),
        (
            "corpus.jsonl.gz",
            packed(lines(CORPUS[1:2]).encode()),
            "names 2 document ids that corpus.jsonl does not have ('a', 'c')",
        ),
        ("qrels/test.tsv", rewrite(""), "names no relevant document"),
        ("qrels/test.tsv", rewrite("query-id\tcorpus-id\tscore\nq1\ta\t0\n"), "names no relevant document"),
        ("qrels/test.tsv", rewrite(QRELS + "q1 a 1\n"), "line 6 is 'q1 a 1': expected query id"),
        ("qrels/test.tsv", rewrite(QRELS + "q1\tb\tmuch\n"), "line 6 is"),
        ("qrels/test.tsv", rewrite(QRELS + "q1\tb\tnan\n"), "line 6 is"),
        ("qrels/test.tsv", rewrite(QRELS + "q1\ta\t1\n"), "line 6 grades query 'q1' and document 'a' 1 after 2"),
    ],
)
def test_every_damage_is_one_clear_line(
    folder: Path, file: str, damage: Callable[[Path], None], expected: str
) -> None:
    damage(folder / file)
    assert expected in message(folder)


def test_many_unknown_ids_are_counted_and_a_few_shown(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("".join(f"q1\tx{i}\t1\n" for i in range(1500)))
    assert "names 1,500 document ids" in message(folder)
    assert "('x0', 'x1', 'x10', ...)" in message(folder)


def test_a_document_with_the_query_s_id_is_left_out_unless_it_is_relevant() -> None:
    task = task_of([{0: 1.0}, {1: 1.0}, {2: 1.0}], query_ids=["d1", "d0", "d2"])
    assert task.excluded == [1, 0, None]


@pytest.mark.parametrize(
    ("languages", "suite"),
    [
        ([], "retrieval"),
        (["go", "go", ""], "code"),
        (["go", "text", ""], "retrieval"),
        (["text"] * 3, "retrieval"),
    ],
)
def test_suites(languages: list[str], suite: str) -> None:
    assert task_of([{2: 1.0}], languages=languages).suite == suite


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"document_ids": ["a"]}, "1 document ids, 2 documents"),
        ({"languages": ["go"]}, "1 languages"),
        ({"query_ids": []}, "0 query ids, 1 queries"),
        ({"query_ids": [], "queries": [], "relevant": []}, "at least one"),
        ({"document_ids": ["a", "a"]}, "repeats a document id"),
        ({"relevant": [{}]}, r"judges \{\} for query 'q'"),
        ({"relevant": [{2: 1.0}]}, "from 0 to 1"),
        ({"relevant": [{0: 0.0}]}, "grade above 0"),
    ],
)
def test_tasks_that_contradict_themselves(change: dict[str, Any], expected: str) -> None:
    parts: dict[str, Any] = {
        "name": "odd",
        "document_ids": ["a", "b"],
        "documents": ["one", "two"],
        "query_ids": ["q"],
        "queries": ["which"],
        "relevant": [{0: 1.0}],
    }
    with pytest.raises(AdjoinError, match=expected):
        RetrievalTask(**(parts | change))


texts = st.text(st.characters(), max_size=20)
ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)


@st.composite
def tasks(draw: st.DrawFn) -> RetrievalTask:
    document_ids = draw(st.lists(ids, unique=True, min_size=1, max_size=5))
    query_ids = draw(st.lists(ids, unique=True, min_size=1, max_size=4))
    judged = st.dictionaries(
        st.integers(0, len(document_ids) - 1), st.sampled_from([1.0, 2.0, 0.1, 1e-7]), min_size=1
    )
    return RetrievalTask(
        name="drawn",
        document_ids=document_ids,
        documents=[draw(texts) for _ in document_ids],
        query_ids=query_ids,
        queries=[draw(texts) for _ in query_ids],
        relevant=[draw(judged) for _ in query_ids],
        languages=draw(st.sampled_from([[], ["go"] * len(document_ids)])),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(task=tasks())
def test_what_is_written_is_read_back(tmp_path: Path, task: RetrievalTask) -> None:
    write_task(tmp_path / "drawn", task)
    (again,) = load_tasks(tmp_path / "drawn")
    assert again == task
    assert [list(judged) for judged in again.relevant] == [list(judged) for judged in task.relevant]


def test_equal_tasks_give_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of([{1: 1.0, 0: 2.0}], languages=["go", "go"])
    write_task(tmp_path / "one", task)
    monkeypatch.setattr("time.time", lambda: 4e8)
    write_task(tmp_path / "other", task)
    for name in ("corpus.jsonl.gz", "queries.jsonl", "qrels/test.tsv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert (tmp_path / "one" / "qrels" / "test.tsv").read_text() == (
        "query-id\tcorpus-id\tscore\nq0\td1\t1\nq0\td0\t2\n"
    )


@pytest.mark.parametrize("identity", ["a\tb", "a\nb", "", "\ud800"])
def test_ids_that_a_table_cannot_hold(tmp_path: Path, identity: str) -> None:
    with pytest.raises(AdjoinError, match="cannot write the id"):
        write_task(tmp_path / "odd", task_of([{0: 1.0}], query_ids=[identity]))
    assert not (tmp_path / "odd").exists()
