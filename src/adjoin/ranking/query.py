"""Reads a query: what kind it is, which names and words it has, and so which evidence counts how much.

| query | kind |
| --- | --- |
| `createStore`, `Command.Execute` | a symbol: its definition first, words more than meaning |
| `src/app.py`, `resolveResponse.ts:20` | a path |
| `cannot open shared object file: No such file` | an error message: its exact words |
| `how are routes registered` | words: meaning and words alike |

A quotation in any query counts with its exact words.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from adjoin.ranking.lexical import STOP_WORDS, terms
from adjoin.ranking.names import name_parts
from adjoin.ranking.paths import kinds_asked_for

SYMBOL, PATH, ERROR, WORDS = "symbol", "path", "error", "words"  # the kinds of queries

# Words that ask and say nothing about the place. As search terms they find prose; nearly no code has "how" in it.
_QUESTION_WORDS = """
how what where which who whom whose why when does do did can could should would we i you me my our your
"""
QUESTION_WORDS = frozenset(_QUESTION_WORDS.split())
# Words that nearly every question could have: they find no file by its name.
_COMMON_TEXT = """
use used using uses work works working get gets find show code function implementation implement implemented been
being has have from
"""
_COMMON_WORDS = frozenset(_COMMON_TEXT.split())

_SEPARATOR = r"(?:\.|::|#|->|:)"
_NAME = re.compile(rf"[\w$]+(?:{_SEPARATOR}[\w$]+)*")
_split_name = re.compile(_SEPARATOR).split
_WHOLE_NAME = re.compile(rf"(?:@|\.|::|#|->)?([\w$]+(?:{_SEPARATOR}[\w$]+)*[!?]?)(?:\(.*\))?").fullmatch
_COMPOUND = re.compile(r"[a-z0-9][A-Z]|\w_\w|[A-Z]{2,}[a-z]").search
_PATH = re.compile(r"((?:[\w.@+-]+/)*[\w.@+-]+)(?::(\d+))?(?::\d+)?").fullmatch
_SUFFIXES = """
adoc asm astro awk bash bat bats bzl c cc cfg cjs clj cljs cmake conf cpp cs css csv cts cu cue cxx d dart diff
el elm env erl ex exs f90 fs gemspec go gradle graphql groovy h hcl hh hpp hrl hs htm html hxx ini ipynb java jl
js json jsonc jsx kt kts less lhs lock lua m markdown md mdx mjs mk ml mli mm mts nim nix org php pl pm po
properties proto ps1 pxd py pyi pyx r rake rb rs rst sass sbt scala scm scss sh sql svelte svg swift tex tf
thrift toml ts tsx txt v vb vim vue xml yaml yml zig zsh
"""
_FILE_SUFFIXES = frozenset(_SUFFIXES.split())
_QUOTED = re.compile(r"""["“`]([^"“”`]{4,})["”`]|(?<!\w)'([^']{4,})'(?!\w)""")
_MESSAGE = re.compile(
    r"\b(?:\w*(?:Error|Exception|Warning)|error|fatal|panic|failed|failure|cannot|can't|couldn't|unable|invalid"
    r"|unexpected|undefined|unknown|unsupported|missing|denied|refused|not found|no such|must be|expected)\b"
)
_MESSAGE_MARKS = re.compile(r"[:;'\"%{}<>=()\[\]]|\d{2,}|0x")
SHORTEST_MESSAGE = 4  # words
RUN_WORDS = 3


@dataclass(frozen=True, slots=True)
class Name:
    """A name of code in a query.

    Attributes:
        text: the name without its qualification, such as "execute".
        qualifier: what stands before it, such as "Command" in "Command.execute"; empty if there is nothing.
        strength: how sure it is that a name of code is meant, 0 to 1.
    """

    text: str
    qualifier: str
    strength: float


