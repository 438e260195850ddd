"""Search tasks on disk in the layout of BEIR (Thakur et al. 2021).

NAME/corpus.jsonl[.gz]     one object per line: _id, text, optionally title and language
NAME/queries.jsonl[.gz]    one object per line: _id, text
NAME/qrels/test.tsv        query-id, corpus-id, score; tab-separated, the header is optional.
                           NAME/qrels.tsv is read as well
"""

import gzip
import io
import json
import logging
import math
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.folders import name_of, task_folders
from adjoin.evaluation.data.retrieval_task import RetrievalTask
from adjoin.files import folder_in_one_piece, numbered_lines
from adjoin.outputs import Owner, replaced_folder

__all__ = ["RetrievalTask", "load_task", "load_tasks", "write_task"]

logger = logging.getLogger(__name__)

TASK = Owner("a search task", r"(corpus|queries)\.jsonl(\.gz)?|qrels")
HEADER = ("query-id", "corpus-id", "score")
HEADERS = ("query-id", "query_id", "queryid", "query id", "query", "qid")  # first columns of a header line
HIGHEST_GRADE = 1e9  # beyond, sums of gains overflow; grades in use are 0 to 4
EXAMPLES = 3  # ids shown in a message


def load_tasks(folder: Path) -> list[RetrievalTask]:
    """Read the search tasks of a folder, sorted by path.

    The folder is a BEIR folder, or contains BEIR folders one level below or, if there are none, two levels below.
    Other folders are skipped.

    Args:
        folder: where to look.

    Raises:
        AdjoinError: the folder is missing or has no task, or a file is missing, empty, damaged or inconsistent.
            The message names the file and, if possible, the line.
    """
    return [load_task(path) for path in search_folders(folder)]


def search_folders(folder: Path) -> list[Path]:
    """The BEIR folders of `load_tasks`, found by the names of their files.

    Raises:
        AdjoinError: the folder is missing or has no task.
    """
    return task_folders(folder, _is_task, "corpus.jsonl, queries.jsonl and qrels/test.tsv")


def load_task(folder: Path) -> RetrievalTask:
    """Read one BEIR folder. The name of the folder is the name of the task.

    Queries without a relevant document (a grade above 0) are left out, and their number is logged.

    Args:
        folder: contains corpus, queries and judgments.

    Raises:
        AdjoinError: as for `load_tasks`.
    """
    corpus = _one_of(folder, "corpus.jsonl", "corpus.jsonl.gz")
    documents: dict[str, str] = {}
    languages: list[str] = []
    for number, record in _records(corpus):
        identity = _new_id(corpus, number, record, documents)
        title, language = record.get("title") or "", record.get("language") or ""
        if not isinstance(title, str) or not isinstance(language, str):
            raise AdjoinError(f"{corpus}, line {number}: title and language must be strings; correct the line")
        documents[identity] = f"{title}\n{record['text']}" if title else record["text"]
        languages.append(language)
    if not documents:
        raise AdjoinError(f"{corpus} has no document: expected at least one line; copy the file again")
    queries_file = _one_of(folder, "queries.jsonl", "queries.jsonl.gz")
    queries: dict[str, str] = {}
    for number, record in _records(queries_file):
        queries[_new_id(queries_file, number, record, queries)] = record["text"]
    judgments_file = _one_of(folder, "qrels/test.tsv", "qrels.tsv")
    judged = _relevant(judgments_file, queries, documents)
    left_out = len(queries) - len(judged)
    if left_out:
        logger.warning("%s: %d of %d queries have no relevant document, left out", folder, left_out, len(queries))
    kept = [query for query in queries if query in judged]
    return RetrievalTask(
        name=name_of(folder),
        document_ids=list(documents),
        documents=list(documents.values()),
        query_ids=kept,
        queries=[queries[query] for query in kept],
        relevant=[judged[query] for query in kept],
        languages=languages if any(languages) else [],
    )


def write_task(folder: Path, task: RetrievalTask) -> None:
    """Write a task in BEIR's layout. The same task always gives the same bytes, and `load_task` reads it back.

    Args:
        folder: the folder to create, atomically. Its name should be that of the task, since `load_task` takes the
            name from the folder.
        task: what to write. Each document becomes one text that includes its title.

    Raises:
        AdjoinError: an id contains a tab or a newline.
    """
    for identity in (*task.document_ids, *task.query_ids):
        if not identity or any(mark in identity for mark in "\t\r\n") or not _encodes(identity):
            raise AdjoinError(
                f"cannot write the id {identity!r} of task {task.name} into qrels/test.tsv: expected text "
                "without tabs and line ends; rename it"
            )
    languages = task.languages or [""] * len(task.documents)
    corpus = (
        {"_id": identity, "title": "", "text": text} | ({"language": language} if language else {})
        for identity, text, language in zip(task.document_ids, task.documents, languages, strict=True)
    )
    queries = (
        {"_id": identity, "text": text} for identity, text in zip(task.query_ids, task.queries, strict=True)
    )
    lines = ["\t".join(HEADER)]
    for query_id, relevant in zip(task.query_ids, task.relevant, strict=True):
        lines += [f"{query_id}\t{task.document_ids[i]}\t{_number(grade)}" for i, grade in relevant.items()]
    with replaced_folder(folder, TASK) as place, folder_in_one_piece(place) as unfinished:
        (unfinished / "corpus.jsonl.gz").write_bytes(_gzipped(_json_lines(corpus)))
        (unfinished / "queries.jsonl").write_bytes(_json_lines(queries))
        (unfinished / "qrels").mkdir()
        (unfinished / "qrels" / "test.tsv").write_bytes(("\n".join(lines) + "\n").encode())


