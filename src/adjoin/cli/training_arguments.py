"""The options of what trains: pretrain, plan, train."""

import argparse

from adjoin.cli import verbs
from adjoin.cli.options import add_verb, add_what_to_read, path


def pretrain(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`adjoin pretrain`."""
    verb = add_verb(
        subparsers,
        "pretrain",
        verbs.pretrain,
        "train a causal language model on folders, files and archives, for `adjoin train --init` to start from",
        extra="train",
        interrupted="interrupted; the same command with --resume goes on after the last step that was done",
    )
    add_what_to_read(verb)
    verb.add_argument("--out", required=True, type=path, help="folder for the model, an ordinary transformers one")
    verb.add_argument("--recipe", type=path, help="a TOML file of the options below; options given here win")
    verb.add_argument("--preset", help="size: nano (default), micro, mini, or the paper's S, M, L, XL")
    verb.add_argument(
        "--init", help="go on training a causal language model: a transformers folder or a .gguf file"
    )
    verb.add_argument("--layers", type=int, help="keep only the first so many layers of --init")
    verb.add_argument("--vocabulary", type=int, help="tokens to learn from the texts (default: the preset's)")
    verb.add_argument("--max-tokens", type=int, help="tokens a row; documents flow on from row to row")
    verb.add_argument("--batch", type=int, help="rows a batch")
    verb.add_argument("--epochs", type=float, help="stop after so many passes over the texts (default: 1)")
    verb.add_argument("--steps", type=int, help="stop after so many batches")
    verb.add_argument("--minutes", type=float, help="stop after so much time in steps")
    verb.add_argument("--learning-rate", type=float, help="at its highest")
    verb.add_argument(
        "--token-budget", type=int, help="tokens of a micro-batch; memory depends on it, the result does not"
    )
    verb.add_argument("--seed", type=int, help="of everything random (default: 0)")
    verb.add_argument("--workers", type=int, help="processes that read and tokenize (default: one a processor)")
    verb.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")


def plan(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`adjoin plan`."""
    verb = add_verb(
        subparsers,
        "plan",
        verbs.plan,
        "tell what a training will take: memory by part, time a step; takes the options of train",
        extra="train",
    )
    verb.add_argument(
        "pairs", nargs="*", type=path, help="as for train; without them, lengths as they are in the wild"
    )
    _training_options(verb)
    verb.add_argument("--gpus", type=int, metavar="N", help="on paper: so many GPUs instead of this machine")
    verb.add_argument("--gpu", help="on paper: which, H200 (default), H100, A100, L40S or RTX4090")
    verb.add_argument("--json", action="store_true", help="the plan as JSON, for programs")
    # So that the word train can be replaced and nothing else.
    ignored = "taken as train takes it, and not looked at"
    verb.add_argument("--out", type=path, help=ignored)
    verb.add_argument("--resume", action="store_true", help=ignored)
    for name in ("--tokens", "--evaluate-every", "--evaluate-data", "--evaluate-limit", "--keep"):
        verb.add_argument(name, help=ignored)
    verb.add_argument("--evaluate-suite", nargs="+", help=ignored)


def _training_options(verb: argparse.ArgumentParser) -> None:
    """What a recipe leaves open; plan takes the same."""
    verb.add_argument("--recipe", type=path, help="a TOML file of the options below; options given here win")
    verb.add_argument("--preset", help="size: static (default), nano, micro, mini, or the paper's S, M, L, XL")
    verb.add_argument("--init", help="start from a causal language model: a transformers folder or a .gguf file")
    verb.add_argument(
        "--vectors-from",
        metavar="MODEL",
        help="begin a static model with the token vectors of a causal language model",
    )
    verb.add_argument("--layers", type=int, help="keep only the first so many layers of --init")
    verb.add_argument(
        "--prune", action="store_true", default=None, help="of --init's vocabulary keep what the pairs need"
    )
    verb.add_argument("--lora", type=int, metavar="RANK", help="train adapters of this rank, not --init's weights")
    verb.add_argument("--dimension", type=int, help="length of a static model's vectors")
    verb.add_argument(
        "--vocabulary",
        type=int,
        help="tokens to learn from the pairs (default: the preset's); with --prune, how many may stay",
    )
    verb.add_argument("--max-tokens", type=int, help="longest text; longer ones are cut, and counted")
    verb.add_argument("--batch", type=int, help="pairs a batch; each is a negative for all others")
    verb.add_argument("--sources", help="batches of one source each (one, the default) or of all (mixed)")
    verb.add_argument("--epochs", type=float, help="stop after so many passes over the pairs")
    verb.add_argument("--steps", type=int, help="stop after so many batches")
    verb.add_argument("--minutes", type=float, help="stop after so much time in steps")
    verb.add_argument("--learning-rate", type=float, help="of the body, at its highest (default: by the body)")
    verb.add_argument("--token-dropout", type=float, help="share of the tokens left out at each visit")
    verb.add_argument(
        "--token-budget",
        type=int,
        help="padded tokens of a micro-batch; memory depends on it, the result does not",
    )
    verb.add_argument(
        "--memory",
        type=float,
        metavar="GB",
        help="for activations that are kept: more of it, less is embedded twice",
    )
    verb.add_argument("--seed", type=int, help="of everything random (default: 0)")


def train(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`adjoin train`."""
    verb = add_verb(
        subparsers,
        "train",
        verbs.train,
        "train an encoder on pairs, contrastively",
        extra="train",
        interrupted="interrupted; the same command with --resume goes on after the last step that was done",
    )
    verb.add_argument(
        "pairs",
        nargs="+",
        type=path,
        help='folder that `adjoin mine` wrote, or a JSON-lines file of {"x", "y", "negatives"}',
    )
    verb.add_argument("--out", required=True, type=path, help="folder for the model")
    _training_options(verb)
    verb.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    verb.add_argument(
        "--tokens",
        type=path,
        metavar="FOLDER",
        help="keep the pairs' tokens there, for the next training on the same pairs",
    )
    _evaluation_options(verb)


def _evaluation_options(verb: argparse.ArgumentParser) -> None:
    """How a training is measured on its way."""
    verb.add_argument(
        "--evaluate-every",
        type=int,
        metavar="STEPS",
        help="measure the model on the way, and at the end; the weights of a step do not depend on it",
    )
    verb.add_argument("--evaluate-data", type=path, metavar="FOLDER", help="on what: as for evaluate")
    verb.add_argument(
        "--evaluate-suite",
        nargs="+",
        metavar="SUITE",
        help="probe, similarity, retrieval, code (default: those that there is data for)",
    )
    verb.add_argument(
        "--evaluate-limit",
        type=int,
        default=200,
        metavar="N",
        help="at most N queries, sentences or pairs a task (default: 200)",
    )
    verb.add_argument(
        "--keep",
        metavar="SCORE",
        help="give the model of the evaluation with the highest score, not the last: a suite (code, retrieval,"
        " similarity, probe), whose tasks' mean it is, or SUITE/TASK",
    )
