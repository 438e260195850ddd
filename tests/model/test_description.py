"""adjoin.json that is damaged: one line that names the file, the key and what was expected."""

import json
import os
import shutil
from pathlib import Path

import pytest

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.model import locations
from adjoin.model.ensemble import make_ensemble

FIRST = Path(__file__).parents[1] / "compatibility" / "first"  # small models of the first version


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return shutil.copytree(FIRST / "static", tmp_path / "m")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "is not a model description of format 1"),
        ({"kind": "banana"}, "kind is 'banana', expected static or transformer"),
        ({"kind": None}, "kind is None"),
        ({"dimension": 0}, "dimension is 0, expected 1 to"),
        ({"dimension": "16"}, "dimension is '16', expected int"),
        ({"dimension": 1e3}, "dimension is 1000.0, expected int"),
        ({"dimension": 10**30}, "dimension is 1000"),
        ({"dimension": 17}, "weights have dimension 16, adjoin.json says 17"),
        ({"max_tokens": 2}, "max_tokens is 2, expected 3 to"),
        ({"max_tokens": -5}, "max_tokens is -5"),
        ({"max_tokens": 10**12}, "max_tokens is 1000000000000"),
        ({"tau": 1e6}, "tau is 1000000.0, expected -100 to 100"),
        ({"tau": float("nan")}, "tau is nan"),
        ({"tau": []}, r"tau is \[\]"),
        ({"pooling": "mean"}, "pooling is 'mean', this version reads sum"),
        ({"pooling": 5}, "pooling is 5"),
        ({"roles": {"query": "< >", "document": "{ }"}}, "roles is .*< >"),
        ({"roles": []}, r"roles is \[\]"),
        ({"start": 5}, "start is 5"),
        ({"training": []}, r"training is \[\]"),
        ({"dimension": ..., "tau": ...}, "lacks dimension, tau"),
    ],
)
def test_a_wrong_description_is_one_line(changes: dict[str, object], message: str, model: Path) -> None:
    content = json.loads((model / "adjoin.json").read_text()) | changes
    (model / "adjoin.json").write_text(
        json.dumps({key: value for key, value in content.items() if value is not ...})
    )
    with pytest.raises(AdjoinError, match=message) as caught:
        Encoder.load(model)
    assert "\n" not in str(caught.value)
    assert "adjoin.json" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"[" * 99_999, b"null"]
)
def test_a_file_that_is_no_description_is_one_line(content: bytes, model: Path) -> None:
    (model / "adjoin.json").write_bytes(content)
    with pytest.raises(AdjoinError, match=r"adjoin\.json") as caught:
        Encoder.load(model)
    assert "\n" not in str(caught.value)


def test_a_pipe_a_folder_and_a_large_file_are_one_line(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "MOST_BYTES", 100)
    with pytest.raises(AdjoinError, match="expected at most 100"):
        Encoder.load(model)
    (model / "adjoin.json").unlink()
    os.mkfifo(model / "adjoin.json")
    with pytest.raises(AdjoinError, match="it is no file"):
        Encoder.load(model)
    (model / "adjoin.json").unlink()
    (model / "adjoin.json").mkdir()
    with pytest.raises(AdjoinError, match="it is no file"):
        Encoder.load(model)


def test_an_ensemble_needs_no_times_of_its_members(model: Path, tmp_path: Path) -> None:
    content = json.loads((model / "adjoin.json").read_text())
    content["training"]["seconds"] = "long"
    (model / "adjoin.json").write_text(json.dumps(content))
    assert make_ensemble([model, FIRST / "static"], tmp_path / "e").training["seconds"] >= 0
