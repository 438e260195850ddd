"""The verbs and their options."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from adjoin import __version__
from adjoin.cli import verbs

_NEXT = """\
a first journey:
  adjoin mine src/ docs/ --out pairs/              pairs out of code and prose, no labels needed
  adjoin train pairs/ --out models/mine            an encoder that knows their words
  adjoin index . --model models/mine               an index of this folder in .adjoin
  adjoin search "where do we retry an upload"      file:line, score, code
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the whole usage is a --help away."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"adjoin: {' '.join(message.split())}; see `{self.prog} --help`\n")


def _path(text: str) -> Path:
    """A path; an empty one, from an unset shell variable, would mean the current folder."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no path, expected a file or a folder")
    try:
        text.encode()  # the stores of vectors, pairs and weights take no other names
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8: rename it") from None
    return Path(text)


def _seed(text: str) -> int:
    """A number that every random generator takes."""
    value = int(text)
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{value} is out of range, expected 0 to {(1 << 32) - 1}")
    return value


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser: argparse.ArgumentParser = _Parser(
        prog="adjoin",
        description="Text and code embeddings learned from unlabelled data: mine pairs, train, measure, search.",
        epilog=_NEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"adjoin {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for add in (
        _mine,
        _collect,
        _pairs,
        _pretrain,
        _plan,
        _train,
        _evaluate,
        _compare,
        _embed,
        _index,
        _search,
        _demo,
    ):
        add(subparsers)
    return parser


def _verb(
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


def _mine(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "mine",
        verbs.mine,
        "mine (docstring, function), (passage, next passage), (title, passage) and (question, answer) pairs",
        extra="mine",
        interrupted="interrupted; what stood at --out before still does, and the same command goes on from here",
    )
    _what_to_read(verb)
    verb.add_argument(
        "--out", required=True, type=_path, help="folder for the pairs: Parquet shards and manifest.json"
    )
    verb.add_argument("--kinds", nargs="+", metavar="KIND", help="only these kinds of pairs (default: all four)")
    verb.add_argument(
        "--columns",
        nargs="+",
        metavar="ROLE=COLUMN",
        help="columns of JSON lines and Parquet: text=body title=subject question=... answer=... licence=...",
    )
    verb.add_argument(
        "--words", nargs=2, type=int, metavar=("MIN", "MAX"), help="of a passage, drawn between them"
    )
    verb.add_argument("--languages", nargs="+", metavar="CODE", help="only prose in these languages, as in: en de")
    _cleaning(verb)
    verb.add_argument("--recipe", type=_path, help="a TOML file with these options in its table [mine]")
    verb.add_argument(
        "--verify", action="store_true", help="derive the dataset at --out again from PATH and compare every byte"
    )
    _engine(verb)


def _cleaning(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--decontaminate",
        nargs="+",
        type=_path,
        metavar="FOLDER",
        help="evaluation data, or pairs, that no pair may hold: code, text, queries, repositories",
    )
    verb.add_argument(
        "--keep-near-duplicates", action="store_true", help="keep pairs whose y nearly repeats an earlier one"
    )
    verb.add_argument(
        "--template-cap", type=int, help="pairs of a package that may say the same; 0 for any number"
    )
    verb.add_argument("--package-cap", type=int, help="pairs that a package may give (default: any number)")
    verb.add_argument("--mask", nargs="+", choices=["emails", "secrets"], help="put marks in their place")
    verb.add_argument(
        "--licences", nargs="+", metavar="ID", help="only pairs under these: SPDX ids, permissive, unknown"
    )


def _engine(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--workers", type=int, help="processes that read and parse (default: one a processor)")
    verb.add_argument(
        "--engine", choices=["local", "ray"], default="local", help="ray: the machines of a cluster; same bytes"
    )


def _collect(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "collect",
        verbs.collect,
        "download the packages of a recipe, mine each and delete it, within a budget of disk space",
        extra="mine",
        interrupted="interrupted; the same command goes on with the packages that are not mined yet",
    )
    verb.add_argument("recipe", type=_path, metavar="RECIPE", help="a TOML file such as recipes/corpora/code.toml")
    verb.add_argument("--out", type=_path, help="folder for the pairs: Parquet shards and manifest.json")
    verb.add_argument(
        "--also", nargs="+", type=_path, metavar="PATH", help="folders and files of the corpus besides"
    )
    verb.add_argument("--downloads", type=_path, help="folder for the packages (default: OUT.downloads)")
    verb.add_argument(
        "--budget-gb", type=float, default=2.0, help="disk space for packages that wait (default: 2)"
    )
    verb.add_argument("--keep", action="store_true", help="leave the packages in --downloads")
    verb.add_argument(
        "--pin",
        choices=["missing", "all"],
        help="write today's versions and hashes into RECIPE: of the rows that have none, or of all",
    )
    _cleaning(verb)
    _engine(verb)


def _pairs(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "pairs",
        verbs.pairs_show,
        "look at pairs: samples, lengths, what was left out and why, a picture",
        extra="mine",
    )
    verb.add_argument("action", choices=["show"], help="show: print them")
    verb.add_argument("pairs", type=_path, metavar="PAIRS", help="a folder made by `adjoin mine`")
    verb.add_argument("--number", type=int, default=5, help="of samples (default: 5)")
    verb.add_argument("--seed", type=_seed, default=0, help="of the draw (default: 0)")
    verb.add_argument("--kind", default="", help="only samples of this kind")
    verb.add_argument("--language", default="", help="only samples in this language")
    verb.add_argument("--picture", type=_path, help="PNG of the lengths (default: PAIRS/lengths.png)")


def _what_to_read(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "roots", nargs="+", type=_path, metavar="PATH", help="a folder, a file, a wheel, a zip or tar archive"
    )
    verb.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out sources whose path below PATH, or a folder of it, matches; may be repeated",
    )


def _pretrain(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "pretrain",
        verbs.pretrain,
        "train a causal language model on folders, files and archives, for `adjoin train --init` to start from",
        extra="train",
        interrupted="interrupted; the same command with --resume goes on after the last step that was done",
    )
    _what_to_read(verb)
    verb.add_argument(
        "--out", required=True, type=_path, help="folder for the model, an ordinary transformers one"
    )
    verb.add_argument("--recipe", type=_path, help="a TOML file of the options below; options given here win")
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


def _plan(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "plan",
        verbs.plan,
        "tell what a training will take: memory by part, time a step; takes the options of train",
        extra="train",
    )
    verb.add_argument(
        "pairs", nargs="*", type=_path, help="as for train; without them, lengths as they are in the wild"
    )
    _training_options(verb)
    verb.add_argument("--gpus", type=int, metavar="N", help="on paper: so many GPUs instead of this machine")
    verb.add_argument("--gpu", help="on paper: which, H200 (default), H100, A100, L40S or RTX4090")
    verb.add_argument("--json", action="store_true", help="the plan as JSON, for programs")
    for ignored in ("--out", "--resume"):  # so that the word train can be replaced and nothing else
        takes = {"type": _path} if ignored == "--out" else {"action": "store_true"}
        verb.add_argument(ignored, help="taken as train takes it, and not looked at", **takes)


def _training_options(verb: argparse.ArgumentParser) -> None:
    """What a recipe leaves open; plan takes the same."""
    verb.add_argument("--recipe", type=_path, help="a TOML file of the options below; options given here win")
    verb.add_argument("--preset", help="size: static (default), nano, micro, mini, or the paper's S, M, L, XL")
    verb.add_argument("--init", help="start from a causal language model: a transformers folder or a .gguf file")
    verb.add_argument("--layers", type=int, help="keep only the first so many layers of --init")
    verb.add_argument(
        "--prune", action="store_true", default=None, help="of --init's vocabulary keep what the pairs need"
    )
    verb.add_argument("--lora", type=int, metavar="RANK", help="train adapters of this rank, not --init's weights")
    verb.add_argument("--dimension", type=int, help="length of a static model's vectors")
    verb.add_argument("--vocabulary", type=int, help="tokens to learn from the pairs (default: the preset's)")
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


def _train(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
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
        type=_path,
        help='folder that `adjoin mine` wrote, or a JSON-lines file of {"x", "y", "negatives"}',
    )
    verb.add_argument("--out", required=True, type=_path, help="folder for the model")
    _training_options(verb)
    verb.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    verb.add_argument(
        "--evaluate-every",
        type=int,
        metavar="STEPS",
        help="measure the model on the way, and at the end; the weights of a step do not depend on it",
    )
    verb.add_argument("--evaluate-data", type=_path, metavar="FOLDER", help="on what: as for evaluate")
    verb.add_argument(
        "--evaluate-suite",
        dest="suite",
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


def _evaluate(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "evaluate",
        verbs.evaluate,
        "measure a model as the paper does, beside baselines: probes, similarity, search, code search, bias",
        extra="evaluate",
        interrupted="interrupted; what was measured so far is known, the same command goes on from there",
    )
    verb.add_argument(
        "model",
        metavar="SYSTEM",
        help="a model folder (Adjoin's, sentence-transformers', model2vec's), an OpenAI-compatible URL#MODEL,"
        " or bm25, bm25-reference, lsa, words, wordllama, random",
    )
    verb.add_argument(
        "--data",
        required=True,
        type=_path,
        help="a folder with classification/, sts/, retrieval/, code/, or one of those, or one task's folder",
    )
    verb.add_argument(
        "--suite",
        nargs="+",
        metavar="SUITE",
        help="probe similarity retrieval code (default: those that there is data for), bias space, or all",
    )
    verb.add_argument("--tasks", nargs="+", metavar="TASK", help="only tasks of these names")
    verb.add_argument("--limit", type=int, metavar="N", help="at most N queries, sentences or pairs of a task")
    verb.add_argument(
        "--beside", nargs="+", metavar="SYSTEM", help="further rows of the report (default: bm25 untrained)"
    )
    verb.add_argument("--report", type=_path, help="folder for report.json, .md and .html (default: MODEL/report)")
    verb.add_argument(
        "--cache", type=_path, help="folder for vectors and figures (default: ~/.cache/adjoin/evaluation)"
    )
    verb.add_argument("--no-cache", action="store_true", help="embed and measure everything anew, keep nothing")
    verb.add_argument("--seed", type=_seed, default=0, help="of distractors, folds and intervals (default: 0)")


def _compare(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "compare",
        verbs.compare,
        "put evaluations beside each other: paired differences, curves over size, steps and batch",
        extra="evaluate",
    )
    verb.add_argument("runs", nargs="+", type=_path, metavar="REPORT", help="folders that `evaluate` wrote")
    verb.add_argument("--report", type=_path, help="folder for comparison.md and comparison.html")


def _embed(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "embed",
        verbs.embed,
        "write the vectors of a JSON-lines file, a text file (a text a line) or a folder",
        extra="mine",
        interrupted="interrupted; the vectors so far are saved, the same command goes on",
    )
    verb.add_argument("model", type=_path, help="a model folder")
    verb.add_argument("texts", type=_path, help="the texts")
    verb.add_argument("--out", required=True, type=_path, help="folder for vectors.npy and ids.jsonl")
    verb.add_argument("--role", default="document", help="query or document (default)")


def _index(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "index",
        verbs.index,
        "index a folder for search; a second time only what changed",
        extra="index",
        interrupted="interrupted; the index is as it was, the same command goes on where this one stopped",
    )
    verb.add_argument("root", type=_path, help="the folder to index")
    verb.add_argument("--model", required=True, type=_path, help="a model folder")
    verb.add_argument("--out", type=_path, help="folder for the index (default: .adjoin in the folder)")


def _search(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(subparsers, "search", verbs.search, "search an index: file:line, score, code", extra="index")
    verb.add_argument("query", help="what is looked for, in plain words")
    verb.add_argument(
        "--index", type=_path, default=Path(".adjoin"), help="folder of the index (default: .adjoin)"
    )
    verb.add_argument("--model", type=_path, help="the model that made the index, if it has moved")
    verb.add_argument("--limit", type=int, default=5, help="number of results (default: 5)")
    verb.add_argument(
        "--mode",
        default="hybrid",
        choices=["hybrid", "dense", "lexical"],
        help="vectors and words fused (default), or one of them",
    )
    verb.add_argument("--language", action="append", help="only results in this language; may be repeated")
    verb.add_argument("--json", action="store_true", help="results as JSON, for programs")


def _demo(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _verb(
        subparsers,
        "demo",
        verbs.demo,
        "mine the installed packages, train, measure on two that were kept out, index one and ask it",
        extra="demo",
        interrupted="interrupted; run it again, it starts afresh",
    )
    verb.add_argument(
        "--out", type=_path, default=Path("runs/demo"), help="folder for everything (default: runs/demo)"
    )
    verb.add_argument("--minutes", type=float, help="stop the training after so many (default: after its epochs)")
