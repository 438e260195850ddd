"""What the index and `adjoin embed` ask of a model: two methods and two facts, no more."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError

Role = Literal["query", "document", "symmetric"]


class Embedder(Protocol):
    """Any encoder: text → unit vectors. `adjoin.Encoder` is one; so is a client of a server.

    It may have `encode_text` for texts that are compared with each other or classified.
    """

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""

    @property
    def fingerprint(self) -> str:
        """A hash of the weights: two encoders with the same one give the same vectors."""

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed N queries: unit rows, shape (N, D)."""

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed N documents: unit rows, shape (N, D)."""


def encode(encoder: Embedder, texts: Sequence[str], role: str) -> NDArray[np.float32]:
    """Embed texts in a `Role`, the result checked before it is stored where no one looks at it again.

    Returns:
        C-contiguous float32, shape (N, D).

    Raises:
        AdjoinError: the encoder gave another shape than (N, D), or a number that is not finite.
    """
    method = encoder.encode_document if role == "document" else encoder.encode_query
    if role == "symmetric":
        method = getattr(encoder, "encode_text", method)
    vectors_ND = np.ascontiguousarray(method(list(texts)), dtype=np.float32)
    expected = (len(texts), encoder.dimension)
    if vectors_ND.shape != expected:
        raise AdjoinError(
            f"the encoder gave vectors of shape {vectors_ND.shape} for {len(texts)} texts, expected {expected}: "
            "its `dimension` and its output disagree; load the model again or report it"
        )
    broken = np.flatnonzero(~np.isfinite(vectors_ND).all(axis=1))
    if broken.size:
        raise AdjoinError(
            f"the encoder gave numbers that are not finite for {texts[int(broken[0])][:60]!r}, expected unit "
            "vectors: the model's weights are damaged; use another checkpoint"
        )
    return vectors_ND
