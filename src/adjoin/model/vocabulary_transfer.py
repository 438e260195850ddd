"""A static table's first vectors out of a generative language model: the paper's start, for the cheapest encoder.

The model's token embeddings know what words have to do with each other, but its tokenizer cuts texts in another
way than ours. So each of our tokens, read as a word, takes the mean of the embeddings that the model would read
it as. Their common part (the mean) is taken out, and the variances of their principal axes are brought half-way
to one another: a few axes that hold frequency and spelling would otherwise outweigh all others in a sum of many
tokens. Mu and Viswanath 2018 (arXiv 1702.01417) leave such axes out; here none has to be chosen.
"""

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.model.static import start_vectors
from adjoin.tokens import Tokenizer


def transferred_vectors(
    tokenizer: Tokenizer, embeddings_WE: NDArray[np.float32], theirs: Tokenizer, dimension: int, seed: int
) -> NDArray[np.float32]:
    """Vectors (V, D) for the tokens of one tokenizer out of the embeddings of another's, lengths about 1.

    Args:
        tokenizer: whose V tokens want vectors; one that the other reads as nothing gets a random one.
        embeddings_WE: the language model's.
        theirs: its tokenizer.
        dimension: D, at most E.
        seed: of the random vectors.

    Raises:
        AdjoinError: D is more than E.
    """
    if dimension > embeddings_WE.shape[1]:
        raise AdjoinError(
            f"dimension is {dimension}: the language model's token vectors have {embeddings_WE.shape[1]};"
            " give no more"
        )
    words = [f" {tokenizer.backend.decode([token])}" for token in range(tokenizer.vocabulary_size)]
    read = [encoding.ids for encoding in theirs.backend.encode_batch(words, add_special_tokens=False)]
    known_V = np.array([bool(ids) for ids in read])
    vectors_VD = start_vectors(len(read), dimension, seed)
    vectors_VD[known_V] = whiten_halfway(
        np.stack([embeddings_WE[ids].mean(axis=0) for ids in read if ids]), dimension
    )
    return vectors_VD


def whiten_halfway(rows_NE: NDArray[np.float32], dimension: int) -> NDArray[np.float32]:
    """The rows without their mean, along their first D principal axes (N, D); the mean square of lengths is 1.

    Of an axis with standard deviation s, the square root of s remains.
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
