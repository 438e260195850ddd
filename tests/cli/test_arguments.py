"""The command line is a promise: this test freezes it."""

import argparse

from adjoin.cli.arguments import build_parser

EXPECTED = {
    "mine": (
        "roots --columns --decontaminate --engine --exclude --keep-near-duplicates --kinds --languages --licences"
        " --mask --out --package-cap --recipe --template-cap --verify --words --workers"
    ),
    "collect": (
        "recipe --also --budget-gb --decontaminate --downloads --engine --keep --keep-near-duplicates --licences"
        " --mask --out --package-cap --pin --template-cap --workers"
    ),
    "pairs": "action pairs --kind --language --number --picture --seed",
    "pretrain": (
        "roots --batch --epochs --exclude --init --layers --learning-rate --max-tokens --minutes --out --preset"
        " --recipe --resume --seed --steps --token-budget --vocabulary --workers"
    ),
    "train": (
        "pairs --batch --dimension --epochs --evaluate-data --evaluate-every --evaluate-limit --evaluate-suite"
        " --init --keep --layers --learning-rate --lora --max-tokens --memory --minutes --out --preset --prune"
        " --recipe --resume --seed --sources --steps --token-budget --token-dropout"
        " --tokens --vectors-from --vocabulary"
    ),
    "plan": (
        "pairs --batch --dimension --epochs --evaluate-data --evaluate-every --evaluate-limit --evaluate-suite"
        " --gpu --gpus --init --json --keep --layers --learning-rate --lora --max-tokens --memory --minutes --out"
        " --preset --prune --recipe --resume --seed --sources --steps --token-budget --token-dropout"
        " --tokens --vectors-from --vocabulary"
    ),
    "evaluate": "model --beside --cache --data --faiss --limit --no-cache --report --seed --suite --tasks",
    "compare": "runs --report",
    "pack": "model --out --precision",
    "join": "models --out",
    "grow": "model --dimension --layers --out",
    "adapt": "root --index --minutes --model --out --seed",
    "embed": "model texts --out --role",
    "index": "root --model --out",
    "search": "query --dense-weight --index --json --language --limit --mode --model",
    "demo": "--minutes --out --repository",
    "reproduce": "recipe --also --data --downloads --out",
}


def test_verbs_and_options_are_frozen() -> None:
    (verbs,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    found = {}
    for name, parser in verbs.choices.items():
        actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
        positional = [action.dest for action in actions if not action.option_strings]
        options = sorted(action.option_strings[-1] for action in actions if action.option_strings)
        found[name] = " ".join(positional + options)
    assert found == EXPECTED


def test_every_option_is_explained() -> None:
    (verbs,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    silent = [
        f"{name} {action.dest}"
        for name, parser in verbs.choices.items()
        for action in parser._actions
        if not action.help
    ]
    assert silent == []
