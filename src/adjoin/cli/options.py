"""Shared by the options of all verbs: how a verb is added, and the types of values."""

import argparse
import textwrap
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from adjoin.cli.examples import EXAMPLES

MODEL = "a bundled model (code or text) or a model folder"


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


def count(text: str) -> int:
    """A number of things, 0 or more."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is out of range, expected 0 or more")
    return value


def add_verb(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int | None] | str,
    text: str,
    *,
    extra: str,
    interrupted: str = "interrupted; nothing was changed",
    failure: int = 1,
    mixed: bool = False,
) -> argparse.ArgumentParser:
    """Add a verb, with its examples at the end of its help.

    Args:
        subparsers: where the verb is added.
        name: the word on the command line.
        run: called with the parsed options; gives the exit status, None for 0. A text "module:function" names a
            function of a module of `adjoin.cli`, which is imported only when the verb runs.
        text: what the verb does, as a sentence without capital and full stop.
        extra: the extra of the package that installs what the verb needs; "" if the core has all of it.
        interrupted: what Ctrl-C prints.
        failure: the exit status after an error.
        mixed: whether options may stand between the verb's other arguments.
    """
    verb = subparsers.add_parser(
        name,
        help=text,
        description=described(text),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.epilog = examples_of(verb.prog.partition(" ")[2])
    verb.set_defaults(
        run=_late(run) if isinstance(run, str) else run,
        extra=extra,
        interrupted=interrupted,
        failure=failure,
        mixed=mixed,
    )
    return verb


def _late(place: str) -> Callable[[argparse.Namespace], int | None]:
    """The function "module:function" of `adjoin.cli`, imported when it is called."""

    def run(options: argparse.Namespace) -> int | None:
        module, _, name = place.partition(":")
        status: int | None = getattr(import_module(f"adjoin.cli.{module}"), name)(options)
        return status

    return run


def described(text: str) -> str:
    """The description of a verb: its short text as a sentence, in lines of at most 79 characters."""
    return textwrap.fill(f"{text[0].upper()}{text[1:]}.", 79)


def examples_of(verb: str) -> str:
    """The end of a verb's help, "" if there are no examples. A verb of two words is given as both."""
    lines = (f"  {command}\n      {text}" for command, text in EXAMPLES.get(verb, ()))
    return "\n".join(("examples:", *lines)) if verb in EXAMPLES else ""


def add_what_to_read(verb: argparse.ArgumentParser) -> None:
    """Add the arguments that mine and pretrain share: what to read."""
    verb.add_argument(
        "roots", nargs="+", type=path, metavar="PATH", help="folders, files, wheels, zip or tar archives"
    )
    verb.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out files whose path below PATH matches, or a folder above them; may be repeated",
    )
