"""The evidence for a piece: what speaks for it as the answer to a query, each part on a scale from 0 to about 1.

Evidence of the piece: `meaning`, `words`, `definition`, `name`, `phrase`, `place`. Of its file: `path`, `kind`.
`score.py` weighs and adds them. docs/ranking.md gives the reason and the measured effect of each.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adjoin.ranking.names import joined, name_stems
from adjoin.ranking.paths import kind_of_file, matches, path_words
from adjoin.ranking.query import PATH, Name, Query

OTHER_SPELLING = 0.5  # `retry_upload` asked for, `retryUpload` defined
SAME_MODULE = 0.75  # `json.dumps` asked for, `dumps` defined in json.py or below json/
OTHER_QUALIFIER = 0.5  # `Command.execute` asked for, an `execute` elsewhere defined
_NO_WORDS: frozenset[str] = frozenset()
DECLARED = "declaration"  # `Piece.kind` of a prototype
PROTOTYPE = 0.5  # declared and not defined
NEAR_COPY = 0.7  # of the words of two texts are in both; the versions of a manual have more
_separators = re.compile(r"[^\w$]+").split  # of a qualified name, or of several


@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece that may answer a query, as a store gives it to the ranking.

    Attributes:
        id: the piece's number in its index.
        path: its file, relative to the indexed root, with forward slashes.
        language: as in `Piece.language`.
        kind: as in `Piece.kind`.
        name: qualified name or heading; may be empty.
        symbols: the names that it defines, unqualified.
        first_line: its first line in the file, counted from 1.
        last_line: its last line, inclusive.
        cosine: cosine of the query's vector and its own, -1 to 1; 0 if there is no vector.
        bm25: its BM25 score as a share of the best possible one, Σ idf over the query's terms: 0 to 1. Terms that
            no piece has count below the line.
        text: its text.
    """

    id: int
    path: str
    language: str
    kind: str
    name: str
    symbols: tuple[str, ...]
    first_line: int
    last_line: int
    cosine: float
    bm25: float
    text: str


