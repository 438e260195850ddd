"""The command line: verbs in groups, by what people want to do."""

import argparse
from typing import Any, NoReturn

from adjoin import __version__
from adjoin.cli import mining_arguments, model_arguments, search_arguments, training_arguments

GROUPS = {
    "search": ("index", "search", "adapt"),
    "mine": ("mine", "collect", "pairs"),
    "train": ("train", "pretrain", "plan"),
    "evaluate": ("evaluate", "compare"),
    "models": ("model", "reproduce"),
    "more": ("embed", "demo"),
}
MOVED = {"pack": "model pack", "join": "model ensemble", "grow": "model grow"}
_NEXT = """\
start here:
  adjoin index .                                index this folder with the bundled model code
  adjoin search "where do we retry an upload"   show file, lines and code
  adjoin demo                                   mine, train, compare and search, in about four minutes

`adjoin VERB --help` lists the options of a verb, with examples.
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the whole usage is a --help away."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"adjoin: {' '.join(message.split())}; see `{self.prog} --help`\n")

    def _parse_optional(self, arg_string: str) -> Any:  # noqa: ANN401 - another type in each version of Python
        """Take code such as "->poll" for a query: options of ours begin with a letter after one or two hyphens."""
        if arg_string.startswith("-") and arg_string.strip("-") and not arg_string.lstrip("-")[0].isalpha():
            return None
        return super()._parse_optional(arg_string)


class _TopParser(_Parser):
    """The whole command line, whose help shows the verbs in groups."""

    def format_help(self) -> str:
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, [])
        formatter.add_text(self.description)
        (verbs,) = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        choices = {action.dest: action for action in verbs._choices_actions}
        for title, names in GROUPS.items():
            formatter.start_section(title)
            formatter.add_arguments([choices[name] for name in names])
            formatter.end_section()
        formatter.start_section("options")
        formatter.add_arguments([action for action in self._actions if action.option_strings])
        formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - as argparse has it
        """Answer a verb that has moved with its new spelling."""
        if isinstance(action, argparse._SubParsersAction) and value in MOVED:
            self.exit(2, f"adjoin: `adjoin {value}` is now `adjoin {MOVED[value]}`, with the same options\n")
        super()._check_value(action, value)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _TopParser(
        prog="adjoin",
        description="Text and code embeddings learned from unlabelled data: mine pairs, train, measure, search.",
        epilog=_NEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"adjoin {__version__}")
    of_verbs: type[argparse.ArgumentParser] = _Parser
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=of_verbs)
    for add in (
        search_arguments.index,
        search_arguments.search,
        search_arguments.adapt,
        mining_arguments.mine,
        mining_arguments.collect,
        mining_arguments.pairs,
        training_arguments.train,
        training_arguments.pretrain,
        training_arguments.plan,
        model_arguments.evaluate,
        model_arguments.compare,
        model_arguments.model,
        model_arguments.reproduce,
        model_arguments.embed,
        search_arguments.demo,
    ):
        add(subparsers)
    return parser
