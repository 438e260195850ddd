"""Records with named fields → Documents: how the fields are found, and what becomes of each record.

The readers of JSON lines and Parquet are in `adjoin.corpus.readers.streams`; both give each record as a dict.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.formats import code_language
from adjoin.corpus.licences import normal_licence
from adjoin.corpus.readers.sections import UnreadableError, lines_of, one_line
from adjoin.corpus.repositories import normal_repository
from adjoin.tally import Tally

MAX_RECORD = 8 << 20  # bytes; a longer one is data, or a whole library in one string
_LONGEST_NAME = 200  # characters of a record's own name within an origin
_LONGEST_CODE_LINE = 20_000  # characters: above it stand minified code and data, and parsers take quadratic time
_MAX_SHAPES = 100  # sets of fields that are remembered, and fields of one of them
_LONGEST_TITLE = 500  # characters

# The common names, the likeliest first. Code is in "content" (The Stack) or "code".
_COMMON = {
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
    """The names of the fields of records; for an empty one the common names are tried.

    A record that lacks a field named here is passed over and counted; a common name may be absent.

    Attributes:
        text: the prose, or source code where `language` names a programming language: "text", "content", "body".
        title: of the record: "title", "subject", "headline".
        question: "question", "query"; it counts where there is an answer, or where it is named here.
        answer: "answer", "response"; a record with a question and an answer gives the answer as its text.
        language: "language", "lang"; natural languages are passed over in silence.
        licence: "license", "licence".
        repository: "repo", "repository", "repo_name", "source".
        id: "id", "_id", "url"; without it a record is named by its number.
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
        """Field of ours → the names to try in a record, in order."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: (given,) if given else _COMMON[name] for name, given in named.items()}

    def named(self) -> tuple[str, ...]:
        """The names that were given, which each record must have."""
        return tuple(given for field in fields(self) if (given := getattr(self, field.name)))


DEFAULT_COLUMNS = Columns()


class RecordReader:
    """Makes the Documents of one file's records.

    Args:
        columns: the names of the fields.
        origin: of the file.
        tally: where every record without a Document is counted.
    """

    def __init__(self, columns: Columns, origin: str, tally: Tally) -> None:
        self._names = columns.candidates()
        self._required = columns.named()
        self._asks = bool(columns.question)
        # The names of a record's fields, as they stand → field of ours → those of its names that are there.
        self._present: dict[tuple[str, ...], dict[str, list[str]]] = {}
        self._origin = origin
        self._tally = tally

    def read(self, record: Mapping[str, Any], number: int) -> Document | None:
        """Give the Document of one record, or count why there is none.

        Args:
            record: its fields.
            number: of the record in its file, from 1: the line in a file of JSON lines.
        """
        try:
            return self._document(record, number)
        except UnreadableError as error:
            self.skip(error.reason, number)
            return None

    def skip(self, reason: str, number: int) -> None:
        """Count a record that gives nothing."""
        self._tally.add(reason, f"{self._origin}:{number}")

    def wanted(self, present: Iterable[str]) -> list[str]:
        """Which of these names of fields are looked at at all."""
        asked = {name for names in self._names.values() for name in names}
        return [name for name in present if name in asked]

    def _present_names(self, fields: tuple[str, ...]) -> dict[str, list[str]]:
        """Field of ours → the names to look at; the records of a file mostly have the same fields."""
        known = self._present.get(fields)
        if known is None:
            for name in self._required:
                if name not in fields:
                    raise UnreadableError(f"no column {name}")
            known = {ours: [name for name in names if name in fields] for ours, names in self._names.items()}
            if len(self._present) < _MAX_SHAPES and len(fields) < _MAX_SHAPES:
                self._present[fields] = known
        return known

    def _document(self, record: Mapping[str, Any], number: int) -> Document:
        present = self._present_names(tuple(record))
        values = {ours: _first(record, names) for ours, names in present.items()}
        text, question, answer = values["text"], values["question"], values["answer"]
        if not (question and (answer or self._asks)):
            question = ""
        if question and answer:
            text = answer
        elif not text and not present["text"]:
            raise UnreadableError("no text column")
        language = PROSE if question else code_language(values["language"])
        return Document.of(
            prose(text) if language == PROSE else _code(text),
            language,
            f"{self._origin}#{_short(values['id'], _LONGEST_NAME) or number}",
            title=_short(values["title"], _LONGEST_TITLE),
            question=prose(question) if question else "",
            licence=normal_licence(values["licence"]),
            repository=normal_repository(values["repository"]),
        )


def prose(text: str) -> str:
    """A text as every reader of prose gives it: no empty lines around it, no white space at the ends of lines.

    Raises:
        UnreadableError: "empty", or "binary" (a NUL).
    """
    if "\0" in text:
        raise UnreadableError("binary")
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    # Nothing is left of the white space before the first line, but of that within it.
    text = "\n".join([line.rstrip() for line in lines_of(_whole(text))]).rstrip("\n").lstrip("\n")
    if not text:
        raise UnreadableError("empty")
    return text


def _code(text: str) -> str:
    """Source code as it stands, but for its line ends."""
    if not text or text.isspace():
        raise UnreadableError("empty")
    if "\0" in text:
        raise UnreadableError("binary")
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if len(text) > _LONGEST_CODE_LINE and max(map(len, text.split("\n"))) > _LONGEST_CODE_LINE:
        raise UnreadableError("line too long")
    return _whole(text)


def _whole(text: str) -> str:
    """The text as valid Unicode: JSON may escape half of a surrogate pair, which no file could hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def _short(text: str, longest: int) -> str:
    return one_line(_whole(text).replace("\0", " "))[:longest].rstrip() if text else ""


def _first(record: Mapping[str, Any], names: list[str]) -> str:
    """The first of these fields that says something, as a string; several licences are one expression."""
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
