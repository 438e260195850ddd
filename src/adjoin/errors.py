"""The exception for user errors, and the line that quotes an error of a library."""

from collections.abc import Iterable

from adjoin.redaction import redacted


class AdjoinError(Exception):
    """A wrong argument or a broken input.

    The message is one line that names the offending value, what was expected and what to do next. The
    command line prints it without a traceback and exits with a non-zero status. Passwords and keys in the URLs
    that it quotes are hidden.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


def nearest(name: object, known: Iterable[str]) -> str:
    """Return a question such as ", did you mean 'steps'?" about a misspelt name; empty if no known one is near.

    Args:
        name: a name that is not known.
        known: the names that are.
    """
    from difflib import get_close_matches

    meant = get_close_matches(str(name)[:100], list(known), 1, 0.7)
    return f", did you mean {meant[0]!r}?" if meant else ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, to be quoted in an `AdjoinError`.

    Libraries such as Arrow, safetensors and tokenizers put details, and sometimes a traceback, on further lines.
    An error without a message gives the name of its class. Passwords and keys in URLs are hidden.
    """
    lines = str(error).strip().splitlines()
    return redacted(lines[0]) if lines else type(error).__name__
