"""The decontaminator: which training pairs repeat held-out evaluation data, and by which rule.

    Decontaminator.build([Path("eval")], Path("held-out"), tally)    once: reads the evaluation folders
    Decontaminator.open(Path("held-out")).reasons_against(pairs)     in each worker: "" or a rule's name

Decisions:
- Texts are compared by their normalized letters (see `ngrams`). White space, comments, case and punctuation never
  matter.
- Long texts are found by shared spans, wherever a passage was cut. Short ones are found only as a whole.
- The index holds hashes only, no evaluation text.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from adjoin.cleaning.decontamination.code import LANGUAGES_OF_CODE, code_letters, parts
from adjoin.cleaning.decontamination.evaluation_files import (
    CODE,
    QUERY,
    TITLE,
    EvaluationText,
    read_evaluation_texts,
)
from adjoin.cleaning.decontamination.ngram_index import Matches, NgramIndex, NgramIndexBuilder, NgramShape
from adjoin.cleaning.decontamination.ngrams import Letters
from adjoin.cleaning.decontamination.prose import prose_letters
from adjoin.cleaning.decontamination.repositories import EvaluationRepositories
from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, read_json, write_json
from adjoin.pairs.pair import Pair
from adjoin.tally import Tally

REPOSITORY, FUNCTION, QUESTION, TEXT = RULES_IN_ORDER = (
    "held-out repository", "held-out code", "held-out query", "held-out text"
)  # fmt: skip
RULES: dict[str, str] = {
    REPOSITORY: "the pair comes from a repository that an evaluation set was made of",
    FUNCTION: "y holds a held-out function or its body, or is mostly made of held-out code",
    QUESTION: "x is a held-out query or docstring",
    TEXT: "x or y holds a stretch of a held-out text, or a short one from end to end",
}
DESCRIPTION = "held-out.json"
FORMAT = 1  # increment when anything below or a letter table changes: hashes of other versions do not match

PROSE = NgramShape(gram=32, anchor=16, gap=12)  # an n-gram is about 7 words
# The weight of a span is its letters + 3 per word. Of several such sums this one best separates 15 words of a
# held-out text from stock phrases and names ("the National Institute of Neurological Disorders and Stroke": 75).
PROSE_STRETCH = 80  # least weight of a stretch: 12 average words; finds 99.1 % of 15-word spans, all longer ones
PROSE_WHOLE = 12  # least letters of a held-out text that x or y may not equal
PROSE_WITHIN = (16, 140)  # letters of a text that x or y may not contain; longer ones are found by their stretches
PROSE_ANYWHERE = 50  # least weight of a contained text in the middle of a sentence,
PROSE_SENTENCE, PROSE_SENTENCE_WORDS = 36, 5  # and least weight and words where it is a sentence of its own

SUMMARY_WORDS = 5  # a shorter x may equal a held-out one ("Stop the server"): many functions share it
CODE_SHAPE = NgramShape(gram=40, anchor=24, gap=24)
CODE_STRETCH = 150  # least letters of one stretch that y may not contain,
CODE_SHARE, CODE_COVERED = 0.6, 80  # or least share of y's letters, and least letters, in all stretches together
CODE_WHOLE = 1  # least letters of held-out code that y may not equal
CODE_FUNCTION, CODE_BODY = 24, 30  # least letters of a function, and of a body alone, that y may not contain,
CODE_SNIPPET = 40  # and of code that is no function: shorter ones are idioms (warnings.simplefilter("always"))

BATCH = 1 << 18  # characters per batch: their hashes fit into the CPU cache
LONGEST = 1 << 20  # characters; a longer text is split
OVERLAP = 1 << 10  # characters that a split repeats from the one before

Item = TypeVar("Item")


@dataclass(frozen=True)
class Decontaminator:
    """Hashes of evaluation data, to find training pairs that repeat it.

    Attributes:
        digest: SHA-256 of the index. It depends on the evaluation data only, not on names of folders.
        prose: index of passages, sentences and queries.
        code: index of functions.
        repositories: the repositories that the functions come from.
    """

    digest: str
    prose: NgramIndex
    code: NgramIndex
    repositories: EvaluationRepositories

    @classmethod
    def build(cls, folders: Sequence[Path], out: Path, tally: Tally) -> "Decontaminator":
        """Read evaluation folders and write their index.

        Args:
            folders: see `read_evaluation_texts`.
            out: the index, a folder. An index that is there is replaced.
            tally: counts texts of each kind, repositories and files without evaluation data.

        Raises:
            AdjoinError: as `read_evaluation_texts`; `folders` is empty; or `out` exists and is not an index.
            OSError: the disk is full or `out` cannot be written.
        """
        if out.exists() and not (out / DESCRIPTION).exists() and (not out.is_dir() or any(out.iterdir())):
            raise AdjoinError(f"{out} exists and is not an index of held-out texts; choose another folder")
        if not folders:
            raise AdjoinError("no evaluation folder: expected one or more folders to hold out; name them")
        repositories: dict[str, set[str]] = {}
        prose, code = NgramIndexBuilder(PROSE), NgramIndexBuilder(CODE_SHAPE)
        for batch in _batches(read_evaluation_texts(folders, repositories, tally), lambda text: len(text.text)):
            _add_prose(prose, [text for text in batch if text.kind != CODE])
            _add_code(code, [text for text in batch if text.kind == CODE])
        named = EvaluationRepositories(repositories).names
        tally.add("held-out repositories", number=len(named))
        with folder_in_one_piece(out) as folder:
            files = [*prose.make().save(folder, "prose"), *code.make().save(folder, "code")]
            digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode())
            for file in files:
                digest.update(file.read_bytes())
            description = {
                "format": FORMAT,
                "digest": digest.hexdigest(),
                "counts": dict(sorted(tally.counts.items())),
                "repositories": dict(sorted(named.items())),
            }
            write_json(folder / DESCRIPTION, description)
        return cls.open(out)

    @classmethod
    def open(cls, path: Path) -> "Decontaminator":
        """Map an index into memory. All workers on a machine share its pages.

        Raises:
            AdjoinError: the index is missing, damaged or of another format.
        """
        description = read_json(path / DESCRIPTION, "index of held-out texts")
        try:
            if description["format"] != FORMAT:
                raise ValueError(f"format {description['format']}, expected {FORMAT}")
            prose, code = NgramIndex.open(path, "prose", PROSE), NgramIndex.open(path, "code", CODE_SHAPE)
            repositories = EvaluationRepositories(description["repositories"])
            return cls(str(description["digest"]), prose, code, repositories)
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise AdjoinError(f"the index of held-out texts {path} is damaged ({error}); build it again") from None

    def reasons_against(self, pairs: Sequence[Pair]) -> list[str]:
        """Check pairs against the evaluation data.

        Returns:
            For each pair [N], the first of `RULES` that it breaks, or the empty string.
        """
        broken = np.zeros((len(RULES_IN_ORDER), len(pairs)), np.bool_)
        broken[0] = [self.repositories.contains(pair.repository, pair.origin, pair.language) for pair in pairs]
        codes: dict[tuple[str, str], list[int]] = {}
        texts: dict[str, list[int]] = {}  # a passage is often y of one pair and x of the next: check it once
        for i, pair in enumerate(pairs):
            is_code = pair.language in LANGUAGES_OF_CODE
            if not is_code or pair.x.count(" ") + 1 >= SUMMARY_WORDS:
                texts.setdefault(pair.x, []).append(i)
            if is_code:
                codes.setdefault((pair.y, pair.language), []).append(i)
            else:
                texts.setdefault(pair.y, []).append(i)
        for row, key in _rule_hits(codes, lambda key: len(key[0]), self._code_rules):
            broken[row + 1, codes[key]] = True
        for row, text in _rule_hits(texts, len, self._prose_rules):
            rows = texts[text] if row else [i for i in texts[text] if pairs[i].x == text]
            broken[row + 2, rows] = True
        names = ["", *RULES_IN_ORDER]
        return [names[rule] for rule in np.where(broken.any(0), broken.argmax(0) + 1, 0)]

    def _code_rules(self, batch: list[tuple[str, str]]) -> NDArray[np.bool_]:
        """[1, T] whether functions (code, language) repeat evaluation data."""
        codes, owners = _split_long([code for code, _ in batch])
        letters = code_letters(codes, [batch[i][1] for i in owners])
        stretches, contained = self.code.search(letters)
        repeats, _ = self.code.equal(letters)
        repeats[contained.texts] = True
        lengths = stretches.end - stretches.first
        repeats[stretches.texts[lengths >= CODE_STRETCH]] = True
        covered = np.zeros(len(codes), np.int64)
        previous_end = np.concatenate([[0], stretches.end])[:-1]  # two stretches may overlap
        np.add.at(covered, stretches.texts, stretches.end - np.maximum(stretches.first, previous_end))
        repeats |= (covered >= CODE_COVERED) & (covered >= CODE_SHARE * np.diff(letters.bounds))
        return _any_split(repeats[None], owners, len(batch))

    def _prose_rules(self, batch: list[str]) -> NDArray[np.bool_]:
        """[2, T] whether texts equal a held-out query, and whether they repeat a held-out text."""
        texts, owners = _split_long(batch)
        letters = prose_letters(texts)
        stretches, contained = self.prose.search(letters)
        repeats, is_query = self.prose.equal(letters)
        repeats[stretches.texts[_weights(letters, stretches) >= PROSE_STRETCH]] = True
        weights = _weights(letters, contained)
        repeats[contained.texts[weights >= PROSE_ANYWHERE]] = True
        words = letters.words_between(contained.first, contained.end)
        doubtful = np.flatnonzero(
            (weights >= PROSE_SENTENCE) & (weights < PROSE_ANYWHERE) & (words >= PROSE_SENTENCE_WORDS)
        )
        if len(doubtful):
            around = letters.around(contained.first[doubtful], contained.end[doubtful])
            is_sentence = np.array([_ends_sentence(before) and _ends_sentence(after) for before, after in around])
            repeats[contained.texts[doubtful[is_sentence]]] = True
        return _any_split(np.stack([is_query, repeats]), owners, len(batch))


def _weights(letters: Letters, spans: Matches) -> NDArray[np.int64]:
    return spans.end - spans.first + 3 * letters.words_between(spans.first, spans.end)


def _ends_sentence(between: bytes) -> bool:
    """Whether the characters between two words end a sentence."""
    return any(mark in between for mark in b".!?:;\n\1")


def _rule_hits(
    texts: Iterable[Item], size: Callable[[Item], int], rules: Callable[[list[Item]], NDArray[np.bool_]]
) -> Iterator[tuple[int, Item]]:
    """The row of each broken rule, with the text that breaks it."""
    for batch in _batches(texts, size):
        for row, i in zip(*np.nonzero(rules(batch)), strict=True):
            yield int(row), batch[i]


def _batches(items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Group items into lists of about `BATCH` characters."""
    batch: list[Item] = []
    characters = 0
    for item in items:
        batch.append(item)
        characters += size(item)
        if characters >= BATCH:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _split_long(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """Texts with those above `LONGEST` split into overlapping ones, and the index of the text each belongs to."""
    if all(len(text) <= LONGEST for text in texts):
        return list(texts), list(range(len(texts)))
    step = LONGEST - OVERLAP
    starts = [(n, start) for n, text in enumerate(texts) for start in range(0, max(len(text) - OVERLAP, 1), step)]
    return [texts[n][start : start + LONGEST] for n, start in starts], [n for n, _ in starts]


def _any_split(flags: NDArray[np.bool_], owners: list[int], number: int) -> NDArray[np.bool_]:
    """Whether any split of a text is flagged: [R, splits] → [R, T]."""
    result = np.zeros((len(flags), number), np.bool_)
    for row, flagged in zip(result, flags, strict=True):
        row[np.asarray(owners)[flagged]] = True
    return result


def _add_prose(index: NgramIndexBuilder, batch: Sequence[EvaluationText]) -> None:
    texts, owners = _split_long([text.text for text in batch])
    letters = prose_letters(texts)
    index.add_wholes(letters, PROSE_WHOLE, np.array([batch[i].kind == QUERY for i in owners], np.bool_))
    letters = prose_letters([text for text, i in zip(texts, owners, strict=True) if batch[i].kind != TITLE])
    index.add_grams(letters)
    index.add_contained(letters, *PROSE_WITHIN)


def _add_code(index: NgramIndexBuilder, batch: Sequence[EvaluationText]) -> None:
    codes, owners = _split_long([text.text for text in batch])
    languages = [batch[i].language for i in owners]
    letters = code_letters(codes, languages)
    index.add_grams(letters)
    index.add_wholes(letters, CODE_WHOLE, np.zeros(len(codes), np.bool_))
    contained: dict[int, list[tuple[str, str]]] = {CODE_FUNCTION: [], CODE_BODY: [], CODE_SNIPPET: []}
    for code, language in zip(codes, languages, strict=True):
        *whole, body = parts(code, language) or ["", ""]
        contained[CODE_FUNCTION].extend((part, language) for part in whole)
        contained[CODE_BODY].append((body, language))
        contained[CODE_SNIPPET].append((code, language))
    for least, group in contained.items():
        group_letters = code_letters([code for code, _ in group], [language for _, language in group])
        index.add_contained(group_letters, least, LONGEST)
