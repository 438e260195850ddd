"""The options of search, index, status and mcp."""

import argparse
from pathlib import Path

from adjoin.cli.options import MODEL, add_verb, count, path

_INTERRUPTED = "interrupted; the index is as it was, the same command goes on where this one stopped"


def search(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin search` and its options."""
    verb = add_verb(
        subparsers,
        "search",
        "search_verbs:search",
        "search a repository and show file, lines and code; the index is made or refreshed first",
        extra="",
        interrupted=_INTERRUPTED,
        failure=2,
        mixed=True,
    )
    verb.add_argument(
        "query", nargs="?", metavar="QUERY", help="what you look for: words, a name, a path or an error message"
    )
    verb.add_argument(
        "paths",
        nargs="*",
        type=path,
        metavar="PATH",
        help="what to search: repositories, folders or files (default: the repository of the current folder)",
    )
    verb.add_argument("--similar", metavar="FILE:LINE", help="find code like that at FILE:LINE, instead of QUERY")
    _add_filters(verb)
    _add_output(verb)
    _add_index_options(verb)


def _add_filters(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("which results")
    group.add_argument("-n", "--limit", type=int, default=5, metavar="N", help="number of results (default: 5)")
    group.add_argument(
        "--path",
        dest="globs",
        action="append",
        metavar="GLOB",
        help="only files whose path matches, or a folder above; !GLOB leaves out; may be repeated",
    )
    group.add_argument(
        "--exclude", action="append", metavar="GLOB", help="leave out files that match; may be repeated"
    )
    group.add_argument(
        "--language", action="append", metavar="NAME", help="only results in this language; may be repeated"
    )
    group.add_argument(
        "--mode",
        default="hybrid",
        choices=["hybrid", "dense", "lexical"],
        help="dense: vectors; lexical: BM25; hybrid: all evidence (default)",
    )
    group.add_argument(
        "--dense-weight",
        type=float,
        metavar="W",
        help="weight of the vectors in hybrid search, 0 to 1 (default: chosen by the kind of query)",
    )


def _add_output(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("output")
    form = group.add_mutually_exclusive_group()
    form.add_argument(
        "-l", "--files", dest="form", action="store_const", const="files", help="print only the names of the files"
    )
    form.add_argument(
        "--json", dest="form", action="store_const", const="json", help="print JSON; docs/search.md lists its keys"
    )
    form.add_argument(
        "--vimgrep",
        dest="form",
        action="store_const",
        const="vimgrep",
        help="print path:line:column:text, for editors",
    )
    verb.set_defaults(form="text")
    group.add_argument(
        "-0", "--null", action="store_true", help="with -l, end each name with a zero byte, for xargs -0"
    )
    group.add_argument(
        "-C",
        "--context",
        type=count,
        metavar="N",
        help="show N lines around each line that has a word of QUERY, and those of the file around the result",
    )
    group.add_argument("--explain", action="store_true", help="show the evidence for each result")
    group.add_argument(
        "--color",
        default="auto",
        choices=["auto", "always", "never"],
        help="auto: on a terminal, unless NO_COLOR is set (default)",
    )


def _add_index_options(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("index")
    group.add_argument(
        "--no-refresh", action="store_true", help="search the index as it is; do not look for changed files"
    )
    group.add_argument(
        "--index", type=path, metavar="FOLDER", help="the index (default: .adjoin in the repository)"
    )
    _add_store(group)
    group.add_argument(
        "--model", metavar="MODEL", help=f"{MODEL}, where the index's model is now (default: its own)"
    )


def _add_store(verb: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    verb.add_argument(
        "--store",
        metavar="URL",
        help="the index is in PostgreSQL: postgresql://USER@HOST/DATABASE, with ?index=NAME to share it;"
        " the password is best in PGPASSWORD or ~/.pgpass",
    )


def index(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin index` and its options."""
    verb = add_verb(
        subparsers,
        "index",
        "search_verbs:index",
        "index a folder for search; the next run reads only what changed",
        extra="",
        interrupted=_INTERRUPTED,
    )
    verb.add_argument(
        "root",
        nargs="?",
        type=path,
        default=Path(),
        metavar="PATH",
        help="the folder to index (default: this one)",
    )
    verb.add_argument("--model", metavar="MODEL", help=f"{MODEL} (default: that of the index, or code)")
    verb.add_argument("--out", type=path, metavar="FOLDER", help="folder for the index (default: PATH/.adjoin)")
    _add_store(verb)
    verb.add_argument(
        "--include",
        action="append",
        metavar="GLOB",
        help="index only files that match, ignored ones too; may be repeated",
    )
    verb.add_argument(
        "--exclude", action="append", metavar="GLOB", help="leave out files that match; may be repeated"
    )
    verb.add_argument(
        "--dry-run", action="store_true", help="list what would be indexed, and what not and why; write nothing"
    )
    verb.add_argument("--watch", action="store_true", help="keep running, and refresh whenever a file changes")


def status(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin status` and its options."""
    verb = add_verb(
        subparsers, "status", "search_verbs:status", "show what an index holds, and what changed since", extra=""
    )
    verb.add_argument(
        "root",
        nargs="?",
        type=path,
        default=Path(),
        metavar="PATH",
        help="a folder with an index, or a folder or file in it (default: this folder)",
    )
    verb.add_argument("--index", type=path, metavar="FOLDER", help="the index (default: that of PATH)")
    _add_store(verb)
    verb.add_argument("--files", action="store_true", help="list the indexed files")
    verb.add_argument("--skipped", action="store_true", help="list what is not indexed, or only in part, and why")
    verb.add_argument("--json", action="store_true", help="print JSON; docs/search.md lists its keys")


def mcp(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adjoin mcp` and its options."""
    verb = add_verb(
        subparsers,
        "mcp",
        "search_verbs:mcp",
        "serve search to coding assistants by the Model Context Protocol, over standard input and output",
        extra="mcp",
    )
    verb.add_argument(
        "paths",
        nargs="*",
        type=path,
        metavar="PATH",
        help="repositories that may be searched (default: that of the current folder)",
    )
    verb.add_argument("--model", metavar="MODEL", help=f"{MODEL} for new indexes (default: code)")
    _add_store(verb)
    verb.add_argument(
        "--print-config", action="store_true", help="print the configuration of the usual clients, and end"
    )
