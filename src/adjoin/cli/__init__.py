"""The `adjoin` command: arguments, progress and printing. The work is done by workflows and other packages.

A verb's libraries are imported when it runs, so `adjoin --help` answers at once.
"""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from adjoin.errors import AdjoinError

INTERRUPTED = 130  # 128 + SIGINT, what a shell expects
_OF_SEARCH = ("index", "search", "status")  # verbs whose matrix products are small, see `adjoin.blas`
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
NOBODY_READS = 141  # 128 + SIGPIPE, the status of a grep whose reader has gone


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the `adjoin` command.

    Args:
        arguments: words after `adjoin`; None for those of this process.

    Returns:
        The exit status: 0 for success, 1 for an error (one line on standard error), 130 after Ctrl-C. `search` has
        grep's: 0 if something was found, 1 if not, 2 for an error. Wrong usage raises SystemExit with status 2.
    """
    _prepare_outputs()
    from adjoin.cli.terminal import clean_outputs

    with clean_outputs(), _shown_warnings():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] and words[0] in _OF_SEARCH:
        _import_numpy()
    interrupted, verb, failure, extra = "interrupted; nothing was changed", "", 1, ""
    try:
        from adjoin.cli.arguments import build_parser

        options = build_parser(words[0] if words else None).parse_args(words)
        interrupted, verb = options.interrupted, options.verb
        failure, extra = options.failure, options.extra
        status: int = options.run(options) or 0
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where an error can still be reported
    except AdjoinError as error:
        return _fail(str(error), failure)
    except (KeyboardInterrupt, SystemError) as error:
        # Ctrl-C within a function that C code calls, such as a parser, comes as the cause of a SystemError.
        if isinstance(error, SystemError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _fail(interrupted, INTERRUPTED)
    except BrokenPipeError:  # the reader (head, say) has seen enough
        _forget_output()
        return 1 if failure == 1 else NOBODY_READS
    except OSError as error:  # the disk is full, or a folder may not be written
        _forget_output()
        file = f": {error.filename}" if error.filename else ""
        return _fail(
            f"{error.strerror or error}{file}; nothing was left half written: mend this and run again", failure
        )
    except MemoryError:
        return _fail("out of memory: give a smaller --batch, --token-budget or --dimension", failure)
    except ModuleNotFoundError as error:
        package = f"'adjoin[{extra}]'" if extra else "adjoin"
        return _fail(
            f"`adjoin {verb}` needs the package {(error.name or '').partition('.')[0]}: pip install {package}",
            failure,
        )
    return status


def _import_numpy() -> None:
    """Import NumPy with one BLAS thread, which takes 0.08 CPU-seconds. With two, which idle, it takes 0.12.

    The environment is as before afterwards, for the programs that this one starts.
    """
    if "numpy" in sys.modules or _BLAS_THREADS in os.environ:
        return
    os.environ[_BLAS_THREADS] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[_BLAS_THREADS]


@contextlib.contextmanager
def _shown_warnings() -> Iterator[None]:
    """Show what is logged as one line on standard error, without keys and control characters."""
    from adjoin.cli.terminal import safe
    from adjoin.redaction import redacted

    class OneLine(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return safe(redacted(" ".join(super().format(record).split())))

    root = logging.getLogger()
    if root.handlers:  # a program that calls `main` logs as it likes
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("adjoin: %(message)s"))
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _prepare_outputs() -> None:
    """Let nothing that is printed end the program."""
    if sys.stdout is None:  # closed, as by `>&-`: what is written goes nowhere, the exit status still tells
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without Greek letters shows an escape in their place
        sys.stdout.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Discard unwritten output, or Python would try to write it again when it exits, and complain."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # no standard output, or one that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int = 1) -> int:
    from adjoin.cli.terminal import safe
    from adjoin.redaction import redacted

    one_line = safe(redacted(" ".join(message.split())))  # it may name a file, or quote a URL
    sys.stderr.write(f"adjoin: {one_line}\n")
    return status
