"""The verbs and their options."""

import argparse
from pathlib import Path
from typing import NoReturn

from adjoin import __version__
from adjoin.cli import training_arguments, verbs
from adjoin.cli.options import add_verb, add_what_to_read, path, seed

_NEXT = """\
a first journey:
  adjoin index .                                   an index of this folder, by the model that comes along
  adjoin search "where do we retry an upload"      file:line, score, code
and a second one:
  adjoin adapt . --out models/mine                 a model that knows this folder's words, and its index
  adjoin mine src/ docs/ --out pairs/              pairs out of code and prose, no labels needed
  adjoin train pairs/ --out models/new             an encoder of one's own, from nothing
"""


MODEL = "a model folder, or code or text, which come with Adjoin"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the whole usage is a --help away."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"adjoin: {' '.join(message.split())}; see `{self.prog} --help`\n")


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
        training_arguments.pretrain,
        training_arguments.plan,
        training_arguments.train,
        _evaluate,
        _compare,
        _pack,
        _join,
        _grow,
        _adapt,
        _embed,
        _index,
        _search,
        _demo,
        _reproduce,
    ):
        add(subparsers)
    return parser


def _mine(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "mine",
        verbs.mine,
        "mine (docstring, function), (passage, next passage), (title, passage) and (question, answer) pairs",
        extra="mine",
        interrupted="interrupted; what stood at --out before still does, and the same command goes on from here",
    )
    add_what_to_read(verb)
    verb.add_argument(
        "--out", required=True, type=path, help="folder for the pairs: Parquet shards and manifest.json"
    )
    verb.add_argument(
        "--kinds",
        nargs="+",
        metavar="KIND",
        help="only these kinds: docstring-function neighbours title-passage question-answer term-definition"
        " synonyms definition-definition (default: these seven), name-function",
    )
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
    verb.add_argument("--recipe", type=path, help="a TOML file with these options in its table [mine]")
    verb.add_argument(
        "--verify", action="store_true", help="derive the dataset at --out again from PATH and compare every byte"
    )
    _engine(verb)


