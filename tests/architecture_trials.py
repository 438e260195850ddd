"""Trains from a checkpoint of any architecture, and compares vectors of memory, disk, batches and single texts."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from adjoin.batches.batch import Batch
from adjoin.errors import AdjoinError
from adjoin.model.bodies import TransformerBody
from adjoin.model.encoder import Encoder
from adjoin.model.trial import sample_tokens
from adjoin.objective.contrastive import Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.training import contrast
from adjoin.training.recipe import Recipe

TEXTS = [
    "open a file",
    "how to read a path and close the socket please, retry the upload again and again until it works",
    "a",
    "def x(): return path",
    "",
]
CLOSE = 2e-4  # between unit vectors of small models in float32


def trained(checkpoint: Path, pairs: Path, out: Path, **options: Any) -> str:  # noqa: ANN401 - options of the recipe
    """Train two steps from a checkpoint, and check the model that is written.

    Returns:
        "" if all is well, or the line by which the checkpoint is refused. Fails for one after a step, for one
        that does not name the checkpoint, and for wrong vectors.
    """
    in_memory: list[np.ndarray[Any, Any]] = []
    write, lengths = contrast.write_weights, [2, 3, 9, 20]

    def write_weights(folder: Path, body: TransformerBody, weights: object = None) -> None:
        tokens = sample_tokens(body.vocabulary_size, lengths)
        in_memory.append(body.embed(tokens))
        write(folder, body, weights)

    options = {"batch": 8, "steps": 2, "max_tokens": 32, "threads": 1, "precision": "float32", **options}
    shutil.rmtree(out, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrast, "write_weights", write_weights)
        line = ""
        try:
            contrast.train(pairs, out, Recipe.with_defaults(init=str(checkpoint), **options))
        except AdjoinError as error:
            line = str(error)
    if line:
        assert not (out / "training" / "log.jsonl").exists(), f"refused after a step: {line}"
        assert "\n" not in line
        assert str(checkpoint) in line
        return line
    encoder = Encoder.load(out)
    assert isinstance(encoder.body, TransformerBody)
    tokens = sample_tokens(encoder.body.vocabulary_size, lengths)
    np.testing.assert_allclose(encoder.body.embed(tokens), in_memory[0], atol=CLOSE, err_msg="loaded")
    check_encoding(encoder)
    return ""


def check_encoding(encoder: Encoder) -> None:
    """Check that a text's vector is the same alone, in a batch, in another order and a second time."""
    together = encoder.encode_document(TEXTS)
    alone = np.concatenate([encoder.encode_document([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=CLOSE, err_msg="alone")
    np.testing.assert_allclose(together, encoder.encode_document(TEXTS[::-1])[::-1], atol=CLOSE, err_msg="order")
    np.testing.assert_allclose(together, encoder.encode_document(TEXTS), atol=CLOSE, err_msg="again")
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.abs(together @ together.T - 1)[np.triu_indices(len(TEXTS), 1)].max() > 1e-4


def check_cached_step(body: TransformerBody) -> None:
    """Check that a step in small micro-batches gives the gradients of one large one, without dropout."""
    body.eval()  # micro-batches of other sizes draw other dropout
    sides = [sample_tokens(body.vocabulary_size, lengths) for lengths in ([3, 9, 5, 2], [12, 4, 7, 20])]
    batch = Batch(sides[0], sides[1], np.arange(12).reshape(3, 4))
    gradients = []
    for budget, kept in ((10_000, 10_000), (24, 0)):
        body.zero_grad()
        ContrastiveStep(body, Temperature(), token_budget=budget, kept_tokens=kept)(batch)
        gradients.append({n: p.grad.clone() for n, p in body.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    scale = max(float(gradient.abs().max()) for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-2, atol=1e-3 * scale)
    body.zero_grad()
