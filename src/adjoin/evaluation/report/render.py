"""Render a page as Markdown or as one HTML file.

The HTML has its figures inside and needs no script and no network. It suits screens, phones and paper, light and
dark. The templates are in templates/.
"""

from collections.abc import Callable
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation.report.figures import COLOURS, INK, LINE, PAPER
from adjoin.evaluation.report.page import Page
from adjoin.files import write_atomically

TEMPLATES = Path(__file__).with_name("templates")
DARK_INK, DARK_LINE, DARK_PAPER = "#e9e7e2", "#43464b", "#16181b"
DARK_COLOURS = (DARK_INK, "#5cb3ea", "#f0894a", "#3fc79a", "#e39cc4", "#e0b040", "#9cc9e8", "#b7a2ee")


def render_markdown(page: Page) -> str:
    """The page as Markdown, without its figures.

    Raises:
        AdjoinError: jinja2 is not installed.
    """
    return _render("page.md", page, _escape_markdown, autoescape=False)


def render_html(page: Page) -> str:
    """The page as HTML, with its figures.

    Raises:
        AdjoinError: jinja2 is not installed, or matplotlib is not installed and the page has figures.
    """
    return _render("page.html", page, _printable, autoescape=True)


def write_text(path: Path, text: str) -> None:
    r"""Write a page atomically. A lone surrogate, as in a file name that is not UTF-8, becomes \udcff."""
    write_atomically(path, text.encode("utf-8", "backslashreplace"))


def _render(template: str, page: Page, plain: Callable[[str], str], *, autoescape: bool) -> str:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise AdjoinError("reports need jinja2: pip install 'adjoin[evaluate]'") from None
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    templates.filters["plain"] = plain
    light = _variables(INK, LINE, PAPER, COLOURS)
    dark = _variables(DARK_INK, DARK_LINE, DARK_PAPER, DARK_COLOURS)
    return templates.get_template(template).render(page=page, light=light, dark=dark)


def _variables(ink: str, line: str, paper: str, colours: tuple[str, ...]) -> str:
    """The colours of the figures as CSS variables."""
    series = [f"--series-{number}: {colour}" for number, colour in enumerate(colours) if number]
    return "; ".join([f"--ink: {ink}", f"--line: {line}", f"--paper: {paper}", *series])


def _printable(text: str) -> str:
    """Text on one line. Control characters, which HTML cannot hold, are replaced."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))


def _escape_markdown(text: str) -> str:
    """Text on one line that Markdown reads neither as a column nor as HTML nor as emphasis."""
    for mark in "\\|<*`":
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())
