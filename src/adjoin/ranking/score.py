"""From evidence to a score: which pieces answer a query, best first.

    piece   match  = dense · meaning + (1 - dense) · words
            points = match + the weighted evidence of definition, name, phrase and place
    file    score  = kind · (Σ coherence^i · points of its i-th best piece + the weighted evidence of its path)
    order   within a file, for a plain question: points with 3 · match
    hit     the file's first piece has the file's score; each further piece, and each near copy of a text that is
            already there, half of what it would have

Every number is in `Weights`. They were chosen on 13 repositories by leaving repositories out, see docs/ranking.md;
none depends on a repository or a language. Scores are comparable between queries and between indexes.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adjoin.errors import AdjoinError
from adjoin.ranking.evidence import (
    Candidate,
    Definitions,
    PathWording,
    are_near_copies,
    demoted_kind,
    name_evidence,
    phrase_evidence,
    place_evidence,
    stands_in,
)
from adjoin.ranking.paths import (
    BENCHMARK,
    DECLARATION,
    DOCUMENT,
    DOOR,
    EXAMPLE,
    FOREIGN,
    LOCALE,
    OLD,
    TEST,
)
from adjoin.ranking.query import ERROR, PATH, SYMBOL, WORDS, Query

DENSE, LEXICAL, HYBRID = "dense", "lexical", "hybrid"


def _dense() -> dict[str, float]:
    return {WORDS: 0.6, SYMBOL: 0.3, ERROR: 0.3, PATH: 0.3}


def _kinds() -> dict[str, float]:
    kinds = (EXAMPLE, BENCHMARK, OLD, FOREIGN, LOCALE, DOCUMENT, DECLARATION, DOOR)
    return {TEST: 0.6} | dict.fromkeys(kinds, 0.8)


@dataclass(frozen=True, slots=True)
class Weights:
    """The numbers of the ranking.

    Attributes:
        dense: share of the cosine beside BM25, for each kind of query.
        definition: of a piece that defines a name within a query of several words.
        symbol: of a piece that defines the name that is the whole query.
        name: of a piece whose symbols the query's words name.
        phrase: of the wording of the query, quotations and error messages above all.
        place: of the file and line that a path names.
        stem: of the query's words in the file's name.
        exact: of a file's name that has no other words.
        folders: of the query's words in the folders.
        coherence: what the next best piece of a file adds, as a share of its points; the third adds the square.
        within: how many times meaning and words count in the order of a file's pieces, for plain questions.
        repeated: the share of its score that a further piece of a file, or a near copy of a hit, keeps.
        kinds: factor for each kind of file.
        floor: a hit whose file has less than this is weak, unless the query stands in its text word for word.
    """

    dense: Mapping[str, float] = field(default_factory=_dense)
    definition: float = 0.3
    symbol: float = 1.0
    name: float = 0.3
    phrase: float = 0.5
    place: float = 2.0
    stem: float = 0.3
    exact: float = 0.3
    folders: float = 0.3
    coherence: float = 0.3
    within: float = 3.0
    repeated: float = 0.5
    kinds: Mapping[str, float] = field(default_factory=_kinds)
    floor: float = 0.55


WEIGHTS = Weights()
OF_PIECE = ("meaning", "words", "definition", "name", "phrase", "place")  # names of the evidence for a piece
WORDED = 30  # texts that are compared with the query's wording, which takes longer than all else
COHERENT_PIECES = 6  # further ones would add less than 0.0001
MOST_ALSO = 3  # further pieces that are named beside the best piece of a file
ALSO_SHARE = 0.5  # of the points of the best piece, which a further one has at least


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its score.

    Attributes:
        candidate: the piece.
        score: higher is better.
        evidence: what the score is made of, by name: the weighted points of the piece and of its file, which add
            up for a file's best piece, then the factors "kind" and "repeated" if they are not 1.
        weak: whether so little speaks for it that it is probably no answer.
        also: for the best piece of a file, its next best ones, at most `MOST_ALSO`. Each has at least `ALSO_SHARE`
            of its points. They may be among the hits too.
    """

    candidate: Candidate
    score: float
    evidence: dict[str, float]
    weak: bool
    also: tuple[Candidate, ...] = ()


@dataclass(slots=True)
class _File:
    """The candidates of a file, best first, with their points, and the file's own points."""

    pieces: list[tuple[float, Candidate, tuple[float, ...]]]
    evidence: dict[str, float] = field(default_factory=dict)
    points: float = 0.0
    factor: float = 1.0


def rank(
    query: Query,
    candidates: Sequence[Candidate],
    limit: int,
    *,
    mode: str = HYBRID,
    dense_weight: float | None = None,
    weights: Weights = WEIGHTS,
) -> list[Ranked]:
    """Rank candidates for a query, best first. Equal scores are ordered by path and line.

    Args:
        query: from `read_query`.
        candidates: pieces with their cosines and BM25 shares, each once, in any order.
        limit: the greatest number of hits.
        mode: "hybrid" weighs all evidence; "dense" takes the cosine alone, "lexical" BM25 alone.
        dense_weight: share of the cosine beside BM25 in hybrid mode, 0 to 1; None for what the kind of query asks.
        weights: the numbers of the ranking.

    Raises:
        AdjoinError: the mode is unknown or the weight is out of range.
    """
    if mode not in (HYBRID, DENSE, LEXICAL):
        raise AdjoinError(f"mode is {mode!r}, expected one of {HYBRID}, {DENSE}, {LEXICAL}")
    if dense_weight is not None and not 0 <= dense_weight <= 1:
        raise AdjoinError(f"dense_weight is {dense_weight}, expected 0 to 1")
    if mode != HYBRID:
        return _by_one(candidates, limit, mode)
    dense = weights.dense[query.kind] if dense_weight is None else dense_weight
    files = _files(query, candidates, dense, weights)
    return _hits(query, files, limit, weights)