def _is_task(folder: Path) -> bool:
    names = ("corpus.jsonl", "corpus.jsonl.gz", "queries.jsonl", "queries.jsonl.gz")
    return any((folder / name).is_file() for name in names)


def _one_of(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise AdjoinError(f"evaluation data {folder} has no {' or '.join(names)}: add the file or name another folder")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Line number, from 1, and text of each line that is not blank."""
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as content:
            for number, data in numbered_lines(content, file):
                line = _decoded(data, file, number)
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise AdjoinError(f"cannot read {file}, it is damaged or cut off ({error}): copy the file again") from None


def _decoded(data: bytes, file: Path, number: int) -> str:
    """A line as text, the first one without its byte-order mark."""
    try:
        return data.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise AdjoinError(
            f"{file}, line {number} is not UTF-8 ({error.reason} at byte {error.start}): convert the file"
        ) from None


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line, with the string fields `_id` (an integer is converted) and `text`."""
    for number, line in _lines(file):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AdjoinError(f"{file}, line {number} is not JSON ({error}): correct or remove the line") from None
        if isinstance(record, dict) and type(record.get("_id")) is int:
            record["_id"] = str(record["_id"])
        if not (
            isinstance(record, dict) and isinstance(record.get("_id"), str) and isinstance(record.get("text"), str)
        ):
            raise AdjoinError(
                f'{file}, line {number}: expected an object with the strings "_id" and "text"; correct the line'
            )
        yield number, record


def _new_id(file: Path, number: int, record: dict[str, Any], known: dict[str, str]) -> str:
    identity: str = record["_id"]
    if identity in known:
        raise AdjoinError(
            f"{file}, line {number} repeats the _id {identity!r}: expected all to differ; rename one"
        )
    return identity


def _relevant(file: Path, queries: dict[str, str], documents: dict[str, str]) -> dict[str, dict[int, float]]:
    """Query id → document index → grade, for grades above 0. All ids are checked."""
    index_of = {identity: index for index, identity in enumerate(documents)}
    relevant: dict[str, dict[int, float]] = {}
    grades: dict[tuple[str, str], float] = {}
    for query, document, grade, number in _judgments(file):
        if grades.setdefault((query, document), grade) != grade:
            raise AdjoinError(
                f"{file}, line {number} grades query {query!r} and document {document!r} {grade:g} after "
                f"{grades[query, document]:g}: expected one grade per pair; remove one of the lines"
            )
        if grade > 0 and query in queries and document in index_of:
            relevant.setdefault(query, {})[index_of[document]] = grade
    _refuse_unknown(file, "query", {query for query, _ in grades} - queries.keys(), "queries.jsonl")
    _refuse_unknown(file, "document", {document for _, document in grades} - index_of.keys(), "corpus.jsonl")
    if not relevant:
        raise AdjoinError(f"{file} names no relevant document: expected lines with a score above 0; copy it again")
    return relevant


def _refuse_unknown(file: Path, what: str, unknown: set[str], where: str) -> None:
    if unknown:
        examples = ", ".join(repr(identity) for identity in sorted(unknown)[:EXAMPLES])
        raise AdjoinError(
            f"{file} names {len(unknown):,} {what} ids that {where} does not have ({examples}"
            f"{', ...' if len(unknown) > EXAMPLES else ''}): expected files of one data set; copy all again"
        )


def _judgments(file: Path) -> Iterator[tuple[str, str, float, int]]:
    """Query id, document id, grade and line number of each judgment."""
    for number, line in _lines(file):
        fields = line.split("\t")
        if number == 1 and fields[0].strip().lower() in HEADERS and not _is_number(fields[-1]):
            continue
        try:
            query, document, score = fields
            grade = float(score)
        except ValueError:
            grade = math.nan
        if not abs(grade) <= HIGHEST_GRADE:
            raise AdjoinError(
                f"{file}, line {number} is {line[:80]!r}: expected query id, document id and a number up to "
                f"{HIGHEST_GRADE:,.0f}, separated by tabs; correct the line"
            )
        yield query, document, grade, number


def _json_lines(records: Iterable[dict[str, str]]) -> bytes:
    # Escaped to ASCII, since text from broken files may hold a lone surrogate, which UTF-8 cannot.
    return b"".join(json.dumps(record).encode("ascii") + b"\n" for record in records)


def _gzipped(content: bytes) -> bytes:
    """Gzip without name and time, so that equal content gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(grade: float) -> str:
    return str(int(grade)) if grade == int(grade) else repr(float(grade))
