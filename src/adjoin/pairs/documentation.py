"""Documentation conventions: which comments document a function, and their plain text and summary.

Python docstrings, Javadoc, JSDoc, PHPDoc, RDoc and YARD, Go's doc comments, Rust's `///`. Each convention has a
cleaner from source to plain text with paragraphs. `summary` returns the first paragraph.
"""

import ast
import html
import inspect
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_COMMENT = 30_000  # characters of a comment that are read: the summary is at its start, tags not far below

# -- which comments document a function -------------------------------------------------------------------------


def first_string_of_body(function: "Node", above: Sequence["Node"], source: bytes) -> list["Node"]:
    """Return the node of a Python docstring: a plain string that is the first statement of the body."""
    body = function.child_by_field_name("body")
    if body is None:
        return []
    for statement in body.named_children:
        kind = statement.type
        if kind == "comment":
            continue
        # Versions of the grammar differ: the string is a statement itself, or inside an expression statement.
        if kind == "expression_statement" and statement.named_child_count == 1:
            return [statement] if statement.named_children[0].type == "string" else []
        return [statement] if kind == "string" else []
    return []


def _attached(function: "Node", above: Sequence["Node"]) -> Iterable["Node"]:
    """Comments and annotations above a function, from the nearest upwards, up to the first empty line."""
    below = function.start_point.row
    for node in reversed(above):
        end = node.end_point
        if end.row - (end.column == 0) < below - 1:  # a Rust comment's node includes the line end
            return
        yield node
        below = node.start_point.row


def block_above(function: "Node", above: Sequence["Node"], source: bytes) -> list["Node"]:
    """Return the nearest attached `/** ... */` comment: Javadoc, JSDoc, PHPDoc."""
    for node in _attached(function, above):
        opening = source[node.start_byte : node.start_byte + 4]
        if opening.startswith(b"/**") and opening != b"/**/":
            return [node]
        if opening.startswith(b"/*"):
            return []
    return []


def lines_above(function: "Node", above: Sequence["Node"], source: bytes) -> list["Node"]:
    """Return all attached comments, in order: Go, Ruby."""
    return list(_attached(function, above))[::-1]


def outer_above(function: "Node", above: Sequence["Node"], source: bytes) -> list["Node"]:
    """Return Rust's outer documentation, `///` lines and `/** */` blocks, across attributes between them."""
    comments = []
    for node in _attached(function, above):
        opening = source[node.start_byte : node.start_byte + 4]
        if opening.startswith((b"///", b"/**")) and opening not in (b"////", b"/***", b"/**/"):
            comments.append(node)
    return comments[::-1]


# -- comment marks ----------------------------------------------------------------------------------------------


def _without_marks(comment: str, line_mark: str) -> str:
    """Remove `/**`, ` * `, `*/` and `line_mark` from the lines of block and line comments."""
    lines, in_block = [], False
    for line in comment[:MAX_COMMENT].split("\n"):
        text = line.strip()
        if not in_block and text.startswith("/*"):
            in_block, text = True, text[2:].lstrip("*")
        elif in_block and text.startswith("*") and not text.startswith("*/"):
            text = text[1:]
        elif not in_block:
            if not text.startswith(line_mark):
                continue
            text = text[len(line_mark) :]
        if in_block and text.endswith("*/"):
            in_block, text = False, text[:-2].rstrip("*")
        lines.append(text.removeprefix(" ").rstrip())
    return "\n".join(lines)


# -- markup that several conventions share ----------------------------------------------------------------------

_PARAGRAPH_TAG = re.compile(
    r"</?(?:p|ul|ol|dl|table|pre|blockquote|h[1-6]|div|hr|li|dd|dt|tr|center|script)\b[^<>]{0,300}>", re.IGNORECASE
)
_LINE_TAG = re.compile(r"<br\b[^<>]{0,40}>", re.IGNORECASE)
_INLINE_HTML = re.compile(
    r"</?(?:code|tt|b|i|em|strong|a|span|var|kbd|sup|sub|font|big|small|u|samp|cite|q|abbr|acronym|img|nobr|s|strike"
    r"|del|ins|wbr|literal|dfn|mark)\b[^<>]{0,300}>",
    re.IGNORECASE,
)
_INLINE_TAG = re.compile(r"\{@(\w+)\b\s*((?:[^{}]|\{[^{}]*\})*)\}")
_REFERENCE = re.compile(r"[\w.$:/]*#?[\w.$]+(?:\([^()]*\))?")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]{1,300})\](?:\([^()\s]{0,500}\)|\[[^\[\]]{0,200}\])")
_MARKDOWN_NAME = re.compile(r"\[(`[^`\[\]]{1,200}`)\]")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,2}|__)(?=\S)([^*_\n]{1,200}?)(?<=\S)\1(?![\w*])")


