"""The body factory, and the description of a trained model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_checkpoints import generative

from adjoin.model.bodies import AnyBody, StaticBody
from adjoin.model.build import build_body, build_random_body, build_untrained_table
from adjoin.model.description import Description, TrainingRecord, describe
from adjoin.model.start import Start
from adjoin.tokens import Tokenizer

KINDS = ("static", "random", "checkpoint")


def start_of(kind: str, tokenizer: Tokenizer, folder: Path) -> Start:
    if kind == "static":
        return Start("static", dimension=16, seed=3)
    if kind == "random":
        return Start("nano", seed=3)
    return Start(None, str(generative("qwen2", tokenizer, folder / "checkpoint")), layers=2, seed=3)


def shapes_of(body: AnyBody) -> dict[str, Any]:
    return {name: tensor.shape for name, tensor in body.state_dict().items()}


def options_of(kind: str) -> dict[str, Any]:
    return {"max_tokens": 32, **({"hidden": 8} if kind == "static" else {"lora": 2})}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_build_the_same_body(kind: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    start = start_of(kind, tokenizer, tmp_path)
    first, second = (build_body(start, tokenizer, **options_of(kind)).state_dict() for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    other = build_body(replace(start, seed=4), tokenizer, **options_of(kind))
    assert any(not torch.equal(tensor, first[name]) for name, tensor in other.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_body_has_the_same_shapes(kind: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    start = start_of(kind, tokenizer, tmp_path)
    body = build_body(start, tokenizer, **options_of(kind))
    rows = body.vectors.shape[0] if isinstance(body, StaticBody) else body.vocabulary_size
    random = build_random_body(start, rows, **options_of(kind))
    assert shapes_of(random) == shapes_of(body)
    trained, also_trained = ([p.requires_grad for p in each.parameters()] for each in (body, random))
    assert trained == also_trained


def test_an_untrained_table_is_the_untrained_body(tokenizer: Tokenizer, tmp_path: Path) -> None:
    start = start_of("static", tokenizer, tmp_path)
    weights_V = np.linspace(0.5, 2, tokenizer.vocabulary_size, dtype=np.float32)
    body = build_body(start, tokenizer, max_tokens=32, weights_V=weights_V)
    assert isinstance(body, StaticBody)
    table = build_untrained_table(start, tokenizer, {n: t.numpy() for n, t in body.tensors().items()})
    tokens = tokenizer.encode(["open a file", "read"], "query", 32)
    np.testing.assert_allclose(table.embed(tokens), body(tokens).detach().numpy(), atol=1e-6)


def test_a_description_has_what_is_known_of_the_training(tmp_path: Path) -> None:
    record = TrainingRecord({"batch": 16}, ["a1"], steps=7, seconds=1.26, execution={"threads": 2})
    description = describe(Start("nano"), record, dimension=128, max_tokens=32, tau=3.0, dense_weight=0.25)
    assert (description.kind, description.start["preset"]) == ("transformer", "nano")
    assert description.training == {
        "recipe": {"batch": 16},
        "data": "a1",
        "steps": 7,
        "seconds": 1.3,
        "execution": {"threads": 2},
    }
    more = TrainingRecord({}, ["a1", "b2"], 7, 1.26, {}, pairs=5, ranks=1, texts=10, texts_truncated=0)
    assert list(more.as_json()) == [
        "recipe",
        "pairs",
        "data",
        "steps",
        "seconds",
        "execution",
        "ranks",
        "texts",
        "texts_truncated",
    ]
    assert more.as_json()["data"] == ["a1", "b2"]
    static = describe(Start("static"), more, dimension=8, max_tokens=32, tau=3.0, dense_weight=0.5)
    (tmp_path / "adjoin.json").write_text(json.dumps(static.as_json()))
    assert static.kind == "static"
    assert Description.read(tmp_path) == static
