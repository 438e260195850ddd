"""The `adjoin` command: arguments, progress and printing. The work is done by workflows and other packages.

A verb's libraries are imported when it runs, so `adjoin --help` answers at once.
"""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Sequence

from adjoin.errors import AdjoinError

INTERRUPTED = 130  # 128 + SIGINT, what a shell expects


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the `adjoin` command.

    Args:
        arguments: words after `adjoin`; None for those of this process.

    Returns:
        The exit status: 0 for success, 1 for an error (one line on standard error), 130 after Ctrl-C. Wrong usage
        raises SystemExit with status 2.
    """
    logging.basicConfig(format="adjoin: %(message)s", level=logging.WARNING)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without Greek letters shows an escape in their place
        sys.stdout.reconfigure(errors="backslashreplace")
    interrupted, verb = "interrupted; nothing was changed", ""
    try:
        from adjoin.cli.arguments import build_parser

        options = build_parser().parse_args(arguments)
        interrupted, verb = options.interrupted, options.verb
        options.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where an error can still be reported
    except AdjoinError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail(interrupted, INTERRUPTED)
    except BrokenPipeError:  # the reader (head, say) has seen enough
        _forget_output()
        return 1
    except OSError as error:  # the disk is full, or a folder may not be written
        _forget_output()
        file = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{file}; files are written atomically: fix this and run again")
    except MemoryError:
        return _fail("out of memory: give a smaller --batch, --token-budget or --dimension")
    except ModuleNotFoundError as error:
        package = f"'adjoin[{options.extra}]'" if options.extra else "adjoin"
        return _fail(f"`adjoin {verb}` needs the package {error.name}: pip install {package}")
    return 0


def _forget_output() -> None:
    """Discard unwritten output, or Python would try to write it again when it exits, and complain."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # no standard output, or one that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int = 1) -> int:
    one_line = " ".join(message.split())
    sys.stderr.write(f"adjoin: {one_line}\n")
    return status
