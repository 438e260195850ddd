import doctest
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.model import encoder as encoder_module
from adjoin.model.static import StaticTable
from adjoin.model.table_file import read_table
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

TEXTS = ["open a file", "", "parse the token table " * 40, "x", "close_socket(retries=3)", "求和 🙂"]


@pytest.fixture(scope="session")
def static_model(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "static"
    train(
        pairs_folder, out, Recipe.with_defaults(preset="static", dimension=32, vocabulary=600, batch=32, steps=30)
    )
    return out


@pytest.fixture(scope="session")
def nano_model(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "nano"
    train(pairs_folder, out, Recipe.with_defaults(preset="nano", vocabulary=600, batch=16, steps=3, max_tokens=48))
    return out


@pytest.fixture(params=["static_model", "nano_model"])
def model(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


def test_vectors_are_unit_float32_of_the_dimension(model: Path) -> None:
    encoder = Encoder.load(model)
    vectors = encoder.encode_query(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode_query([]).shape == (0, encoder.dimension)


def test_a_texts_vector_is_the_same_alone_and_among_a_thousand_in_any_order(model: Path) -> None:
    encoder = Encoder.load(model)
    random = np.random.default_rng(0)
    many = [
        " ".join(random.choice(["open", "file", "x1", "(", "merge_table"], random.integers(1, 60)))
        for _ in range(994)
    ]
    texts = many + TEXTS
    order = random.permutation(len(texts))
    vectors = np.empty((len(texts), encoder.dimension), np.float32)
    vectors[order] = encoder.encode_document([texts[i] for i in order])
    for i, text in enumerate(TEXTS):
        np.testing.assert_allclose(vectors[len(many) + i], encoder.encode_document([text])[0], atol=1e-5)


@given(st.integers(1, 500))
@settings(max_examples=10)
def test_batch_tokens_changes_memory_not_vectors(nano_model: Path, batch_tokens: int) -> None:
    encoder = Encoder.load(nano_model)
    np.testing.assert_allclose(
        encoder.encode_query(TEXTS, batch_tokens=batch_tokens), encoder.encode_query(TEXTS), atol=1e-5
    )


def test_the_transformers_vector_is_the_state_at_the_closing_delimiter(nano_model: Path) -> None:
    from transformers import AutoModel

    encoder = Encoder.load(nano_model)
    ids = encoder.tokenizer.encode(["open a file"], "query", 48).ids_N
    state = AutoModel.from_pretrained(nano_model)(torch.tensor([ids.tolist()])).last_hidden_state[0, -1]
    expected = torch.nn.functional.normalize(state, dim=0).detach().numpy()
    np.testing.assert_allclose(encoder.encode_query(["open a file"])[0], expected, atol=1e-5)


def test_roles_differ_and_each_method_takes_its_own(model: Path) -> None:
    encoder = Encoder.load(model)
    as_query, as_document = encoder.encode_query(["open"]), encoder.encode_document(["open"])
    assert not np.allclose(as_query, as_document, atol=1e-3)
    np.testing.assert_array_equal(as_query, encoder.encode(["open"], role="query"))
    np.testing.assert_array_equal(as_document, encoder.encode(["open"], role="document"))


def test_symmetric_texts_stand_between_the_roles_of_a_table_and_are_queries_to_a_transformer(
    static_model: Path, nano_model: Path
) -> None:
    encoder = Encoder.load(nano_model)
    np.testing.assert_array_equal(encoder.encode_text(TEXTS), encoder.encode_query(TEXTS))
    encoder = Encoder.load(static_model)
    symmetric, query = encoder.encode_text(TEXTS), encoder.encode_query(TEXTS)
    assert not np.allclose(symmetric, query, atol=1e-3)
    np.testing.assert_array_equal(symmetric, encoder.encode(TEXTS, role="symmetric"))
    # The same as a table whose two roles both weigh as the mean does, and places alike.
    tensors = read_table(static_model / "model.safetensors")
    mean = {
        name: tensors[name].mean(axis=0, keepdims=True).repeat(2, axis=0)
        for name in ("weights", "before", "after")
    } | {"places": np.ones_like(tensors["places"])}
    tokens = encoder.tokenizer.encode(TEXTS, "query", encoder.description.max_tokens)
    np.testing.assert_allclose(symmetric, StaticTable({**tensors, **mean}).embed(tokens), atol=1e-6)


def test_shorter_vectors_are_the_first_numbers_normalised(model: Path) -> None:
    encoder = Encoder.load(model)
    short, full = encoder.encode_query(["open"], truncate_dim=4)[0], encoder.encode_query(["open"])[0]
    np.testing.assert_allclose(short, full[:4] / np.linalg.norm(full[:4]), atol=1e-6)


def test_truncation_is_counted(nano_model: Path) -> None:
    encoder = Encoder.load(nano_model)
    encoder.encode_document(TEXTS)
    assert encoder.tokenizer.truncated == 1


def test_the_untrained_start_is_made_again_and_differs(model: Path, pairs_folder: Path, tmp_path: Path) -> None:
    untrained = Encoder.load_untrained(model).encode_query(TEXTS)
    assert not np.allclose(untrained, Encoder.load(model).encode_query(TEXTS), atol=1e-3)
    recipe = json.loads((model / "adjoin.json").read_text())["training"]["recipe"]
    still = {"steps": 1, "learning_rate": 0.0, "weight_learning_rate": 0.0, "weight_decay": 0.0}
    train(pairs_folder, tmp_path / "m", Recipe.with_defaults(**{**recipe, **still}))
    np.testing.assert_allclose(Encoder.load(tmp_path / "m").encode_query(TEXTS), untrained, atol=1e-5)


def test_fingerprints_tell_models_apart(static_model: Path, nano_model: Path, tmp_path: Path) -> None:
    shutil.copytree(static_model, tmp_path / "copy")
    assert Encoder.load(static_model).fingerprint == Encoder.load(tmp_path / "copy").fingerprint
    assert Encoder.load(static_model).fingerprint != Encoder.load(nano_model).fingerprint


def test_wrong_arguments_are_one_line(static_model: Path) -> None:
    encoder = Encoder.load(static_model)
    with pytest.raises(
        AdjoinError, match="unknown role 'passage': expected one of 'query', 'document', 'symmetric'"
    ):
        encoder.encode(["x"], role="passage")
    with pytest.raises(AdjoinError, match="got one string"):
        encoder.encode_query("open a file")
    with pytest.raises(AdjoinError, match="truncate_dim is 33"):
        encoder.encode_query(["x"], truncate_dim=33)


def test_missing_unfinished_and_damaged_models_are_one_line(model: Path, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match="no model at"):
        Encoder.load(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        Encoder.load(broken)
    weights.write_bytes(b"")
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        Encoder.load(broken)
    weights.unlink()
    with pytest.raises(AdjoinError, match="no weights at"):
        Encoder.load(broken)
    (broken / "adjoin.json").write_text("{")
    with pytest.raises(AdjoinError, match="cannot read the model description"):
        Encoder.load(broken)
    (broken / "adjoin.json").write_text("[]")
    with pytest.raises(AdjoinError, match="format 1"):
        Encoder.load(broken)
    (broken / "adjoin.json").unlink()
    with pytest.raises(AdjoinError, match="did not finish"):
        Encoder.load(broken)


def test_weights_of_another_dimension_are_refused(static_model: Path, tmp_path: Path) -> None:
    shutil.copytree(static_model, tmp_path / "m")
    path = tmp_path / "m" / "adjoin.json"
    path.write_text(path.read_text().replace('"dimension": 32,\n  "max', '"dimension": 64,\n  "max'))
    with pytest.raises(AdjoinError, match=r"dimension 32, adjoin\.json says 64"):
        Encoder.load(tmp_path / "m")


def test_a_missing_weight_is_not_made_up(nano_model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(nano_model, tmp_path / "m")
    tensors = load_file(damaged / "model.safetensors")
    del tensors[next(name for name in tensors if "q_proj" in name)]
    save_file(tensors, damaged / "model.safetensors", {"format": "pt"})
    with pytest.raises(AdjoinError, match="1 weights are missing"):
        Encoder.load(damaged)


def test_a_start_of_wrong_types_is_one_line(static_model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(static_model, tmp_path / "m")
    content = json.loads((damaged / "adjoin.json").read_text())
    for start in ({"preset": "static", "later": 1}, {"preset": "static", "seed": "x"}, {"preset": "huge"}):
        (damaged / "adjoin.json").write_text(json.dumps(content | {"start": start}))
        with pytest.raises(AdjoinError, match=r"start|preset"):
            Encoder.load_untrained(damaged)


def test_a_model_that_says_nothing_of_hybrid_search_has_half(static_model: Path, tmp_path: Path) -> None:
    old = shutil.copytree(static_model, tmp_path / "m")
    content = json.loads((old / "adjoin.json").read_text())
    assert content.pop("dense_weight") == 0.5
    (old / "adjoin.json").write_text(json.dumps(content))
    assert Encoder.load(old).dense_weight == 0.5
    for weight in (0, 0.0, 0.8, 1, 1.0):
        (old / "adjoin.json").write_text(json.dumps(content | {"dense_weight": weight}))
        encoder = Encoder.load(old)
        assert encoder.dense_weight == encoder.description.as_json()["dense_weight"] == weight
    assert encoder.fingerprint == Encoder.load(static_model).fingerprint, "no index is made anew for it"


@pytest.mark.parametrize("weight", [-0.1, 1.1, 2, "0.5", None, True, [0.5], float("nan"), float("inf")])
def test_other_shares_in_hybrid_search_are_one_line(static_model: Path, tmp_path: Path, weight: object) -> None:
    odd = shutil.copytree(static_model, tmp_path / "m")
    content = json.loads((odd / "adjoin.json").read_text())
    (odd / "adjoin.json").write_text(json.dumps(content | {"dense_weight": weight}))
    with pytest.raises(AdjoinError, match=r"adjoin\.json is damaged: dense_weight is .*, expected") as error:
        Encoder.load(odd)
    assert "\n" not in str(error.value)


def test_a_static_model_encodes_without_torch(static_model: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from adjoin import Encoder\n"
        f"print(Encoder.load({str(static_model)!r}).encode_query(['open a file']).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 32)"


def test_the_examples_of_the_docstrings_hold() -> None:
    results = doctest.testmod(encoder_module)
    assert results.attempted > 5
    assert not results.failed
