"""The command line is part of the public interface: this test compares it with a stored copy."""

import argparse
import dataclasses
import re
from pathlib import Path

import pytest

from adjoin.cli import main
from adjoin.cli.arguments import GROUPS, MODULES, MOVED, build_parser
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
    "evaluate": (
        "model --beside --cache --data --dense-weight --faiss --limit --no-cache --report --seed --suite --tasks"
    ),
    "compare": "runs --report",
    "model pack": "model --out --precision",
    "model ensemble": "models --out",
    "model grow": "model --dimension --layers --out",
    "adapt": "root --index --minutes --model --out --seed",
    "embed": "model texts --out --role",
    "index": "root --dry-run --exclude --include --model --out --store --watch",
    "search": (
        "query paths --color --context --dense-weight --exclude --explain --files --index --json --language"
        " --limit --mode --model --no-refresh --null --path --similar --store --vimgrep"
    ),
    "status": "root --files --index --json --skipped --store",
    "mcp": "paths --model --print-config --store",
    "demo": "--minutes --out",
    "reproduce": "recipe --also --data --downloads --out",
}


def choices_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Verb → its parser; none if the parser has no verbs."""
    return {
        name: verb
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, verb in action.choices.items()
    }


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Verb → its parser; an action of `model` is written as two words."""
    parsers = {}
    for name, parser in choices_of(build_parser()).items():
        actions = choices_of(parser)
        parsers |= {f"{name} {action}": child for action, child in actions.items()} or {name: parser}
    return parsers


def test_verbs_and_options_are_frozen() -> None:
    frozen = {}
    for name, parser in verbs().items():
        actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
        positional = [action.dest for action in actions if not action.option_strings]
        options = sorted(action.option_strings[-1] for action in actions if action.option_strings)
        frozen[name] = " ".join(positional + options)
    assert frozen == EXPECTED


def test_every_option_is_explained() -> None:
    silent = [
        f"{name} {action.dest}"
        for name, parser in verbs().items()
        for action in parser._actions
        if not action.help
    ]
    assert silent == []


def test_every_verb_stands_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(choices_of(build_parser()))
    page = build_parser().format_help()
    for title, names in GROUPS.items():
        section = page.split(f"\n{title}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines() if re.match("  [a-z]", line)] == list(names)


@pytest.mark.parametrize("name", [*verbs(), "model"])
def test_help_ends_with_examples_that_can_be_parsed(name: str) -> None:
    parser = verbs().get(name) or choices_of(build_parser())[name]
    examples = parser.format_help().split("\nexamples:\n")[1].strip("\n").split("\n")
    commands = [line.strip() for line in examples[::2]]
    assert 1 <= len(commands) <= 2
    for command in commands:
        assert command.startswith(f"adjoin {name}")
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)[1:]]
        if "--help" not in words:
            build_parser().parse_args(words)


@pytest.mark.parametrize("name", [*verbs(), "", "model"])
def test_no_sentence_of_a_help_page_is_long(name: str) -> None:
    parser = verbs().get(name) or choices_of(build_parser()).get(name) or build_parser()
    texts = [parser.description or ""] + [action.help or "" for action in parser._actions]
    sentences = [sentence for text in texts for sentence in re.split(r"[.:;] ", text)]
    assert max(len(sentence.split()) for sentence in sentences) <= 30


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_spelling_that_is_gone_answers_with_the_new_one(
    old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([old, "model", "--out", "other"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"adjoin: `adjoin {old}` is now `adjoin {new}`, with the same options\n"
    assert new in verbs()


@pytest.mark.parametrize("query", ["->poll", "-", "-->", "-1", "-=", "--*p"])
def test_code_that_begins_with_a_hyphen_is_a_query(query: str) -> None:
    for words in ([query, "--limit", "3"], ["--limit", "3", query], ["--limit", "3", "--", query]):
        assert build_parser().parse_args(["search", *words]).query == query


@pytest.mark.parametrize("query", ["-x", "--limit", "-n3"])
def test_two_hyphens_end_the_options(query: str) -> None:
    given = build_parser().parse_args(["search", "--", query, "src"])
    assert (given.query, given.paths, given.limit) == (query, [Path("src")], 5)


@pytest.mark.parametrize(
    "words",
    [
        "q a b -l -C 2 --path x",
        "q -l a -C 2 b --path x",
        "-lC 2 q --path=x a b",
        "-C2 q a --files --path x b",
        "q a -C 2 -l --pat x -- b",
    ],
)
def test_options_of_search_stand_anywhere(words: str) -> None:
    given = build_parser().parse_args(["search", *words.split()])
    assert (given.query, given.paths, given.form, given.context, given.globs) == (
        "q",
        [Path("a"), Path("b")],
        "files",
        2,
        ["x"],
    )


@pytest.mark.parametrize("words", ["q --json -l", "q -C", "q -C -1", "q --color sometimes", "q --limit many"])
def test_wrong_usage_of_search_is_status_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["search", *words.split()])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "see `adjoin search --help`" in error


def test_the_parser_of_one_verb_is_that_of_all() -> None:
    for name, parser in choices_of(build_parser()).items():
        (alone,) = choices_of(build_parser(name)).values()
        assert alone.format_help() == parser.format_help()
    assert set(MODULES) == set(choices_of(build_parser()))
    assert set(choices_of(build_parser("nonsense"))) == set(MODULES)


def test_a_mistyped_option_is_no_query(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["search", "a file", "--limits-of", "3"])
    assert "unrecognized arguments: --limits-of" in capsys.readouterr().err


def test_every_field_of_a_recipe_is_an_option_with_its_own_words() -> None:
    texts = Recipe.option_texts()
    assert list(texts) == [field.name for field in dataclasses.fields(Recipe)]
    options = {action.dest: action for action in verbs()["train"]._actions}
    assert all((options[name].help or "").startswith(text) for name, text in texts.items())


def test_options_give_what_the_recipe_takes() -> None:
    words = "train pairs --out m --lora 4 --clip 0.5 --dimensions 32 64 --optimizer muon --compile --seed 7"
    given = vars(build_parser().parse_args(words.split()))
    expected = {"lora": 4, "clip": 0.5, "dimensions": [32, 64], "optimizer": "muon", "compile": True, "seed": 7}
    assert {name: given[name] for name in expected} == expected
    assert given["prune"] is None  # not given: a recipe file may say otherwise
    with pytest.raises(SystemExit):
        build_parser().parse_args(["train", "pairs", "--out", "m", "--optimizer", "sgd"])
