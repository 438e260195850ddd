"""The exception for user errors."""


class AdjoinError(Exception):
    """A wrong argument or a broken input.

    The message is one line that names the offending value, what was expected and what to do next. The
    command line prints it without a traceback and exits with a non-zero status.
    """
