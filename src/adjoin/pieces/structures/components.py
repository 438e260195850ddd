"""Vue, Svelte and Astro: the blocks of a component, script, template and style."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_OPENING = re.compile(r"\s{0,8}<(script|template|style|[a-z][\w-]{1,40})\b([^>]{0,500})>\s*$", re.IGNORECASE)
_LANGUAGE = re.compile(r"""\blang\s*=\s*["']?(\w+)""")
_LANGUAGES = {"ts": "typescript", "typescript": "typescript", "tsx": "tsx", "coffee": "coffeescript"}


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of a component.

    Attributes:
        start: first line, counted from 0.
        end: line after the last.
        name: "script", "template", "style" or the name of another block.
        language: language of its lines if they are code or style, otherwise "".
    """

    start: int
    end: int
    name: str
    language: str = ""


def blocks_of(lines: Sequence[str], language: str) -> Iterator[Block]:
    """Split a component into its blocks, which hold every line once.

    The lines of a script's tags belong to the block around it, so that the script's own lines are code.

    Args:
        lines: the lines of the file.
        language: "vue", "svelte" or "astro".
    """
    start = 0  # the lines from here on belong to no block yet
    number = 0
    if language == "astro" and lines and lines[0].rstrip() == "---":
        end = _closing(lines, 1, "---")
        yield Block(1, end, "script", "typescript")
        start = number = min(end + 1, len(lines))
    while number < len(lines):
        match = _OPENING.match(lines[number]) if "<" in lines[number] else None
        name = match[1].lower() if match else ""
        if match and name in ("script", "style"):
            end = _closing(lines, number + 1, f"</{name}")
            if start < number:
                yield Block(start, number, "template")
            yield Block(number + 1, end, name, _block_language(name, match[2]))
            start = number = min(end + 1, len(lines))
        else:
            number += 1
    if start < len(lines):
        yield Block(start, len(lines), "template")


def _closing(lines: Sequence[str], start: int, tag: str) -> int:
    return next((n for n in range(start, len(lines)) if lines[n].lstrip().lower().startswith(tag)), len(lines))


def _block_language(name: str, attributes: str) -> str:
    if name == "style":
        return "css"
    match = _LANGUAGE.search(attributes)
    return _LANGUAGES.get(match[1].lower(), "javascript") if match else "javascript"
