import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from numpy.typing import NDArray
from small_tables import (
    TEXTS,
    WORDS,
    bpe_tokenizer,
    random_table,
    unigram_tokenizer,
    word_tokenizer,
    write_model2vec,
    write_wordllama,
)

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.tables import installed_wordllama, is_model2vec, open_model2vec, open_wordllama

Vector = NDArray[np.float32]
TABLE = random_table(len(WORDS))


def unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)


def row(word: str, table: Vector = TABLE) -> Vector:
    return table[WORDS.index(word)]


def test_wordllama_means_all_tokens_the_unknown_one_among_them(tmp_path: Path) -> None:
    system = open_wordllama(*write_wordllama(tmp_path, word_tokenizer(), TABLE))
    vectors = system.encode_query(["red Green", "red red zebra", "", "blue"])
    np.testing.assert_allclose(vectors[0], unit((row("red") + row("green")) / 2), rtol=1e-5)
    np.testing.assert_allclose(vectors[1], unit((2 * row("red") + row("[UNK]")) / 3), rtol=1e-5)
    np.testing.assert_array_equal(vectors[2], 0)
    np.testing.assert_array_equal(system.encode_document(["blue"])[0], vectors[3])
    assert vectors.dtype == np.float32
    assert system.encode_query([]).shape == (0, TABLE.shape[1])


def test_model2vec_leaves_the_unknown_token_out(tmp_path: Path) -> None:
    system = open_model2vec(write_model2vec(tmp_path / "colours", word_tokenizer(), {"embeddings": TABLE}))
    vectors = system.encode_document(["zebra red green", "zebra", ""])
    np.testing.assert_allclose(vectors[0], unit(row("red") + row("green")), rtol=1e-5)
    np.testing.assert_array_equal(vectors[1:], 0)
    assert system.name == "colours"


def test_model2vec_weights_and_mapping(tmp_path: Path) -> None:
    small = random_table(3)
    mapping, weights = np.array([0, 1, 2, 0, 1, 2, 2]), np.array([1, 1, 0.5, 2, 3, 1, 1], np.float32)
    tensors = {"embeddings": small, "mapping": mapping, "weights": weights}
    system = open_model2vec(write_model2vec(tmp_path, word_tokenizer(), tensors))
    vector = system.encode_query(["red green large"])[0]
    np.testing.assert_allclose(vector, unit(0.5 * small[2] + 2 * small[0] + small[2]), rtol=1e-5)


@pytest.mark.parametrize(("config", "longest"), [({}, 512), ({"max_length": 3}, 3), ({"max_length": None}, None)])
def test_model2vec_cuts_long_texts(tmp_path: Path, config: dict[str, object], longest: int | None) -> None:
    system = open_model2vec(write_model2vec(tmp_path, word_tokenizer(), {"embeddings": TABLE}, config))
    words = ["red"] * 2 + ["blue"] * 598
    kept = words[:longest]
    expected = unit(sum(map(row, kept), np.zeros(8, np.float32)))
    np.testing.assert_allclose(system.encode_query([" ".join(words)])[0], expected, rtol=1e-4)
    # Before that, characters: 5 is the median length of a token.
    far = "red" + " " * 2_560 + "blue"
    expected = unit(row("red") if longest else row("red") + row("blue"))
    np.testing.assert_allclose(system.encode_query([far])[0], expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8])
