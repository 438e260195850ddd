"""The command line: verbs in groups, by what people want to do."""

import argparse
from importlib import import_module
from typing import Any, NoReturn

from adjoin import __version__

# Verb → the module of `adjoin.cli` with the function of its name, which adds its options. A verb's module is
# imported only when it runs or is listed: building all parsers takes 0.08 CPU-seconds, one of them 0.01.
MODULES = {
    "index": "search_arguments",
    "search": "search_arguments",
    "status": "search_arguments",
    "mcp": "search_arguments",
    "adapt": "workflow_arguments",
    "mine": "mining_arguments",
    "collect": "mining_arguments",
    "pairs": "mining_arguments",
    "train": "training_arguments",
    "pretrain": "training_arguments",
    "plan": "training_arguments",
    "evaluate": "model_arguments",
    "compare": "model_arguments",
    "model": "model_arguments",
    "reproduce": "model_arguments",
    "embed": "model_arguments",
    "demo": "workflow_arguments",
}
GROUPS = {
    "search": ("search", "index", "status", "mcp", "adapt"),
    "mine": ("mine", "collect", "pairs"),
    "train": ("train", "pretrain", "plan"),
    "evaluate": ("evaluate", "compare"),
    "models": ("model", "reproduce"),
    "more": ("embed", "demo"),
}
MOVED = {"pack": "model pack", "join": "model ensemble", "grow": "model grow"}
_NEXT = """\
start here:
  adjoin search "where do we retry an upload"   show file, lines and code; indexes this folder first
  adjoin mcp --print-config                     let coding assistants search
  adjoin demo                                   mine, train, compare and search, in about four minutes

`adjoin VERB --help` lists the options of a verb, with examples.
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the whole usage is a --help away."""

    def error(self, message: str) -> NoReturn:
        from adjoin.cli.terminal import safe  # here, since they take time to import
        from adjoin.redaction import redacted

        one_line = safe(redacted(" ".join(message.split())))
        self.exit(2, f"adjoin: {one_line}; see `{self.prog} --help`\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - as argparse has it
        """Let options stand between arguments of a verb that says so by `mixed=True`, as in `QUERY -l PATH`."""
        if self.get_default("mixed") and args is not None:
            args = self._options_first(args)
        return super().parse_known_args(args, namespace)

    def _options_first(self, words: list[str]) -> list[str]:
        """The same words, options and their values first, then `--` and the other arguments."""
        options: list[str] = []
        others: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "--":
                others += rest
            elif not word.startswith("-") or self._is_code(word):
                others.append(word)
            else:
                options.append(word)
                if self._takes_next(word):
                    options += [value for value in (next(rest, None),) if value is not None]
        return [*options, "--", *others] if others else options

    def _takes_next(self, word: str) -> bool:
        """Whether the next word is the value of this option: `--limit 3` and `-lC 3`, not `--limit=3` or `-C3`."""
        if word.startswith("--"):
            known = self._option_string_actions
            names = [word] if word in known else [name for name in known if name.startswith(word)]
            return len(names) == 1 and known[names[0]].nargs is None
        for place, letter in enumerate(word[1:], start=2):
            action = self._option_string_actions.get(f"-{letter}")
            if action is None or action.nargs is None:
                return action is not None and place == len(word)
        return False

    def _is_code(self, word: str) -> bool:
        """Whether a word is code such as "->poll": options begin with a letter after one or two hyphens."""
        known = self._option_string_actions
        return word not in known and word[:2] not in known and not word.lstrip("-")[:1].isalpha()

    def _parse_optional(self, arg_string: str) -> Any:  # noqa: ANN401 - another type in each version of Python
        """Take code such as "->poll" for a query."""
        if arg_string.strip("-") and self._is_code(arg_string):
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


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The whole command line, or the part of it that reads one verb.

    Args:
        verb: the verb to be read; None, or a word that is no verb, for all of them.
    """
    parser = _TopParser(
        prog="adjoin",
        description="Text and code embeddings learned from unlabelled data: mine pairs, train, measure, search.",
        epilog=_NEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"adjoin {__version__}")
    of_verbs: type[argparse.ArgumentParser] = _Parser
    subparsers = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=of_verbs, prog="adjoin"
    )
    for name in (verb,) if verb in MODULES else MODULES:
        getattr(import_module(f"adjoin.cli.{MODULES[name]}"), name)(subparsers)
    return parser
