"""Models of sentence-transformers, run by that package from a local folder, in float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError, first_line
from adjoin.evaluation.systems.fingerprints import folder_fingerprint
from adjoin.evaluation.systems.system import Role
from adjoin.files import read_json
from adjoin.texts import valid_unicode
from adjoin.vectors import unit_rows

MODULES = "modules.json"
OWN_MODULES = "sentence_transformers."  # prefix of the package's classes; other classes are the folder's own code
BATCH = 64


class SentenceTransformerFolder:
    """A model folder of sentence-transformers. It runs on the GPU if there is one.

    Queries get the folder's prompt "query". Documents get its first prompt of "document", "passage" and "corpus".
    The package sorts texts by length and truncates them to the model's maximum.

    Attributes:
        name: name in the report.
        fingerprint: hash of all files except documentation. The device is not part of it.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        """Load the model.

        Args:
            folder: contains modules.json.
            name: name in the report; by default the name of the folder.

        Raises:
            AdjoinError: the package is missing or older than version 5, or the folder is damaged or contains its
                own code.
        """
        _refuse_foreign_code(folder)
        self.name = name or folder.resolve().name
        self.fingerprint = folder_fingerprint(folder)
        self._model = _loaded(folder)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n queries, shape (n, D)."""
        return self._encode(texts, "query")

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n documents, shape (n, D)."""
        return self._encode(texts, "document")

    def _encode(self, texts: list[str], role: Role) -> NDArray[np.float32]:
        encode = self._model.encode_query if role == "query" else self._model.encode_document
        # The result of an empty list would have no dimension.
        vectors = encode(
            [valid_unicode(text) for text in texts] or [""], batch_size=BATCH, show_progress_bar=False
        )
        return unit_rows(vectors[: len(texts)])


def _refuse_foreign_code(folder: Path) -> None:
    modules = read_json(folder / MODULES, "list of modules")
    listed = modules if isinstance(modules, list) and modules else [modules]
    kinds = [module.get("type") if isinstance(module, dict) else module for module in listed]
    foreign = [kind for kind in kinds if not str(kind).startswith(OWN_MODULES)]
    if foreign:
        raise AdjoinError(
            f"{folder / MODULES} names the module {foreign[0]!r}: expected those of sentence-transformers itself; "
            "code in a model folder is never run; evaluate the model behind a server instead"
        )


def _loaded(folder: Path) -> Any:  # noqa: ANN401 - a package that may be missing
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise AdjoinError(
            f"{folder} is a model of sentence-transformers, which is missing ({error}): install it with "
            "pip install 'adjoin[sentence-transformers]'"
        ) from None
    if not hasattr(SentenceTransformer, "encode_query"):
        raise AdjoinError(
            f"{folder} needs a newer sentence-transformers: pip install -U 'adjoin[sentence-transformers]'"
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        with _quiet():
            model = SentenceTransformer(str(folder), device=device, local_files_only=True, trust_remote_code=False)
        return model.float().eval()
    except Exception as error:  # anything from KeyError to the Rust readers' errors
        reason = first_line(error)
        raise AdjoinError(f"sentence-transformers cannot open {folder}: {reason}; copy the model again") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the progress bars of transformers."""
    from transformers.utils import logging

    had_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if had_bars:
            logging.enable_progress_bar()
