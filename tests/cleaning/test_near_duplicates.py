"""Near duplicates: recall and precision on planted copies, and agreement with a comparison of all pairs."""

import itertools
import random
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adjoin.cleaning.near_duplicates as module
from adjoin.cleaning.near_duplicates import (
    CODE_THRESHOLD,
    PROSE_THRESHOLD,
    SIZE,
    SignatureFiles,
    near_duplicates,
    signatures,
)
from adjoin.cleaning.shingles import dialect_of, shingles
from adjoin.corpus.document import PROSE
from adjoin.errors import AdjoinError
from small_sources import NOUNS, VERBS, function_source

THRESHOLDS = {PROSE: PROSE_THRESHOLD, "python": CODE_THRESHOLD, "java": CODE_THRESHOLD}
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "ki", "lo"), ("rst", "lm", "nd", "x", "po")
WORDS = ["".join(parts) for parts in itertools.product(*SYLLABLES)]


def passage(seed: int, words: int = 80) -> str:
    choice = random.Random(seed)
    return " ".join(choice.choices(WORDS + [f"own{seed}of{n}" for n in range(200)], k=words))


def function(seed: int, lines: int = 4) -> str:
    choice = random.Random(seed)
    body = []
    for line in range(lines):
        verb, noun = choice.choice(WORDS), choice.choice(WORDS)
        body.append(f"    {noun}{line} = self.{verb}_{seed}({choice.choice(WORDS)}, {choice.randrange(99)})")
    return (
        f"def {choice.choice(WORDS)}_{seed}(self, {choice.choice(WORDS)}):\n"
        + "\n".join(body)
        + f"\n    return {noun}{line}\n"
    )


def signed(texts: list[str], languages: list[str]) -> np.ndarray:
    return signatures([text.encode() for text in texts], languages)


def marks(
    folder: Path,
    texts: list[str],
    languages: list[str],
    keep: np.ndarray | None = None,
    kind: np.ndarray | None = None,
    parts: int = 2,
) -> np.ndarray:
    paths = []
    for number, part in enumerate(np.array_split(signed(texts, languages), parts)):
        paths.append(folder / f"{number}.npy")
        np.save(paths[-1], part)
    kinds = np.zeros(len(texts), np.uint8) if kind is None else kind
    keeps = np.ones(len(texts), np.bool_) if keep is None else keep
    return near_duplicates(SignatureFiles(paths), keeps, kinds, [THRESHOLDS[name] for name in languages[:2]])


def near_duplicates_plain(texts: list[str], language: str) -> list[bool]:
    """All pairs, exact Jaccard: slow and sure."""
    sets = [set(shingles([text.encode()], dialect_of(language))[0].tolist()) for text in texts]
    threshold = THRESHOLDS[language]
    return [
        any(len(later & earlier) >= threshold * len(later | earlier) for earlier in sets[:place])
        for place, later in enumerate(sets)
    ]


def test_bands_find_what_comparing_all_finds(tmp_path: Path) -> None:
    texts, choice = [], random.Random(3)
    for seed in range(60):
        text = passage(seed)
        texts.append(text)
        for _ in range(choice.randrange(4)):
            words = text.split()
            words[choice.randrange(len(words))] = "changed"  # J of at least 0.93: far from the threshold
            texts.append(" ".join(words))
    choice.shuffle(texts)
    plain = near_duplicates_plain(texts, PROSE)
    assert 40 < sum(plain) < len(texts) - 40
    for parts in (1, 7):
        assert marks(tmp_path, texts, [PROSE] * len(texts), parts=parts).tolist() == plain


def test_threads_mark_the_same_rows(tmp_path: Path) -> None:
    texts = [passage(seed % 70) if seed % 3 else passage(seed) for seed in range(400)]
    np.save(tmp_path / "all.npy", signed(texts, [PROSE] * len(texts)))
    files, keep, kind = SignatureFiles([tmp_path / "all.npy"]), np.ones(400, np.bool_), np.zeros(400, np.uint8)
    alone = near_duplicates(files, keep, kind, [PROSE_THRESHOLD])
    assert 100 < alone.sum() < 300
    for threads in (2, 3, 8):
        assert (near_duplicates(files, keep, kind, [PROSE_THRESHOLD], threads) == alone).all()