@dataclass(frozen=True, slots=True)
class Query:
    """A query as the ranking reads it.

    Attributes:
        text: as the user wrote it.
        kind: `SYMBOL`, `PATH`, `ERROR` or `WORDS`.
        terms: the terms of BM25, repetitions kept, without question words.
        names: the names of code in it.
        words: stemmed words that a path or a name may have, in order, each once.
        pairs: neighbouring words written together, such as "urlencoded" for "URL-encoded".
        initials: the first letters of three to five neighbouring words, such as "sse" for "server-sent events", or
            of two capitalised ones; only for queries of the kind `WORDS`. The letters of a name would find files
            by chance.
        phrases: quotations, and the whole query if it has several words: lower-cased, white space collapsed.
        runs: all runs of three words of the query. An error message has them word for word, except for its values.
        path: the path that a `PATH` query names; empty for others.
        line: the line that it names; 0 for none.
        asks_for: the kinds of files that it asks for, such as {"test"}, see `paths.kind_of_file`.
    """

    text: str
    kind: str
    terms: tuple[str, ...]
    names: tuple[Name, ...] = ()
    words: tuple[str, ...] = ()
    pairs: frozenset[str] = frozenset()
    initials: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    path: str = ""
    line: int = 0
    asks_for: frozenset[str] = frozenset()

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names whose definitions a search looks up, each once."""
        return tuple(dict.fromkeys(name.text for name in self.names))

    @property
    def path_words(self) -> tuple[str, ...]:
        """The words that a search looks up in file names and folders, each once."""
        return tuple(dict.fromkeys((*self.words, *self.pairs, *self.initials)))


def read_query(text: str) -> Query:
    """Read a query: its kind, its names, its words.

    Nothing in it is an operator, and any text is a query. One without words has no terms.

    Raises:
        AdjoinError: PyStemmer is not installed.
    """
    text = text.strip()
    parts = _content_parts(text)
    kind, names, path, line = _kind_of(text)
    stems = tuple(dict.fromkeys(stem for part in parts for stem in terms(part)))
    return Query(
        text=text,
        kind=kind,
        terms=_search_terms(text),
        names=names,
        words=stems,
        pairs=frozenset(one + two for one, two in pairwise(parts)),
        initials=_initials(parts, text) if kind == WORDS else frozenset(),
        phrases=_phrases(text),
        runs=_runs(text),
        path=path,
        line=line,
        asks_for=kinds_asked_for(tuple(re.findall(r"\w+", text.lower()))),
    )


def _kind_of(text: str) -> tuple[str, tuple[Name, ...], str, int]:
    """The kind of a query, with its names, its path and its line."""
    bare = text.strip("`'\"")
    as_path = _PATH(bare)
    if as_path and ("/" in as_path[1] or _has_suffix(as_path[1])) and not re.search(r"::|->|\(", bare):
        path, line = as_path[1].removeprefix("./"), int(as_path[2] or 0)
        file = path.rstrip("/").rpartition("/")[2]
        return PATH, (Name(file.rpartition(".")[0] or file, "", 1.0),), path, line
    if whole := _WHOLE_NAME(bare):
        qualifier, name = _qualified(whole[1])
        return SYMBOL, (Name(name, qualifier, 1.0),), "", 0
    words = text.split()
    if len(words) >= SHORTEST_MESSAGE and _MESSAGE.search(text) and _MESSAGE_MARKS.search(text):
        return ERROR, _names_within(text), "", 0
    return WORDS, _names_within(text), "", 0


def _has_suffix(name: str) -> bool:
    """Whether a name ends as a file's does: "app.py"; "app.run" is an attribute."""
    stem, _, suffix = name.rpartition(".")
    return bool(stem) and suffix in _FILE_SUFFIXES


def _qualified(name: str) -> tuple[str, str]:
    """Split a qualified name into what stands before its last part and that part."""
    *before, last = [part for part in _split_name(name) if part] or [name]
    return (before[-1] if before else ""), last


def _names_within(text: str) -> tuple[Name, ...]:
    """The names in a query of several words: written as code is, or capitalised within the sentence."""
    names: dict[str, Name] = {}
    for found in _NAME.finditer(text):
        qualifier = ""
        for part in _split_name(found[0]):
            if len(part) < 2:
                continue
            called = text[found.end() : found.end() + 1] == "("
            if _COMPOUND(part) or called:
                strength = 1.0
            elif part[0].isupper() and not part.isupper() and found.start() > 0:
                strength = 0.5
            else:
                strength = 0.0
            if strength:
                names.setdefault(part, Name(part, qualifier, strength))
            qualifier = part
    return tuple(names.values())


def _search_terms(text: str) -> tuple[str, ...]:
    """The terms without question words; all of them if nothing else is left."""
    without = " ".join(word for word in re.findall(r"\w+", text) if word.lower() not in QUESTION_WORDS)
    return tuple(terms(without) or terms(text))


def _content_parts(text: str) -> list[str]:
    """The parts of a query's words that say something, lower-cased."""
    unsaid = STOP_WORDS | QUESTION_WORDS | _COMMON_WORDS
    parts = [part for word in re.findall(r"\w+", text) for part in name_parts(word)]
    return [part for part in parts if part not in unsaid] or parts


def _initials(parts: list[str], text: str) -> frozenset[str]:
    """The first letters of three to five neighbouring words, or of two that the text writes with capitals.

    Two letters name a file by chance: "container image" is not about ci.yml, "Template Haskell" is about TH.hs.
    """
    capitals = {word.lower() for word in re.findall(r"\w+", text) if word[:1].isupper()}
    runs = (parts[start : start + length] for length in range(2, 6) for start in range(len(parts) - length + 1))
    return frozenset("".join(part[0] for part in run) for run in runs if len(run) > 2 or capitals.issuperset(run))


def _phrases(text: str) -> tuple[str, ...]:
    """The quotations in a query, or the whole query if it has none and several words."""
    quoted = [one or two for one, two in _QUOTED.findall(text)]
    phrases = quoted or ([text] if len(text.split()) >= RUN_WORDS else [])
    return tuple(dict.fromkeys(" ".join(phrase.lower().split()) for phrase in phrases))


def _runs(text: str) -> tuple[str, ...]:
    words = text.lower().split()
    return tuple(" ".join(words[start : start + RUN_WORDS]) for start in range(len(words) - RUN_WORDS + 1))
