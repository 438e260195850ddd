"""Measure whether search shows the right piece of the right file, on questions that are made from repositories.

    python benchmarks/places.py --data FOLDER --history CLONES --report OUT

FOLDER is that of benchmarks/repositories.py, whose questions have files as answers. Here the answer is a piece.
Nothing is judged by hand; there are two kinds of questions.

- history: the subject of a commit that changed one definition in one file of the tree. CLONES/NAME is a git
  repository whose HEAD is the commit of FOLDER/NAME/source. The answer is the definition of that name today.
- comment: the first sentence of the comment or docstring of a definition. The comments of all such definitions are
  taken out of a copy of the tree before it is indexed.

For each: how often the right file is among the ten hits ("file"), how often its first hit is the right piece
where it is ("first"), and the mean reciprocal rank of the right piece among the ten ("mrr"). OUT/places.md has the
table.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from repositories import Question, Target

import adjoin.index.search as product
from adjoin import Encoder
from adjoin.evaluation.bootstrap import mean_of
from adjoin.files import write_atomically
from adjoin.index.refresh import refresh
from adjoin.index.searcher import load_index
from adjoin.model.locations import locate_model
from adjoin.pieces.code import code_pieces
from adjoin.pieces.piece import LINES, PASSAGE, Piece
from adjoin.pieces.reading import read_pieces
from adjoin.ranking.score import WEIGHTS, Weights
from adjoin.tally import Tally
from ranking import Asked, Recorder

HISTORY, COMMENT = "history", "comment"
_SUBJECT_NOISE = re.compile(r"^\w+(?:\([^)]*\))?!?:\s+|\s*\(#\d+\)|\s*#\d+|\[[^\]]*\]\s*")
_NO_CHANGE = re.compile(
    r"^(?:merge|revert|bump|release|version|typo|format|lint|cleanup|clean up|update|wip|docs?|changelog)\b",
    re.I,
)
_COMMENT_LINE = re.compile(r"\s*(?:///?|//!|/\*+|\*|--+|;;+|#(?![!\[]|\w*include|define|if|endif|pragma))")
_MARKERS = re.compile(r"^\s*(?:///?!?|/\*+!?|\*+/?|--+\s*[|^]?|;;+|#+)\s?|\*+/\s*$|</?\w+[^>]*>|\{@\w+ ([^}]*)\}")
_TAG = re.compile(r"\s*[@\\](?!brief)\w+|\s*:\w+")
_DOC_BLOCK = re.compile(r'\s*@(?:doc|moduledoc|typedoc)\s+(?:~S)?"""')
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
WORDS = range(4, 21)  # of a question


@dataclass(frozen=True, slots=True)
class Commented:
    """A definition with the lines of its comment, counted from 1, and the comment's first sentence."""

    path: str
    name: str
    first_line: int
    last_line: int
    sentence: str


def git(clone: Path, *arguments: str) -> str:
    """What a git command prints."""
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace")


def pieces_below(source: Path) -> dict[str, list[Piece]]:
    """All pieces of a tree by path."""
    tally = Tally()
    files = sorted(path for path in source.rglob("*") if path.is_file())
    names = [path.relative_to(source).as_posix() for path in files]
    return {name: list(read_pieces(path, name, tally)) for path, name in zip(files, names, strict=True)}


def defining(pieces: Sequence[Piece], name: str) -> tuple[Target, ...]:
    """The pieces of a file that have a name; a long definition is cut into several."""
    return tuple(Target(one.path, one.first_line, one.last_line) for one in pieces if one.name == name)


def subject_of(line: str) -> str:
    """A commit's subject as a question; empty if it says nothing about code."""
    text = _SUBJECT_NOISE.sub("", line).strip()
    return "" if _NO_CHANGE.match(text) or len(text.split()) not in WORDS else text


