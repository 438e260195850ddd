"""The options of pretrain, plan and train. Those of a recipe are generated from `Recipe`."""

import argparse
from dataclasses import Field, fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from adjoin.cli import verbs
from adjoin.cli.options import add_verb, add_what_to_read, path, seed
from adjoin.training.recipe import BODY_DEFAULTS, CHOICES, CONTRASTIVE_ONLY, Recipe

# The fields of `Recipe` that each verb takes as options, in the order of the fields.
RECIPE_OPTIONS: dict[str, tuple[str, ...]] = {
    "train": tuple(field.name for field in fields(Recipe)),
    "plan": tuple(field.name for field in fields(Recipe)),
    "pretrain": tuple(field.name for field in fields(Recipe) if field.name not in CONTRASTIVE_ONLY),
}
# Descriptions in a verb's help that differ from those of the fields.
_OTHER_HELP: dict[str, dict[str, str]] = {
    "pretrain": {
        "preset": "size of the model: nano (default), micro, mini, or the paper's S, M, L, XL; ignored with init",
        "init": "causal language model to continue training: a transformers folder or a GGUF file",
        "vocabulary": "vocabulary size (default: the preset's)",
        "max_tokens": "tokens per row; documents continue from row to row (default: 256)",
        "batch": "rows per batch over all ranks (default: by the number of rows)",
    },
}
_METAVARS = {"init": "CHECKPOINT", "vectors_from": "MODEL", "lora": "RANK", "memory": "GB"}
_INTERRUPTED = "interrupted; the same command with --resume continues after the last finished step"


def pretrain(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin pretrain` and its options."""
    verb = add_verb(
        subparsers,
        "pretrain",
        verbs.pretrain,
        "train a causal language model on folders, files and archives; `adjoin train --init` can start from it",
        extra="train",
        interrupted=_INTERRUPTED,
    )
    add_what_to_read(verb)
    verb.add_argument("--out", required=True, type=path, help="folder for the model, in transformers' format")
    verb.add_argument("--workers", type=int, help="processes that read and tokenize (default: one per CPU core)")
    verb.add_argument("--resume", action="store_true", help="continue from the last checkpoint in --out")
    _add_recipe_options(verb, "pretrain")


def plan(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin plan` and its options."""
    verb = add_verb(
        subparsers,
        "plan",
        verbs.plan,
        "estimate memory and time of a training before it starts; takes the options of train",
        extra="train",
    )
    verb.add_argument(
        "pairs", nargs="*", type=path, help="as for train; without pairs, typical lengths are assumed"
    )
    verb.add_argument("--gpus", type=int, metavar="N", help="plan for N GPUs instead of this machine")
    verb.add_argument("--gpu", help="model of GPU: H200 (default), H100, A100, L40S or RTX4090")
    verb.add_argument("--json", action="store_true", help="print the plan as JSON")
    # So that `train` can be replaced by `plan` in a command, and nothing else.
    ignored = "accepted as for train, and ignored"
    verb.add_argument("--out", type=path, help=ignored)
    verb.add_argument("--resume", action="store_true", help=ignored)
    for name in ("--tokens", "--evaluate-every", "--evaluate-data", "--evaluate-limit", "--keep"):
        verb.add_argument(name, help=ignored)
    verb.add_argument("--evaluate-suite", nargs="+", help=ignored)
    _add_recipe_options(verb, "plan")


def train(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin train` and its options."""
    verb = add_verb(
        subparsers,
        "train",
        verbs.train,
        "train an encoder on pairs, contrastively",
        extra="train",
        interrupted=_INTERRUPTED,
    )
    verb.add_argument(
        "pairs",
        nargs="+",
        type=path,
        help='folder that `adjoin mine` wrote, or a JSON-lines file of {"x", "y", "negatives"}',
    )
    verb.add_argument("--out", required=True, type=path, help="folder for the model")
    verb.add_argument("--resume", action="store_true", help="continue from the last checkpoint in --out")
    verb.add_argument(
        "--tokens", type=path, metavar="FOLDER", help="keep the tokenized pairs there, for later trainings on them"
    )
    _add_validation_options(verb)
    _add_recipe_options(verb, "train")


def _add_validation_options(verb: argparse.ArgumentParser) -> None:
    """Add the options of `train` that evaluate the model during the training."""
    group = verb.add_argument_group("validation during the training")
    group.add_argument(
        "--evaluate-every",
        type=int,
        metavar="STEPS",
        help="evaluate the model every STEPS steps and at the end; the training itself does not change",
    )
    group.add_argument("--evaluate-data", type=path, metavar="FOLDER", help="evaluation data, as for evaluate")
    group.add_argument(
        "--evaluate-suite",
        nargs="+",
        metavar="SUITE",
        help="probe, similarity, retrieval, code (default: all that the data has)",
    )
    group.add_argument(
        "--evaluate-limit",
        type=int,
        default=200,
        metavar="N",
        help="at most N queries, sentences or pairs per task (default: 200)",
    )
    group.add_argument(
        "--keep",
        metavar="SCORE",
        help="keep the best model by this score, not the last: SUITE for the mean of its tasks, or SUITE/TASK",
    )


def _add_recipe_options(verb: argparse.ArgumentParser, name: str) -> None:
    """Add --recipe, and an option for each field of `Recipe` that the verb takes."""
    group = verb.add_argument_group("recipe")
    group.add_argument(
        "--recipe", type=path, help="TOML file of the options below; options given here override it"
    )
    texts = {**Recipe.option_texts(), **_OTHER_HELP.get(name, {})}
    for field in fields(Recipe):
        if field.name in RECIPE_OPTIONS[name]:
            text = texts.get(field.name, "").replace("%", "%%")
            option = f"--{field.name.replace('_', '-')}"
            group.add_argument(option, dest=field.name, help=text + _default(field, text), **_form(field))


def _default(field: "Field[Any]", text: str) -> str:
    """The default as the help shows it, unless the text names it."""
    if "(default" in text or field.default is False:
        return ""
    if field.name in BODY_DEFAULTS:
        return " (default: depends on the model)"
    return "" if field.default is None else f" (default: {field.default})"


def _form(field: "Field[Any]") -> dict[str, Any]:
    """How argparse reads a field: type, choices, number of values."""
    kinds = [kind for kind in _members(field.type) if kind is not NoneType]
    if kinds == [bool]:
        return {"action": "store_true", "default": None}
    if field.name in CHOICES:
        return {"choices": CHOICES[field.name]}
    many = get_origin(kinds[0]) is list
    kind = get_args(kinds[0])[0] if many else kinds[0]
    metavar = _METAVARS.get(field.name) or {int: "N", float: "X"}.get(kind)
    return {
        "type": seed if field.name == "seed" else kind,
        "metavar": metavar,
        **({"nargs": "+"} if many else {}),
    }


def _members(declared: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type in any of its forms
    return get_args(declared) if isinstance(declared, UnionType) else (declared,)
