"""The texts that `planted.py` plants: evaluation functions and passages, and small changes to code and prose."""

import gzip
import json
import random
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tree_sitter

from adjoin.cleaning.decontamination.evaluation_files import CODE, EvaluationText
from adjoin.pairs.languages import parser_for

NEAR_CODE = ("variable renamed", "literal changed", "log line added", "comment added", "re-indented")
NEAR_PROSE = ("1 to 5 words changed", "sentence added", "sentence dropped", "case and punctuation")
NOTES = ("keep the order of the callers", "nothing to do for the first one", "see the discussion of last spring",
         "the cheap case comes first", "slow, but it is called once", "watch the sign here")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """The surroundings of a function in a file: enclosing lines, indentation, and what precedes and follows it."""

    before: str = ""
    after: str = ""
    indent: str = ""
    lead: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Syntax:
    """Conventions of a programming language: suffix, comment mark, log statement, surroundings of functions."""

    suffix: str
    mark: str
    log: str
    shapes: tuple[Shape, ...]


_MODULE = Shape()
_CLASS = Shape("class Holder {\n", "}\n", "    ")
SYNTAXES = {
    "python": Syntax(".py", "#", 'logger.debug("state now")', (_MODULE, Shape("class Holder:\n", "", "    "))),
    "go": Syntax(".go", "//", 'log.Printf("state now")', (Shape("package planted\n\n"),)),
    "java": Syntax(".java", "//", 'logger.debug("state now");', (_CLASS,)),
    "javascript": Syntax(".js", "//", 'console.log("state now");', (
        _MODULE, Shape(lead="exports.handle = ", tail=";"), _CLASS)),
    "php": Syntax(".php", "//", 'error_log("state now");', (
        Shape("<?php\n\nclass Holder\n{\n", "}\n", "    "), Shape("<?php\n\n"))),
    "ruby": Syntax(".rb", "#", 'logger.debug("state now")', (
        _MODULE, Shape("class Holder\n", "end\n", "  "), Shape("module Holder\n", "end\n", "  "))),
}  # fmt: skip
_SENTENCE = r"(?<=[.!?]) (?=[A-Z])"
_BLOCKS = {"block", "statement_block", "compound_statement", "body_statement", "statement_list"}


def words_of(text: str) -> list[str]:
    """The words of prose, or the words and symbols of code."""
    return re.findall(r"\w+", text.lower())


def grams(words: Sequence[str], size: int) -> set[tuple[str, ...]]:
    """All n-grams of the words."""
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}


def nodes_of(code: str, language: str, shape: Shape) -> Iterator[tuple[tree_sitter.Node, int, int]]:
    """All nodes below a function, with their start and end in bytes."""
    before = (shape.before + shape.lead).encode()
    source = before + (code + shape.tail + "\n" + shape.after).encode()
    stack = [parser_for(language).parse(source).root_node]
    while stack:
        node = stack.pop()
        yield node, node.start_byte - len(before), node.end_byte - len(before)
        stack.extend(reversed(node.children))


def statements(code: str, language: str, shape: Shape) -> list[int]:
    """The byte offsets of a function's statements that start a line."""
    source = code.encode()
    starts = []
    for node, _, _ in nodes_of(code, language, shape):
        for child in node.named_children if node.type in _BLOCKS else ():
            place = child.start_byte - len((shape.before + shape.lead).encode())
            line = source.rfind(b"\n", 0, max(place, 0)) + 1
            if 0 < line <= place and not source[line:place].strip():
                starts.append(place)
    return starts


def with_line(code: str, language: str, shape: Shape, line: str, chance: random.Random) -> str:
    """Insert a line before one of the statements."""
    places = statements(code, language, shape)
    if not places:
        return code
    place, source = chance.choice(places), code.encode()
    indent = source[source.rfind(b"\n", 0, place) + 1 : place]
    return (source[:place] + line.encode() + b"\n" + indent + source[place:]).decode()


def with_comments(code: str, language: str, shape: Shape, way: str, chance: random.Random) -> str:
    """The function with comments added, removed or changed."""
    mark = SYNTAXES[language].mark
    if way == "comments added":
        for _ in range(chance.randint(1, 4)):
            code = with_line(code, language, shape, f"{mark} {chance.choice(NOTES)}", chance)
        return code
    source = code.encode()
    for node, first, end in [*nodes_of(code, language, shape)][::-1]:
        if "comment" in node.type and first >= 0 and end <= len(source) and not node.named_children:
            is_block = source[first : first + 2] == b"/*"
            other = f"/* {chance.choice(NOTES)} */" if is_block else f"{mark} {chance.choice(NOTES)}"
            source = source[:first] + (other.encode() if way == "comments changed" else b"") + source[end:]
    return source.decode("utf-8", "replace")