@pytest.mark.parametrize("kind", ["words", "bpe", "unigram"])
@pytest.mark.parametrize("parts", ["plain", "weights", "mapping"])
def test_the_vectors_are_those_of_model2vec(tmp_path: Path, kind: str, parts: str, dtype: type) -> None:
    model2vec = pytest.importorskip("model2vec")
    make = {"words": lambda texts: word_tokenizer(), "bpe": bpe_tokenizer, "unigram": unigram_tokenizer}
    tokenizer: tokenizers.Tokenizer = make[kind](TEXTS)
    number = tokenizer.get_vocab_size()
    table = random_table(5 if parts == "mapping" else number, 16) * (40 if dtype == np.int8 else 1)
    tensors = {"embeddings": table.astype(dtype)}
    if parts == "mapping":
        tensors["mapping"] = np.random.default_rng(1).integers(5, size=number)
    if parts != "plain":
        tensors["weights"] = np.random.default_rng(2).random(number, dtype=np.float32)
    folder = write_model2vec(tmp_path, tokenizer, tensors, {"normalize": True, "max_length": 100})
    theirs = model2vec.StaticModel.from_pretrained(folder).encode(TEXTS)
    # In half precision theirs round the mean and the unit vector; here both are float32.
    tolerance = 2e-3 if dtype == np.float16 else 1e-5
    np.testing.assert_allclose(open_model2vec(folder).encode_query(TEXTS), theirs, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("kind", ["words", "bpe"])
def test_the_vectors_are_those_of_wordllama(
    tmp_path: Path, kind: str, dtype: type, caplog: pytest.LogCaptureFixture
) -> None:
    level = logging.getLogger().level
    inference = pytest.importorskip("wordllama.inference")
    logging.getLogger().setLevel(level)  # it sets that of the whole program
    tokenizer = word_tokenizer() if kind == "words" else bpe_tokenizer(TEXTS)
    table = random_table(tokenizer.get_vocab_size() - 1, 16).astype(dtype)  # the last token has no row of its own
    known = [text for text in TEXTS if text.strip()]  # of an empty text it makes numbers that are none
    theirs = inference.WordLlamaInference(table, tokenizer).embed(known, norm=True)
    system = open_wordllama(*write_wordllama(tmp_path, tokenizer, table))
    np.testing.assert_allclose(system.encode_query(known), theirs, atol=1e-6)


def test_the_installed_wordllama_is_read_without_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "wordllama"
    weights, tokenizer = write_wordllama(package / "weights", word_tokenizer(), TABLE)
    weights.rename(package / "weights" / "l2_supercat_256.safetensors")
    (package / "tokenizers").mkdir()
    tokenizer.rename(package / "tokenizers" / "l2_supercat_tokenizer_config.json")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.delitem(sys.modules, "wordllama", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    system = installed_wordllama()
    np.testing.assert_allclose(system.encode_query(["red"])[0], unit(row("red")), rtol=1e-5)
    assert system.name == "wordllama"
    (package / "weights" / "l2_supercat_256.safetensors").unlink()
    with pytest.raises(AdjoinError, match=r"no table at .*l2_supercat_256"):
        installed_wordllama()


def test_wordllama_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AdjoinError, match="pip install wordllama"):
        installed_wordllama()


def test_what_decides_the_vectors_is_in_the_fingerprint(tmp_path: Path) -> None:
    def fingerprint(name: str, table: Vector = TABLE, **config: object) -> str:
        return open_model2vec(
            write_model2vec(tmp_path / name, word_tokenizer(), {"embeddings": table}, config)
        ).fingerprint

    first = fingerprint("a")
    assert first == fingerprint("b", note="of no account", max_length=512)
    assert len({first, fingerprint("c", TABLE + 1), fingerprint("d", max_length=9)}) == 3
    wordllama = open_wordllama(*write_wordllama(tmp_path / "e", word_tokenizer(), TABLE))
    assert wordllama.fingerprint != first


def test_half_a_surrogate_pair_is_read(tmp_path: Path) -> None:
    system = open_model2vec(write_model2vec(tmp_path, word_tokenizer(), {"embeddings": TABLE}))
    np.testing.assert_allclose(system.encode_query(["red \udcff"])[0], unit(row("red")), rtol=1e-5)


def test_which_folders_are_of_model2vec(tmp_path: Path) -> None:
    assert is_model2vec(write_model2vec(tmp_path / "a", word_tokenizer(), {"embeddings": TABLE}))
    other = write_model2vec(tmp_path / "b", word_tokenizer(), {"bert.weight": TABLE})
    assert not is_model2vec(other)
    (other / "model.safetensors").write_bytes(b"damaged")
    assert not is_model2vec(other)
    (other / "config.json").write_text('{"model_type": "model2vec"}')
    assert is_model2vec(other)
    assert not is_model2vec(tmp_path)


def test_damaged_folders(tmp_path: Path) -> None:
    def message(name: str, tensors: dict[str, Vector], config: object = None) -> str:
        folder = write_model2vec(tmp_path / name, word_tokenizer(), tensors, config)
        with pytest.raises(AdjoinError) as caught:
            open_model2vec(folder)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "has 6 vectors for the 7 tokens" in message("short", {"embeddings": TABLE[:6]})
    assert "weights of shape (3,) for 7 tokens" in message("w", {"embeddings": TABLE, "weights": TABLE[:3, 0]})
    beyond = {"embeddings": TABLE, "mapping": np.full(7, 7)}
    assert "mapping of shape (7,) leads beyond 7 vectors" in message("m", beyond)
    assert 'expected the tensor "embeddings"' in message("other", {"embedding.weight": TABLE})
    assert "max_length is 'long'" in message("length", {"embeddings": TABLE}, {"max_length": "long"})
    assert "max_length is [1]" in message("list", {"embeddings": TABLE}, [1])

    folder = write_model2vec(tmp_path / "cut", word_tokenizer(), {"embeddings": TABLE})
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-9])
    with pytest.raises(AdjoinError, match=r"the table .*model\.safetensors cannot be read"):
        open_model2vec(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(AdjoinError, match=r"the tokenizer .*tokenizer\.json cannot be read"):
        open_model2vec(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(AdjoinError, match="no tokenizer at"):
        open_model2vec(folder)
    (folder / "config.json").write_text(json.dumps({})[:1])
    with pytest.raises(AdjoinError, match="cannot read the configuration of model2vec"):
        open_model2vec(folder)
