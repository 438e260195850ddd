"""A tokenizer.json that is damaged or hostile: the right tokens, or one line that names the file and the place."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adjoin.errors import AdjoinError
from adjoin.tokens import Tokenizer, checking
from adjoin.tokens.checking import wrong_rule
from small_tokenizers import KINDS

Json = dict[str, Any]
TEXTS = ["open file", "", "漢字 é 🙂", "a" * 3000]


def regex(part: str, expression: str) -> Callable[[Json], None]:
    rules = {
        "normalizer": {"type": "Replace", "pattern": {"Regex": expression}, "content": ""},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": expression},
            "behavior": "Removed",
            "invert": False,
        },
    }
    return lambda content: content.update(
        {part: {"type": "Sequence", {"normalizer": "normalizers"}.get(part, "pretokenizers"): [rules[part]]}}
    )


def growing(*lengths: int) -> Callable[[Json], None]:
    rules = [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * length} for length in lengths]
    return lambda content: content.update(normalizer={"type": "Sequence", "normalizers": rules})


def model(**fields: object) -> Callable[[Json], None]:
    return lambda content: content.update(model=fields, pre_tokenizer=None, normalizer=None)


def last_id(number: object) -> Callable[[Json], None]:
    def change(content: Json) -> None:
        vocabulary = content["model"]["vocab"]
        vocabulary[max(vocabulary, key=vocabulary.__getitem__)] = number

    return change


def added(number: int, text: str = "<x>") -> Callable[[Json], None]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return lambda content: content["added_tokens"].append(
        {"id": number, "content": text, "special": True, **flags}
    )


FOUR = {"[": 0, "]": 1, "{": 2, "}": 3, "a": 4}
REFUSED: dict[str, tuple[Callable[[Json], object], str]] = {
    "negative id": (last_id(-1), "has the id -1, expected 0 to"),
    "huge id": (last_id(2**31 + 5), "has the id 2147483653"),
    "id beyond any number": (last_id(2**70), "has the id 1180591"),
    "broken id": (last_id(1.5), "is damaged"),
    "huge added id": (added(2**31), "'<x>' has the id 2147483648"),
    "nested repetition": (regex("normalizer", "(a+)+$"), r"normalizer has the expression '\(a\+\)\+\$'"),
    "repetition of two": (regex("pre_tokenizer", "(x+x+)+y"), "pre_tokenizer has the expression"),
    "repetition of any": (regex("pre_tokenizer", "(.*a){20}"), "pre_tokenizer has the expression"),
    "open group": (regex("normalizer", "("), "is damaged"),
    "a long replacement": (growing(1000), "up to 1,000 times as long"),
    "many replacements": (growing(8, 8, 8), "up to 512 times as long"),
    "nothing is left": (regex("normalizer", "."), "no token for 'é'"),
    "characters are lost": (model(type="BPE", vocab=FOUR, merges=[]), "no token for 'é', .* texts would be lost"),
    "words are lost": (model(type="WordLevel", vocab=FOUR, unk_token="<unk>"), "has failed: .*UNK"),
    "no unknown token": (
        model(type="Unigram", unk_id=None, vocab=[[token, -1.0] for token in FOUR]), "has failed: .*unk_id"
    ),
    "no delimiter": (model(type="BPE", vocab={"a": 0, "[": 1}, merges=[], unk_token="a"), "no token for the delimiter"),  # noqa: E501
    "no model": (lambda content: content.update(model=None), "is damaged"),
    "no vocabulary": (lambda content: content["model"].update(vocab={}, merges=[]), "no token for the delimiter"),
    "a list of tokens": (lambda content: content["model"].update(vocab=[1]), "is damaged"),
    "a merge of nothing": (lambda content: content["model"]["merges"].append(["zz", "qq"]), "zz.*out of vocabulary"),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_damaged_tokenizer_is_one_line(name: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    change, message = REFUSED[name]
    content = json.loads(tokenizer.to_json())
    change(content)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content))
    with pytest.raises(AdjoinError, match=message) as caught:
        Tokenizer.load(path).encode(TEXTS, "query", 64)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "null", '{"model": {', "[" * 100_000, "\ufeff{}"])
def test_a_file_that_is_no_tokenizer_is_one_line(content: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(AdjoinError, match=f"the tokenizer {path} is damaged") as caught:
        Tokenizer.load(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjoin.tokens.tokenizer.MOST_BYTES", 100)
    (tmp_path / "tokenizer.json").write_text("x" * 101)
    with pytest.raises(AdjoinError, match="has 101 bytes, expected at most 100"):
        Tokenizer.load(tmp_path / "tokenizer.json")
    assert checking.MOST_BYTES == 64_000_000


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(
            truncation={"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
        ),
        lambda content: content.update(
            padding={
                "strategy": {"Fixed": 50},
                "direction": "Left",
                "pad_to_multiple_of": None,
                "pad_id": 0,
                "pad_type_id": 0,
                "pad_token": "[PAD]",
            }
        ),
        lambda content: content["model"].update(dropout=0.5),
        lambda content: content.update(
            post_processor={
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [],
                "special_tokens": {"[": {"id": "[", "ids": [content["model"]["vocab"]["["]], "tokens": ["["]}},
            }
        ),
        added(9_999),
    ],
)
def test_what_a_tokenizer_would_do_beside_splitting_changes_nothing(
    change: Callable[[Json], object], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    content = json.loads(tokenizer.to_json())
    expected = tokenizer.encode(TEXTS, "document", 64)
    change(content)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    again = Tokenizer.load(tmp_path / "tokenizer.json").encode(TEXTS, "document", 64)
    assert again.ids_N.tolist() == expected.ids_N.tolist()
    assert again.lengths_B.tolist() == expected.lengths_B.tolist()


def test_an_id_without_a_row_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    content = copy.deepcopy(json.loads(tokenizer.to_json()))
    last_id(9_999)(content)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.highest_id == 9_999 > loaded.vocabulary_size
    with pytest.raises(AdjoinError, match=r"the token id 9,999 \('.*'\), the weights have 600 rows"):
        loaded.check_fits(600, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rules_of_ordinary_tokenizers_pass(kind: str) -> None:
    assert wrong_rule(KINDS[kind](["def open_file(path): return [ path ] { }"] * 9).to_json()) == ""


@pytest.mark.parametrize(
    "expression",
    [
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",  # noqa: E501
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}]*[\p{Ll}\p{M}]+(?i:'s|'t|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))",
        r"[(+*]+\)+|\(\*+",
    ],
)
def test_expressions_of_well_known_tokenizers_pass(expression: str) -> None:
    rule = {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}
    assert wrong_rule(json.dumps({"pre_tokenizer": rule})) == ""
