"""Reader of evaluation folders: every text that must not be trained on.

It reads, at any depth below a folder:
    *.jsonl, *.jsonl.gz   BEIR corpora and queries, or any objects with text
    *.tsv                 with a header that names a text column (text, text1, sentence, question, ...)
    manifest.json         a dataset that `adjoin mine` wrote: x and y of its pairs
Files in another data format are errors: if they were skipped, their texts might be trained on. Relevance judgments
(qrels), label names and documentation hold no evaluation text; they are counted and skipped.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjoin.cleaning.decontamination.code import LANGUAGES_OF_CODE
from adjoin.errors import AdjoinError
from adjoin.files import numbered_lines
from adjoin.pairs.dataset import MANIFEST, NEGATIVES, PairDataset
from adjoin.tally import Tally

CODE, PASSAGE, QUERY, TITLE = "held-out code", "held-out passages", "held-out queries", "held-out titles"
TITLE_WORDS = 5  # a shorter title ("Ingrid Bergman") is a name, which may occur anywhere

EXPECTED = "corpus.jsonl(.gz), queries.jsonl, *.jsonl, *.tsv with a header, or a dataset made by `adjoin mine`"
_TEXT_COLUMN = re.compile(
    r"(?:text|sentence|question|query|passage|document|title|premise|hypothesis|answer|code|docstring)s?_?\d*[ab]?"
)
_NO_TEXT = re.compile(
    r"_?(?:.*[_-])?(?:id|ids|hash|sha|md5|url|uri|source|language|lang|licen[cs]e|repo|repository|path|split|label"
    r"|score|type|kind|origin|group|date|metadata|partition|genre|name|func_name)"
)
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_DATA = (
    ".arrow", ".bz2", ".csv", ".db", ".feather", ".gz", ".h5", ".hdf5", ".json", ".ndjson", ".npy", ".npz",
    ".parquet", ".pickle", ".pkl", ".sqlite", ".tar", ".tgz", ".xml", ".xz", ".zip", ".zst",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvaluationText:
    """One text of an evaluation set, which must not be trained on.

    Attributes:
        text: as in the file.
        kind: `CODE`, `PASSAGE`, `QUERY`, or `TITLE` of a passage.
        language: the programming language of code; empty for other kinds.
    """

    text: str
    kind: str
    language: str = ""


def read_evaluation_texts(
    folders: Sequence[Path], repositories: dict[str, set[str]], tally: Tally
) -> Iterator[EvaluationText]:
    """Yield every text below the folders, in the order of the folders, then of paths.

    Args:
        folders: evaluation folders, or folders that contain some. A file reached twice is read once.
        repositories: filled with "owner/name" of each repository that texts come from → their languages.
        tally: counts the texts of each kind and the files that are skipped.

    Raises:
        AdjoinError: a folder is missing or has no evaluation data; a file is damaged or of another data format; a
            line has no text.
    """
    seen: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise AdjoinError(f"no evaluation data at {folder}: expected a folder with {EXPECTED}; check the path")
        has_texts = False
        for file in _files(folder):
            real = file.resolve()
            if real in seen:
                has_texts = True
                continue
            seen.add(real)
            for text in _texts(file, repositories, tally):
                has_texts = True
                tally.add(text.kind)
                yield text
        if not has_texts:
            raise AdjoinError(f"nothing to hold out in {folder}: expected {EXPECTED}; check the path")


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, sorted by name; for a dataset of pairs, only its manifest."""

    def refuse(error: OSError) -> None:
        raise AdjoinError(f"cannot read {error.filename}: {error.strerror}; give a folder you may read") from None

    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if len(Path(place).resolve().parts) > 64:  # a link to a parent folder
            raise AdjoinError(f"{place} is too deep: expected no folder that links to itself; remove the link")
        if _is_dataset(files):
            files = [MANIFEST]
        yield from (Path(place, name) for name in sorted(files) if not name.startswith("."))


def _is_dataset(files: Sequence[str]) -> bool:
    return MANIFEST in files and any(re.fullmatch(r"pairs-\d+\.parquet", name) for name in files)