class PathWording:
    """Finds the files that the words of a query name."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._matched: dict[str, frozenset[str]] = {}  # a path's word → the query's words that stand for it
        self._by_letter: dict[str, list[str]] = {}  # words that match begin with the same letter
        for word in query.words:
            self._by_letter.setdefault(word[:1], []).append(word)

    def evidence(self, path: str) -> tuple[float, float, float]:
        """How well the words of the query name a file.

        Returns:
            Three shares, each 0 to 1: of the query's words that the file's name has; the same times the share of
            the name's words that the query has, so that it is 1 for a file that is named by nothing else; of the
            query's words that the folders have.
        """
        query, own = self._query, path_words(path)
        number = len(query.words)
        if not number:
            return 0.0, 0.0, 0.0
        matched = list(filter(None, map(self._words_for, own.stem)))
        named, said = _number_in(matched), len(matched)
        if own.name in query.pairs or own.name in query.initials:
            named, said = max(named, min(2, number)), len(own.stem)
        folders = _number_in(list(filter(None, map(self._words_for, own.folders))))
        exact = named / number * said / len(own.stem) if own.stem else 0.0
        return named / number, exact, folders / number

    def _words_for(self, path_word: str) -> frozenset[str]:
        words = self._matched.get(path_word)
        if words is None:
            near = self._by_letter.get(path_word[:1], ())
            words = frozenset([word for word in near if matches(word, path_word)]) if near else _NO_WORDS
            self._matched[path_word] = words
        return words


def _number_in(sets: list[frozenset[str]]) -> int:
    return len(frozenset().union(*sets)) if sets else 0


class Definitions:
    """Finds the pieces that define a name of the query."""

    def __init__(self, names: Sequence[Name]) -> None:
        self._exact = {name.text: name for name in names}
        self._joined: dict[str, Name] = {}
        for name in names:
            if len(joined(name.text)) > 1:
                self._joined.setdefault(joined(name.text), name)

    def evidence(self, candidate: Candidate) -> float:
        """1 if the piece defines a name of the query; less for another spelling or qualifier, or a prototype."""
        best = 0.0
        for symbol in candidate.symbols:
            name = self._exact.get(symbol)
            share = 1.0
            if name is None:
                name = self._joined.get(joined(symbol))
                share = OTHER_SPELLING
            if name is None or name.strength * share <= best:
                continue
            if name.qualifier:
                share *= _within(candidate, name.qualifier)
            best = max(best, name.strength * share)
        return best * PROTOTYPE if candidate.kind == DECLARED else best


def _within(candidate: Candidate, qualifier: str) -> float:
    """The share that is left of a definition after a look at what the name was qualified with."""
    key = joined(qualifier)
    if any(joined(part) == key for part in _separators(candidate.name)):
        return 1.0
    if key == path_words(candidate.path).name or any(
        joined(part) == key for part in candidate.path.split("/")[:-1]
    ):
        return SAME_MODULE
    return OTHER_QUALIFIER


def name_evidence(words: frozenset[str], number: int, symbols: Sequence[str]) -> float:
    """How well the words of a query name what a piece defines.

    Args:
        words: the query's stemmed words.
        number: how many they are.
        symbols: the names that the piece defines.

    Returns:
        For the best symbol, the share of the query's words in it times the share of its words in the query.
    """
    best = 0.0
    for symbol in symbols:
        stems = name_stems(symbol)
        if not words.isdisjoint(stems):  # most have nothing in common: no set is made
            shared = len(words.intersection(stems))
            best = max(best, shared * shared / (len(stems) * number))
    return best


def phrase_evidence(query: Query, text: str) -> float:
    """The share of a query's wording that a text has: 1 for a quotation or the whole query, else of its runs."""
    text = " ".join(text.lower().split())
    if any(phrase in text for phrase in query.phrases):
        return 1.0
    return sum(run in text for run in query.runs) / len(query.runs) if query.runs else 0.0


def names_file(query: Query, path: str) -> bool:
    """Whether a path that is a query names this file: wholly, or from one of its folders on."""
    return query.kind == PATH and f"/{path.lower()}".endswith(f"/{query.path.lower()}")


def stands_in(query: Query, text: str) -> bool:
    """Whether a text has the whole query word for word, as one word of it or as several in a row.

    `drain timeout` stands in `--drain-timeout`, and `ERR_4711` in a table. Such a text is never a weak answer,
    however little else speaks for it: who asks for the word finds it.
    """
    wanted = _plain_words(query.text)
    return bool(wanted.strip()) and wanted in _plain_words(text)


def _plain_words(text: str) -> str:
    return f" {' '.join(_PLAIN_WORD.findall(text.lower()))} "


_PLAIN_WORD = re.compile(r"[^\W_]+")


def place_evidence(query: Query, candidate: Candidate) -> float:
    """For a path as the query: 1 at the place it names, less elsewhere in the file, 0 in other files."""
    if query.kind != PATH:
        return 0.0
    if not names_file(query, candidate.path):
        return 0.5 if f"/{query.path.lower().strip('/')}/" in "/" + candidate.path.lower() else 0.0
    if not query.line or candidate.first_line <= query.line <= candidate.last_line:
        return 1.0
    return 0.75


def are_near_copies(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two texts, given by their distinct words, have at least `NEAR_COPY` of all their words in common."""
    few, many = sorted((len(one), len(other)))
    if few < NEAR_COPY * many:
        return False
    shared = len(one & other)
    return shared >= NEAR_COPY * (few + many - shared)


def demoted_kind(query: Query, path: str, language: str) -> str:
    """The kind of file that speaks against a file, such as "test"; empty if none does or the query asks for it."""
    kind = kind_of_file(path, language)
    return "" if kind in query.asks_for else kind
