"""Cuts long stretches of lines into parts: where nodes of the syntax tree begin, or at empty lines."""

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

_SHORTEST = 4  # a part has at least 1/4 of the size that is asked for, if a boundary allows it
_DEEPEST = 60  # levels of nodes that are searched for boundaries
_WINDOW_LINES = 40  # of a part that is cut without boundaries


def cut_node(
    node: "Node", lines: list[str], sizes: list[int], first: int, end: int, size: int
) -> list[tuple[int, int]]:
    """Cut lines of a node where its children begin: the outermost and last that keep a part below `size`.

    Args:
        node: the node that these lines are in.
        lines: all lines of the file.
        sizes: number of characters before each line, and in all.
        first: the first line, from 0.
        end: the line after the last.
        size: most characters of a part, unless one line has more.

    Returns:
        The first line of each part and the line after its last; together they are `first` to `end`.
    """
    boundaries = _boundaries(node, sizes, first, end, size)
    rows = sorted(boundaries)
    spans = []
    start = first
    while sizes[end] - sizes[start] > size:
        shortest = bisect_left(sizes, sizes[start] + size // _SHORTEST, start)
        longest = bisect_right(sizes, sizes[start] + size, start) - 1  # this line begins within the size
        fitting = rows[bisect_left(rows, max(shortest, start + 1)) : bisect_right(rows, longest)]
        if fitting:
            stop = min(fitting, key=lambda row: (boundaries[row], -row))
        else:
            following = bisect_right(rows, max(longest, start))
            stop = _window_end(lines, sizes, start, rows[following] if following < len(rows) else end, size)
        spans.append((start, stop))
        start = stop
    if start < end:
        spans.append((start, end))
    return spans


def _boundaries(node: "Node", sizes: list[int], first: int, end: int, size: int) -> dict[int, int]:
    """Lines at which a node begins → depth of the outermost such node. A comment belongs to what follows."""
    found: dict[int, int] = {}
    stack = [(node, 0)]
    while stack:
        parent, depth = stack.pop()
        comment_end = -1
        for child in parent.named_children:
            row, last = child.start_point[0], child.end_point[0]
            if last < first:
                continue
            if row >= end:
                break
            if row != comment_end and first < row:
                found[row] = min(depth, found.get(row, depth))
            comment_end = last + 1 if "comment" in child.type else -1
            if depth < _DEEPEST and sizes[min(last + 1, end)] - sizes[max(row, first)] > size:
                stack.append((child, depth + 1))
    return found


def cut_lines(lines: list[str], sizes: list[int], first: int, end: int, size: int) -> list[tuple[int, int]]:
    """Cut lines into windows of at most `size` characters and 40 lines, at empty lines if possible.

    Args and returns are those of `cut_node`.
    """
    spans = []
    while first < end:
        stop = _window_end(lines, sizes, first, end, size)
        spans.append((first, stop))
        first = stop
    return spans


def _window_end(lines: list[str], sizes: list[int], first: int, end: int, size: int) -> int:
    """The line after the last of a window that begins at `first`."""
    stop = first + 1
    while stop < end and sizes[stop + 1] - sizes[first] <= size and stop - first < _WINDOW_LINES:
        stop += 1
    if stop < end:
        shortest = first + (stop - first) // _SHORTEST
        stop = next((row for row in range(stop, shortest, -1) if not lines[row - 1].strip()), stop)
    return stop
