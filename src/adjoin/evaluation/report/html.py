"""A page as one HTML file, figures inside, no script, no network: for screen, phone, paper, light and dark."""

from html import escape

from adjoin.evaluation.report.display import Block, Cell, Grid, Heading, Lines, Page, Picture, report_page
from adjoin.evaluation.report.figures import COLOURS, INK, LINE, PAPER
from adjoin.evaluation.report.report import Report

DARK_INK, DARK_LINE, DARK_PAPER = "#e9e7e2", "#43464b", "#16181b"
DARK_COLOURS = (DARK_INK, "#5cb3ea", "#f0894a", "#3fc79a", "#e39cc4", "#e0b040", "#9cc9e8", "#b7a2ee")
# Tables scroll inside their own box, the rows' names staying in view; the page itself never scrolls sideways.
_RULES = """
:root { color-scheme: light dark; --soft: #5a5d63; --tint: #f3f2ee; LIGHT }
@media (prefers-color-scheme: dark) { :root { --soft: #a7aab0; --tint: #212429; DARK } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
header, p, ul { max-width: 44rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.3rem; margin: 3rem 0 .5rem; padding-top: .75rem; border-top: 2px solid var(--ink) }
h3 { font-size: 1rem; margin: 2rem 0 .5rem }
header p { color: var(--soft); margin: .5rem 0 }
nav { margin: 1.5rem 0 0 }
nav a { display: inline-block; margin: 0 1.25rem .25rem 0; padding: .2rem 0; color: inherit;
  text-underline-offset: .2em }
ul { padding-left: 1.2rem }
li { margin: .25rem 0; overflow-wrap: anywhere }
figure { margin: 1.5rem 0 }
figure svg { display: block; width: 100%; min-width: 25rem; max-width: 40rem; height: auto }
figcaption { color: var(--soft); font-size: .875rem; margin-top: .5rem }
.scroll { overflow-x: auto; margin: .75rem 0; max-width: 100%; -webkit-overflow-scrolling: touch }
.scroll:focus-visible { outline: 2px solid var(--series-1); outline-offset: 2px }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.35; font-variant-numeric: tabular-nums }
th, td { padding: .4rem .8rem; text-align: right; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid var(--line) }
thead th { font-weight: 600; vertical-align: bottom; border-bottom: 1.5px solid var(--ink) }
tbody th { font-weight: 400; background: var(--paper); position: sticky; left: 0; max-width: 14rem;
  white-space: normal; overflow-wrap: anywhere; min-width: 6rem }
th:first-child { text-align: left; padding-left: 0 }
td small { display: block; color: var(--soft); font-size: .75rem; font-weight: 400 }
td b { background: var(--tint); box-shadow: 0 0 0 .2em var(--tint); border-radius: .1em }
@media print { body { max-width: none; padding: 0; font-size: 10pt } nav { display: none }
  h2, h3 { break-after: avoid } figure, tr { break-inside: avoid } .scroll { overflow: visible } }
"""


def html(report: Report) -> str:
    """The whole report as one page.

    Raises:
        AdjoinError: matplotlib is not installed.
    """
    return html_of(report_page(report))


def html_of(page: Page) -> str:
    """A page of blocks as HTML, all of its text escaped.

    Raises:
        AdjoinError: it has figures, and matplotlib is not installed.
    """
    names = [f"part-{number}" for number, _ in enumerate(page.sections)]
    titles = [section.title for section in page.sections]
    links = "\n".join(f'<a href="#{name}">{_text(title)}</a>' for name, title in zip(names, titles, strict=True))
    sections = [
        f'<section id="{name}">\n<h2>{_text(section.title)}</h2>\n'
        + "\n".join(_block(block, section.title) for block in section.blocks)
        + "\n</section>"
        for name, section in zip(names, page.sections, strict=True)
    ]
    lead = "\n".join(f"<p>{_text(text)}</p>" for text in page.lead if text)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(page.title)}</title>",
            f"<style>{_style()}</style>",
            "</head>",
            "<body>",
            f"<header>\n<h1>{_text(page.title)}</h1>\n{lead}\n</header>",
            f'<nav aria-label="Contents">\n{links}\n</nav>',
            "<main>",
            *sections,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _style() -> str:
    """The rules, with the figures' colours as variables."""

    def variables(ink: str, line: str, paper: str, colours: tuple[str, ...]) -> str:
        series = [f"--series-{number}: {colour}" for number, colour in enumerate(colours) if number]
        return "; ".join([f"--ink: {ink}", f"--line: {line}", f"--paper: {paper}", *series])

    light = variables(INK, LINE, PAPER, COLOURS)
    return _RULES.replace("LIGHT", light).replace("DARK", variables(DARK_INK, DARK_LINE, DARK_PAPER, DARK_COLOURS))


def _block(block: Block, title: str) -> str:
    if isinstance(block, str):
        return f"<p>{_text(block)}</p>"
    if isinstance(block, Heading):
        return f"<h3>{_text(block.text)}</h3>"
    if isinstance(block, Lines):
        return "<ul>\n" + "\n".join(f"<li>{_text(item)}</li>" for item in block.items) + "\n</ul>"
    if isinstance(block, Picture):
        drawn = block.draw()
        caption = f"<figcaption>{_text(block.caption)}</figcaption>"
        return f"<figure>\n{_box(drawn, block.caption)}\n{caption}\n</figure>" if drawn else ""
    return _box(_table(block), title)


def _table(grid: Grid) -> str:
    head = "".join(f'<th scope="col">{_text(heading)}</th>' for heading in grid.head)
    rows = [
        f'<tr><th scope="row">{_text(name)}</th>{"".join(_cell(each) for each in cells)}</tr>'
        for name, cells in grid.rows
    ]
    return "\n".join(["<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>"])


def _cell(cell: Cell) -> str:
    text = f"<b>{_text(cell.text)}</b>" if cell.strong else _text(cell.text)
    return f"<td>{text}" + (f"<small>{_text(cell.interval)}</small>" if cell.interval else "") + "</td>"


def _box(content: str, name: str) -> str:
    """A box that scrolls sideways; the keyboard reaches it, and it is read out with a name."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(name)}">\n{content}\n</div>'


def _text(text: str) -> str:
    """Text that stays text; control characters, which HTML cannot hold, are replaced."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split())))
