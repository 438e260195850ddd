"""Search of one version of an index: a query to evidence, evidence to hits.

"dense" gives the pieces whose vectors are nearest, "lexical" those with the highest BM25 scores. "hybrid" takes
the best of both, the definitions of what the query names and the files whose path has its words, and lets the
ranking decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Literal, NamedTuple, get_args

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.index.embedder import Embedder, encode, fingerprint_of
from adjoin.index.store import EVERYTHING, Filter, Ids, Scores, Snapshot
from adjoin.ranking.evidence import Candidate, names_file
from adjoin.ranking.query import Query, read_query
from adjoin.ranking.score import Ranked, rank
from adjoin.texts import check_text, described, meant

Mode = Literal["hybrid", "dense", "lexical"]
CANDIDATES = 200  # taken from the vectors, from the words, and by path; a limit above raises it
DEFINITIONS = 100
FILES_AT_LINE = 20  # files of one name in which the line of a query is looked up
RESERVE = 3  # times the limit are ranked, so that other files can take the places of further pieces


class Place(NamedTuple):
    """A piece that is named under a hit of its file.

    Attributes:
        first_line: its first line, counted from 1.
        last_line: its last line, inclusive.
        name: its name; may be empty.
    """

    first_line: int
    last_line: int
    name: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result: a piece of an indexed file.

    Attributes:
        path: the file, relative to the indexed root.
        first_line: first line of the piece in the file, counted from 1.
        last_line: last line of the piece, inclusive.
        language: the language of the piece, such as "python" or "text".
        kind: "function", "lines" (other lines of code), "passage" (prose) or another kind of `Piece`.
        name: qualified name of the function, or heading of the passage; may be empty.
        score: higher is better. Comparable within one search only: a cosine in dense search, a BM25 score in
            lexical search, the ranking's in hybrid search.
        text: the text of the piece.
        weak: whether it is below the floor under which nothing answers the query.
        evidence: what the score is made of, by name.
        also: further good pieces of the file that are no hits, best first, at most three.
    """

    path: str
    first_line: int
    last_line: int
    language: str
    kind: str
    name: str
    score: float
    text: str
    weak: bool = False
    evidence: Mapping[str, float] = field(default_factory=dict)
    also: tuple[Place, ...] = ()


def search_snapshot(
    snapshot: Snapshot,
    query: str,
    encoder: Embedder | None,
    *,
    limit: int = 10,
    mode: Mode = "hybrid",
    where: Filter = EVERYTHING,
    dense_weight: float | None = None,
) -> list[Hit]:
    """Return the pieces that best answer a query, best first. `Searcher.search` describes the arguments."""
    _check(query, limit, mode, where, dense_weight)
    if mode != "lexical":
        encoder = _checked(encoder, snapshot)
    _check_languages(where, snapshot)
    read = read_query(query)
    if mode == "lexical":
        return _single(snapshot, *snapshot.matching(read.terms, limit, where), "words")
    assert encoder is not None
    vector_D = encode(encoder, [query], "query")[0]
    if mode == "dense":
        return _single(snapshot, *snapshot.nearest(vector_D, limit, where), "vector")
    number = max(CANDIDATES, 2 * limit)
    found = [
        snapshot.nearest(vector_D, number, where)[0],
        snapshot.matching(read.terms, number, where)[0],
        snapshot.defining(read.symbols, where, DEFINITIONS),
        snapshot.at_paths(read.path_words, where, number, vector_D),
    ]
    candidates = snapshot.candidates(_distinct(found), vector_D, read.terms, with_texts=False)
    if at_line := _at_line(snapshot, read, candidates, where):
        candidates += snapshot.candidates(at_line, vector_D, read.terms, with_texts=False)
    ranked = rank(read, candidates, RESERVE * limit, dense_weight=dense_weight, texts=snapshot.texts)
    chosen = spread_over_files(ranked, limit)
    shown = [one.candidate.id for one in chosen]
    return [_hit(one, text, set(shown)) for one, text in zip(chosen, snapshot.texts(shown), strict=True)]


def spread_over_files(ranked: Sequence[Ranked], limit: int) -> list[Ranked]:
    """The hits to show, best first: a piece that can be named under a better one gives its place to another.

    It keeps the place if only weak hits would take it.

    Args:
        ranked: more hits than are shown, best first.
        limit: the largest number to show.
    """
    named: set[int] = set()
    first: list[int] = []
    folded: list[int] = []
    others: list[int] = []
    for number, one in enumerate(ranked):
        if one.candidate.id in named:
            (folded if number < limit else []).append(number)
        elif number < limit:
            first.append(number)
        elif not one.weak:
            others.append(number)
        named.update(piece.id for piece in one.also)
    places = min(limit, len(ranked)) - len(first)
    return [ranked[number] for number in sorted([*first, *[*others, *folded][:places]])]


def _distinct(found: list[Ids]) -> Ids:
    """All ids, each once, in ascending order. `np.unique` would import masked arrays, 0.04 CPU-seconds."""
    return np.array(sorted(set(np.concatenate(found).tolist())), np.int64)


