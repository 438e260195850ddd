"""The command line is a promise: this test freezes it."""

import argparse
import dataclasses

import pytest

from adjoin.cli.arguments import build_parser
from adjoin.training.recipe import Recipe

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
        "roots --average --batch --checkpoint-minutes --clip --compile --decay --epochs --exclude --init"
        " --layers --learning-rate --max-tokens --minutes --optimizer --out --precision --preset"
        " --recipe --resume --schedule --seed --steps --threads --token-budget --vocabulary --warmup"
        " --weight-decay --workers"
    ),
    "train": (
        "pairs --average --batch --checkpoint-minutes --clip --compile --crop-x --crop-y --decay"
        " --dense-weight --dimension --dimensions --epochs --evaluate-data --evaluate-every"
        " --evaluate-limit --evaluate-suite --hidden --init --keep --layers --learning-rate"
        " --local-negatives --lora --loss-precision --max-tokens --memory --minutes --mixing-temperature"
        " --optimizer --out --precision --preset --prune --recipe --resume --schedule --seed --shard"
        " --sources --steps --tau-learning-rate --threads --token-budget --token-dropout --tokens"
        " --vectors-from --vocabulary --warmup --weight-decay --weight-learning-rate"
    ),
    "plan": (
        "pairs --average --batch --checkpoint-minutes --clip --compile --crop-x --crop-y --decay"
        " --dense-weight --dimension --dimensions --epochs --evaluate-data --evaluate-every"
        " --evaluate-limit --evaluate-suite --gpu --gpus --hidden --init --json --keep --layers"
        " --learning-rate --local-negatives --lora --loss-precision --max-tokens --memory --minutes"
        " --mixing-temperature --optimizer --out --precision --preset --prune --recipe --resume"
        " --schedule --seed --shard --sources --steps --tau-learning-rate --threads --token-budget"
        " --token-dropout --tokens --vectors-from --vocabulary --warmup --weight-decay"
        " --weight-learning-rate"
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


def test_every_field_of_a_recipe_is_an_option_with_its_own_words() -> None:
    (verbs,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    texts = Recipe.option_texts()
    assert list(texts) == [field.name for field in dataclasses.fields(Recipe)]
    options = {action.dest: action for action in verbs.choices["train"]._actions}
    assert all((options[name].help or "").startswith(text) for name, text in texts.items())


def test_options_give_what_the_recipe_takes() -> None:
    words = "train pairs --out m --lora 4 --clip 0.5 --dimensions 32 64 --optimizer muon --compile --seed 7"
    given = vars(build_parser().parse_args(words.split()))
    expected = {"lora": 4, "clip": 0.5, "dimensions": [32, 64], "optimizer": "muon", "compile": True, "seed": 7}
    assert {name: given[name] for name in expected} == expected
    assert given["prune"] is None  # not given: a recipe file may say otherwise
    with pytest.raises(SystemExit):
        build_parser().parse_args(["train", "pairs", "--out", "m", "--optimizer", "sgd"])
