import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from adjoin.model.bodies import StaticBody
from adjoin.model.static import PLACES_WEIGHED, StaticTable, inverse_document_frequency, start_vectors
from adjoin.tokens import Ragged

VOCABULARY, DIMENSION = 40, 6
sequences = st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=60), min_size=1, max_size=6)


def ragged(rows: list[list[int]]) -> Ragged:
    return Ragged(np.array([t for row in rows for t in row], np.int32), np.array([len(r) for r in rows], np.int64))


def trained_body() -> StaticBody:
    random = np.random.default_rng(0)
    body = StaticBody(start_vectors(VOCABULARY, DIMENSION, 0), random.random(VOCABULARY, np.float32) + 0.1)
    with torch.no_grad():
        body.log_places += torch.from_numpy(random.standard_normal(PLACES_WEIGHED, np.float32))
    return body


def plain(body: StaticBody, row: list[int]) -> np.ndarray:
    """The formula of static.py, token by token."""
    total = np.zeros(DIMENSION)
    for place, token in enumerate(dict.fromkeys(row)):
        place_weight = np.exp(body.log_places.detach().numpy()[min(place, PLACES_WEIGHED - 1)])
        total += body.vectors.detach().numpy()[token] * body.weights.detach().numpy()[token] * place_weight
    return total / np.linalg.norm(total)


@given(sequences)
def test_body_table_and_formula_agree(rows: list[list[int]]) -> None:
    body = trained_body()
    expected = np.stack([plain(body, row) for row in rows])
    np.testing.assert_allclose(body(ragged(rows)).detach().numpy(), expected, atol=1e-5)
    table = StaticTable.from_tensors({name: tensor.numpy() for name, tensor in body.tensors().items()})
    np.testing.assert_allclose(table.embed(ragged(rows)), expected, atol=1e-5)


def test_start_weights_are_inverse_document_frequencies() -> None:
    rows = [[1, 2, 2], [1, 3], [1, 2, 4]]
    frequency, occurrences = np.array([0, 3, 2, 1, 1, 0]), np.array([0, 3, 3, 1, 1, 0])
    weights = inverse_document_frequency(len(rows), frequency, occurrences)
    raw = np.log(4 / np.array([1, 4, 3, 2, 2, 1]))
    expected = raw / np.mean([raw[t] for row in rows for t in row])
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    assert weights[1] == 0  # in every sequence: says nothing


def test_random_vectors_have_length_one_and_little_in_common() -> None:
    vectors = start_vectors(1000, 384, 0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1).mean(), 1, atol=0.01)
    assert np.abs(vectors[:100] @ vectors[100:200].T).mean() < 0.06


def test_tensors_that_do_not_fit_are_one_line() -> None:
    good = {
        "vectors": np.ones((4, 2), np.float32),
        "weights": np.ones(4, np.float32),
        "places": np.ones(3, np.float32),
    }
    with pytest.raises(AdjoinError, match="missing: places"):
        StaticTable.from_tensors({name: good[name] for name in ("vectors", "weights")})
    with pytest.raises(AdjoinError, match="do not fit together"):
        StaticTable.from_tensors({**good, "weights": np.ones(3, np.float32)})