def history_questions(clone: Path, pieces: dict[str, list[Piece]], number: int) -> Iterator[Question]:
    """The newest commits that changed one definition: their subjects."""
    folders = sorted({path.split("/")[0] for path in pieces})
    log = git(clone, "log", "--no-merges", "--format=%x01%H%x02%s", "--name-only", "HEAD", "--", *folders)
    made, seen = 0, set()
    for entry in log.split("\x01")[1:]:
        header, *files = [line for line in entry.splitlines() if line.strip()]
        commit, _, subject = header.partition("\x02")
        question, inside = subject_of(subject), [file for file in files if file in pieces]
        if made >= number or not question or len(inside) != 1 or question in seen:
            continue
        name = changed_definition(clone, commit, inside[0], pieces[inside[0]])
        targets = defining(pieces[inside[0]], name) if name else ()
        if targets and len(targets) < len(pieces[inside[0]]):
            made += 1
            seen.add(question)
            yield Question(question, targets, HISTORY)


def changed_definition(clone: Path, commit: str, path: str, today: Sequence[Piece]) -> str:
    """The name of the one definition that a commit changed in a file; empty if it changed more, or none."""
    language = next((one.language for one in today if one.kind not in (LINES, PASSAGE)), "")
    if not language:
        return ""
    patch = git(clone, "show", "-U0", "--format=", commit, "--", path)
    hunks = [
        (int(first), int(number or 1))
        for first, number in re.findall(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", patch, re.M)
    ]
    if not 0 < len(hunks) <= 20:
        return ""
    try:
        pieces = code_pieces(git(clone, "show", f"{commit}:{path}"), language, path)
    except subprocess.CalledProcessError:  # the commit removed the file
        return ""
    names = {
        one.name if one.kind not in (LINES, PASSAGE) else ""
        for first, number in hunks
        for one in pieces
        if one.first_line <= first + max(number, 1) - 1 and first <= one.last_line
    }
    name = names.pop() if len(names) == 1 else ""
    return "" if "," in name else name


def commented(pieces: dict[str, list[Piece]]) -> list[Commented]:
    """The definitions of a tree that have a comment whose first sentence can be a question."""
    all_of_them = []
    for path, ours in pieces.items():
        for one in ours:
            if (
                one.kind in (LINES, PASSAGE)
                or not one.name
                or "," in one.name
                or len(defining(ours, one.name)) > 1
            ):
                continue
            lines = _comment_of(one)
            text = one.text.splitlines()[lines.start : lines.stop]
            sentence = _first_sentence(text)
            if len(sentence.split()) in WORDS and len(one.text.splitlines()) - len(text) > 1:
                all_of_them.append(
                    Commented(
                        path, one.name, one.first_line + lines.start, one.first_line + lines.stop - 1, sentence
                    )
                )
    return all_of_them


def _comment_of(piece: Piece) -> range:
    """The lines of a piece that are its comment or docstring, counted from 0."""
    lines = piece.text.splitlines()
    if piece.language == "python":
        return _docstring_of(lines)
    if _DOC_BLOCK.match(lines[0]):
        end = next((place for place, line in enumerate(lines[1:], 1) if line.strip() == '"""'), 0)
        return range(end + 1 if end else 0)
    stop = next((place for place, line in enumerate(lines) if not _COMMENT_LINE.match(line)), len(lines))
    return range(stop)


def _docstring_of(lines: list[str]) -> range:
    try:
        body = ast.parse(textwrap.dedent("\n".join(lines))).body
    except SyntaxError:
        return range(0)
    if (
        len(body) == 1
        and isinstance(body[0], _DOCUMENTED)
        and ast.get_docstring(body[0])
        and len(body[0].body) > 1
    ):
        docstring = body[0].body[0]
        return range(docstring.lineno - 1, docstring.end_lineno or docstring.lineno)
    return range(0)


def _first_sentence(comment: list[str]) -> str:
    kept: list[str] = []
    for line in comment:
        text = _MARKERS.sub(lambda found: found[1] or "", line).strip().removeprefix("@doc").strip('" ')
        if (_TAG.match(line.strip(" */")) or not text) and kept:
            break
        kept.append(text.removeprefix("@brief").removeprefix("\\brief"))
    return re.split(r"(?<=[.!?])\s", " ".join(" ".join(kept).split()))[0].rstrip(".")


def without_comments(source: Path, copy: Path, taken_out: Sequence[Commented]) -> None:
    """Copy a tree without these comments."""
    shutil.copytree(source, copy)
    for path in {one.path for one in taken_out}:
        lines = (copy / path).read_bytes().split(b"\n")
        for one in sorted((one for one in taken_out if one.path == path), key=lambda one: -one.first_line):
            del lines[one.first_line - 1 : one.last_line]
        (copy / path).write_bytes(b"\n".join(lines))


def record(history: Path, folders: Sequence[Path], model: str, number: int) -> list[Asked]:
    """Make the questions of all repositories, at most `number` of a kind each, and keep their candidates."""
    recorder = Recorder()
    vars(product)["rank"] = recorder
    encoder = Encoder.load(locate_model(model))
    generator = np.random.default_rng(0)
    asked = []
    for folder in folders:
        pieces = pieces_below(folder / "source")
        with tempfile.TemporaryDirectory(prefix="adjoin-places-") as temporary:
            tree = Path(temporary) / "tree"
            found = commented(pieces)
            without_comments(folder / "source", tree, found)
            shown = pieces_below(tree)
            chosen = [found[place] for place in sorted(generator.permutation(len(found))[:number].tolist())]
            comments = [
                Question(one.sentence, targets, COMMENT)
                for one in chosen
                if (targets := defining(shown[one.path], one.name))
            ]
            commits = list(history_questions(history / folder.name, pieces, number))
            for source, questions in ((folder / "source", commits), (tree, comments)):
                index = Path(temporary) / f"index-{source.name}"
                refresh(source, index, encoder, model=model)
                searcher = load_index(index)
                asked += [recorder.ask(searcher, folder.name, one) for one in questions]
        sys.stderr.write(f"{folder.name}: {len(commits)} commits, {len(comments)} comments\n")
    return asked


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the answer of a question stands: `file`, `first` and `mrr` as in the module's docstring."""

    file: float
    first: float
    mrr: float


def placed(asked: Asked, weights: Weights = WEIGHTS) -> Placed:
    """Rank the candidates of a question and look for its answer."""
    ranked = [one.candidate for one in asked.ranked(weights)]
    path = asked.question.targets[0].path
    right = [
        any(one.path == path and one.first_line <= t.last_line and t.first_line <= one.last_line
            for t in asked.question.targets)
        for one in ranked
    ]  # fmt: skip
    of_file = [is_right for is_right, one in zip(right, ranked, strict=True) if one.path == path]
    mrr = 1 / (right.index(True) + 1) if True in right else 0.0
    return Placed(float(bool(of_file)), float(of_file[0]) if of_file else float("nan"), mrr)


def rows(asked: Sequence[Asked], weights: Weights = WEIGHTS) -> Iterator[str]:
    """A table row for each kind of question and for both."""
    for kind in (HISTORY, COMMENT, ""):
        chosen = [placed(one, weights) for one in asked if not kind or one.question.category == kind]
        first = [one.first for one in chosen if one.file]
        low, high = mean_of(np.array(first)).interval()
        yield (
            f"| {kind or 'both'} | {len(chosen)} | {np.mean([one.file for one in chosen]):.3f} | "
            f"{np.mean(first):.3f} [{low:.3f}, {high:.3f}] | {np.mean([one.mrr for one in chosen]):.3f} |"
        )


def main() -> None:
    """Make the questions, ask them, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with NAME/queries.json and NAME/source")
    parser.add_argument("--history", type=Path, required=True, help="folder with a git repository NAME for each")
    parser.add_argument("--report", type=Path, required=True, help="folder to write places.md to")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these repositories; all by default")
    parser.add_argument("--model", default="code", help="name or folder of the model")
    parser.add_argument("--number", type=int, default=40, help="questions of a kind for each repository, at most")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.data.glob("*/queries.json"))
    folders = [folder for folder in folders if not arguments.only or folder.name in arguments.only]
    asked = record(arguments.history, folders, arguments.model, arguments.number)
    lines = ["# The right piece of the right file", "", "| questions | number | file | first | mrr |",
             "| --- | --- | --- | --- | --- |", *rows(asked)]  # fmt: skip
    arguments.report.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.report / "places.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
