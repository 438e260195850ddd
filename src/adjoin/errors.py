"""The exception for user errors, and the line that quotes an error of a library."""


class AdjoinError(Exception):
    """A wrong argument or a broken input.

    The message is one line that names the offending value, what was expected and what to do next. The
    command line prints it without a traceback and exits with a non-zero status.
    """


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, to be quoted in an `AdjoinError`.

    Libraries such as Arrow, safetensors and tokenizers put details, and sometimes a traceback, on further lines.
    An error without a message gives the name of its class.
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
