"""The verbs search, index, status and mcp. A search has half a CPU-second in all: what it imports is counted."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.cli.terminal import ProgressLine, one_line, safe, wants_colour
from adjoin.errors import AdjoinError, first_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoin.index.folders.choice import Choice
    from adjoin.index.folders.repositories import Found, Repositories
    from adjoin.index.folders.targets import Target
    from adjoin.index.locating import Location
    from adjoin.index.postgres.address import StoreAddress
    from adjoin.index.store import Filter

NOTHING_GOOD = 1  # exit status of a search without a result, or with weak ones only, as grep's
_FILES_PER_NAME = 5  # hits asked for per name that `-l` prints


def search(options: argparse.Namespace) -> int:
    """Run `adjoin search` with the parsed options.

    Returns:
        The exit status: 0 if something was found, 1 if nothing or only weak results were.
    """
    from adjoin.index.folders.repositories import Repositories

    with ProgressLine("Indexing", "files") as progress:

        def notice(line: str) -> None:
            progress.clear()
            sys.stderr.write(f"adjoin: {one_line(line)}\n")

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
    if options.query is None:
        raise AdjoinError("what to search for is missing: give QUERY, or --similar FILE:LINE")
    hits = repositories.search(
        _targets(options, options.paths),
        options.query,
        limit=_hits_wanted(options),
        mode=options.mode,
        where=_filter(options),
        dense_weight=options.dense_weight,
    )
    return options.query, hits


def _targets(options: argparse.Namespace, paths: "Sequence[Path]") -> "list[Target]":
    """The indexes that answer for paths: in folders, or in the database that --store names."""
    from adjoin.index.folders.targets import targets_of

    if not options.store:
        return targets_of(paths, index=options.index)
    from adjoin.index.folders.stored import stored_targets

    return stored_targets(_address(options), paths)


def _address(options: argparse.Namespace) -> "StoreAddress":
    """Read --store. The URL is never shown as it was given: it may hold a password."""
    from adjoin.index.postgres.address import StoreAddress

    address = StoreAddress.parse(options.store)
    if folder := getattr(options, "out", None) or getattr(options, "index", None):
        raise AdjoinError(f"--store {address} with the folder {folder}: expected one of them; leave out the other")
    return address


def _similar(options: argparse.Namespace, repositories: "Repositories") -> "tuple[str, list[Found]]":
    """Search by a place in a file. QUERY is then one more PATH: the parts to search."""
    from adjoin.index.folders.targets import place_of

    file, _, line = options.similar.rpartition(":")
    if not file or not line.isdecimal() or int(line) < 1:
        raise AdjoinError(f"--similar {options.similar}: expected FILE:LINE, such as src/main.py:12")
    paths = [Path(options.query), *options.paths] if options.query is not None else options.paths
    targets = _targets(options, paths) if paths or options.index else []
    if options.store and not paths:
        targets = _targets(options, [Path(file).parent])
        targets[0].within.clear()
    target, path = place_of(Path(file), targets)
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
            # With -0 the names go to a program, which needs them as they are.
            stream = getattr(sys.stdout, "unchecked", sys.stdout) if options.null else sys.stdout
            stream.write(formats.files_text(hits, options.limit, null=options.null))
        else:
            sys.stdout.write(formats.vimgrep_text(hits, query))
        if hits and all(found.hit.weak for found in hits):
            number = min(len(formats.distinct_files(hits) if options.form == "files" else hits), options.limit)
            results = "1 weak result is" if number == 1 else f"{number} weak results are"
            sys.stderr.write(f"adjoin: no good answer; {results} not listed, --json has them\n")


def index(options: argparse.Namespace) -> int | None:
    """Run `adjoin index` with the parsed options: one line a fact, the command to copy on a line of its own."""
    from adjoin.index.folders.choice import Choice
    from adjoin.index.locating import Location, index_folder

    folder: Location = options.out or index_folder(options.root)
    if options.store:
        folder = _address(options).for_root(options.root)
    choice = Choice.made(folder, options.include, options.exclude)
    if options.dry_run:
        _dry_run(options.root, folder, choice)
        return None
    if options.watch:
        _watch(options, folder, choice)
    else:
        _index(options, folder, choice)
    return None


def _index(options: argparse.Namespace, folder: "Location", choice: "Choice", *, quiet: bool = False) -> None:
    from adjoin.index.folders.repositories import DEFAULT_MODEL, left_out, made_by
    from adjoin.index.lazy import LazyEncoder
    from adjoin.index.refresh import refresh
    from adjoin.model.locations import portable_name

    model = options.model or made_by(folder) or DEFAULT_MODEL
    encoder = LazyEncoder(model)
    with ProgressLine("Indexing", "files") as progress:
        report = refresh(
            options.root,
            folder,
            encoder,
            model=portable_name(model),
            include=choice.include,
            exclude=choice.exclude,
            progress=progress,
        )
    choice.write(folder)
    changes = {"added": report.added, "changed": report.changed, "removed": report.removed}
    if quiet and not any(changes.values()):
        return
    files = ", ".join(f"{number:,} {what}" for what, number in (changes | {"unchanged": report.unchanged}).items())
    lines = [
        f"index: {folder}",
        f"files: {report.added + report.changed + report.unchanged:,} ({files})",
        f"pieces: {report.total:,} ({report.pieces:,} embedded)",
    ]
    if report.new_model:
        lines.append("model: another one had made the index, so all files were embedded again")
    if (skipped := left_out(report)).counts:
        lines.append(f"left out or cut: {skipped.counts.total():,} ({skipped.summary()})")
        lines.append(f"  adjoin status {_shell_words(options)} --skipped")
    if encoder.loaded is not None and (cut := encoder.loaded.tokenizer.truncated):
        most = encoder.loaded.description.max_tokens
        lines.append(
            f"cut: {cut:,} pieces are longer than the model's {most} tokens; their vectors cover the beginning"
        )
    sys.stdout.write("".join(f"{safe(line)}\n" for line in lines))
    if not quiet:
        sys.stdout.write(f'Next:\n  adjoin search "what you look for" {one_line(_shell_words(options))}\n')
    sys.stdout.flush()


def _shell_words(options: argparse.Namespace) -> str:
    """What names the index on the command line of another verb."""
    import shlex

    root = shlex.quote(str(options.root))
    if options.store:
        return f"{root} --store {shlex.quote(str(_address(options)))}"
    return f"--index {shlex.quote(str(options.out))}" if options.out else root


def _dry_run(root: Path, folder: "Location", choice: "Choice") -> None:
    from adjoin.index.folders.status import dry_run

    files = pieces = left_out = 0
    for origin, number, reason in dry_run(root, folder, choice):
        if number:
            files, pieces = files + 1, pieces + number
            sys.stdout.write(one_line(f"in   {origin}: {number:,} pieces{reason and f', {reason}'}") + "\n")
        else:
            left_out += 1
            sys.stdout.write(one_line(f"out  {origin}: {reason}") + "\n")
    sys.stdout.write(f"{files:,} files with {pieces:,} pieces would be indexed, {left_out:,} left out\n")


def _watch(options: argparse.Namespace, folder: "Location", choice: "Choice") -> None:
    """Index, and again after each change, until Ctrl-C. A refresh that fails is told, and tried again."""
    from adjoin.index.watching import watch

    is_first = True

    def again(_: Path) -> None:
        nonlocal is_first
        try:
            _index(options, folder, choice, quiet=not is_first)
        except (AdjoinError, OSError) as error:
            if is_first:
                raise
            sys.stderr.write(f"adjoin: {one_line(first_line(error))}\n")
        if is_first:
            sys.stderr.write(f"adjoin: watching {one_line(str(options.root))}; Ctrl-C ends it\n")
        is_first = False

    with suppress(KeyboardInterrupt):
        watch([options.root], again, include=choice.include, exclude=choice.exclude)


def status(options: argparse.Namespace) -> None:
    """Run `adjoin status` with the parsed options."""
    from adjoin.index.folders.status import status_of

    (target,) = _targets(options, () if options.index else [options.root])
    found = status_of(target)
    if options.json:
        import json

        value = found.as_json(files=options.files, skipped=options.skipped)
        sys.stdout.write(json.dumps(value, indent=2).replace("\x7f", "\\u007f") + "\n")
        return
    if options.files:
        sys.stdout.write("".join(f"{one_line(record.path)}\n" for record in found.indexed()))
    if options.skipped:
        sys.stdout.write("".join(one_line(f"{one.origin}: {one.described()}") + "\n" for one in found.skipped))
    if not options.files and not options.skipped:
        sys.stdout.write("".join(f"{one_line(line)}\n" for line in found.lines()))


def mcp(options: argparse.Namespace) -> None:
    """Run `adjoin mcp` with the parsed options."""
    if options.print_config:
        from adjoin.serving.clients import command_line, configurations

        store = str(_address(options)) if options.store else None
        sys.stdout.write(safe(configurations(command_line(options.paths, options.model, store))))
        return
    from adjoin.serving.mcp_server import serve

    serve(options.paths, model=options.model, store=_address(options) if options.store else None)