def _by_one(candidates: Sequence[Candidate], limit: int, mode: str) -> list[Ranked]:
    """Candidates by their cosine or by BM25 alone; without a word in common there is no lexical hit."""
    scored = [(one.cosine if mode == DENSE else one.bm25, one) for one in candidates]
    scored = [(score, one) for score, one in scored if mode == DENSE or score > 0]
    scored.sort(key=lambda pair: (-pair[0], pair[1].path, pair[1].first_line))
    name = "meaning" if mode == DENSE else "words"
    return [Ranked(one, score, {name: score}, weak=False) for score, one in scored[:limit]]


def _files(query: Query, candidates: Sequence[Candidate], dense: float, weights: Weights) -> list[_File]:
    """The files of the candidates with their points."""
    definitions, wording, words = Definitions(query.names), PathWording(query), frozenset(query.words)
    files: dict[str, _File] = {}
    definition = weights.definition if query.kind in (WORDS, ERROR) else weights.symbol
    worded = _best_by_words(candidates) if query.phrases else frozenset()
    number, is_path = max(1, len(query.words)), query.kind == PATH
    for one in candidates:
        parts = (
            dense * max(one.cosine, 0.0),
            (1 - dense) * one.bm25,
            definition * definitions.evidence(one) if query.names else 0.0,
            weights.name * name_evidence(words, number, one.symbols) if one.symbols else 0.0,
            weights.phrase * phrase_evidence(query, one.text) if one.id in worded else 0.0,
            weights.place * place_evidence(query, one) if is_path else 0.0,
        )
        files.setdefault(one.path, _File([])).pieces.append((sum(parts), one, parts))
    for path, file in files.items():
        file.pieces.sort(key=lambda piece: (-piece[0], piece[1].first_line))
        stem, exact, folders = wording.evidence(path)
        others = enumerate(file.pieces[1:COHERENT_PIECES], 1)
        of_pieces = file.pieces[0][0] + sum(piece[0] * weights.coherence**place for place, piece in others)
        of_path = weights.stem * stem + weights.exact * exact + weights.folders * folders
        file.points = of_pieces + of_path
        file.factor = weights.kinds.get(demoted_kind(query, path, file.pieces[0][1].language), 1.0)
        if query.kind == WORDS:
            file.pieces.sort(key=lambda piece: -piece[0] - (weights.within - 1) * (piece[2][0] + piece[2][1]))
        file.evidence = {"coherence": of_pieces - file.pieces[0][0], "path": of_path}
    return list(files.values())


def _best_by_words(candidates: Sequence[Candidate]) -> frozenset[int]:
    """The ids of the candidates whose texts are compared with the query's wording: the wording has its words."""
    best = heapq.nlargest(WORDED, candidates, key=lambda one: one.bm25)
    return frozenset(one.id for one in best)


def _hits(query: Query, files: Sequence[_File], limit: int, weights: Weights) -> list[Ranked]:
    """The best pieces of the best files. A near copy of a text that is a hit loses as a further piece does."""
    queue: list[tuple[float, str, int, int, _File, bool]] = []
    for file in files:
        share = file.points * file.factor / max(file.pieces[0][0], 1e-9)
        for place, (points, one, _) in enumerate(file.pieces[:limit]):
            score = share * min(points, file.pieces[0][0]) * weights.repeated**place
            queue.append((-score, one.path, one.first_line, place, file, False))
    heapq.heapify(queue)
    hits: list[Ranked] = []
    shown: list[frozenset[str]] = []  # the words of each hit
    while queue and len(hits) < limit:
        negative, path, line, place, file, is_copy = heapq.heappop(queue)
        _, one, of_piece = file.pieces[place]
        words = frozenset(one.text.split())
        if not is_copy and any(are_near_copies(words, other) for other in shown):
            heapq.heappush(queue, (negative * weights.repeated, path, line, place, file, True))
            continue
        shown.append(words)
        named = dict(zip(OF_PIECE, of_piece, strict=True)) | file.evidence
        parts = {name: value for name, value in named.items() if value}
        if file.factor != 1:
            parts["kind"] = file.factor
        if place or is_copy:
            parts["repeated"] = weights.repeated ** (place + is_copy)
        also = _also(file) if place == 0 else ()
        weak = file.points < weights.floor and not stands_in(query, one.text)
        hits.append(Ranked(one, -negative, parts, weak=weak, also=also))
    return hits


def _also(file: _File) -> tuple[Candidate, ...]:
    """The next best pieces of a file."""
    enough = max(ALSO_SHARE * file.pieces[0][0], 1e-9)
    return tuple(one for points, one, _ in file.pieces[1 : 1 + MOST_ALSO] if points >= enough)