def _cleaning(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--decontaminate",
        nargs="+",
        type=path,
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
    verb = add_verb(
        subparsers,
        "collect",
        verbs.collect,
        "download the packages of a recipe, mine each and delete it, within a budget of disk space",
        extra="mine",
        interrupted="interrupted; the same command goes on with the packages that are not mined yet",
    )
    verb.add_argument("recipe", type=path, metavar="RECIPE", help="a TOML file such as recipes/corpora/code.toml")
    verb.add_argument("--out", type=path, help="folder for the pairs: Parquet shards and manifest.json")
    verb.add_argument(
        "--also", nargs="+", type=path, metavar="PATH", help="folders and files of the corpus besides"
    )
    verb.add_argument("--downloads", type=path, help="folder for the packages (default: OUT.downloads)")
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
    verb = add_verb(
        subparsers,
        "pairs",
        verbs.pairs_show,
        "look at pairs: samples, lengths, what was left out and why, a picture",
        extra="mine",
    )
    verb.add_argument("action", choices=["show"], help="show: print them")
    verb.add_argument("pairs", type=path, metavar="PAIRS", help="a folder made by `adjoin mine`")
    verb.add_argument("--number", type=int, default=5, help="of samples (default: 5)")
    verb.add_argument("--seed", type=seed, default=0, help="of the draw (default: 0)")
    verb.add_argument("--kind", default="", help="only samples of this kind")
    verb.add_argument("--language", default="", help="only samples in this language")
    verb.add_argument("--picture", type=path, help="PNG of the lengths (default: PAIRS/lengths.png)")


def _evaluate(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
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
        help="code or text, which come along; a model folder (Adjoin's, sentence-transformers', model2vec's), an"
        " OpenAI-compatible URL#MODEL, or bm25, bm25-reference, lsa, words, wordllama, random",
    )
    verb.add_argument(
        "--data",
        required=True,
        type=path,
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
    verb.add_argument(
        "--faiss",
        type=int,
        metavar="N",
        help="search corpora of N documents and more with FAISS, approximately (default: all exactly)",
    )
    verb.add_argument("--report", type=path, help="folder for report.json, .md and .html (default: MODEL/report)")
    verb.add_argument(
        "--cache", type=path, help="folder for vectors and figures (default: ~/.cache/adjoin/evaluation)"
    )
    verb.add_argument("--no-cache", action="store_true", help="embed and measure everything anew, keep nothing")
    verb.add_argument("--seed", type=seed, default=0, help="of distractors, folds and intervals (default: 0)")


def _compare(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "compare",
        verbs.compare,
        "put evaluations beside each other: paired differences, curves over size, steps and batch",
        extra="evaluate",
    )
    verb.add_argument("runs", nargs="+", type=path, metavar="REPORT", help="folders that `evaluate` wrote")
    verb.add_argument("--report", type=path, help="folder for comparison.md and comparison.html")


def _pack(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "pack",
        verbs.pack,
        "make a model a quarter as large, to pass it on: int8, and all else in 16 bits; files of at most 15 MB",
        extra="train",
    )
    verb.add_argument("model", type=path, help="the folder of a model")
    verb.add_argument("--out", required=True, type=path, help="folder for the packed model")
    verb.add_argument(
        "--precision",
        help="int8; of a static model also coarse, of a transformer bfloat16 (default: int8, and bfloat16 where a"
        " transformer needs it)",
    )


def _join(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "join",
        verbs.join,
        "make one model of static models that were trained apart: their vectors end to end",
        extra="train",
    )
    verb.add_argument("models", nargs="+", type=path, metavar="MODEL", help="folders of models of one recipe")
    verb.add_argument("--out", required=True, type=path, help="folder for the joined model")


def _grow(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "grow",
        verbs.grow,
        "make a transformer that begins as a static model: `train --init` goes on from there",
        extra="train",
    )
    verb.add_argument("model", help="a static model: a folder, or `code` or `text`")
    verb.add_argument("--out", required=True, type=path, help="folder for the transformer")
    verb.add_argument("--layers", type=int, default=4, help="transformer blocks, 3 or more (default: 4)")
    verb.add_argument("--dimension", type=int, default=256, help="width, a multiple of 64 (default: 256)")


def _adapt(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "adapt",
        verbs.adapt,
        "train a model on with a folder's own pairs, measure before and after on files kept out, index the folder",
        extra="all",
        interrupted="interrupted; the same command starts afresh, an index that there was still stands",
    )
    verb.add_argument("root", type=path, help="the folder: code, prose, or both")
    verb.add_argument("--out", required=True, type=path, help="folder for pairs, report and the adapted model")
    verb.add_argument("--model", default="code", help=f"what to start from: {MODEL} (default: code)")
    verb.add_argument("--minutes", type=float, help="stop training after so many (default: after its epochs)")
    verb.add_argument("--index", type=path, help="folder for the index (default: .adjoin in the folder)")
    verb.add_argument("--seed", type=seed, default=0, help="of the files kept out and the training (default: 0)")


def _embed(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "embed",
        verbs.embed,
        "write the vectors of a JSON-lines file, a text file (a text a line) or a folder",
        extra="mine",
        interrupted="interrupted; the vectors so far are saved, the same command goes on",
    )
    verb.add_argument("model", help=MODEL)
    verb.add_argument("texts", type=path, help="the texts")
    verb.add_argument("--out", required=True, type=path, help="folder for vectors.npy and ids.jsonl")
    verb.add_argument(
        "--role",
        default="document",
        help="document (default), query, or symmetric for texts that are compared with each other",
    )


def _index(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "index",
        verbs.index,
        "index a folder for search; a second time only what changed",
        extra="index",
        interrupted="interrupted; the index is as it was, the same command goes on where this one stopped",
    )
    verb.add_argument("root", type=path, help="the folder to index")
    verb.add_argument("--model", default="code", help=f"{MODEL} (default: code)")
    verb.add_argument("--out", type=path, help="folder for the index (default: .adjoin in the folder)")


def _search(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(subparsers, "search", verbs.search, "search an index: file:line, score, code", extra="index")
    verb.add_argument("query", help="what is looked for, in plain words")
    verb.add_argument("--index", type=path, default=Path(".adjoin"), help="folder of the index (default: .adjoin)")
    verb.add_argument("--model", help="the model that made the index, if it has moved")
    verb.add_argument("--limit", type=int, default=5, help="number of results (default: 5)")
    verb.add_argument(
        "--mode",
        default="hybrid",
        choices=["hybrid", "dense", "lexical"],
        help="vectors and words fused (default), or one of them",
    )
    verb.add_argument(
        "--dense-weight",
        type=float,
        metavar="W",
        help="the share of the vectors in what is fused, 0 to 1 (default: the model's own)",
    )
    verb.add_argument("--language", action="append", help="only results in this language; may be repeated")
    verb.add_argument("--json", action="store_true", help="results as JSON, for programs")


def _reproduce(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "reproduce",
        verbs.reproduce,
        "make a model that comes along anew, from its recipe: corpus, training, packing, report",
        extra="all",
        interrupted="interrupted; the same command goes on where this one stopped",
    )
    verb.add_argument("recipe", type=path, help="a TOML file such as recipes/models/code-static.toml")
    verb.add_argument("--out", required=True, type=path, help="folder for everything")
    verb.add_argument(
        "--data", required=True, type=path, help="evaluation data: kept out of the pairs, measured on"
    )
    verb.add_argument(
        "--also", nargs="+", type=path, metavar="PATH", help="folders and files of the corpus (the first) besides"
    )
    verb.add_argument("--downloads", type=path, help="folder in which packages are kept (default: none is kept)")


def _demo(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "demo",
        verbs.demo,
        "adapt the model that comes along to a repository, measure before and after, index it and ask it",
        extra="demo",
        interrupted="interrupted; run it again, it starts afresh",
    )
    verb.add_argument(
        "--out", type=path, default=Path("runs/demo"), help="folder for everything (default: runs/demo)"
    )
    verb.add_argument("--repository", type=path, help="which (default: scipy, as it is installed here)")
    verb.add_argument("--minutes", type=float, help="stop the training after so many (default: after its epochs)")
