"""An encoder that is loaded when it embeds its first text."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.model.locations import DESCRIPTION_FILE, fingerprint_of, locate_model, stamp_of

if TYPE_CHECKING:
    from adjoin.model.encoder import Encoder


class LazyEncoder:
    """A model by its name: an `Embedder` whose weights are loaded when it embeds its first text.

    A refresh that finds nothing changed needs its fingerprint only.
    """

    def __init__(self, model: str | Path) -> None:
        """Name a model as for `Encoder.load`.

        Raises:
            AdjoinError: there is no model.
        """
        self._model = model
        self._folder = locate_model(model)
        self.loaded: Encoder | None = None
        if not (self._folder / DESCRIPTION_FILE).is_file():
            self._load()  # its message names what is expected

    @cached_property
    def fingerprint(self) -> str:
        """A hash of weights and tokenizer, as `Encoder.fingerprint`."""
        try:
            _ = self.stamp  # before the files are read
            return fingerprint_of(self._folder)
        except OSError as error:
            raise AdjoinError(
                f"cannot read the model {self._folder}: {error.strerror}; give another --model"
            ) from None

    @cached_property
    def stamp(self) -> str:
        """What the file system says of the weights, as `Encoder.stamp`; empty if it says nothing."""
        try:
            return stamp_of(self._folder)
        except OSError:
            return ""

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        from adjoin.model.description import Description

        return Description.read(self._folder).dimension

    @property
    def dense_weight(self) -> float:
        """Weight of the embedding scores in hybrid search, 0 to 1."""
        return self._load().dense_weight

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed N queries, shape (N, D)."""
        return self._load().encode_query(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed N documents, shape (N, D)."""
        return self._load().encode_document(texts)

    def encode_text(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed N texts in the symmetric role, shape (N, D)."""
        return self._load().encode_text(texts)

    def _load(self) -> "Encoder":
        if self.loaded is None:
            from adjoin.model.encoder import Encoder

            encoder = Encoder.load(self._model)
            if "stamp" in self.__dict__ and self.stamp and self.stamp != encoder.stamp:
                known = self.__dict__.get("fingerprint")
                if known is None or known != encoder.fingerprint:
                    raise AdjoinError(f"the model {self._folder} changed while it was in use: run again")
            self.loaded = encoder
        return self.loaded
