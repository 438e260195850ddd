"""Vocabulary transfer: initialises a static table from the token embeddings of a generative language model.

The paper starts from a language model; this is the same for a static table. The two tokenizers differ. So each of
our tokens, as a word, gets the mean of the embeddings of the model's tokens for it. Then the overall mean is
subtracted, and the variances of the principal axes are brought closer together. Otherwise a few axes that encode
frequency and spelling would dominate a sum of many tokens. Mu and Viswanath 2018 (arXiv 1702.01417) remove such
axes; here none has to be chosen.
"""

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.model.static import start_vectors
from adjoin.tokens import Tokenizer


def transferred_vectors(
    tokenizer: Tokenizer, embeddings_WE: NDArray[np.float32], source: Tokenizer, dimension: int, seed: int
) -> NDArray[np.float32]:
    """Make token vectors (V, D) for a tokenizer from a language model's token embeddings; lengths are about 1.

    Args:
        tokenizer: the tokenizer of V tokens to make vectors for.
        embeddings_WE: token embeddings of the language model.
        source: tokenizer of the language model. A token that it splits into no tokens gets a random vector.
        dimension: D, at most E.
        seed: seed of the random vectors.

    Raises:
        AdjoinError: D is more than E.
    """
    if dimension > embeddings_WE.shape[1]:
        raise AdjoinError(
            f"dimension is {dimension}: the language model's token vectors have {embeddings_WE.shape[1]};"
            " give no more"
        )
    words = [f" {tokenizer.backend.decode([token])}" for token in range(tokenizer.vocabulary_size)]
    source_ids = [encoding.ids for encoding in source.backend.encode_batch(words, add_special_tokens=False)]
    known_V = np.array([bool(ids) for ids in source_ids])
    vectors_VD = start_vectors(len(source_ids), dimension, seed)
    vectors_VD[known_V] = whiten_halfway(
        np.stack([embeddings_WE[ids].mean(axis=0) for ids in source_ids if ids]), dimension
    )
    return vectors_VD


def whiten_halfway(rows_NE: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """Centre rows, project them on their first D principal axes, and whiten them half-way.

    An axis of standard deviation s is scaled to the square root of s.

    Returns:
        Rows (N, D), float32, whose squared lengths have the mean 1.
    """
    centred_NE = rows_NE.astype(np.float64) - rows_NE.mean(axis=0)
    variances_E, axes_EE = np.linalg.eigh(centred_NE.T @ centred_NE / len(rows_NE))
    strongest_D = np.argsort(variances_E)[::-1][:dimension]
    least = max(1e-12 * variances_E.max(), np.finfo(np.float64).tiny)
    scales_D = np.maximum(variances_E[strongest_D], least) ** -0.25
    turned_ND = centred_NE @ axes_EE[:, strongest_D] * scales_D
    length = np.sqrt((turned_ND**2).sum(axis=1).mean())
    unit_ND: NDArray[np.float32] = (turned_ND / max(length, 1e-300)).astype(np.float32)
    return unit_ND
