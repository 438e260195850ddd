"""The options of adapt and demo."""

import argparse
from pathlib import Path

from adjoin.cli import verbs
from adjoin.cli.options import MODEL, add_verb, path, seed


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
