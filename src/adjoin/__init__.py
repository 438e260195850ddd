"""Adjoin: text and code embeddings learned from unlabelled data.

    from adjoin import Encoder
    encoder = Encoder.load("code")  # or "text", or a model folder
    queries = encoder.encode_query(["open a file"])  # float32 array of shape (1, dimension), unit length
    documents = encoder.encode_document(["def read(path): ..."])
    encoder.similarity(queries, documents)  # cosines, shape (1, 1)

    from adjoin import load_index
    load_index(".adjoin").search("open a file", limit=3)  # an index made by `adjoin index .`

Importing this package is cheap: a name's modules are imported when the name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adjoin.errors import AdjoinError
    from adjoin.index.searcher import load_index, search
    from adjoin.model.encoder import Encoder

__version__ = "0.1.0"
__all__ = ["AdjoinError", "Encoder", "__version__", "load_index", "search"]

_MODULES = {
    "AdjoinError": "adjoin.errors",
    "Encoder": "adjoin.model.encoder",
    "load_index": "adjoin.index.searcher",
    "search": "adjoin.index.searcher",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _MODULES:
        raise AttributeError(f"module 'adjoin' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
