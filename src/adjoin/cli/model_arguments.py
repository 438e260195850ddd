"""The options of evaluate, compare, embed, model and reproduce."""

import argparse

from adjoin.cli import verbs
from adjoin.cli.options import MODEL, add_verb, described, examples_of, path, seed


def evaluate(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin evaluate` and its options."""
    verb = add_verb(
        subparsers,
        "evaluate",
        verbs.evaluate,
        "measure a model beside baselines, with 95 percent confidence intervals",
        extra="evaluate",
        interrupted="interrupted; what was measured so far is cached, the same command goes on from there",
    )
    verb.add_argument(
        "model",
        metavar="SYSTEM",
        help="code, text, a model folder (Adjoin, sentence-transformers, model2vec), an OpenAI-compatible"
        " URL#MODEL, or a baseline: bm25, bm25-reference, lsa, words, wordllama, random",
    )
    verb.add_argument(
        "--data",
        required=True,
        type=path,
        metavar="FOLDER",
        help="folder with classification/, sts/, retrieval/ and code/, or one of these, or one task",
    )
    verb.add_argument(
        "--suite",
        nargs="+",
        metavar="SUITE",
        help="probe, similarity, retrieval, code (default: all of these with data), bias, space, or all",
    )
    verb.add_argument("--tasks", nargs="+", metavar="TASK", help="only these tasks")
    verb.add_argument("--limit", type=int, metavar="N", help="at most N queries, sentences or pairs per task")
    verb.add_argument(
        "--beside", nargs="+", metavar="SYSTEM", help="baselines to measure alongside (default: bm25 untrained)"
    )
    verb.add_argument(
        "--dense-weight",
        type=float,
        metavar="W",
        help="weight of the vectors in the hybrid rows, 0 to 1; BM25 has the rest (default: the model's, or 0.5)",
    )
    verb.add_argument(
        "--faiss",
        type=int,
        metavar="N",
        help="use approximate search (FAISS) for corpora of at least N documents (default: exact search)",
    )
    verb.add_argument(
        "--report", type=path, metavar="FOLDER", help="folder for the report (default: SYSTEM/report)"
    )
    verb.add_argument(
        "--cache",
        type=path,
        metavar="FOLDER",
        help="cache of vectors and results (default: ~/.cache/adjoin/evaluation)",
    )
    verb.add_argument("--no-cache", action="store_true", help="measure everything again and cache nothing")
    verb.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="random seed of distractors, folds and confidence intervals (default: 0)",
    )


def compare(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin compare` and its options."""
    verb = add_verb(
        subparsers,
        "compare",
        verbs.compare,
        "compare evaluation reports: paired differences, curves over size, steps and batch",
        extra="evaluate",
    )
    verb.add_argument("runs", nargs="+", type=path, metavar="REPORT", help="folders that adjoin evaluate wrote")
    verb.add_argument(
        "--report",
        type=path,
        metavar="FOLDER",
        help="folder for comparison.md and comparison.html",
    )


def embed(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin embed` and its options."""
    verb = add_verb(
        subparsers,
        "embed",
        verbs.embed,
        "write one vector per text of a JSON-lines file, a text file or a folder",
        extra="",
        interrupted="interrupted; the vectors so far are saved, the same command goes on",
    )
    verb.add_argument("model", metavar="MODEL", help=MODEL)
    verb.add_argument(
        "texts", type=path, metavar="TEXTS", help="JSON lines, a text file with one text per line, or a folder"
    )
    verb.add_argument(
        "--out", required=True, type=path, metavar="FOLDER", help="folder for vectors.npy and ids.jsonl"
    )
    verb.add_argument(
        "--role",
        default="document",
        metavar="{query,document,symmetric}",
        help="query: texts that ask; document: texts that answer (default); symmetric: texts compared with their"
        " like",
    )


def model(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin model`, its own verbs and their options."""
    text = "make a model from models: pack (quantize), ensemble, grow (a transformer)"
    verb = subparsers.add_parser(
        "model",
        help=text,
        description=described(text),
        epilog=examples_of("model"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = verb.add_subparsers(dest="action", metavar="ACTION", required=True)
    _pack(actions)
    _ensemble(actions)
    _grow(actions)


def _pack(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "pack",
        verbs.pack,
        "quantize a model to about a quarter of its size, in files of at most 15 MB",
        extra="train",
    )
    verb.add_argument("model", type=path, metavar="MODEL", help="a model folder")
    verb.add_argument("--out", required=True, type=path, metavar="FOLDER", help="folder for the quantized model")
    verb.add_argument(
        "--precision",
        metavar="NAME",
        help="int8; coarse for static models; bfloat16 for transformers (default: int8, or bfloat16 where a"
        " transformer needs it)",
    )


def _ensemble(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "ensemble",
        verbs.ensemble,
        "concatenate the vectors of several static models into one model",
        extra="train",
    )
    verb.add_argument(
        "models", nargs="+", type=path, metavar="MODEL", help="folders of models trained with different seeds"
    )
    verb.add_argument("--out", required=True, type=path, metavar="FOLDER", help="folder for the ensemble")


def _grow(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = add_verb(
        subparsers,
        "grow",
        verbs.grow,
        "initialise a transformer from a static model, to continue with adjoin train --init",
        extra="train",
    )
    verb.add_argument("model", metavar="MODEL", help="a static model: code, text, or a model folder")
    verb.add_argument("--out", required=True, type=path, metavar="FOLDER", help="folder for the transformer")
    verb.add_argument("--layers", type=int, default=4, metavar="N", help="layers, 3 or more (default: 4)")
    verb.add_argument(
        "--dimension", type=int, default=256, metavar="N", help="hidden size, a multiple of 64 (default: 256)"
    )


def reproduce(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin reproduce` and its options."""
    verb = add_verb(
        subparsers,
        "reproduce",
        verbs.reproduce,
        "build a bundled model again from its recipe: corpus, training, quantization, evaluation",
        extra="all",
        interrupted="interrupted; the same command goes on where this one stopped",
    )
    verb.add_argument(
        "recipe", type=path, metavar="RECIPE", help="a TOML file such as recipes/models/code-static.toml"
    )
    verb.add_argument("--out", required=True, type=path, metavar="FOLDER", help="folder for everything")
    verb.add_argument(
        "--data",
        required=True,
        type=path,
        metavar="FOLDER",
        help="evaluation data: kept out of the pairs, and measured on",
    )
    verb.add_argument(
        "--also", nargs="+", type=path, metavar="PATH", help="folders and files to mine with the first corpus"
    )
    verb.add_argument(
        "--downloads", type=path, metavar="FOLDER", help="folder to keep packages in (default: they are deleted)"
    )