def _without_html(text: str) -> str:
    if "<" in text:
        text = _INLINE_HTML.sub("", _LINE_TAG.sub("\n", _PARAGRAPH_TAG.sub("\n\n", text)))
    return html.unescape(text) if "&" in text else text


def _inline_tag(match: re.Match[str]) -> str:
    """{@code x} → x, {@link a.B#c(d) label} → label, {@link a.B#c(d)} → B.c."""
    tag, text = match[1].lower(), match[2].strip()
    if tag in ("inheritdoc", "docroot"):
        return match[0]
    if tag not in ("link", "linkplain", "linkcode", "see", "value", "tutorial"):
        return text
    reference = _REFERENCE.match(text)
    if reference is None:
        return text
    label = text[reference.end() :].strip(" |\n")
    return label or _short_reference(reference[0])


def _short_reference(reference: str) -> str:
    """org.example.Store#open(String) → Store.open."""
    if "://" in reference:
        return reference
    path, _, member = reference.partition("(")[0].rpartition("#")
    if not path:
        return member
    return f"{path.rpartition('.')[2]}.{member}"


def _without_markdown(text: str) -> str:
    if "[" in text:
        text = _MARKDOWN_NAME.sub(r"\1", _MARKDOWN_LINK.sub(r"\1", text))
    return _EMPHASIS.sub(r"\2", text) if "*" in text or "__" in text else text


_DESCRIPTION_TAG = re.compile(r"^\s*[@\\](?:description|desc|summary|brief|short)\b:?[ \t]*", re.MULTILINE)
_ANY_TAG = re.compile(r"^\s*[@\\]\w", re.MULTILINE)


def _with_described(text: str) -> str:
    """The text from `@description` on, if there is no text before the tags; else the whole text."""
    first, described = _ANY_TAG.search(text), _DESCRIPTION_TAG.search(text)
    if first is None or described is None or text[: first.start()].strip():
        return text
    return text[described.end() :]


# -- one cleaner per convention ---------------------------------------------------------------------------------


