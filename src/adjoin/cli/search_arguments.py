"""The options of index, search, adapt and demo."""

import argparse
from pathlib import Path

from adjoin.cli import verbs
from adjoin.cli.options import MODEL, add_verb, path, seed


def index(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin index` and its options."""
    verb = add_verb(
        subparsers,
        "index",
        verbs.index,
        "index a folder for search; the next run embeds only what changed",
        extra="",
        interrupted="interrupted; the index is as it was, the same command goes on where this one stopped",
    )
    verb.add_argument("root", type=path, metavar="PATH", help="the folder to index")
    verb.add_argument("--model", default="code", metavar="MODEL", help=f"{MODEL} (default: code)")
    verb.add_argument("--out", type=path, metavar="FOLDER", help="folder for the index (default: PATH/.adjoin)")


def search(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin search` and its options."""
    verb = add_verb(
        subparsers, "search", verbs.search, "search an index and show file, lines, score and code", extra=""
    )
    verb.add_argument("query", metavar="QUERY", help="what you look for, in plain words")
    verb.add_argument(
        "--index", type=path, default=Path(".adjoin"), metavar="FOLDER", help="the index (default: .adjoin)"
    )
    verb.add_argument("--model", metavar="MODEL", help="where the index's model is now, if it has moved")
    verb.add_argument("--limit", type=int, default=5, metavar="N", help="number of results (default: 5)")
    verb.add_argument(
        "--mode",
        default="hybrid",
        choices=["hybrid", "dense", "lexical"],
        help="dense: vectors; lexical: BM25; hybrid: both (default)",
    )
    verb.add_argument(
        "--dense-weight",
        type=float,
        metavar="W",
        help="weight of the vectors in hybrid search, 0 to 1; BM25 has the rest (default: the model's)",
    )
    verb.add_argument(
        "--language", action="append", metavar="NAME", help="only results in this language; may be repeated"
    )
    verb.add_argument("--json", action="store_true", help="print JSON, for programs")


def adapt(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin adapt` and its options."""
    verb = add_verb(
        subparsers,
        "adapt",
        verbs.adapt,
        "fine-tune a model on a folder, keep it only if it is better there, and index the folder",
        extra="all",
        interrupted="interrupted; the same command starts afresh, an index that there was still stands",
    )
    verb.add_argument("root", type=path, metavar="PATH", help="the folder: code, prose, or both")
    verb.add_argument(
        "--out", required=True, type=path, metavar="FOLDER", help="folder for pairs, report and the model"
    )
    verb.add_argument("--model", default="code", metavar="MODEL", help=f"start from {MODEL} (default: code)")
    verb.add_argument("--minutes", type=float, metavar="N", help="train for at most N minutes (default: 8 epochs)")
    verb.add_argument("--index", type=path, metavar="FOLDER", help="folder for the index (default: PATH/.adjoin)")
    verb.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="random seed of file split and training (default: 0)",
    )


def demo(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin demo` and its options."""
    verb = add_verb(
        subparsers,
        "demo",
        verbs.demo,
        "mine the installed packages, train a model, compare it with BM25 and the bundled one, search",
        extra="demo",
        interrupted="interrupted; run it again, it starts afresh",
    )
    verb.add_argument(
        "--out",
        type=path,
        default=Path("runs/demo"),
        metavar="FOLDER",
        help="folder for everything (default: runs/demo)",
    )
    verb.add_argument(
        "--minutes", type=float, default=2.0, metavar="N", help="train for at most N minutes (default: 2)"
    )
