import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tables import WORDS, random_table, word_tokenizer

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.sentence_transformers import SentenceTransformerFolder

TABLE = random_table(len(WORDS))


def static_folder(folder: Path, table: Any = TABLE, **prompts: str) -> Path:  # noqa: ANN401 - numpy or torch
    """The smallest model of sentence-transformers: means of token vectors."""
    package = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    module = StaticEmbedding(word_tokenizer(), embedding_weights=table)
    package.SentenceTransformer(modules=[module], prompts=prompts or None, device="cpu").save(str(folder))
    return folder


def transformer_folder(folder: Path) -> Path:
    """A BERT with random weights whose tokens' states are averaged."""
    package = pytest.importorskip("sentence_transformers")
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).to(torch.bfloat16).save_pretrained(folder / "bert")
    PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(), pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(folder / "bert")
    body = Transformer(str(folder / "bert"))
    package.SentenceTransformer(modules=[body, Pooling(16)], device="cpu").save(str(folder / "model"))
    return folder / "model"


def mean(*words: str) -> Any:  # noqa: ANN401
    vector = np.mean([TABLE[WORDS.index(word)] for word in words], axis=0)
    return vector / np.linalg.norm(vector)


def test_vectors_are_units_and_a_text_without_words_is_zero(tmp_path: Path) -> None:
    system = SentenceTransformerFolder(static_folder(tmp_path / "colours"))
    vectors = system.encode_query(["red green", "", "blue"])
    np.testing.assert_allclose(vectors[0], mean("red", "green"), rtol=1e-5)
    np.testing.assert_array_equal(vectors[1], 0)
    assert (vectors.dtype, system.name) == (np.float32, "colours")
    assert system.encode_document([]).shape == (0, TABLE.shape[1])
    np.testing.assert_allclose(system.encode_query(["red \udcff"]), [mean("red", "[UNK]")], rtol=1e-5)


def test_each_role_has_its_prompt(tmp_path: Path) -> None:
    system = SentenceTransformerFolder(static_folder(tmp_path, query="large ", document="small "), "mine")
    np.testing.assert_allclose(system.encode_query(["red"])[0], mean("large", "red"), rtol=1e-5)
    np.testing.assert_allclose(system.encode_document(["red"])[0], mean("small", "red"), rtol=1e-5)
    assert system.name == "mine"


def test_weights_in_half_precision_are_used_in_float32(tmp_path: Path) -> None:
    system = SentenceTransformerFolder(transformer_folder(tmp_path))
    import torch

    # A vector does not depend on what else is in its batch, as far as float32 can tell; bfloat16 is 1e-2 off.
    texts = ["red", "green blue large small " * 9, "small blue", "large " * 20]
    together = system.encode_query(texts)
    alone = np.concatenate([system.encode_query([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=2e-6)
    assert {weight.dtype for weight in system._model.parameters()} == {torch.float32}


def test_the_fingerprint_is_of_the_files_but_not_of_their_place(tmp_path: Path) -> None:
    first = SentenceTransformerFolder(static_folder(tmp_path / "a"))
    again = static_folder(tmp_path / "b")
    (again / "README.md").write_text("other words")
    assert SentenceTransformerFolder(again).fingerprint == first.fingerprint
    prompted = SentenceTransformerFolder(static_folder(tmp_path / "c", query="large "))
    other = SentenceTransformerFolder(static_folder(tmp_path / "d", TABLE + 1))
    assert len({first.fingerprint, prompted.fingerprint, other.fingerprint}) == 3


def test_code_of_the_folder_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "custom.py").write_text("raise RuntimeError('run')")
    (tmp_path / "modules.json").write_text(json.dumps([{"idx": 0, "path": "", "type": "custom.Body"}]))
    with pytest.raises(AdjoinError, match=r"names the module 'custom\.Body': expected those of sentence-transf"):
        SentenceTransformerFolder(tmp_path)
    for content in ("[]", "7", '["x"]', "{}"):
        (tmp_path / "modules.json").write_text(content)
        with pytest.raises(AdjoinError, match="names the module"):
            SentenceTransformerFolder(tmp_path)


def test_without_the_package_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.StaticEmbedding"}]))
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(AdjoinError, match=r"pip install 'adjoin\[sentence-transformers\]'"):
        SentenceTransformerFolder(tmp_path)


def test_a_damaged_folder_is_one_line(tmp_path: Path) -> None:
    folder = static_folder(tmp_path)
    (weights,) = folder.rglob("model.safetensors")
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(AdjoinError, match="sentence-transformers cannot open") as caught:
        SentenceTransformerFolder(folder)
    assert "\n" not in str(caught.value)
