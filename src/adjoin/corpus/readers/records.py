"""Records with named fields → Documents, for JSON lines and Parquet, whose readers give each record as a dict."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from adjoin.corpus.code_languages import code_language
from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.licences import normal_licence
from adjoin.corpus.readers.sections import (
    UnreadableError,
    check_line_lengths,
    lines_of,
    one_line,
    with_unix_line_ends,
)
from adjoin.corpus.repositories import normal_repository
from adjoin.tally import Tally

MAX_RECORD = 8 << 20  # bytes; a longer record is data, or a whole library in one string
_MAX_ID = 200  # characters of a record's id within an origin
_MAX_TITLE = 500  # characters
_MAX_FIELD_SETS = 100  # distinct sets of fields cached per file, and fields in one of them

# Common field names, the likeliest first. Code is in "content" (The Stack) or "code".
_COMMON_NAMES = {
    "text": ("text", "content", "body", "code"),
    "title": ("title", "subject", "headline"),
    "question": ("question", "query"),
    "answer": ("answer", "response"),
    "language": ("language", "lang", "programming_language"),
    "licence": ("license", "licence"),
    "repository": ("repo", "repository", "repo_name", "source"),
    "id": ("id", "_id", "url"),
}
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Columns:
    """Field names of records. For an empty name, the common names are tried.

    A record without a field named here is skipped and counted. A common name may be absent.

    Attributes:
        text: prose, or source code if `language` names a programming language. Common names: "text", "content",
            "body", "code".
        title: title of the record: "title", "subject", "headline".
        question: "question", "query". It is used if there is an answer, or if the field is named here.
        answer: "answer", "response". A record with a question and an answer has the answer as its text.
        language: "language", "lang", "programming_language". Natural languages are ignored.
        licence: "license", "licence".
        repository: "repo", "repository", "repo_name", "source".
        id: "id", "_id", "url". A record without an id is named by its number.
    """

    text: str = ""
    title: str = ""
    question: str = ""
    answer: str = ""
    language: str = ""
    licence: str = ""
    repository: str = ""
    id: str = ""

    def candidates(self) -> dict[str, tuple[str, ...]]:
        """Map each attribute of this class to the field names to try in a record, in order."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {column: (name,) if name else _COMMON_NAMES[column] for column, name in given.items()}

    def required(self) -> tuple[str, ...]:
        """The field names that the user gave, which each record must have."""
        return tuple(name for field in fields(self) if (name := getattr(self, field.name)))


DEFAULT_COLUMNS = Columns()


class RecordReader:
    """Makes Documents from the records of one file.

    Args:
        columns: field names.
        origin: origin of the file.
        tally: counts every record without a Document.
    """

    def __init__(self, columns: Columns, origin: str, tally: Tally) -> None:
        self._candidates = columns.candidates()
        self._required = columns.required()
        self._question_alone = bool(columns.question)  # whether a question without an answer counts
        # Field names of a record, in its order → column → which of its candidates are among them.
        self._present: dict[tuple[str, ...], dict[str, list[str]]] = {}
        self._origin = origin
        self._tally = tally

    def read(self, record: Mapping[str, Any], number: int) -> Document | None:
        """Return the Document of one record, or count the reason why there is none.

        Args:
            record: field name → value.
            number: position of the record in its file, from 1: the line, for JSON lines.
        """
        try:
            return self._document(record, number)
        except UnreadableError as error:
            self.skip(error.reason, number)
            return None

    def skip(self, reason: str, number: int) -> None:
        """Count a record that gives no Document."""
        self._tally.add(reason, f"{self._origin}:{number}")

    def columns_read(self, names: Iterable[str]) -> list[str]:
        """Those of the given field names that `read` uses; the others need not be loaded."""
        used = {name for candidates in self._candidates.values() for name in candidates}
        return [name for name in names if name in used]

    def _present_names(self, field_names: tuple[str, ...]) -> dict[str, list[str]]:
        """Column → the candidates among these fields. Cached: most records of a file have the same fields."""
        present = self._present.get(field_names)
        if present is None:
            for name in self._required:
                if name not in field_names:
                    raise UnreadableError(f"no column {name}")
            present = {
                column: [name for name in names if name in field_names]
                for column, names in self._candidates.items()
            }
            if len(self._present) < _MAX_FIELD_SETS and len(field_names) < _MAX_FIELD_SETS:
                self._present[field_names] = present
        return present

    def _document(self, record: Mapping[str, Any], number: int) -> Document:
        present = self._present_names(tuple(record))
        values = {column: _first_value(record, names) for column, names in present.items()}
        text, question, answer = values["text"], values["question"], values["answer"]
        if not (question and (answer or self._question_alone)):
            question = ""
        if question and answer:
            text = answer
        elif not text and not present["text"]:
            raise UnreadableError("no text column")
        language = PROSE if question else code_language(values["language"])
        return Document.of(
            prose(text) if language == PROSE else _code(text),
            language,
            f"{self._origin}#{_short(values['id'], _MAX_ID) or number}",
            title=_short(values["title"], _MAX_TITLE),
            question=prose(question) if question else "",
            licence=normal_licence(values["licence"]),
            repository=normal_repository(values["repository"]),
        )


def prose(text: str) -> str:
    r"""Normalise prose: \n line ends, no empty lines around it, no white space at the ends of its lines.

    Raises:
        UnreadableError: "empty", or "binary" (contains a NUL).
    """
    if "\0" in text:
        raise UnreadableError("binary")
    # White space within the first line stays; empty lines before it go.
    lines = lines_of(_without_surrogates(with_unix_line_ends(text)))
    text = "\n".join([line.rstrip() for line in lines]).rstrip("\n").lstrip("\n")
    if not text:
        raise UnreadableError("empty")
    return text


def _code(text: str) -> str:
    """Source code unchanged except for its line ends."""
    if not text or text.isspace():
        raise UnreadableError("empty")
    if "\0" in text:
        raise UnreadableError("binary")
    text = with_unix_line_ends(text)
    check_line_lengths(text)
    return _without_surrogates(text)


def _without_surrogates(text: str) -> str:
    """The text as valid Unicode: JSON may escape half of a surrogate pair, which no file could hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def _short(text: str, longest: int) -> str:
    return one_line(_without_surrogates(text).replace("\0", " "))[:longest].rstrip() if text else ""


def _first_value(record: Mapping[str, Any], names: list[str]) -> str:
    """The first non-empty value of these fields, as a string; several licences become one expression."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str):
            if value:
                return value
        elif isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        elif name.startswith("licen") and isinstance(value, list) and value:
            return " AND ".join(part for part in value if isinstance(part, str))
    return ""
