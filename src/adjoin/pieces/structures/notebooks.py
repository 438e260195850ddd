"""Jupyter notebooks: their cells, each with the lines of the JSON file that its source stands on.

The file is read as a sequence of strings and brackets, not as a tree: so the place of each string is known, and no
nesting is too deep. Outputs are not read: they hold what the code has printed, and images.
"""

import json
import re
from dataclasses import dataclass, field

# A string that never ends is a token too: to fail at the end would mean to try each quotation mark again.
_TOKEN = re.compile(r'"((?:[^"\\]++|\\.?)*+)"?+(\s{0,80}:)?|[\[\]{}]', re.DOTALL)
_LANGUAGE_KEYS = {"language": "kernelspec", "name": "language_info"}  # key → the object that it is in
_CELL_KEYS = frozenset({"cell_type", "source", "input"})


@dataclass(slots=True)
class Cell:
    """One cell of a notebook.

    Attributes:
        kind: "code", "markdown" or "raw".
        lines: the lines of its source.
        numbers: for each of `lines`, the line of the file that it stands on, counted from 1.
        open: whether the next string continues the last line.
    """

    kind: str = ""
    lines: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    open: bool = False


@dataclass(slots=True)
class Notebook:
    """The cells of a notebook and the language of its code."""

    cells: list[Cell] = field(default_factory=list)
    language: str = "python"


@dataclass(slots=True)
class _Frame:
    """An open object or list: the key that its values belong to, and what it says about a cell."""

    key: str
    is_list: bool
    cell: Cell | None = None


def read_notebook(text: str) -> Notebook:
    """Read the cells of a notebook of format 3 or 4; none if the text is no notebook."""
    notebook = Notebook()
    stack = [_Frame("", is_list=True)]
    line, position = 1, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        top = stack[-1]
        if token in "{[":
            stack.append(_Frame(top.key, is_list=token == "["))
        elif token in "}]":
            if len(stack) > 1:
                stack.pop()
            if top.cell is not None and top.cell.kind:
                notebook.cells.append(top.cell)
        elif match[2] and not top.is_list:
            top.key = match[1]
        else:
            line += text.count("\n", position, match.start())
            position = match.start()
            _take(notebook, stack, match[1], line)
    return notebook


def _take(notebook: Notebook, stack: list[_Frame], quoted: str, line: int) -> None:
    """Take a string value into the cell, or the notebook, that it belongs to."""
    top = stack[-1]
    owner = stack[-2] if top.is_list and len(stack) > 2 else top
    if owner.is_list:
        return
    if top.key in _LANGUAGE_KEYS:
        if len(stack) > 2 and _LANGUAGE_KEYS[top.key] == stack[-2].key:
            notebook.language = quoted.lower()
    elif top.key in _CELL_KEYS:
        if owner.cell is None:
            owner.cell = Cell()
        if top.key == "cell_type":
            owner.cell.kind = quoted
        else:
            _add_source(owner.cell, _unquoted(quoted), line)


def _add_source(cell: Cell, source: str, line: int) -> None:
    """Add a string of a cell's source; a string that ends no line is continued by the next one."""
    for part in source.replace("\r\n", "\n").split("\n"):
        if cell.open and cell.lines:
            cell.lines[-1] += part
        else:
            cell.lines.append(part)
            cell.numbers.append(line)
        cell.open = False
    if not cell.lines[-1]:  # the string ended its line
        cell.lines.pop()
        cell.numbers.pop()
    else:
        cell.open = True


def _unquoted(quoted: str) -> str:
    try:
        return str(json.loads(f'"{quoted}"', strict=False))
    except ValueError:
        return quoted
