"""What the verbs' options share: how a verb is added, and what kinds of values there are."""

import argparse
from collections.abc import Callable
from pathlib import Path


def path(text: str) -> Path:
    """A path; an empty one, from an unset shell variable, would mean the current folder."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no path, expected a file or a folder")
    try:
        text.encode()  # the stores of vectors, pairs and weights take no other names
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8: rename it") from None
    return Path(text)


def seed(text: str) -> int:
    """A number that every random generator takes."""
    value = int(text)
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{value} is out of range, expected 0 to {(1 << 32) - 1}")
    return value


def add_verb(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], None],
    text: str,
    *,
    extra: str,
    interrupted: str = "interrupted; nothing was changed",
) -> argparse.ArgumentParser:
    """Add a verb. `extra` installs what it needs; `interrupted` is what Ctrl-C says."""
    verb = subparsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    verb.set_defaults(run=run, extra=extra, interrupted=interrupted)
    return verb


def add_what_to_read(verb: argparse.ArgumentParser) -> None:
    """What mine and pretrain read."""
    verb.add_argument(
        "roots", nargs="+", type=path, metavar="PATH", help="a folder, a file, a wheel, a zip or tar archive"
    )
    verb.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out sources whose path below PATH, or a folder of it, matches; may be repeated",
    )
