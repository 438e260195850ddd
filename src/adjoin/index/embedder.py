"""The interface of an encoder that the index and `adjoin embed` use."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.texts import described
from adjoin.tokens import Role
from adjoin.vectors import UnusableVectorError, check_rows


class Embedder(Protocol):
    """Anything that embeds texts as unit vectors, such as `adjoin.Encoder` or a client of an embedding server.

    An optional method `encode_text` embeds texts in the symmetric role: texts that are compared with each other,
    clustered or classified.
    """

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""

    @property
    def fingerprint(self) -> str:
        """A hash of the weights. Encoders with equal fingerprints give equal vectors."""

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed N queries as unit vectors, float32, shape (N, D)."""

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed N documents as unit vectors, float32, shape (N, D)."""


def fingerprint_of(encoder: Embedder, stamp: str, fingerprint: str) -> str:
    """The fingerprint of an encoder. Its weights are not hashed again while its stamp is a known one.

    Args:
        encoder: the model.
        stamp: the stamp that the model had which made an index; may be empty.
        fingerprint: the fingerprint of that model.
    """
    return fingerprint if stamp and getattr(encoder, "stamp", "") == stamp else encoder.fingerprint


def check_encoder(encoder: object) -> None:
    """Check that something is a model.

    Raises:
        AdjoinError: it has no `encode_document`, such as the name of a model.
    """
    if not hasattr(encoder, "encode_document"):
        raise AdjoinError(f"encoder is {described(encoder)}, expected a model, such as Encoder.load('text')")


def encode(encoder: Embedder, texts: Sequence[str], role: Role, places: Sequence[str] = ()) -> NDArray[np.float32]:
    """Embed texts in a role and check the vectors before they are stored.

    Args:
        encoder: the model.
        texts: N texts.
        role: "query", "document" or "symmetric". Encoders without `encode_text` embed symmetric texts as queries.
        places: where each text is from, such as "docs/guide.md:12", for messages; empty if that is not known.

    Returns:
        Vectors, C-contiguous float32, shape (N, D).

    Raises:
        AdjoinError: the vectors have another shape than (N, D), or one of them is zero or not finite.
    """
    method = encoder.encode_document if role == "document" else encoder.encode_query
    if role == "symmetric":
        method = getattr(encoder, "encode_text", method)
    try:
        return _checked(encoder, np.ascontiguousarray(method(list(texts)), dtype=np.float32), texts)
    except UnusableVectorError as error:
        if not places:
            raise
        raise AdjoinError(f"{places[error.row]}: {error}") from None


def _checked(encoder: Embedder, vectors_ND: NDArray[np.float32], texts: Sequence[str]) -> NDArray[np.float32]:
    expected = (len(texts), encoder.dimension)
    if vectors_ND.shape != expected:
        raise AdjoinError(
            f"the encoder gave vectors of shape {vectors_ND.shape} for {len(texts)} texts, expected {expected}: "
            "its `dimension` does not match its output; correct the encoder"
        )
    check_rows(vectors_ND, texts, "the model")
    return vectors_ND
