"""Results of a search for programs: JSON, `path:line:column:text` for editors, and names of files.

These are public interfaces: docs/search.md describes them, and the tests freeze their keys and fields.
"""

import json
from collections.abc import Sequence
from typing import Any

from adjoin.cli.lines import best_line, read_asked
from adjoin.cli.terminal import one_line, safe
from adjoin.index.folders.repositories import Found
from adjoin.index.naming import short_name


def as_json(found: Found) -> dict[str, Any]:
    """One result as JSON values. The texts are those of the file, unchanged."""
    hit = found.hit
    return {
        "path": hit.path,
        "root": str(found.root),
        "file": found.file,
        "first_line": hit.first_line,
        "last_line": hit.last_line,
        "language": hit.language,
        "kind": hit.kind,
        "name": short_name(hit.name),
        "score": hit.score,
        "weak": hit.weak,
        "evidence": dict(hit.evidence),
        "also": [
            {"first_line": one.first_line, "last_line": one.last_line, "name": short_name(one.name)}
            for one in hit.also
        ],
        "text": hit.text,
    }


def json_text(hits: Sequence[Found]) -> str:
    """A JSON list of the results, best first. Control characters, and all beyond ASCII, are escaped."""
    return json.dumps([as_json(found) for found in hits], indent=2).replace("\x7f", "\\u007f") + "\n"


def vimgrep_text(hits: Sequence[Found], query: str) -> str:
    """One line a result: `path:line:column:text`, as ripgrep's --vimgrep writes it.

    The line is the one that defines the piece, or the one with most words of the query if the piece has no name.
    Of several definitions, it is that of a name in the query, or else of the one with most of its words.
    The column is that of its first character that is no blank, counted from 1 in bytes. Weak results are left out.
    """
    asked = read_asked(query)
    lines = []
    for found in hits:
        if not found.hit.weak:
            place = best_line(found.hit, asked)
            line = found.hit.text.split("\n")[place].rstrip()
            blanks = line[: len(line) - len(line.lstrip())]
            number = min(found.hit.first_line + place, found.hit.last_line)
            column = len(blanks.encode(errors="replace")) + 1
            lines.append(f"{one_line(found.file)}:{number}:{column}:{safe(line)}\n")
    return "".join(lines)


def files_text(hits: Sequence[Found], limit: int, *, null: bool = False) -> str:
    """The names of the first `limit` files with a result that is not weak, best first.

    Args:
        hits: the results.
        limit: the largest number of names.
        null: end each name with a zero byte and leave it as it is. Otherwise it ends with a line end, and control
            characters in it are replaced.
    """
    files = distinct_files([found for found in hits if not found.hit.weak])[:limit]
    return "".join(f"{file}\0" if null else f"{one_line(file)}\n" for file in files)


def distinct_files(hits: Sequence[Found]) -> list[str]:
    """The files of the results, each once, best first."""
    return list(dict.fromkeys(found.file for found in hits))
