"""Vectors kept on disk: a text is encoded once for all tasks, runs and reports that need it."""

import logging
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.system import Role, System, text_digest
from adjoin.evaluation.systems.vector_file import DamagedError, VectorFile, size_of
from adjoin.ranking.fusion import dense_weight_of

TEXTS_AT_ONCE = 2_048  # encoded and then written: what a kill loses at most

logger = logging.getLogger(__name__)

_METHODS: dict[Role, str] = {"query": "encode_query", "document": "encode_document", "symmetric": "encode_text"}


class CachedSystem:
    """A system whose vectors are kept below folder/<fingerprint>/<role>, by the hashes of their texts.

    The vectors are, bit for bit, those that the system gave. Several processes may use one folder at a time. A
    cache that is damaged is thrown away and made again, with one warning in the log.

    200,000 vectors of 384 numbers are 312 MB on disk: 2.2 s of one core to write, 1.3 s to find, check and copy.

    Attributes:
        name: the system's.
        fingerprint: the system's.
        dense_weight: its share in a hybrid search.
        found: different texts whose vectors were there, over all calls.
        encoded: different texts that were encoded, over all calls.
    """

    def __init__(self, system: System, folder: Path) -> None:
        """Put a cache before a system.

        Args:
            system: gives the vectors that are not there.
            folder: may hold those of many systems.

        Raises:
            AdjoinError: a fingerprint that is not hexadecimal, which a folder is named after.
        """
        if not re.fullmatch(r"[0-9a-f]{8,128}", system.fingerprint):
            raise AdjoinError(
                f"cannot keep vectors of {system.name} under its fingerprint {system.fingerprint!r}: expected "
                "8 hexadecimal digits or more"
            )
        self.name, self.fingerprint = system.name, system.fingerprint
        self.dense_weight = dense_weight_of(system)
        self.found = self.encoded = 0
        self._system, self._folder = system, folder / system.fingerprint
        self._files: dict[Role, VectorFile] = {
            role: VectorFile(self._folder / role, {"fingerprint": system.fingerprint, "role": role})
            for role in ("query", "document", "symmetric")
        }

    @property
    def bytes_on_disk(self) -> int:
        """What this system's vectors take, of all roles."""
        return size_of(self._folder)

    def summary(self) -> str:
        """One line for a person."""
        megabytes = self.bytes_on_disk / 1e6
        return f"{self.name}: {self.found:,} vectors found, {self.encoded:,} encoded; {megabytes:,.1f} MB on disk"

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """The system's vectors of n queries (n, D).

        Raises:
            AdjoinError: vectors that are not finite or not one a text, or a folder that cannot be written to.
        """
        return self._encode(texts, "query")

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """The system's vectors of n documents (n, D).

        Raises:
            AdjoinError: as for `encode_query`.
        """
        return self._encode(texts, "document")

    def encode_text(self, texts: list[str]) -> NDArray[np.float32]:
        """The system's vectors of n texts that neither ask nor answer (n, D); as queries where it knows no others.

        Raises:
            AdjoinError: as for `encode_query`.
        """
        return self._encode(texts, "symmetric" if hasattr(self._system, "encode_text") else "query")

    def _encode(self, texts: list[str], role: Role) -> NDArray[np.float32]:
        if not texts:
            return self._fresh([], role)
        file = self._files[role]
        keys = [text_digest(text) for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        for _ in range(2):
            try:
                file.refresh()
                missing = [key for key in text_of if key not in file]
                for start in range(0, len(missing), TEXTS_AT_ONCE):
                    some = missing[start : start + TEXTS_AT_ONCE]
                    file.add(some, self._fresh([text_of[key] for key in some], role))
                vectors_ND = file.take(keys)
            except DamagedError as damage:
                logger.warning("the cache of vectors %s is damaged, so it is made again: %s", file.folder, damage)
                file.throw_away()
            else:
                self.encoded += len(missing)
                self.found += len(text_of) - len(missing)
                return vectors_ND
        raise AdjoinError(
            f"the cache of vectors {file.folder} is damaged as soon as it is made: look at the disk, or name "
            "another folder"
        )

    def _fresh(self, texts: list[str], role: Role) -> NDArray[np.float32]:
        """What the system gives, looked at before it is written where no one will look again."""
        vectors_BD = np.asarray(getattr(self._system, _METHODS[role])(texts), np.float32)
        if vectors_BD.ndim != 2 or len(vectors_BD) != len(texts) or not np.isfinite(vectors_BD).all():
            raise AdjoinError(
                f"{self.name} gave {role} vectors of shape {vectors_BD.shape} for {len(texts):,} texts: expected "
                "(texts, dimension), and finite numbers; look at the model"
            )
        return vectors_BD