def python_string(source: str) -> str:
    """Return the text of a Python string literal without indentation; empty for bytes and f-strings."""
    try:
        text = ast.literal_eval(source.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return ""
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def java_comment(source: str) -> str:
    """Return the text of a Javadoc comment: HTML and inline tags are resolved, and `<p>` starts a paragraph."""
    text = _without_marks(source, "//")
    if "{@" in text:
        text = _INLINE_TAG.sub(_inline_tag, text)
    return _without_html(text)


def javascript_comment(source: str) -> str:
    """Return the text of a JSDoc or TSDoc comment: inline tags, Markdown, HTML and `@description` are resolved."""
    text = _with_described(_without_marks(source, "//"))
    if "{@" in text:
        text = _INLINE_TAG.sub(_inline_tag, text)
    return _without_html(_without_markdown(text))


def php_comment(source: str) -> str:
    r"""Return the text of a PHPDoc comment: as for JSDoc, with Doxygen's `\brief`."""
    return javascript_comment(source)


def go_comment(source: str) -> str:
    """Return the text of a Go doc comment: [links] are resolved, directives such as `//go:noinline` removed."""
    lines = (line for line in source[:MAX_COMMENT].split("\n") if not _GO_DIRECTIVE.match(line))
    text = _without_marks("\n".join(lines), "//")
    return _GO_LINK.sub(r"\1", text) if "[" in text else text


_GO_DIRECTIVE = re.compile(
    r"\s*//(?:[a-z0-9]+:[a-z0-9]|export \w|extern \w|line |\s*\+build|\s*nolint|sys\b|sysnb\b)"
)
_GO_LINK = re.compile(r"(?<![\w\])])\[(\*?[\w./]+)\](?![\w(\[:])")


def ruby_comment(source: str) -> str:
    """Return the text of an RDoc or YARD comment: +code+, <tt>, {label}[url] and {Class#method} are resolved.

    Directives and lines hidden by `#--` are removed.
    """
    source = _RUBY_BLOCK.sub(_as_lines, source[:MAX_COMMENT])
    lines, hidden = [], False
    for line in source.split("\n"):
        text = line.strip()
        if text in ("#--", "#++"):
            hidden = text == "#--"
        elif text.startswith("#") and not hidden and not _RUBY_DIRECTIVE.match(text):
            lines.append(text.lstrip("#").removeprefix(" ").rstrip())
    text = "\n".join(lines)
    if "{" in text:
        text = _RDOC_LINK.sub(r"\1", text)
        text = _YARD_LINK.sub(lambda match: match[2] or match[1].strip("#.").replace("#", "."), text)
    if "+" in text:
        text = _RDOC_CODE.sub(r"\1", text)
    if "_" in text:
        text = _RDOC_EMPHASIS.sub(r"\1", text)
    return _without_html(_without_markdown(text))


_RUBY_BLOCK = re.compile(r"^=begin\b[^\n]*\n(.*?)^=end\b[^\n]*", re.MULTILINE | re.DOTALL)
_RUBY_DIRECTIVE = re.compile(
    r"#+\s*(?:rubocop:|frozen_string_literal:|-\*-|encoding:|coding:|@!|:(?:start|stop|end)doc:|typed:|!/|sig\b"
    r"|standard:|reek:|steep:|simplecov:)"
)
_RDOC_LINK = re.compile(r"\{([^{}\n]{1,200})\}\[[^\[\]\s]{1,400}\]")
_YARD_LINK = re.compile(r"\{([A-Z#.][\w:.#?!]*)(?:\s+([^{}]{1,200}))?\}")
_RDOC_EMPHASIS = re.compile(r"(?<![\w`])_(\w{1,80})_(?!\w)")
_RDOC_CODE = re.compile(r"(?<![\w+])\+([^+\n]{1,80})\+(?!\w)")


def _as_lines(block: re.Match[str]) -> str:
    return "\n".join(f"# {line}" for line in block[1].split("\n"))


def rust_comment(source: str) -> str:
    """Return the text of a Rust doc comment up to its first heading or code block; Markdown is resolved."""
    text = _without_marks(source, "///")
    heading = _RUST_HEADING.search(text)
    return _without_html(_without_markdown(text[: heading.start()] if heading else text))


_RUST_HEADING = re.compile(r"^(?:#{1,6}\s|```)", re.MULTILINE)

# -- the summary ------------------------------------------------------------------------------------------------

# What ends a summary besides an empty line: fields (:param x:, but not the role :func:`x`), examples, rules,
# section headings and list items. A parameter with its type ends it too, if the section's heading is missing.
_END_OF_SUMMARY = re.compile(
    r"""\s*(?: :(?![\w:+-]+:\s?`)\w[^:]{0,80}: | [@\\]\w | >>> | ``` | ~~~ | \.\.\s | [-=~*#_+]{3,}
    | [-*+•]\s | \w+::(?:\s|$)
    | (?:args|arguments|parameters|params|inputs?|outputs?|returns?|yields|raises)\s*:{1,2}\s
    | (?:args|arguments|parameters|params|inputs?|outputs?|returns?|yields|raises|throws|examples?|notes?|see\ also
       |attributes|usage|references|shape)\s*:{0,2}\s*$
    | \*{0,2}\w+\*{0,2}\s?\(.*\)[^.:]{0,40}:(?:\s|$) )""",
    re.IGNORECASE | re.VERBOSE,
)
_SIGNATURE = re.compile(r"[\w.]+\(.*\)(?:\s*->.*)?")
_ROLE = re.compile(r":[\w:+-]{1,60}:\s?`~?([^`<]*?)(?:\s*<[^`]*>)?`")  # :func:`~a.b` → a.b
_LITERAL = re.compile(r"`+([^`]*)`+_{0,2}")  # ``a``, `a`, `a`_ → a
_EMPTY_LINES = re.compile(r"\n\s*\n")


def summary(docstring: str) -> str:
    """Return the summary of a cleaned docstring: its first paragraph that is not a signature.

    Fields, sections and lists end it. reST and Markdown quoting, a link at its end, and a last sentence that only
    introduces a list are removed.
    """
    text = docstring.strip()[:MAX_COMMENT]
    start = 0
    while start < len(text):
        gap = _EMPTY_LINES.search(text, start)
        paragraph = text[start : gap.start() if gap else len(text)]
        kept = itertools.takewhile(lambda line: not _END_OF_SUMMARY.match(line), paragraph.split("\n"))
        first = " ".join(kept)
        if "](" in first:
            first = _MARKDOWN_LINK.sub(r"\1", first)
        if "`" in first:
            first = _LITERAL.sub(r"\1", _ROLE.sub(r"\1", first))
        first = " ".join(first.split())
        if not _SIGNATURE.fullmatch(first):
            return _tidied(first)
        start = gap.end() if gap else len(text)
    return ""


_TOMDOC = re.compile(r"(?:Public|Internal|Private|Protected): +(?=\S)")  # Ruby: who may call it, before the text
_POINTER = re.compile(r"(?<![ (])[ (]*\b[Ss]ee(?: also)?:? <?https?://.*", re.DOTALL)
_LAST_SENTENCE = re.compile(r"(?<=[\w)\"'`][.!?]) [^.!?]{1,300}:$")


def _tidied(text: str) -> str:
    """A summary without TomDoc's audience, a link at its end, and a last sentence that introduces a list."""
    text = _POINTER.sub("", _TOMDOC.sub("", text, count=1) if _TOMDOC.match(text) else text)
    if text.endswith(":"):
        text = _LAST_SENTENCE.sub("", text)
    return text[:-2].rstrip() if text.endswith("::") else text
