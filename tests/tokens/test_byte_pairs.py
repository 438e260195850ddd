import copy
import json

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from adjoin.model.locations import locate_model
from adjoin.tokens import FILE
from adjoin.tokens.byte_pairs import BytePairs, is_ours
from small_tokenizers import KINDS

PATHS = {name: locate_model(name) / FILE for name in ("code", "text")}
CONTENT = PATHS["code"].read_text()
PAIRS = {name: BytePairs.read(path.read_text()) for name, path in PATHS.items()}
LIBRARY = {name: tokenizers.Tokenizer.from_file(str(path)) for name, path in PATHS.items()}


@pytest.mark.parametrize("name", PATHS)
@given(word=st.one_of(st.text(st.characters(max_codepoint=127), max_size=40), st.text("aeinorst", max_size=60)))
def test_words_get_the_ids_of_the_librarys_merges(name: str, word: str) -> None:
    pairs = PAIRS[name]
    assert pairs is not None
    word = word.lower()
    assert pairs.ids(word) == [token.id for token in LIBRARY[name].model.tokenize(as_characters(word))]


def as_characters(word: str) -> str:
    steps = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(word)
    return "".join(part for part, _ in steps)


def test_every_token_of_the_vocabulary_as_a_word() -> None:
    pairs, library = PAIRS["code"], LIBRARY["code"]
    assert pairs is not None
    tokens = [token for token in pairs.vocabulary if token.isascii()]
    assert len(tokens) > 30_000
    for token, encoding in zip(tokens, library.encode_batch(tokens), strict=True):
        if token.isalpha() and token.islower():
            assert pairs.ids(token) == encoding.ids, token


def test_merges_may_be_strings() -> None:
    content = json.loads(CONTENT)
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    pairs = BytePairs.read(json.dumps(content))
    assert pairs is not None
    assert PAIRS["code"] is not None
    assert pairs.ids("asymmetric") == PAIRS["code"].ids("asymmetric")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ours"])
def test_other_kinds_are_not_taken_for_ours(kind: str) -> None:
    tokenizer = KINDS[kind](["some words to learn [x] {y}"] * 3)
    assert not is_ours(json.loads(tokenizer.to_json()))
    assert BytePairs.read(tokenizer.to_json()) is None


SMALL = {**json.loads(CONTENT)}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("normalizer",), None),
        (("normalizer", "normalizers", 1, "pattern", "Regex"), "_+"),
        (("pre_tokenizer", "pretokenizers", 0, "invert"), False),
        (("added_tokens",), [{"id": 0, "content": "!"}]),
        (("post_processor",), {"type": "ByteLevel"}),
        (("truncation",), {"max_length": 5}),
        (("model", "type"), "WordPiece"),
        (("model", "dropout"), 0.1),
        (("model", "ignore_merges"), True),
        (("model", "unk_token"), "!"),
        (("model", "vocab"), {"a": 0}),
        (("model", "merges"), "a b"),
        (("model", "merges"), [["in", "nowhere-at-all"]]),
        (("model", "merges"), [["a", 3]]),
        (("model", "vocab", "a"), "7"),
    ],
)
def test_what_differs_in_one_place_is_left_to_the_library(place: tuple[str | int, ...], value: object) -> None:
    content = copy.deepcopy(SMALL)
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    assert BytePairs.read(json.dumps(content)) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", CONTENT[:-9], CONTENT[:5000], "[" * 100_000, '{"model": 3}'])
def test_damaged_content_is_none(content: str) -> None:
    assert BytePairs.read(content) is None
