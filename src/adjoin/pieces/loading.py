"""Parsers of grammars that come in the package semble-grammars: 77 shared libraries in one wheel, no network."""

import atexit
import os
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

from adjoin.unfinished import temporary_folder

if TYPE_CHECKING:
    from tree_sitter import Parser

_CACHE = "SEMBLE_GRAMMARS_CACHE_DIR"


@cache
def bundled_parser(grammar: str) -> "Parser | None":
    """Return the parser of a grammar in semble-grammars, loaded once per process; None if it cannot be loaded.

    The package unpacks a library at its first use (0.2 s) into the user's cache folder. If that cannot be written,
    a temporary folder takes its place until this process ends. There is no wheel for musl (Alpine): without a
    grammar, code is split into windows.
    """
    try:
        import semble_grammars
    except ImportError:
        return None
    try:
        return _parser(grammar)
    except (semble_grammars.LanguageNotFoundError, semble_grammars.UnsupportedPlatformError):
        return None
    except (semble_grammars.GrammarLoadError, OSError, RuntimeError):  # the cache is not writable, or broken
        return _from_temporary_folder(grammar)


def _parser(grammar: str) -> "Parser":
    import semble_grammars

    parser: Parser = semble_grammars.get_parser(grammar)
    return parser


def _from_temporary_folder(grammar: str) -> "Parser | None":
    import semble_grammars

    before = os.environ.get(_CACHE)
    try:
        os.environ[_CACHE] = _temporary_folder()
        return _parser(grammar)
    except (semble_grammars.GrammarLoadError, OSError):
        return None
    finally:
        if before is None:
            os.environ.pop(_CACHE, None)
        else:
            os.environ[_CACHE] = before


@cache
def _temporary_folder() -> str:
    stack = ExitStack()  # until the process ends
    atexit.register(stack.close)
    return str(stack.enter_context(temporary_folder("adjoin-grammars")))