def _texts(file: Path, repositories: dict[str, set[str]], tally: Tally) -> Iterator[EvaluationText]:
    name = file.name.lower()
    if file.name == MANIFEST:
        yield from _of_dataset(file.parent, repositories)
    elif name.endswith((".jsonl", ".jsonl.gz")):
        yield from _of_jsonl(file, repositories)
    elif name.endswith(".tsv"):
        yield from _of_tsv(file, tally)
    elif file.suffix.lower() in _DATA:
        raise AdjoinError(f"{file} is of a format that is not read: expected {EXPECTED}; convert or move it")
    else:
        tally.add("file without evaluation data", file.name)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not blank."""
    try:
        with gzip.open(file, "rb") if file.name.lower().endswith(".gz") else file.open("rb") as content:
            for number, data in numbered_lines(content, file):
                line = data.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise AdjoinError(f"cannot read {file}, it is damaged or cut off ({error}): copy the file again") from None


def _of_jsonl(file: Path, repositories: dict[str, set[str]]) -> Iterator[EvaluationText]:
    queries = file.name.lower().startswith("queries")
    for number, line in _lines(file):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AdjoinError(f"{file}, line {number} is not JSON ({error}): correct or remove the line") from None
        if not isinstance(record, dict):
            raise AdjoinError(f"{file}, line {number} is {line[:40]!r}: expected an object with text; correct it")
        texts = list(_of_record(record, queries))
        if not texts and not any(isinstance(record.get(name), str) for name in ("text", "title")):
            raise AdjoinError(f'{file}, line {number} has no text: expected an object with "text"; correct it')
        for repository in _repositories_of(record):
            repositories.setdefault(repository, set()).update(text.language for text in texts if text.language)
        yield from texts


def _of_record(record: dict[str, Any], queries: bool) -> Iterator[EvaluationText]:
    """Every string in an object, also in lists, except in fields whose name says that they hold no text."""
    language = str(record.get("language") or record.get("lang") or "").lower()
    for name, value in record.items():
        if _NO_TEXT.fullmatch(name.lower()):
            continue
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or not text.strip():
                continue
            if name != "title" or not record.get("text"):
                yield _classified(text, name, language, queries)
            elif len(text.split()) >= TITLE_WORDS:
                yield EvaluationText(text, TITLE)


def _classified(text: str, name: str, language: str, queries: bool) -> EvaluationText:
    if language in LANGUAGES_OF_CODE and name in ("text", "code", "y", "function", "whole_func_string", NEGATIVES):
        return EvaluationText(text, CODE, language)
    is_query = queries or name in ("query", "question", "docstring", "x")
    return EvaluationText(text, QUERY if is_query else PASSAGE)


def _repositories_of(record: dict[str, Any]) -> Iterator[str]:
    for name in ("source", "repo", "repository", "repository_name"):
        value = record.get(name)
        if isinstance(value, str) and (match := _REPOSITORY.fullmatch(value.partition("@")[0])):
            yield match.group()


def _of_tsv(file: Path, tally: Tally) -> Iterator[EvaluationText]:
    if file.name.startswith(("labels", "qrels")) or file.parent.name == "qrels":
        tally.add("file without evaluation data", file.name)
        return
    columns: list[int] = []
    width = 0
    for number, line in _lines(file):
        fields = line.split("\t")
        if not width:
            width = len(fields)
            columns = [i for i, name in enumerate(fields) if _TEXT_COLUMN.fullmatch(name.strip().lower())]
            if not columns:
                raise AdjoinError(
                    f"{file} has the columns {', '.join(fields)[:80]!r}: expected a header with one named text (or"
                    " text1, sentence, question, ...); add the line"
                )
        elif len(fields) < max(columns) + 1:
            raise AdjoinError(f"{file}, line {number} has {len(fields)} columns, expected {width}; correct it")
        else:
            yield from (EvaluationText(fields[i], PASSAGE) for i in columns if fields[i].strip())


def _of_dataset(folder: Path, repositories: dict[str, set[str]]) -> Iterator[EvaluationText]:
    dataset = PairDataset.open(folder)
    columns = ["x", "y", "language", "repository", *([NEGATIVES] if dataset.has_negatives else [])]
    for batch in dataset.batches(columns):
        for repository, language in zip(batch.get("repository", ()), batch["language"], strict=False):
            if _REPOSITORY.fullmatch(repository):
                repositories.setdefault(repository, set()).add(language)
        for x, y, language in zip(batch["x"], batch["y"], batch["language"], strict=True):
            yield EvaluationText(x, QUERY)
            yield _classified(y, "y", language, queries=False)
        for others, language in zip(batch.get(NEGATIVES, ()), batch["language"], strict=False):
            yield from (_classified(text, NEGATIVES, language, queries=False) for text in others)
