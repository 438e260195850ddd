"""Weights of static models that are damaged or odd: one line that names the file and the tensor."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from adjoin import Encoder
from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.model.ensemble import make_ensemble
from adjoin.model.quantization import quantize
from adjoin.model.table_file import map_table, read_table

FIRST = Path(__file__).parents[1] / "compatibility" / "first"  # small models of the first version
Arrays = dict[str, np.ndarray[Any, Any]]


def damaged(change: Callable[[Arrays], Arrays], place: Path, model: str = "static") -> Path:
    """A copy of a small model with other tensors."""
    folder = shutil.copytree(FIRST / model, place)
    tensors = change(load_file(folder / "model.safetensors"))
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors"
    )
    return folder


def with_(name: str, change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Callable[[Arrays], Arrays]:
    return lambda tensors: {**tensors, name: change(tensors[name])}


def without(*names: str) -> Callable[[Arrays], Arrays]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if name not in names}


def put(value: float, *place: int) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    def change(tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        tensor = tensor.copy()
        tensor[place] = value
        return tensor

    return change


REFUSED: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "no openings": (without("openings"), "openings missing beside 2 rows of weights"),
    "no vectors": (without("vectors"), "vectors missing"),
    "no weights": (without("weights", "places"), "weights, places missing"),
    "no output": (without("output"), "one of hidden and output is missing"),
    "no hidden": (without("hidden"), "one of hidden and output is missing"),
    "one more": (lambda t: {**t, "head": t["weights"]}, "unknown tensor 'head'"),
    "int32 vectors": (with_("vectors", lambda x: (x * 100).astype(np.int32)), "vectors are int32 without scales"),
    "int8 without scales": (with_("vectors", lambda x: (x * 9).astype(np.int8)), "vectors are int8 without scales"),  # noqa: E501
    "bool vectors": (with_("vectors", lambda x: x > 0), "vectors are bool"),
    "int32 weights": (with_("weights", lambda x: x.astype(np.int32)), "weights are int32"),
    "int places": (with_("places", lambda x: x.astype(np.int64)), "places are int64"),
    "scales of floats": (lambda t: {**t, "scales": t["weights"][0]}, "vectors are float32 with scales"),
    "zero weights": (with_("weights", np.zeros_like), "weights are all zero"),
    "zero places": (with_("places", np.zeros_like), "places are all zero"),
    "NaN in weights": (with_("weights", put(np.nan, 1, 7)), r"weights have 1 numbers that are not .* at \[1, 7\]"),
    "inf in before": (with_("before", put(np.inf, 0, 3)), r"before have 1 numbers that are not .* at \[0, 3\]"),
    "inf in hidden": (with_("hidden", put(-np.inf, 2, 5)), r"hidden have 1 numbers .* at \[2, 5\]"),
    "too large for float32": (with_("after", lambda x: x.astype(float) + 1e300), "after have"),
    "float openings": (with_("openings", lambda x: x.astype(np.float32)), "openings are float32"),
    "three openings": (with_("openings", lambda x: np.append(x, x[:1])), r"openings are int64 of shape \(3,\)"),
    "equal openings": (with_("openings", lambda x: x[[0, 0]]), "openings are .* expected two tokens"),
    "openings beyond": (with_("openings", lambda x: x + 9_999), "expected two tokens below 523"),
    "negative openings": (with_("openings", lambda x: -x), "expected two tokens below 523"),
    "a row less": (with_("weights", lambda x: x[:1]), "weights have 1 rows, expected two for each head"),
    "a column less": (with_("before", lambda x: x[:, 1:]), "shapes do not fit"),
    "flat vectors": (with_("vectors", np.ravel), "vectors have the shape"),
    "no column": (with_("vectors", lambda x: x[:, :0]), "vectors have the shape"),
    "three axes": (with_("weights", lambda x: x[None]), "weights have the shape"),
    "nothing": (lambda _: {}, "vectors, weights, places missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_odd_table_is_one_line(name: str, tmp_path: Path) -> None:
    change, message = REFUSED[name]
    folder = damaged(change, tmp_path / "m")
    for load in (Encoder.load, lambda folder: read_table(folder / "model.safetensors")):
        with pytest.raises(AdjoinError, match=message) as caught:
            load(folder)
        assert "\n" not in str(caught.value)
        assert str(folder / "model.safetensors") in str(caught.value)


@pytest.mark.parametrize("model", ["static", "static-int8", "static-coarse", "ensemble"])
def test_a_table_is_read_as_it_is_mapped(model: str) -> None:
    path = FIRST / model / "model.safetensors"
    mapped = map_table(path)
    for name, tensor in read_table(path).items():
        np.testing.assert_array_equal(tensor, mapped[name])


def test_float64_is_read(tmp_path: Path) -> None:
    folder = damaged(with_("vectors", lambda x: x.astype(np.float64)), tmp_path / "m")
    expected, changed = (Encoder.load(path).encode_query(["open a file"]) for path in (FIRST / "static", folder))
    np.testing.assert_allclose(changed, expected, atol=1e-6)


@pytest.mark.parametrize(("value", "kind"), [(0.0, "zero"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_vectors_of_zeros_or_nan_are_refused_where_they_are_used(value: float, kind: str, tmp_path: Path) -> None:
    folder = damaged(with_("vectors", lambda x: np.full_like(x, value)), tmp_path / "m")
    with pytest.raises(AdjoinError, match=rf"texts\[0\] \('open a file'\) gets a vector that is {kind}"):
        Encoder.load(folder).encode_document(["open a file"])
    with pytest.raises(AdjoinError, match=r"vectors (are all zero|have)"):
        quantize(folder, tmp_path / "q")
    with pytest.raises(AdjoinError, match=r"vectors (are all zero|have)"):
        make_ensemble([folder, folder], tmp_path / "e")


def test_nothing_of_a_zero_model_comes_into_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = damaged(with_("vectors", np.zeros_like), tmp_path / "m")
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "a.py").write_text(
        'def open_file(path):\n    """Open a file."""\n    return open(path)\n'
    )
    assert main(["index", str(tmp_path / "repo"), "--model", str(folder)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "a.py:1: texts[0]" in error
    (tmp_path / "t.jsonl").write_text('{"_id": "seven", "text": "open a file"}\n')
    assert main(["embed", str(folder), str(tmp_path / "t.jsonl"), "--out", str(tmp_path / "o")]) == 1
    assert "text seven: texts[0] ('open a file') gets a vector that is zero" in " ".join(
        capsys.readouterr().err.split()
    )


def test_the_openings_must_be_the_tokenizers(tmp_path: Path) -> None:
    folder = damaged(with_("openings", lambda x: x[::-1]), tmp_path / "m")
    with pytest.raises(AdjoinError, match="opening delimiters"):
        Encoder.load(folder)
