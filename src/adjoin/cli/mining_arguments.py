"""The options of mine, collect and pairs."""

import argparse

from adjoin.cli import mining_verbs
from adjoin.cli.options import add_verb, add_what_to_read, path, seed


def mine(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin mine` and its options."""
    verb = add_verb(
        subparsers,
        "mine",
        mining_verbs.mine,
        "mine training pairs from folders, files and archives of code and prose",
        extra="",
        interrupted="interrupted; what stood at --out before still does, and the same command goes on from here",
    )
    add_what_to_read(verb)
    verb.add_argument(
        "--out", required=True, type=path, metavar="FOLDER", help="folder for the pairs and their manifest"
    )
    verb.add_argument(
        "--kinds",
        nargs="+",
        metavar="KIND",
        help="only these kinds of pairs: docstring-function, neighbours, title-passage, question-answer,"
        " term-definition, synonyms, definition-definition (the default), and name-function",
    )
    verb.add_argument(
        "--columns",
        nargs="+",
        metavar="ROLE=COLUMN",
        help="columns of JSON lines and Parquet, as in text=body title=subject; other roles: question, answer,"
        " licence",
    )
    verb.add_argument(
        "--words", nargs=2, type=int, metavar=("MIN", "MAX"), help="length of a passage in words (default: 32 128)"
    )
    verb.add_argument("--languages", nargs="+", metavar="CODE", help="only prose in these languages, as in en de")
    _cleaning(verb)
    verb.add_argument("--recipe", type=path, metavar="FILE", help="TOML file whose table [mine] has these options")
    verb.add_argument(
        "--verify", action="store_true", help="mine PATH again and compare every byte with the pairs at --out"
    )
    _engine(verb)


def _cleaning(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--decontaminate",
        nargs="+",
        type=path,
        metavar="FOLDER",
        help="evaluation data or pairs; pairs that overlap with them are left out",
    )
    verb.add_argument(
        "--keep-near-duplicates", action="store_true", help="keep pairs whose y nearly repeats an earlier y"
    )
    verb.add_argument(
        "--template-cap",
        type=int,
        metavar="N",
        help="at most N pairs per package whose x follows the same template; 0 for no limit (default: 20)",
    )
    verb.add_argument("--package-cap", type=int, metavar="N", help="at most N pairs per package (default: all)")
    verb.add_argument("--mask", nargs="+", choices=["emails", "secrets"], help="replace these by placeholders")
    verb.add_argument(
        "--licences", nargs="+", metavar="ID", help="only these licences: SPDX ids, permissive, unknown"
    )


def _engine(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one per CPU)")
    verb.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="ray: use a Ray cluster, with the same result",
    )


def collect(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin collect` and its options."""
    verb = add_verb(
        subparsers,
        "collect",
        mining_verbs.collect,
        "download the packages of a recipe and mine them, within a budget of disk space",
        extra="",
        interrupted="interrupted; the same command goes on with the packages that are not mined yet",
    )
    verb.add_argument("recipe", type=path, metavar="RECIPE", help="a TOML file such as recipes/corpora/code.toml")
    verb.add_argument("--out", type=path, metavar="FOLDER", help="folder for the pairs and their manifest")
    verb.add_argument("--also", nargs="+", type=path, metavar="PATH", help="folders and files to mine in addition")
    verb.add_argument(
        "--downloads", type=path, metavar="FOLDER", help="folder for the packages (default: OUT.downloads)"
    )
    verb.add_argument(
        "--budget-gb",
        type=float,
        default=2.0,
        metavar="GB",
        help="disk space for packages that are not mined yet (default: 2)",
    )
    verb.add_argument("--keep", action="store_true", help="keep the packages in --downloads")
    verb.add_argument(
        "--pin",
        choices=["missing", "all"],
        help="only write today's versions and hashes into RECIPE, where they are missing or for all packages",
    )
    _cleaning(verb)
    _engine(verb)


def pairs(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin pairs` and its options."""
    verb = add_verb(
        subparsers,
        "pairs",
        mining_verbs.pairs_show,
        "show mined pairs: samples, lengths, and what was left out and why",
        extra="",
    )
    verb.add_argument("action", choices=["show"], help="show: print them")
    verb.add_argument("pairs", type=path, metavar="PAIRS", help="folder that adjoin mine wrote")
    verb.add_argument("--number", type=int, default=5, metavar="N", help="number of samples (default: 5)")
    verb.add_argument("--seed", type=seed, default=0, metavar="N", help="random seed of the samples (default: 0)")
    verb.add_argument("--kind", default="", metavar="KIND", help="only samples of this kind of pairs")
    verb.add_argument("--language", default="", metavar="NAME", help="only samples in this language")
    verb.add_argument(
        "--picture", type=path, metavar="FILE", help="PNG file for the lengths (default: PAIRS/lengths.png)"
    )
