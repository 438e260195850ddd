"""Seeded pieces of code in any number, whose words have a natural frequency, and questions about them.

A piece is a definition of Python's standard library in which names are replaced. The pieces of a file share a
topic: a few words, drawn from the library's words by their frequency. Frequent words stay: they are what all
code has (`self`, `return`, `name`). So document frequencies follow the library's, the vocabulary grows with the
number of pieces, and neighbouring pieces are alike, as in a repository. A file is named by its topic, and lies in
a package of a project, with other files: a project has a thousand, a package twenty-five. Every fifth is a test.
"""

import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from adjoin.pieces import Piece

PIECES_PER_FILE = 20
FILES_OF = {"part": 125, "package": 25, "project": 1_000}
FREQUENT = 300  # words that are never replaced
TOPIC_WORDS = 150
REPLACED = 0.6  # of the words that are not frequent
NEW = 0.03  # of the replaced ones: a word that the library does not have
LONGEST = 2_500  # characters of a piece

_definition = re.compile(r"(?m)^(?=[ \t]*(?:async def|def|class)\b)")
_word = re.compile(r"[A-Za-z]{3,}")
_name = re.compile(r"(?:def|class)\s+(\w+)")


@dataclass(frozen=True, slots=True)
class Library:
    """The definitions that pieces are made from, and its words, most frequent first, with their frequencies."""

    texts: list[str]
    words: list[str]
    cumulative: np.ndarray


def read_library() -> Library:
    """Read the standard library of the running Python."""
    texts: list[str] = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if "site-packages" in path.parts or "test" in path.parts:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        texts += [part[:LONGEST] for part in _definition.split(text) if len(part) > 120]
    counts = Counter(word for text in texts for word in _word.findall(text))
    words, numbers = zip(*counts.most_common(), strict=True)
    return Library(texts, list(words), np.cumsum(numbers[FREQUENT:]) / sum(numbers[FREQUENT:]))


def files(library: Library, pieces: int, seed: int, start: int = 0) -> Iterator[tuple[str, list[Piece]]]:
    """Yield files with their pieces until there are `pieces`. The same seed gives the same files.

    Args:
        library: what they are made from.
        pieces: how many pieces there are in all.
        seed: any number.
        start: leave out the pieces before this one, a multiple of `PIECES_PER_FILE`.
    """
    common = frozenset(library.words[:FREQUENT])
    for number in range(start, pieces, PIECES_PER_FILE):
        random = np.random.default_rng([seed, number])
        drawn = np.searchsorted(library.cumulative, random.random(TOPIC_WORDS))
        topic = [library.words[FREQUENT + int(rank)] for rank in drawn]
        topic = [f"{word}{random.integers(1 << 30):x}" if random.random() < NEW else word for word in topic]
        path = _path(library, number // PIECES_PER_FILE, seed, topic)
        made = []
        for place in range(min(PIECES_PER_FILE, pieces - number)):
            text = library.texts[int(random.integers(len(library.texts)))]
            made.append(_piece(path, place, _with_words(text, topic, common, random)))
        yield path, made


def questions(library: Library, pieces: int, number: int, seed: int) -> list[str]:
    """Make questions of 3 to 8 words, frequent and rare ones, each about one of the pieces."""
    random = np.random.default_rng([seed, 1 << 40])
    result = []
    for _ in range(number):
        start = int(random.integers(max(1, pieces // PIECES_PER_FILE))) * PIECES_PER_FILE
        _, made = next(files(library, pieces, seed, start))
        words = _word.findall(made[int(random.integers(len(made)))].text)
        chosen = random.choice(len(words), size=min(len(words), int(random.integers(3, 9))), replace=False)
        result.append(" ".join(words[i] for i in sorted(chosen)))
    return result


def _path(library: Library, file: int, seed: int, topic: list[str]) -> str:
    """A path in the folders of a project. Numbers make it the only one of its name."""
    folders = {level: _folder(library, size, file // size, seed) for level, size in FILES_OF.items()}
    name = f"{topic[0]}_{topic[1]}".lower()
    project = f"{folders['project']}{file // FILES_OF['project']}"
    place = file % FILES_OF["project"]
    if file % 5 == 0:
        return f"{project}/tests/{folders['part']}/test_{name}_{place}.py"
    return f"{project}/src/{folders['part']}/{folders['package']}/{name}_{place}.py"


@lru_cache(1_000)
def _chance(size: int, number: int, seed: int) -> float:
    return float(np.random.default_rng([seed, size, number, 1]).random())


def _folder(library: Library, size: int, number: int, seed: int) -> str:
    """The name of a folder of `size` files: one of the library's words, by their frequency."""
    rank = int(np.searchsorted(library.cumulative, _chance(size, number, seed)))
    return library.words[FREQUENT + rank].lower()


def _with_words(text: str, topic: list[str], common: frozenset[str], random: np.random.Generator) -> str:
    """Replace words of a text, each always by the same word."""
    own: dict[str, str] = {}
    for word in _word.findall(text):
        if word not in own:
            kept = word in common or random.random() > REPLACED
            own[word] = word if kept else topic[int(len(topic) * random.random() ** 2)]
    return _word.sub(lambda match: own[match[0]], text)


def _piece(path: str, place: int, text: str) -> Piece:
    named = _name.search(text)
    name = named[1] if named else ""
    first = 1 + 40 * place
    symbols = (name,) if name else ()
    return Piece(path, "python", "function", name, first, first + text.count("\n"), text, text, symbols)
