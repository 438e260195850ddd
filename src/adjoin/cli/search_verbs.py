"""The verbs search, index, status and mcp. A search has half a CPU-second in all: no rich, no import before its use."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.cli.terminal import ProgressLine, wants_colour
from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoin.index.repositories import Found, Repositories
    from adjoin.index.store import Filter

NOTHING_GOOD = 1  # exit status of a search without a result, or with weak ones only, as grep's
_FILES_PER_NAME = 5  # hits asked for per name that `-l` prints


def search(options: argparse.Namespace) -> int:
    """Run `adjoin search` with the parsed options.

    Returns:
        The exit status: 0 if something was found, 1 if nothing or only weak results were.
    """
    from adjoin.index.repositories import Repositories

    with ProgressLine("Indexing", "files") as progress:

        def notice(line: str) -> None:
            progress.clear()
            sys.stderr.write(f"adjoin: {line}\n")

        repositories = Repositories(
            model=options.model,
            refreshes=not options.no_refresh,
            words_only=options.mode == "lexical" and options.similar is None,
            notice=notice,
            progress=progress,
        )
        query, hits = _similar(options, repositories) if options.similar else _asked(options, repositories)
    _write(options, query, hits)
    return 0 if any(not found.hit.weak for found in hits) else NOTHING_GOOD


def _asked(options: argparse.Namespace, repositories: "Repositories") -> "tuple[str, list[Found]]":
    from adjoin.index.repositories import targets_of

    if options.query is None:
        raise AdjoinError("what to search for is missing: give QUERY, or --similar FILE:LINE")
    hits = repositories.search(
        targets_of(options.paths, index=options.index),
        options.query,
        limit=_hits_wanted(options),
        mode=options.mode,
        where=_filter(options),
        dense_weight=options.dense_weight,
    )
    return options.query, hits


def _similar(options: argparse.Namespace, repositories: "Repositories") -> "tuple[str, list[Found]]":
    """Search by a place in a file. QUERY is then one more PATH: the parts to search."""
    from adjoin.index.repositories import place_of, targets_of

    file, _, line = options.similar.rpartition(":")
    if not file or not line.isdecimal() or int(line) < 1:
        raise AdjoinError(f"--similar {options.similar}: expected FILE:LINE, such as src/main.py:12")
    paths = [Path(options.query), *options.paths] if options.query is not None else options.paths
    target, path = place_of(Path(file), targets_of(paths, index=options.index) if paths or options.index else ())
    hits = repositories.similar(target, path, int(line), limit=_hits_wanted(options), where=_filter(options))
    return "", hits


def _hits_wanted(options: argparse.Namespace) -> int:
    limit: int = options.limit
    return limit * _FILES_PER_NAME if options.form == "files" else limit


def _filter(options: argparse.Namespace) -> "Filter":
    from adjoin.index.store import Filter

    globs: list[str] = options.globs or []
    return Filter(
        languages=tuple(options.language or ()),
        paths=tuple(glob for glob in globs if not glob.startswith("!")),
        excluded=(*(glob[1:] for glob in globs if glob.startswith("!")), *(options.exclude or ())),
    )


def _write(options: argparse.Namespace, query: str, hits: "Sequence[Found]") -> None:
    from adjoin.cli import formats
    from adjoin.cli.hits import Layout, terminal_width, write_hits

    if options.form == "json":
        sys.stdout.write(formats.json_text(hits))
    elif options.form == "text":
        layout = Layout(
            colour=wants_colour(options.color, sys.stdout),
            width=terminal_width() if sys.stdout.isatty() else None,
            context=options.context,
            explain=options.explain,
        )
        write_hits(hits, query, layout, sys.stdout.write)
    else:
        if options.form == "files":
            sys.stdout.write(formats.files_text(hits, options.limit, null=options.null))
        else:
            sys.stdout.write(formats.vimgrep_text(hits, query))
        if hits and all(found.hit.weak for found in hits):
            sys.stderr.write(f"adjoin: no good answer; {len(hits)} weak results are not listed, --json has them\n")
