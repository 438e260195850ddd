from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.ranking import dense, top_k


def plain_top_k(queries: NDArray[Any], documents: NDArray[Any], k: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The definition: all scores, fully sorted, the lower index first among equals."""
    scores = queries.astype(np.float32) @ documents.astype(np.float32).T
    order = np.array([sorted(range(len(row)), key=lambda i: (-row[i], i))[:k] for row in scores])
    return np.take_along_axis(scores, order, axis=1), order


@pytest.mark.parametrize(("numbers_per_block", "queries_per_block"), [(1 << 24, 1024), (64, 5), (1, 1)])
@pytest.mark.parametrize("k", [1, 7, 500])
def test_blocks_of_any_size_equal_the_definition(
    monkeypatch: pytest.MonkeyPatch, numbers_per_block: int, queries_per_block: int, k: int
) -> None:
    monkeypatch.setattr(dense, "NUMBERS_PER_BLOCK", numbers_per_block)
    monkeypatch.setattr(dense, "QUERIES_PER_BLOCK", queries_per_block)
    generator = np.random.default_rng(0)
    # Small whole numbers: products are exact in float32 and ties are frequent, across blocks too.
    queries = generator.integers(-2, 3, size=(13, 4)).astype(np.float32)
    documents = generator.integers(-2, 3, size=(60, 4)).astype(np.int8)
    scores, indices = top_k(queries, documents, k)
    expected_scores, expected_indices = plain_top_k(queries, documents, k)
    assert indices.tolist() == expected_indices.tolist()
    assert scores.tolist() == expected_scores.tolist()
    assert (scores.dtype, indices.dtype) == (np.float32, np.int64)


def test_no_documents_and_no_queries() -> None:
    assert top_k(np.ones((2, 3)), np.ones((0, 3)), 5)[1].shape == (2, 0)
    assert top_k(np.ones((0, 3)), np.ones((4, 3)), 2)[0].shape == (0, 2)


@pytest.mark.parametrize(
    ("queries", "documents", "k", "message"),
    [
        (np.ones((1, 3)), np.ones((2, 4)), 1, r"\(1, 3\).*\(2, 4\)"),
        (np.ones(3), np.ones((2, 3)), 1, r"\(3,\)"),
        (np.ones((1, 3)), np.ones((2, 3)), 0, "best 0"),
        (np.ones((1, 3)), np.array([[1.0, 1, 1], [1, np.nan, 1]]), 1, "not all numbers"),
    ],
)
def test_arguments_that_make_no_sense(
    queries: NDArray[Any], documents: NDArray[Any], k: int, message: str
) -> None:
    with pytest.raises(AdjoinError, match=message):
        top_k(queries, documents, k)
