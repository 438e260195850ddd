"""What a file's path says: the words in its name and folders, and the kind of file that it is."""

import re
from dataclasses import dataclass
from functools import lru_cache

from adjoin.ranking.names import joined, name_stems

SHORTEST_PREFIX = 3  # letters; "arg" stands for "argument", "co" for too much
_CACHED = 1 << 15  # paths
_CACHED_MATCHES = 1 << 16  # words of one question by the words of a repository's paths, which repeat
# Rust's module `extract` is `extract.rs` or `extract/mod.rs`.
_NAMED_BY_FOLDER = re.compile(r"mod\.rs").fullmatch
_NO_VOWEL = re.compile(r"[^aeiou\W\d]{3,}").fullmatch


@dataclass(frozen=True, slots=True)
class PathWords:
    """The stemmed words of a path.

    Attributes:
        stem: words of the file's name without its last suffix.
        parent: words of the folder that holds it.
        folders: words of all its folders, the parent's included.
        name: the file's name without its last suffix, as `names.joined` writes it.
    """

    stem: tuple[str, ...]
    parent: tuple[str, ...]
    folders: tuple[str, ...]
    name: str

    @property
    def all(self) -> tuple[str, ...]:
        """All words once, those of the stem first."""
        return tuple(dict.fromkeys((*self.stem, *self.folders)))


@lru_cache(_CACHED)
def path_words(path: str) -> PathWords:
    """Split a path with forward slashes into its stemmed words.

    Raises:
        AdjoinError: PyStemmer is not installed.
    """
    *folders, file = path.replace("!", "/").split("/")
    stem = file.lstrip(".").rpartition(".")[0] or file  # "SqlMapper.Identity.cs" is more than "SqlMapper"
    parent = folders[-1] if folders else ""
    if _NAMED_BY_FOLDER(file) and parent:
        stem = parent
    inner = tuple(dict.fromkeys(word for folder in folders for word in name_stems(folder)))
    return PathWords(name_stems(stem), name_stems(parent), inner, joined(stem))


@lru_cache(_CACHED_MATCHES)
def matches(word: str, path_word: str) -> bool:
    """Whether a word of a question stands for a word of a path; both are stems.

    They are equal, or one begins with the other ("config" and "configur"), or the path has the word's consonants
    ("ctx" for "context", "mgr" for "manag").
    """
    if word == path_word:
        return True
    if min(len(word), len(path_word)) < SHORTEST_PREFIX:
        return False
    if word.startswith(path_word) or path_word.startswith(word):
        return True
    return word[0] == path_word[0] and bool(_NO_VOWEL(path_word)) and _is_subsequence(path_word, word)


def _is_subsequence(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


# Kinds of files that repeat what other files say, each with the words of a question that asks for them.
TEST, EXAMPLE, BENCHMARK, OLD, FOREIGN, LOCALE = "test", "example", "benchmark", "old", "foreign", "locale"
DOCUMENT, DECLARATION, DOOR = "document", "declaration", "door"

_FOLDER_KINDS = {
    TEST: "test tests spec specs __tests__ __mocks__ testdata testing fixture fixtures mocks e2e testsuite",
    EXAMPLE: "example examples sample samples demo demos tutorial tutorials playground",
    BENCHMARK: "bench benches benchmark benchmarks perf",
    OLD: "compat compatibility legacy deprecated obsolete",
    FOREIGN: "vendor vendored third_party thirdparty node_modules external extern",
    LOCALE: "locale locales i18n l10n translations lang",
}
_KIND_OF_FOLDER = {folder: kind for kind, folders in _FOLDER_KINDS.items() for folder in folders.split()}
_FILE_KINDS = (
    (TEST, r"test_[^/]*\.py|conftest\.py|.*[._-](?:test|tests|spec|specs)\.\w+|.*\.bats"),
    (TEST, r".*[a-z0-9](?:Test|Tests|TestCase|Spec)\.\w+"),
    (BENCHMARK, r"bench(?:mark)?[_.-].*|.*[_.-]bench(?:mark)?\.\w+|.*[a-z0-9]Benchmarks?\.\w+"),
    (OLD, r"_?(?:compat|compatibility|legacy|deprecated)(?:[_.-].*)?"),
    (DECLARATION, r".*\.d\.[mc]?ts|.*\.min\.(?:js|css)|.*\.pyi|.*[._](?:pb|pb2|generated|gen)\.\w+"),
    (DOOR, r"__init__\.pyi?|package-info\.java|index\.(?:[mc]?[jt]sx?)|doc\.go"),
)
_FILE_PATTERNS = tuple((kind, re.compile(pattern).fullmatch) for kind, pattern in _FILE_KINDS)
_PROSE = frozenset({"text", "markdown", "rst", "asciidoc", "org", "html", "latex"})


@lru_cache(_CACHED)
def kind_of_file(path: str, language: str) -> str:
    """The kind of a file, if it is one that usually repeats what others say; empty for an ordinary source file.

    Args:
        path: the file, with forward slashes.
        language: the language of its pieces, as in `Piece.language`.
    """
    *folders, file = path.replace("!", "/").split("/")
    for kind, is_kind in _FILE_PATTERNS:
        if is_kind(file):
            return kind
    for folder in folders:
        if kind := _KIND_OF_FOLDER.get(folder.lower(), ""):
            return kind
    return DOCUMENT if language in _PROSE else ""


_ASKING = {
    TEST: "test tests tested testing spec specs fixture fixtures mock mocks",
    EXAMPLE: "example examples sample samples demo demos tutorial tutorials",
    BENCHMARK: "bench benchmark benchmarks benchmarking",
    OLD: "compat compatibility legacy deprecated deprecation obsolete",
    FOREIGN: "vendor vendored",
    LOCALE: "locale locales i18n translation translations",
    DOCUMENT: "doc docs documentation documented readme guide guides tutorial tutorials changelog manual faq",
    DECLARATION: "declaration declarations generated minified stub stubs",
    DOOR: "init index export exports exported reexport reexports package",
}
_KIND_ASKED = {word: kind for kind, words in _ASKING.items() for word in words.split()}


def kinds_asked_for(words: tuple[str, ...]) -> frozenset[str]:
    """The kinds of files that a question names, such as {"test"} for "how are uploads tested".

    Args:
        words: the question's words, lower-cased and not stemmed.
    """
    return frozenset(_KIND_ASKED[word] for word in words if word in _KIND_ASKED)
