"""Ids by words are those of the library, which tokenizes the texts whole."""

import itertools
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from adjoin.model.locations import locate_model
from adjoin.tokens import FILE, Tokenizer, words

LIBRARY = tokenizers.Tokenizer.from_file(str(locate_model("code") / FILE))
OURS = Tokenizer.load(locate_model("code") / FILE)


def by_library(text: str) -> list[int]:
    ids: list[int] = LIBRARY.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False).ids
    return ids


def ours(texts: list[str], tokenizer: Tokenizer = OURS) -> list[list[int]]:
    tokens = tokenizer.encode(texts, "query", 1_000_000)
    return [row[1:-1].tolist() for row in np.split(tokens.ids_N, np.cumsum(tokens.lengths_B)[:-1])]


def agree(texts: list[str]) -> None:
    for text, ids in zip(texts, ours(texts), strict=True):
        assert ids == by_library(text), repr(text)


def test_all_pairs_and_many_triples_of_ascii() -> None:
    every = [chr(code) for code in range(128)]
    agree(["".join(pair) for pair in itertools.product(every, repeat=2)])
    agree(["".join(three) for three in itertools.product("aBzZ09_. \n\x1c(", repeat=4)])


def test_every_character_of_unicode_beside_ascii() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    texts = ["".join(f"a{c}B {c}{c} 1{c}_" for c in every[at : at + 64]) for at in range(0, len(every), 64)]
    agree(texts[:: 1 if len(texts) < 2_000 else 7] + texts[:400])


TRICKY = [
    "İstanbul I\u0307",
    "ẞ ß STRASSE Straße",
    "ΟΔΥΣΣΕΥΣ Σ ς \u03c3",  # the library does not know the final sigma of a word
    "e\u0301 E\u0301x \u0301a a \u0301",
    "ﬁ ǅ ǆ ǅx aǅ",
    "=\u0338 <\u0338 >\u0338",
    "한글 \u1112\u1161\u11ab",
    "a\u00a0b\u3000c\u2028d\u0085e",
    "x²³¼ ٣٤٥٦ १२३४ Ⅷ",
    "snake__case_ _x__ parseHTTPResponse ABc aBCd É_É éA aÉ",
    "\ud800 half \udfff",
    "\ufeff\u200b\u200dz",
    "\x1c\x1d\x1e\x1f\x00\x7f",
    "求和函数 sum\uff08求和\uff09",
    "🙂\u200d🙂",
    "\r\n\t\v\f",
    "Å\u212b\u03a9\u2126",
    "",
    " ",
    "_",
]


@pytest.mark.parametrize("text", TRICKY)
def test_letters_whose_case_or_form_is_special(text: str) -> None:
    agree([text, f"a{text}B", text * 3])


pieces = st.lists(
    st.one_of(
        st.text(max_size=8), st.text(st.characters(max_codepoint=127), max_size=12), st.sampled_from(TRICKY)
    ),
    max_size=12,
)


@given(st.lists(pieces.map("".join), min_size=1, max_size=5))
def test_any_texts(texts: list[str]) -> None:
    agree(texts)


def test_real_files() -> None:
    folder = Path(sysconfig.get_paths()["stdlib"])
    paths = sorted(folder.glob("*.py"))[::9] + sorted((folder / "test").glob("test_unicode*.py"))
    texts = [path.read_text(encoding="utf-8", errors="surrogateescape")[:200_000] for path in paths]
    assert texts
    agree(texts)
    readme = Path(__file__).parents[2] / "README.md"
    agree([readme.read_text(encoding="utf-8")])


def test_a_full_cache_is_emptied_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Tokenizer.load(locate_model("code") / FILE)
    monkeypatch.setattr(words, "MOST_PARTS", 3)
    for start in range(0, 40, 4):
        texts = [f"word{number} other{number}_x é{number}" for number in range(start, start + 4)]
        assert ours(texts, tokenizer) == [by_library(text) for text in texts]
    monkeypatch.setattr(words, "MOST_PARTS", 10**6)
    monkeypatch.setattr(words, "MOST_CHARACTERS", 9)
    for number in range(9):
        assert ours([f"long{number} text"], tokenizer) == [by_library(f"long{number} text")]


def test_an_error_of_the_library_leaves_no_word_without_ids() -> None:
    calls = []

    def encode(parts: list[str]) -> list[list[int]]:
        calls.append(list(parts))
        if len(calls) == 1:
            raise MemoryError
        return [[len(part)] for part in parts]

    cache = words.WordCache(encode)  # type: ignore[arg-type]
    with pytest.raises(MemoryError):
        cache.encode(["one three"])
    ids, lengths = cache.encode(["one three one", "three"])
    assert ids.tolist() == [3, 5, 3, 5]
    assert lengths.tolist() == [3, 1]
    assert calls == [["one", "three"], ["one", "three"]]  # each word once


def test_threads_share_a_cache() -> None:
    from concurrent.futures import ThreadPoolExecutor

    tokenizer = Tokenizer.load(locate_model("code") / FILE)
    texts = [[f"name{number % 50} value{number} x_{number}"] for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda text: ours(text, tokenizer), texts))
    assert got == [[by_library(text)] for [text] in texts]
