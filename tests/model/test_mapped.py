from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from adjoin.errors import AdjoinError
from adjoin.model.encoder import Encoder
from adjoin.model.locations import locate_model
from adjoin.model.mapped import map_tensors


def test_the_tensors_are_those_of_the_library() -> None:
    path = locate_model("code") / "model.safetensors"
    expected, mapped = load_file(path), map_tensors(path)
    assert mapped.keys() == expected.keys()
    for name, tensor in expected.items():
        assert mapped[name].dtype == tensor.dtype
        np.testing.assert_array_equal(mapped[name], tensor)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_file({"a": np.arange(6.0).reshape(2, 3), "b": np.ones(3, np.float16)}, tmp_path / "w", {"made": "here"})
    return tmp_path / "w"


@pytest.mark.parametrize("cut", [0, 4, 8, 20, -1])
def test_a_truncated_file_is_one_line(weights: Path, cut: int) -> None:
    assert map_tensors(weights)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    weights.write_bytes(weights.read_bytes()[:cut])
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        map_tensors(weights)


@pytest.mark.parametrize(
    ("old", "new"), [(b'"F64"', b'"E64"'), (b"[2,3]", b"[2,4]"), (b'"dtype"', b'"dtypo"'), (b"{", b"[")]
)
def test_a_damaged_header_is_one_line(weights: Path, old: bytes, new: bytes) -> None:
    weights.write_bytes(weights.read_bytes().replace(old, new))
    with pytest.raises(AdjoinError, match="damaged or cut short"):
        map_tensors(weights)


def test_a_file_with_more_than_its_tensors_or_none_is_one_line(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes() + b"more")
    with pytest.raises(AdjoinError, match="the tensors end at byte 206, the file has 210"):
        map_tensors(weights)
    with pytest.raises(AdjoinError, match="missing"):
        map_tensors(weights.with_name("none"))


def test_the_stamp_changes_with_the_files_and_stays_without(tmp_path: Path) -> None:
    for path in locate_model("text").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = Encoder.load(tmp_path)
    assert before.stamp == Encoder.load(tmp_path).stamp
    assert before.stamp != Encoder.load("text").stamp
    assert before.fingerprint == Encoder.load("text").fingerprint
    path = tmp_path / "model.safetensors"
    other = tmp_path / "new"
    other.write_bytes(path.read_bytes()[:-1] + b"x")
    other.replace(path)
    after = Encoder.load(tmp_path)
    assert after.stamp != before.stamp
    assert after.fingerprint != before.fingerprint
