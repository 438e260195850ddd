"""Adjoin: text and code embeddings learned from unlabelled data.

    from adjoin import Encoder
    encoder = Encoder.load("code")  # or "text", or a folder
    vectors = encoder.encode_query(["open a file"])

Importing this package costs next to nothing: what a name needs is loaded when the name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adjoin.errors import AdjoinError
    from adjoin.index.searcher import load_index, search
    from adjoin.model.encoder import Encoder

__version__ = "0.1.0"
__all__ = ["AdjoinError", "Encoder", "__version__", "load_index", "search"]

_HOMES = {
    "AdjoinError": "adjoin.errors",
    "Encoder": "adjoin.model.encoder",
    "load_index": "adjoin.index.searcher",
    "search": "adjoin.index.searcher",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _HOMES:
        raise AttributeError(f"module 'adjoin' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