def reindented(code: str, chance: random.Random) -> str:
    """Change the indentation to another width or to tabs."""
    heads = [len(line) - len(line.lstrip()) for line in code.expandtabs(4).split("\n") if line.strip()]
    base = min((head for head in heads if head), default=4)
    unit = chance.choice([unit for unit in ("  ", "      ", "\t") if unit != " " * base])
    lines = []
    for line in code.expandtabs(4).split("\n"):
        head = len(line) - len(line.lstrip())
        lines.append(unit * (head // base) + " " * (head % base) + line.lstrip())
    return "\n".join(lines)


def renamed(code: str, chance: random.Random) -> str:
    """Rename one variable everywhere."""
    names = sorted({*re.findall(r"^[ \t]+(?:\w+ )?\$?([A-Za-z]\w+) :?= ", code, re.MULTILINE)})
    if not names:
        return code
    name = chance.choice(names)
    return re.sub(rf"(?<![\w.\"'@]){name}(?!\w)", name + chance.choice(("_now", "2", "Given")), code)


def with_other_literal(code: str, chance: random.Random) -> str:
    """Change one number or string."""
    literals = [*re.finditer(r"(?<![\w.\"'])\d{1,9}(?![\w.])|\"[\w .:-]{2,}\"|'[\w .:-]{2,}'", code)]
    if not literals:
        return code
    match = chance.choice(literals)
    text = match[0]
    other = str(int(text) + chance.randint(1, 9)) if text.isdigit() else text[0] + "something else" + text[0]
    return code[: match.start()] + other + code[match.end() :]


def changed_code(code: str, language: str, shape: Shape, way: str, chance: random.Random) -> str:
    """Apply one change of `NEAR_CODE`."""
    tongue = SYNTAXES[language]
    if way == "variable renamed":
        return renamed(code, chance)
    if way == "literal changed":
        return with_other_literal(code, chance)
    if way == "re-indented":
        return reindented(code, chance)
    line = tongue.log if way == "log line added" else f"{tongue.mark} {chance.choice(NOTES)}"
    return with_line(code, language, shape, line, chance)


def changed_prose(text: str, spare: list[str], way: str, chance: random.Random) -> str:
    """Apply one change of `NEAR_PROSE`."""
    if way == "1 to 5 words changed":
        words = text.split()
        for place in chance.sample(range(len(words)), min(chance.randint(1, 5), len(words))):
            words[place] = chance.choice(chance.choice(spare).split())
        return " ".join(words)
    if way == "case and punctuation":
        return "".join(c.upper() if chance.random() < 0.05 else c for c in re.sub(r"[,;()]|(?<=\w)-", " ", text))
    sentences = re.split(_SENTENCE, text)
    place = chance.randrange(1, len(sentences) + 1)
    if way == "sentence added":
        short = len(text.split()) // 5  # more would make another text
        candidates = [s for p in chance.sample(spare, min(20, len(spare))) for s in re.split(_SENTENCE, p)]
        other = next((sentence for sentence in candidates if len(sentence.split()) <= short), "That is all.")
        return " ".join([*sentences[:place], other, *sentences[place:]])
    rest = " ".join(sentences[: place - 1] + sentences[place:])
    return rest if len(rest) >= 0.75 * len(text) else text  # less would make another text


def in_a_file(code: str, documentation: str, language: str, shape: Shape) -> str:
    """The text of a file with a documented function; empty if it cannot be documented."""
    lines = textwrap.wrap(documentation.replace("*/", "* /").replace("\\", "/").replace('"""', "'''"), 90)
    if language == "python":
        body = next((n.child_by_field_name("body") for n, *_ in nodes_of(code, language, shape)
                     if n.type == "function_definition"), None)  # fmt: skip
        rows = code.split("\n")
        row = body.start_point.row - shape.before.count("\n") if body else 0
        if row <= 0:
            return ""
        indent = rows[row][: len(rows[row]) - len(rows[row].lstrip())]
        text = "\n".join([*rows[:row], textwrap.indent('"""' + "\n".join(lines) + '\n"""', indent), *rows[row:]])
    else:
        mark = {"go": "// ", "ruby": "# "}.get(language, " * ")
        comment = [mark + line for line in lines]
        text = "\n".join(comment if mark != " * " else ["/**", *comment, " */"]) + "\n" + shape.lead + code
    return shape.before + textwrap.indent(text + shape.tail, shape.indent) + "\n" + shape.after


def evaluation_texts(folder: Path, chance: random.Random) -> tuple[list[tuple[EvaluationText, str]], list[str]]:
    """Functions with their queries, and passages of 40 words and more, in an order drawn by chance.

    Args:
        folder: with folders in BEIR's format below it; functions are taken from those with judgments, and of
            languages that are mined.
        chance: generator that draws the order.
    """
    functions: list[tuple[EvaluationText, str]] = []
    passages: list[str] = []
    for path in sorted(folder.rglob("corpus.jsonl*")):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            corpus = {record["_id"]: record for record in map(json.loads, file)}
        queries = {q["_id"]: q["text"] for q in map(json.loads, (path.parent / "queries.jsonl").open())}
        judged = [line.split("\t")[:2] for line in (path.parent / "qrels" / "test.tsv").open()][1:]
        asked = {document: queries[query] for query, document in judged if query in queries}
        for name, record in corpus.items():
            language = record.get("language", "")
            if language in SYNTAXES and name in asked and "source" in record:
                functions.append((EvaluationText(record["text"], CODE, language), asked[name]))
            elif not language and len(record["text"].split()) >= 40:
                passages.append(record["text"])
    chance.shuffle(functions)
    chance.shuffle(passages)
    return functions, passages