def test_bands_find_nearly_all_just_above_the_threshold(tmp_path: Path) -> None:
    shuffle = np.random.default_rng(2)
    first = shuffle.integers(0, 256, (3000, SIZE), dtype=np.uint8)
    other = shuffle.integers(0, 256, first.shape, dtype=np.uint8)
    second = np.where(shuffle.random(first.shape) < 0.64, first, other)
    np.save(tmp_path / "all.npy", np.concatenate([first, second]))
    files = SignatureFiles([tmp_path / "all.npy"])
    marked = near_duplicates(files, np.ones(6000, np.bool_), np.zeros(6000, np.uint8), [0.6])[3000:]
    agreeing = (first == second).mean(axis=1) >= 0.6 + 0.4 / 256
    assert not (marked & ~agreeing).any()
    assert marked[agreeing].mean() >= 0.985  # of J = 0.64 the 32 bands miss 0.3 %, and the hint some of the rest


def rename(code: str, choice: random.Random) -> str:
    name = choice.choice(re.findall(r"^    (\w+) =", code, re.MULTILINE))
    return re.sub(rf"\b{name}\b", "renamed", code)


def add_line(code: str, line: str, choice: random.Random) -> str:
    lines = code.split("\n")
    lines.insert(choice.randrange(1, len(lines) - 2), line)
    return "\n".join(lines)


CHANGES = {
    "renamed": rename,
    "literal": lambda code, choice: re.sub(r"\d+\)$", "4711)", code, count=1, flags=re.MULTILINE),
    "log": lambda code, choice: add_line(code, '    logger.debug("this far: %s", here)', choice),
    "comment": lambda code, choice: add_line(code, "    # this is where it's done, see the ticket", choice),
    "white": lambda code, choice: code.replace("    ", "\t").replace(" = ", "=").replace("\n", "\n\n"),
}


def test_planted_copies_of_functions_are_found_and_no_others(tmp_path: Path) -> None:
    choice = random.Random(5)
    clean = [function(seed, 2 + seed % 8) for seed in range(400)]
    planted = [change(text, choice) for change in CHANGES.values() for text in choice.sample(clean, 60)]
    marked = marks(tmp_path, clean + planted, ["python"] * (len(clean) + len(planted)))
    assert marked[: len(clean)].sum() == 0
    assert marked[len(clean) :].mean() >= 0.98


def test_functions_of_one_make_are_not_duplicates(tmp_path: Path) -> None:
    getters = [f"def get_{noun}(self):\n    self.check()\n    return self.{noun}\n" for noun in WORDS]
    assert not marks(tmp_path, getters, ["python"] * len(getters)).any()
    beans = [f"public String get{word.title()}() {{\n    return {word};\n}}" for word in WORDS]
    assert not marks(tmp_path, beans, ["java"] * len(beans)).any()


def test_planted_copies_of_passages_are_found_and_no_others(tmp_path: Path) -> None:
    choice = random.Random(6)
    clean = [passage(seed, 60 + seed % 60) for seed in range(300)]
    planted = []
    for text in choice.sample(clean, 200):
        words = text.split()
        for _ in range(5):
            words[choice.randrange(len(words))] = choice.choice(WORDS)
        planted.append(" ".join(words))
    planted += [" ".join(text.split()[12:]) for text in choice.sample(clean, 100)]
    planted += [text.upper().replace(" ", ", ", 9) + "!" for text in choice.sample(clean, 100)]
    marked = marks(tmp_path, clean + planted, [PROSE] * (len(clean) + len(planted)))
    assert marked[: len(clean)].sum() == 0
    assert marked[len(clean) :].mean() >= 0.98


def test_only_kept_rows_of_one_kind_are_compared(tmp_path: Path) -> None:
    text = passage(1)
    texts, languages = [text] * 6, [PROSE] * 6
    kind = np.array([0, 1, 0, 1, 0, 1], np.uint8)
    keep = np.array([False, True, True, True, False, True])
    assert marks(tmp_path, texts, languages, keep, kind).tolist() == [False, False, False, True, False, True]


def test_thresholds_go_by_kind(tmp_path: Path) -> None:
    words = passage(2, 100).split()
    texts = [" ".join(words), " ".join(words[15:])] * 2  # J of 0.85
    np.save(tmp_path / "all.npy", signed(texts, [PROSE] * 4))
    files = SignatureFiles([tmp_path / "all.npy"])
    kind = np.array([0, 0, 1, 1], np.uint8)
    assert near_duplicates(files, np.ones(4, np.bool_), kind, [0.95, 0.7]).tolist() == [False, False, False, True]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64])
