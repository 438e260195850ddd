"""The evidence for a piece: what speaks for it as the answer to a query, each part on a scale from 0 to about 1.

Evidence of the piece: `meaning`, `words`, `definition`, `name`, `phrase`, `place`. Of its file: `path`, `kind`.
`score.py` weighs and adds them. docs/ranking.md gives the reason and the measured effect of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adjoin.ranking.names import joined, name_stems
from adjoin.ranking.paths import kind_of_file, matches, path_words
from adjoin.ranking.query import ERROR, PATH, Name, Query

OTHER_SPELLING = 0.5  # `retry_upload` asked for, `retryUpload` defined
OTHER_QUALIFIER = 0.5  # `Command.execute` asked for, an `execute` elsewhere defined
PHRASE_WORDS = 3  # an error message is compared in runs of this many words: its values differ from the code's


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


def path_evidence(query: Query, path: str) -> tuple[float, float, float]:
    """How well the words of a query name a file.

    Returns:
        Three shares, each 0 to 1: of the query's words that the file's name has; the same times the share of the
        name's words that the query has, 1 for a file that is named by nothing else; of the query's words that the
        folders have.
    """
    words = path_words(path)
    if not query.words:
        return 0.0, 0.0, 0.0
    named = sum(any(matches(word, own) for own in words.stem) for word in query.words)
    said = sum(any(matches(word, own) for word in query.words) for own in words.stem)
    if words.name in query.pairs or words.name in query.initials:
        named, said = max(named, min(2, len(query.words))), len(words.stem)
    folders = sum(any(matches(word, own) for own in words.folders) for word in query.words)
    number = len(query.words)
    exact = named / number * said / len(words.stem) if words.stem else 0.0
    return named / number, exact, folders / number


class Definitions:
    """Finds the pieces that define a name of the query."""

    def __init__(self, names: Sequence[Name]) -> None:
        self._exact = {name.text: name for name in names}
        self._joined: dict[str, Name] = {}
        for name in names:
            if len(joined(name.text)) > 1:
                self._joined.setdefault(joined(name.text), name)

    def evidence(self, candidate: Candidate) -> float:
        """1 if the piece defines a name of the query; less for another spelling or another qualifier, else 0."""
        best = 0.0
        for symbol in candidate.symbols:
            name = self._exact.get(symbol)
            share = 1.0
            if name is None:
                name = self._joined.get(joined(symbol))
                share = OTHER_SPELLING
            if name is None or name.strength * share <= best:
                continue
            if name.qualifier and not _has_qualifier(candidate, name.qualifier):
                share *= OTHER_QUALIFIER
            best = max(best, name.strength * share)
        return best


def _has_qualifier(candidate: Candidate, qualifier: str) -> bool:
    """Whether a piece's own name, its file or its folder has what a qualified name begins with."""
    key = joined(qualifier)
    return key in joined(candidate.name) or key in joined(candidate.path)


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
        if shared := sum(stem in words for stem in stems):
            best = max(best, shared * shared / (len(stems) * number))
    return best


def phrase_evidence(query: Query, text: str) -> float:
    """The share of a query's quotations, or of an error message's runs of words, that a text has word for word."""
    text = " ".join(text.lower().split())
    best = 0.0
    for phrase in query.phrases:
        if phrase in text:
            return 1.0
        if query.kind == ERROR:
            words = phrase.split()
            starts = range(len(words) - PHRASE_WORDS + 1)
            runs = [" ".join(words[start : start + PHRASE_WORDS]) for start in starts]
            best = max(best, sum(run in text for run in runs) / max(1, len(runs)))
    return best


def place_evidence(query: Query, candidate: Candidate) -> float:
    """For a path as the query: 1 at the place it names, less elsewhere in the file, 0 in other files."""
    if query.kind != PATH:
        return 0.0
    path, wanted = candidate.path.lower(), query.path.lower()
    if path != wanted and not path.endswith("/" + wanted):
        return 0.5 if "/" + wanted.strip("/") + "/" in "/" + path else 0.0
    if not query.line or candidate.first_line <= query.line <= candidate.last_line:
        return 1.0
    return 0.75


def demoted_kind(query: Query, path: str, language: str) -> str:
    """The kind of file that speaks against a file, such as "test"; empty if none does or the query asks for it."""
    kind = kind_of_file(path, language)
    return "" if kind in query.asks_for else kind