def _at_line(snapshot: Snapshot, query: Query, candidates: Sequence[Candidate], where: Filter) -> list[int]:
    """The pieces at the line that a path names, as ids, without those that are candidates.

    A long file has more pieces than are candidates for its path.
    """
    if not query.line:
        return []
    paths = dict.fromkeys(one.path for one in candidates if names_file(query, one.path))
    known = {one.id for one in candidates}
    found = {snapshot.at_line(path, query.line) for path in list(paths)[:FILES_AT_LINE]} - known
    ids = sorted(number for number in found if number is not None)
    return [one.id for one in snapshot.pieces(ids) if not where.languages or one.language in where.languages]


def similar_in(
    snapshot: Snapshot, path: str, line: int, *, limit: int = 10, where: Filter = EVERYTHING
) -> list[Hit]:
    """Return the pieces whose vectors are nearest to that of the piece at a line, best first, without itself.

    Raises:
        AdjoinError: no piece is there, or an argument is of another type or out of its range.
    """
    if not isinstance(path, str):
        raise AdjoinError(f"path is {described(path)}, expected a str, as search shows it")
    if not isinstance(line, Integral) or isinstance(line, bool):
        raise AdjoinError(f"line is {line!r:.40}, expected an integer, counted from 1")
    check_limit(limit)
    _check_filter(where)
    own = snapshot.at_line(path, line) if line < 1 << 31 else None  # a number that databases hold
    if own is None:
        raise AdjoinError(
            f"no piece of the index at {path}:{line}: expected a path as search shows it, and a line"
        )
    vector_D = snapshot.vectors([own])[0]
    ids_K, cosines_K = snapshot.nearest(vector_D, limit + 1, where)
    others_K = ids_K != own
    return _single(snapshot, ids_K[others_K][:limit], cosines_K[others_K][:limit], "vector")


def _check(query: str, limit: int, mode: Mode, where: Filter, dense_weight: float | None) -> None:
    if isinstance(query, list | tuple):
        raise AdjoinError(f"query is {described(query)}, expected one text (str): search once for each")
    if not check_text(query, "query").strip():
        raise AdjoinError("the query is empty: expected some words, such as 'where do we retry an upload'")
    check_limit(limit)
    if not isinstance(mode, str) or mode not in get_args(Mode):
        known = get_args(Mode)
        raise AdjoinError(f"mode is {mode!r:.40}, expected one of {', '.join(known)}{meant(mode, known)}")
    _check_filter(where)
    if dense_weight is None:
        return
    if isinstance(dense_weight, bool) or not isinstance(dense_weight, Real):
        raise AdjoinError(f"dense_weight is {dense_weight!r:.40}, expected a number from 0 to 1")
    if mode != "hybrid" or not 0 <= dense_weight <= 1:
        raise AdjoinError(f"dense_weight is {dense_weight} in mode {mode!r}, expected 0 to 1 in mode 'hybrid'")


def check_limit(limit: object) -> None:
    """Check a number of hits.

    Raises:
        AdjoinError: it is no integer, or below 1.
    """
    if not isinstance(limit, Integral) or isinstance(limit, bool) or limit < 1:
        raise AdjoinError(f"limit is {limit!r:.40}, expected an integer of at least 1; ask for 10")


def _check_filter(where: object) -> None:
    """A string would be taken for its letters."""
    example = "such as Filter(languages=('go',))"
    if not isinstance(where, Filter):
        raise AdjoinError(f"where is {described(where)}, expected a Filter, {example}")
    for name in ("languages", "paths", "excluded", "within"):
        values = getattr(where, name)
        if not isinstance(values, tuple | list) or not all(isinstance(value, str) for value in values):
            raise AdjoinError(f"{name} of the filter is {described(values)}, expected a tuple of texts, {example}")


def _check_languages(where: Filter, snapshot: Snapshot) -> None:
    if not where.languages:
        return
    known = snapshot.languages()
    if unknown := sorted(set(where.languages) - set(known)):
        raise AdjoinError(f"no pieces in {', '.join(unknown)}: expected some of {', '.join(known)}")


def _checked(encoder: Embedder | None, snapshot: Snapshot) -> Embedder:
    made_by = snapshot.description
    named = f"{made_by.fingerprint} ({made_by.model})" if made_by.model else made_by.fingerprint
    if encoder is None:
        raise AdjoinError(
            f"the index was made by the model {named}, but no model is given; search in lexical mode"
        )
    if fingerprint_of(encoder, made_by.stamp, made_by.fingerprint) != made_by.fingerprint:
        raise AdjoinError(
            f"the index was made by the model {named}, but the model {encoder.fingerprint} is given: search with "
            "the first, or run `adjoin index` with the second"
        )
    return encoder


def _single(snapshot: Snapshot, ids_K: Ids, scores_K: Scores, name: str) -> list[Hit]:
    """Hits whose score is one kind of evidence."""
    return [
        Hit(
            piece.path,
            piece.first_line,
            piece.last_line,
            piece.language,
            piece.kind,
            piece.name,
            score,
            piece.text,
            evidence={name: score},
        )
        for piece, score in zip(snapshot.pieces(ids_K), scores_K.tolist(), strict=True)
    ]


def _hit(ranked: Ranked, text: str, shown: set[int]) -> Hit:
    piece = ranked.candidate
    also = tuple(Place(one.first_line, one.last_line, one.name) for one in ranked.also if one.id not in shown)
    return Hit(
        piece.path,
        piece.first_line,
        piece.last_line,
        piece.language,
        piece.kind,
        piece.name,
        ranked.score,
        text,
        ranked.weak,
        ranked.evidence,
        also,
    )
