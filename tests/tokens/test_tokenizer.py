import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged, Tokenizer
from small_tokenizers import KINDS


def decode(tokenizer: Tokenizer, tokens: Ragged, row: int = 0) -> str:
    return tokenizer.backend.decode(tokens.take(np.array([row])).ids_N.tolist(), skip_special_tokens=False)


def test_roles_have_their_own_delimiters(tokenizer: Tokenizer) -> None:
    assert decode(tokenizer, tokenizer.encode(["open file"], "query", 32)).startswith("[")
    assert decode(tokenizer, tokenizer.encode(["open file"], "query", 32)).endswith("]")
    assert decode(tokenizer, tokenizer.encode(["open file"], "document", 32)).startswith("{")
    assert decode(tokenizer, tokenizer.encode(["open file"], "document", 32)).endswith("}")


@given(st.integers(3, 40), st.integers(0, 60))
def test_the_closing_delimiter_survives_truncation_and_truncation_is_counted(room: int, words: int) -> None:
    tokenizer = Tokenizer.train(["word " * 10], 300)
    full = len(tokenizer.backend.encode("word " * words).ids)
    tokens = tokenizer.encode(["word " * words], "document", room)
    assert tokens.ids_N[0] == tokenizer.backend.token_to_id("{")
    assert tokens.ids_N[-1] == tokenizer.backend.token_to_id("}")
    assert len(tokens.ids_N) == min(room, full + 2)
    assert tokenizer.truncated == (full + 2 > room)
    assert tokenizer.encoded == 1


def test_long_texts_give_the_tokens_of_their_beginning(tokenizer: Tokenizer) -> None:
    text = "open file parse token " * 2000
    expected = tokenizer.backend.encode(text).ids[:62]
    assert tokenizer.encode([text], "query", 64).ids_N[1:-1].tolist() == expected
    # Much white space, few tokens: the text must be read beyond the first clipping.
    sparse = "open" + " " * 50_000 + "file"
    assert len(tokenizer.encode([sparse], "query", 64).ids_N) == len(
        tokenizer.encode(["open file"], "query", 64).ids_N
    )


def test_identifiers_are_split_and_case_is_folded(tokenizer: Tokenizer) -> None:
    ids = [
        tokenizer.encode([t], "query", 32).ids_N.tolist()
        for t in ("openFile", "open_file", "Open file", "open  file")
    ]
    assert ids[0] == ids[1] == ids[2] == ids[3]


def test_any_text_can_be_encoded(tokenizer: Tokenizer) -> None:
    texts = ["", "\0", "求和 🙂", "\u202e", "a" * 100_000]
    tokens = tokenizer.encode(texts, "query", 16)
    assert tokens.lengths_B.tolist()[0] == 2
    assert (tokens.lengths_B <= 16).all()


def test_training_is_reproducible_and_survives_saving(tmp_path: Path, tokenizer: Tokenizer) -> None:
    texts = [f"some text number {i} with words" for i in range(50)]
    assert Tokenizer.train(texts, 400).to_json() == Tokenizer.train(texts, 400).to_json()
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json())
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    assert (
        again.encode(["merge tables"], "query", 9).ids_N.tolist()
        == tokenizer.encode(["merge tables"], "query", 9).ids_N.tolist()
    )


def test_wrong_arguments_are_one_line(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match="unknown role 'doc'"):
        tokenizer.encode(["x"], "doc", 16)
    with pytest.raises(AdjoinError, match="max_tokens is 2"):
        tokenizer.encode(["x"], "query", 2)
    with pytest.raises(AdjoinError, match="missing"):
        Tokenizer.load(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "trunc')
    with pytest.raises(AdjoinError, match="damaged"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_a_tokenizer_of_ours_is_read_without_the_library_until_it_is_needed(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json())
    code = (
        "import sys; from pathlib import Path; from adjoin.tokens import Tokenizer;"
        f" t = Tokenizer.load(Path({str(tmp_path / 'tokenizer.json')!r})); t.check_fits(10**6, Path());"
        " print(t.encode(['openFile'], 'query', 9).ids_N.tolist(), t.vocabulary_size,"
        " 'tokenizers' in sys.modules);"
        " print(t.encode(['é'], 'query', 9).ids_N.tolist(), 'tokenizers' in sys.modules)"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ascii_ids, other_ids = (tokenizer.encode([text], "query", 9).ids_N.tolist() for text in ("openFile", "é"))
    assert lines.splitlines() == [
        f"{ascii_ids} {tokenizer.vocabulary_size} False",
        f"{other_ids} True",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tokenizer_gives_the_ids_of_the_library(kind: str) -> None:
    tokenizer = KINDS[kind](["open the file result é", "parseHTTPResponse [x] {y}"] * 4)
    texts = [
        "",
        "open  the\nfile",
        "parseHTTP_response2x 1234",
        "É\u0301 [x]",
        "result" * 40,
        " " * 900 + "open file",
    ]
    for max_tokens in (3, 8, 400):
        tokens = tokenizer.encode(texts, "document", max_tokens)
        expected = [tokenizer.backend.encode(text, add_special_tokens=False).ids for text in texts]
        opening, closing = (tokenizer.backend.token_to_id(delimiter) for delimiter in "{}")
        got = np.split(tokens.ids_N, np.cumsum(tokens.lengths_B)[:-1])
        assert [ids.tolist() for ids in got] == [[opening, *ids[: max_tokens - 2], closing] for ids in expected]
