from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged, Tokenizer


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


rows = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=6), min_size=1, max_size=8)


@given(rows, st.data())
def test_ragged_takes_rows_like_a_list(sequences: list[list[int]], data: st.DataObject) -> None:
    ragged = Ragged(
        np.array([t for row in sequences for t in row], np.int32), np.array([len(r) for r in sequences], np.int64)
    )
    chosen = data.draw(st.lists(st.integers(0, len(sequences) - 1), min_size=1, max_size=8))
    taken = ragged.take(np.array(chosen))
    assert [row[: len(sequences[i])].tolist() for row, i in zip(taken.padded(), chosen, strict=True)] == [
        sequences[i] for i in chosen
    ]
    assert all(
        (row[len(sequences[i]) :] == 0).all() for row, i in zip(taken.padded(), chosen, strict=True)
    )  # to the right


@given(rows)
def test_distinct_tokens_stay_in_their_order(sequences: list[list[int]]) -> None:
    ragged = Ragged(
        np.array([t for row in sequences for t in row], np.int32), np.array([len(r) for r in sequences], np.int64)
    )
    once = ragged.distinct()
    expected = [list(dict.fromkeys(row)) for row in sequences]
    assert once.ids_N.tolist() == [t for row in expected for t in row]
    assert once.lengths_B.tolist() == [len(row) for row in expected]
    assert once.positions_N.tolist() == [place for row in expected for place in range(len(row))]
    assert once.distinct() is once
    firsts = [(row, row.index(token)) for row in sequences for token in dict.fromkeys(row)]
    assert once.neighbours_2N is not None
    before, after = once.neighbours_2N.tolist()
    assert before == [row[max(0, first - 1)] for row, first in firsts]
    assert after == [row[min(len(row) - 1, first + 1)] for row, first in firsts]
    both = Ragged.concatenate([once, once]).take(np.arange(len(once), 2 * len(once)))
    assert both.neighbours_2N is not None
    assert both.neighbours_2N.tolist() == [before, after]