def test_any_numbers_of_kinds_will_do(tmp_path: Path, dtype: type[np.integer]) -> None:
    """A product with a signed number once left the key's 32 bits: kinds from 2 on were hardly compared."""
    texts = [passage(seed) for seed in (1, 2, 3, 4)] * 2
    kind = np.array([0, 1, 2, 3] * 2, dtype)
    np.save(tmp_path / "all.npy", signed(texts, [PROSE] * 8))
    marked = near_duplicates(
        SignatureFiles([tmp_path / "all.npy"]), np.ones(8, np.bool_), kind, [PROSE_THRESHOLD] * 4
    )
    assert marked.tolist() == [False] * 4 + [True] * 4


def test_texts_without_words_are_like_themselves_only(tmp_path: Path) -> None:
    texts = ["", "()", "[]", "()", "# a comment", "# another"]
    assert marks(tmp_path, texts, ["python"] * 6).tolist() == [False, False, False, True, False, False]


def test_a_large_family_keeps_its_first_in_linear_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    neighbours: Any = module._bucket_pairs

    def counting(*given: object) -> Iterator[module.RowPairs]:
        nonlocal compared
        for pairs in neighbours(*given):
            compared += len(pairs[0])
            yield pairs

    monkeypatch.setattr(module, "_bucket_pairs", counting)
    texts = [passage(1) + f" number {number}" for number in range(5000)]
    marked = marks(tmp_path, texts, [PROSE] * len(texts))
    assert marked.tolist() == [False] + [True] * 4999
    assert (
        5000 <= compared <= 32 * 4 * 5000
    )  # in each band with the first and three before; all pairs are 12 million


def test_signatures_are_the_same_in_any_company_and_order() -> None:
    texts = [function_source(verb, noun) for verb in VERBS for noun in NOUNS] + ["", "x"]
    languages = ["python"] * (len(texts) - 1) + [PROSE]
    together = signed(texts, languages)
    assert together.shape == (len(texts), SIZE)
    assert together.dtype == np.uint8
    for place in (0, 17, len(texts) - 2, len(texts) - 1):
        assert (signed([texts[place]], [languages[place]])[0] == together[place]).all()
    backwards = signed(texts[::-1], languages[::-1])
    assert (backwards[::-1] == together).all()


def test_bytes_agree_as_the_texts_do() -> None:
    # The estimate's standard deviation is 0.04 a pair; the mean of 200 pairs is far closer.
    first = [passage(seed, 100) for seed in range(200)]
    second = [" ".join(text.split()[:70] + passage(seed + 1000, 30).split()) for seed, text in enumerate(first)]
    sets = [
        [set(shingles([text.encode()], dialect_of(PROSE))[0].tolist()) for text in texts]
        for texts in (first, second)
    ]
    exact = np.mean([len(a & b) / len(a | b) for a, b in zip(*sets, strict=True)])
    agreeing = (signed(first, [PROSE] * 200) == signed(second, [PROSE] * 200)).mean()
    assert abs((agreeing - 1 / 256) / (1 - 1 / 256) - exact) < 0.015


def test_memory_is_thirty_bytes_a_row(tmp_path: Path) -> None:
    rows = 400_000
    np.save(tmp_path / "many.npy", np.random.default_rng(1).integers(0, 256, (rows, SIZE), dtype=np.uint8))
    files, keep, kind = SignatureFiles([tmp_path / "many.npy"]), np.ones(rows, np.bool_), np.zeros(rows, np.uint8)
    tracemalloc.start()
    assert not near_duplicates(files, keep, kind, [CODE_THRESHOLD]).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 * rows + 12_000_000  # that much for a piece of the work


def test_what_is_no_signature_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", np.zeros((3, 4), np.uint8))
    with pytest.raises(AdjoinError, match=r"other\.npy holds uint8\[3, 4\]"):
        SignatureFiles([tmp_path / "other.npy"])
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(AdjoinError, match=r"text\.npy is no array"):
        SignatureFiles([tmp_path / "text.npy"])
    files = SignatureFiles([])
    assert files.rows == 0
    with pytest.raises(AdjoinError, match="0 signatures, 2 marks"):
        near_duplicates(files, np.ones(2, np.bool_), np.zeros(2, np.uint8), [PROSE_THRESHOLD])
    assert near_duplicates(files, np.ones(0, np.bool_), np.zeros(0, np.uint8), [PROSE_THRESHOLD]).tolist() == []
