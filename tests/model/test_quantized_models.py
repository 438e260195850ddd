"""A quantized model is small, gives nearly the same vectors, and can be trained on."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.model import quantization, quantized_weights
from adjoin.model.description import number_of_parameters
from adjoin.model.locations import quantized_files
from adjoin.model.quantization import quantize
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.training.saving import write_model_of

TEXTS = ["open a file", "", "close_socket(retries=3)", "求和 🙂"]


@pytest.fixture(scope="module")
def trained(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "static"
    options = {"dimension": 64, "vocabulary": 600, "batch": 32, "steps": 30, "hidden": 32, "dense_weight": 0.7}
    train(pairs_folder, out, Recipe.with_defaults(preset="static", **options))
    return out


def test_a_packed_model_is_a_quarter_as_large_and_gives_the_same_vectors(trained: Path, tmp_path: Path) -> None:
    report = quantize(trained, tmp_path / "small")
    assert report.after == (tmp_path / "small" / "model.safetensors").stat().st_size < 0.35 * report.before
    before, after = Encoder.load(trained), Encoder.load(tmp_path / "small")
    for role in ("query", "document"):
        cosines = (before.encode(TEXTS, role=role) * after.encode(TEXTS, role=role)).sum(axis=1)
        assert cosines.min() > 0.9995
    assert after.description == before.description
    assert after.dense_weight == 0.7


def test_int6_is_as_large_but_compresses(trained: Path, tmp_path: Path) -> None:
    sizes = {}
    for precision in ("int8", "coarse"):
        report = quantize(trained, tmp_path / precision, precision)
        assert report.precision == precision
        content = (tmp_path / precision / "model.safetensors").read_bytes()
        assert len(content) == report.after
        sizes[precision] = len(zlib.compress(content))
    assert sizes["coarse"] < 0.9 * sizes["int8"]  # of 64 dimensions, where much is not vectors; of 576 it is 0.80
    before, after = Encoder.load(trained), Encoder.load(tmp_path / "coarse")
    assert (before.encode_document(TEXTS) * after.encode_document(TEXTS)).sum(axis=1).min() > 0.999


def test_training_goes_on_from_a_packed_model(trained: Path, pairs_folder: Path, tmp_path: Path) -> None:
    quantize(trained, tmp_path / "small")
    recipe = Recipe.with_defaults(init=str(tmp_path / "small"), batch=32, steps=1, learning_rate=0.0)
    assert recipe.start.is_static
    still = {"weight_learning_rate": 0.0, "tau_learning_rate": 0.0}
    train(pairs_folder, tmp_path / "same", Recipe.with_defaults(**{**recipe.as_json(), **still}))
    small, same = Encoder.load(tmp_path / "small"), Encoder.load(tmp_path / "same")
    np.testing.assert_allclose(same.encode_query(TEXTS), small.encode_query(TEXTS), atol=1e-5)
    untrained = Encoder.load_untrained(tmp_path / "same")
    np.testing.assert_allclose(untrained.encode_query(TEXTS), small.encode_query(TEXTS), atol=1e-6)
    train(pairs_folder, tmp_path / "more", Recipe.with_defaults(init=str(tmp_path / "small"), batch=32, steps=20))
    more = Encoder.load(tmp_path / "more")
    assert (more.encode_query(TEXTS) * small.encode_query(TEXTS)).sum(axis=1).min() < 0.9999


@pytest.fixture(scope="module")
def nano(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "nano"
    options = {"vocabulary": 600, "max_tokens": 48, "batch": 16, "steps": 3, "threads": 1}
    train(pairs_folder, out, Recipe.with_defaults(preset="nano", **options))
    return out


@pytest.mark.parametrize(("precision", "share"), [(None, 0.28), ("int8", 0.28), ("bfloat16", 0.51)])
def test_a_packed_transformer_is_small_and_gives_the_same_vectors(
    nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str | None, share: float
) -> None:
    """Files of 200 kB in place of 15 MB, so that there are several, and a table in several of them."""
    monkeypatch.setattr(quantized_weights, "MAX_FILE_BYTES", 200_000)
    monkeypatch.setattr(quantized_weights, "_BLOCK", 50_000)
    report = quantize(nano, tmp_path / "small", precision)
    files = quantized_files(tmp_path / "small")
    assert report.precision == (precision or "int8")
    assert report.after == sum(path.stat().st_size for path in files) < share * report.before
    assert len(files) > 1
    assert max(path.stat().st_size for path in files) <= 200_000
    before, after = Encoder.load(nano), Encoder.load(tmp_path / "small")
    for role in ("query", "document"):
        cosines = (before.encode(TEXTS, role=role) * after.encode(TEXTS, role=role)).sum(axis=1)
        assert 0.999 < cosines.min() < 1 + 1e-6
    assert after.description == before.description
    assert after.fingerprint != before.fingerprint
    assert number_of_parameters(tmp_path / "small") == number_of_parameters(nano)
    np.testing.assert_array_equal(
        Encoder.load_untrained(tmp_path / "small").encode_query(TEXTS),
        Encoder.load_untrained(nano).encode_query(TEXTS),
    )


def test_training_goes_on_from_a_packed_transformer(nano: Path, pairs_folder: Path, tmp_path: Path) -> None:
    quantize(nano, tmp_path / "small")
    still = {"learning_rate": 0.0, "tau_learning_rate": 0.0, "max_tokens": 48, "threads": 1}
    recipe = Recipe.with_defaults(init=str(tmp_path / "small"), batch=16, steps=1, **still)
    train(pairs_folder, tmp_path / "same", recipe)
    small, same = Encoder.load(tmp_path / "small"), Encoder.load(tmp_path / "same")
    np.testing.assert_allclose(same.encode_query(TEXTS), small.encode_query(TEXTS), atol=1e-5)


def test_a_packed_transformer_without_one_of_its_files_is_one_line(nano: Path, tmp_path: Path) -> None:
    quantize(nano, tmp_path / "small")
    (file,) = quantized_files(tmp_path / "small")
    file.rename(file.with_name("packed-00001-of-00002.safetensors"))
    with pytest.raises(AdjoinError, match="has 1 of 2 quantized files"):
        Encoder.load(tmp_path / "small")
    (tmp_path / "small" / file.name).write_bytes(b"cut")
    (file.with_name("packed-00001-of-00002.safetensors")).unlink()
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        Encoder.load(tmp_path / "small")


def test_what_cannot_be_packed_is_one_line(
    nano: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AdjoinError, match=r"has no adjoin\.json"):
        quantize(tmp_path, tmp_path / "out")
    with pytest.raises(AdjoinError, match="leave --precision out"):
        quantize(trained, tmp_path / "out", "bfloat16")
    with pytest.raises(AdjoinError, match="expected int8, bfloat16, coarse"):
        quantize(nano, tmp_path / "out", "float8")
    with pytest.raises(AdjoinError, match="is a transformer: expected the precision int8 or bfloat16"):
        quantize(nano, tmp_path / "out", "coarse")
    monkeypatch.setattr(quantization, "MIN_COSINE", 1.1)
    with pytest.raises(AdjoinError, match="embeddings would change"):
        quantize(nano, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_temperature_goes_on_where_the_model_left_it(
    trained: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    still = {"learning_rate": 0.0, "weight_learning_rate": 0.0, "tau_learning_rate": 0.0}
    recipe = Recipe.with_defaults(init=str(trained), batch=32, steps=1, **still)
    description = train(pairs_folder, tmp_path / "same", recipe)
    assert description.tau == pytest.approx(Encoder.load(trained).description.tau, abs=1e-6)


@pytest.mark.slow
def test_the_share_in_hybrid_search_goes_on_unless_the_recipe_says_another(
    trained: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    for name, given, expected in (("kept", {}, 0.7), ("new", {"dense_weight": 0.2}, 0.2), ("none", {}, 0.5)):
        init = {} if name == "none" else {"init": str(trained)}
        recipe = Recipe.with_defaults(batch=32, steps=1, **init, **given)
        train(pairs_folder, tmp_path / name, recipe)
        assert Encoder.load(tmp_path / name).dense_weight == expected
        train(pairs_folder, tmp_path / name, recipe, resume=True)
        assert Encoder.load(tmp_path / name).dense_weight == expected
        write_model_of(next((tmp_path / name / "training").glob("step-*")), tmp_path / f"{name}-state")
        assert Encoder.load(tmp_path / f"{name}-state").dense_weight == expected
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("kept", "new")]
    assert weights[0] == weights[1], "it moves no weight"


@pytest.mark.parametrize(
    "option", [{"dimension": 8}, {"hidden": 8}, {"vocabulary": 600}, {"layers": 1}, {"prune": True}]
)
def test_sizes_beside_a_static_start_are_refused(trained: Path, option: dict[str, int]) -> None:
    with pytest.raises(AdjoinError, match="keeps its sizes"):
        Recipe.with_defaults(init=str(trained), **option)


def test_a_layer_is_for_static_tables_only() -> None:
    with pytest.raises(AdjoinError, match="only a static model has a hidden layer"):
        Recipe.with_defaults(preset="nano", hidden=8)
    with pytest.raises(AdjoinError, match="dense_weight, hidden, local_negatives: for `adjoin train` only"):
        Recipe.for_pretraining(hidden=8, local_negatives=4, dense_weight=0.5)
