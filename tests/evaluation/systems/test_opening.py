import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_tables import WORDS, random_table, word_tokenizer, write_model2vec

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems import opening, sentence_transformers
from adjoin.evaluation.systems.baselines import LSA, AveragedWords, RandomVectors
from adjoin.evaluation.systems.openai import OpenAIServer
from adjoin.evaluation.systems.opening import open_system
from adjoin.evaluation.systems.sentence_transformers import SentenceTransformerFolder
from adjoin.evaluation.systems.system import Fitted, System
from adjoin.evaluation.systems.tables import TokenTable


class Ours:
    """What the caller's `load` opens."""

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        return np.full((len(texts), 1), 1, np.float32)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        return np.full((len(texts), 1), -1, np.float32)


def system_of(spec: str) -> System:
    system = open_system(spec)
    assert not isinstance(system, Fitted)
    return system


def test_names() -> None:
    assert isinstance(open_system("random"), RandomVectors)
    for spec, kind in {"lsa": LSA, "words": AveragedWords}.items():
        baseline = open_system(spec)
        assert isinstance(baseline, kind)
        assert isinstance(baseline, Fitted)


def test_wordllama_is_the_installed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opening.NAMED, "wordllama", RandomVectors)
    assert isinstance(open_system("wordllama"), RandomVectors)


def test_addresses() -> None:
    server = open_system("http://localhost:1/v1#some/model", name="local")
    assert isinstance(server, OpenAIServer)
    assert server.name == "local"
    assert system_of("https://host/v1#some/model").name == "some/model"


def test_model2vec_is_opened_without_sentence_transformers(tmp_path: Path) -> None:
    folder = write_model2vec(tmp_path / "m2v", word_tokenizer(), {"embeddings": random_table(len(WORDS))})
    assert (folder / "modules.json").is_file()
    assert isinstance(open_system(str(folder)), TokenTable)
    assert system_of(str(folder)).name == "m2v"
    named = open_system(str(folder), name="other")
    assert isinstance(named, TokenTable)
    assert named.name == "other"


def test_sentence_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Transformer"}]))
    monkeypatch.setattr(sentence_transformers, "_loaded", lambda folder: None)
    assert isinstance(open_system(str(tmp_path)), SentenceTransformerFolder)


def test_models_of_adjoin_are_opened_by_the_caller(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "adjoin.json").write_text("{}")
    (folder / "modules.json").write_text("[]")  # an exported model has it too
    seen: list[Path] = []

    def load(path: Path) -> Ours:
        seen.append(path)
        return Ours()

    system = open_system(str(folder), load=load)
    assert not isinstance(system, Fitted)
    assert (seen, system.name) == ([folder], "mine")
    assert (system.encode_query(["a"]).item(), system.encode_document(["a"]).item()) == (1, -1)
    (folder / "model.safetensors").write_bytes(b"other weights")
    other = open_system(str(folder), load=load, name="again")
    assert not isinstance(other, Fitted)
    assert other.name == "again"
    assert other.fingerprint != system.fingerprint
    with pytest.raises(AdjoinError, match="mine is a model of Adjoin, which cannot be opened here"):
        open_system(str(folder))


@pytest.mark.parametrize("spec", ["bm25", "no/such/folder", "", "ftp://host/v1#m"])
def test_an_unknown_system_is_an_error_that_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(
        AdjoinError, match=r"expected random, lsa, words, wordllama, a folder of .*https://host/v1#"
    ):
        open_system(spec)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=rf"the folder {tmp_path} is no model that can be measured: expected"):
        open_system(str(tmp_path))
