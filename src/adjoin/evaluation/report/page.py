"""The blocks that a page of a report or comparison is made of, before it becomes Markdown or HTML."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: the value.
        interval: its confidence interval, or "".
        strong: whether it is set in bold.
    """

    text: str
    interval: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        head: column headings. The first one stands above the row names.
        rows: name and cells of each row.
    """

    kind: ClassVar[str] = "grid"
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Lines:
    """A bulleted list of sentences."""

    kind: ClassVar[str] = "lines"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A figure. It is drawn only for HTML, so Markdown needs no matplotlib.

    Attributes:
        caption: what it shows, in words.
        draw: returns the figure as SVG, or None if there is nothing to draw.
    """

    kind: ClassVar[str] = "picture"
    caption: str
    draw: Callable[[], str | None]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    kind: ClassVar[str] = "paragraph"
    text: str


Block = Paragraph | Heading | Lines | Grid | Picture


@dataclass(frozen=True)
class Section:
    """A titled part of a page."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """The content of a report or comparison.

    Attributes:
        title: heading of the page.
        lead: introductory paragraphs.
        sections: the parts, each with a title.
    """

    title: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
