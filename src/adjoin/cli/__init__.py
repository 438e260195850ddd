"""The command line: one verb a room. Arguments are read here; the verbs' work is in the rooms.

Nothing heavy is imported before a verb needs it: `adjoin --help` answers at once.
"""

import logging
import sys
from collections.abc import Sequence

from adjoin.cli.arguments import build_parser
from adjoin.errors import AdjoinError

INTERRUPTED = 130  # 128 + SIGINT, what a shell expects


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        The exit status: 0; 1 for a mistake, named in one line on standard error; 2 for wrong usage; 130 when
        interrupted.
    """
    logging.basicConfig(format="adjoin: %(message)s", level=logging.WARNING)
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except AdjoinError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail(options.interrupted, INTERRUPTED)
    except BrokenPipeError:  # the reader (head, say) has seen enough
        sys.stderr.close()
        return 1
    except OSError as error:  # the disk is full, a place may not be written
        place = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{place}")
    except MemoryError:
        return _fail("out of memory: give a smaller --batch or --token-budget")
    except ModuleNotFoundError as error:
        return _fail(
            f"`adjoin {options.verb}` needs the package {error.name}: pip install 'adjoin[{options.extra}]'"
        )
    return 0


def _fail(message: str, status: int = 1) -> int:
    one_line = " ".join(message.split())
    sys.stderr.write(f"adjoin: {one_line}\n")
    return status
