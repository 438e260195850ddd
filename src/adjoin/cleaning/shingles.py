"""Shingles: the hashed features that near duplicates share, computed in NumPy without a Python loop over words.

Prose: each word and each bigram of words. Case and punctuation are ignored.

Code: a text is a sequence of items, that is words, numbers and string literals. White space, comments and lines
that only log are ignored. The features are
- each item. A string literal is one item, so a renamed variable or a changed literal changes one feature of each
  text, however often or long it is;
- each bigram of items, in which variables, numbers and literals are replaced by one symbol each. Names of
  attributes and of called functions stay: `return self.a` differs from `return self.b`.

Comments and strings are recognised by their marks within a line. A mark in an unusual place may mislead this, but
it misleads it equally in both copies.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from adjoin.corpus.document import PROSE

Bytes: TypeAlias = NDArray[np.uint8]
Hashes: TypeAlias = NDArray[np.uint64]
Positions: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

PADDING = 16  # zero bytes after the texts: reads go eight bytes beyond a word's start, and two beyond its end
_WORD_BYTE, _MARK = 1, 2  # byte classes; all other bytes separate words
# Punctuation in UTF-8: first byte, second byte, length. Quotes and dashes; ideographic; Latin-1.
_PUNCTUATION = ((0xE2, 0x80, 3), (0xE3, 0x80, 3), (0xC2, None, 2))
_IDEOGRAPHS = 0xE3  # least first byte in UTF-8 of scripts without spaces: each character is a word


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a group of languages marks comments and strings.

    Attributes:
        hash_comments: whether "#" starts a comment.
        slash_comments: whether "//" starts a comment, and "/*" one up to "*/".
        single_quotes: whether strings may have single quotes.
        is_prose: prose, which has neither; letters are folded to lower case.
    """

    hash_comments: bool = False
    slash_comments: bool = False
    single_quotes: bool = False
    is_prose: bool = False


_C_LIKE = Dialect(slash_comments=True)
_SCRIPT = Dialect(slash_comments=True, single_quotes=True)
_SHELL_LIKE = Dialect(hash_comments=True, single_quotes=True)
_DIALECTS = {
    PROSE: Dialect(is_prose=True),
    "python": _SHELL_LIKE,
    "ruby": _SHELL_LIKE,
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "php": _SCRIPT,
}


def dialect_of(language: str) -> Dialect:
    """Return the dialect of a `Pair.language`. Unknown languages are read as C."""
    return _DIALECTS.get(language, _C_LIKE)


# Words that are not variables, so bigrams keep them. One list serves all languages: a variable with the name of
# another language's keyword only costs a few features when it is renamed.
_KEYWORDS = re.findall(
    r"\w+",
    """
    abstract and any as assert async await bool boolean break byte case cast catch chan char class cls const
    continue crate declare def default defer del delete dict do double echo elif else elsif end ensure enum
    error except export extends extern false final finally float float32 float64 fn for foreach fallthrough
    from func function global go goto if impl implements import in instanceof int int32 int64 interface is
    keyof lambda len let list long loop make map match mod module move mut namespace native new nil none None
    nonlocal not null nullptr number object of or package panic pass pub print private protected public raise
    range readonly ref require rescue rethrow return Self self set short signed sizeof static str strict
    string String struct super switch synchronized template then this throw throws trait transient true True
    False try tuple type typedef typeof u16 u32 u64 u8 uint uint32 uint64 undefined union unless unsafe
    unsigned until use using usize var virtual void volatile when where while with yield i16 i32 i64 i8 f32
    f64 vec
    """,
)
# A line that only logs starts with one of these, or has one after its first dots: logger.debug(...),
# self.log.info(...), fmt.Println(...).
_LOG_NAMES = re.findall(
    r"\w+",
    """
    log logger logging LOG LOGGER Log Logger _log _logger _LOGGER console slog klog glog logf Logf print
    println printf Print Println Printf eprintln dbg debug_print error_log puts
    """,
)
# Rust macros, followed by "!".
_RUST_LOG_MACROS = ("println", "eprintln", "print", "dbg", "debug", "info", "warn", "error", "trace")


def shingles(texts: Sequence[bytes], dialect: Dialect) -> tuple[Hashes, Positions]:
    """Compute the hashed features of texts. Repeated features are repeated in the result.

    Args:
        texts: [N] as UTF-8.
        dialect: the dialect of all texts.

    Returns:
        Hashes uint64 [S] and offsets [N + 1]: text k has the hashes from offsets[k] up to offsets[k + 1].
    """
    buffer = b"\n" + b"\n".join(texts) + b"\n" + bytes(PADDING)
    data = np.frombuffer(buffer, np.uint8)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    begins = np.concatenate([[1], 1 + np.cumsum(lengths + 1)])
    if dialect.is_prose:
        data = np.frombuffer(buffer.translate(_lower()), np.uint8)
        starts, ends, _ = _word_bounds(data, buffer.translate(_classes(dialect)))
        symbols = single = _hash_words(data, starts, ends)
    else:
        starts, single, symbols = _code_items(data, buffer.translate(_classes(dialect)), dialect, begins - 1)
    offsets = np.searchsorted(starts, begins)
    before = np.empty_like(symbols)
    before[1:] = symbols[:-1]
    before[offsets[:-1][offsets[:-1] < len(before)]] = 0  # the first item of a text has no predecessor
    hashes = np.empty(2 * len(single), np.uint64)
    hashes[0::2] = single
    hashes[1::2] = _mixed(before * np.uint64(0x9E3779B97F4A7C15) + symbols)
    return hashes, 2 * offsets


@cache
def _lower() -> bytes:
    return bytes(range(256)).lower()


@cache
def _classes(dialect: Dialect) -> bytes:
    table = bytearray(256)
    for code in range(256):
        if code >= 128 or chr(code).isalnum() or code == ord("_"):
            table[code] = _WORD_BYTE
    if not dialect.is_prose:
        marks = '\n"' + "'" * dialect.single_quotes + "#" * dialect.hash_comments + "/" * dialect.slash_comments
        for mark in marks:
            table[ord(mark)] = _MARK
    return bytes(table)


def _word_bounds(data: Bytes, classes: bytes) -> tuple[Positions, Positions, Bytes]:
    """Start and end [W] of each word, and the class of each byte."""
    kind = np.frombuffer(classes, np.uint8)
    if data.max() >= 0xC2:
        kind = _without_punctuation(data, kind)
    in_word = kind == _WORD_BYTE
    if data.max() < _IDEOGRAPHS:
        edges = np.flatnonzero(in_word[1:] != in_word[:-1]) + 1
        return edges[0::2].copy(), edges[1::2].copy(), kind
    single = in_word[1:] & (data[1:] >= _IDEOGRAPHS)
    opens = in_word[1:] & (single | ~in_word[:-1])
    closes = in_word[:-1] & (single | ~in_word[1:])
    return np.flatnonzero(opens) + 1, np.flatnonzero(closes) + 1, kind


def _without_punctuation(data: Bytes, kind: Bytes) -> Bytes:
    """Reclassify punctuation of two or three bytes in UTF-8, so that it separates words."""
    kind = kind.copy()
    for first, second, length in _PUNCTUATION:
        positions = np.flatnonzero(data == first)
        if second is not None:
            positions = positions[data[positions + 1] == second]
        for offset in range(length):
            kind[positions + offset] = 0
    return kind


def _mixed(hashes: Hashes) -> Hashes:
    """Mix hashes by two rounds of multiply and xor-shift: each output bit depends on each input bit."""
    hashes = hashes ^ (hashes >> np.uint64(32))
    hashes *= np.uint64(0xD6E8FEB86659FD93)
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0xD6E8FEB86659FD93)
    hashes ^= hashes >> np.uint64(32)
    return hashes


_FIRST_BYTES = np.array([(1 << 8 * length) - 1 for length in range(9)], np.uint64)  # masks by length


def _hash_words(data: Bytes, starts: Positions, ends: Positions) -> Hashes:
    """A hash of each word, the same in every process, computed eight bytes at a time."""
    eight = np.ndarray((len(data) - 8,), "<u8", data, strides=(1,))  # the eight bytes from each position on
    lengths = ends - starts
    hashes = (eight[starts] & _FIRST_BYTES[np.minimum(lengths, 8)]) + lengths.astype(np.uint64)
    longer = np.flatnonzero(lengths > 8)
    hashed = 8
    while len(longer):
        more = eight[starts[longer] + hashed] & _FIRST_BYTES[np.minimum(lengths[longer] - hashed, 8)]
        so_far = hashes[longer] * np.uint64(0xA0761D6478BD642F)
        hashes[longer] = (so_far ^ (so_far >> np.uint64(32))) + more
        hashed += 8
        longer = longer[lengths[longer] > hashed]
    return _mixed(hashes)


def word_hashes(words: Sequence[str]) -> Hashes:
    """Return the hash that `shingles` gives to each of these words, uint64 [W]."""
    encoded = [word.encode() for word in words]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    ends = np.cumsum(lengths)
    return _hash_words(np.frombuffer(b"".join(encoded) + bytes(PADDING), np.uint8), ends - lengths, ends)


_VARIABLE, _NUMBER, _STRING = word_hashes(["\0variable", "\0number", "\0string"])
_KEYWORD, _LOG = 1, 2


@cache
def _meanings() -> Bytes:
    """Whether a word is a keyword or may log, by the upper 16 bits of its hash.

    One name in 300 is wrongly taken for one. Words that may log are checked again.
    """
    table = np.zeros(1 << 16, np.uint8)
    table[word_hashes(_KEYWORDS) >> np.uint64(48)] = _KEYWORD
    table[word_hashes([*_LOG_NAMES, *_RUST_LOG_MACROS]) >> np.uint64(48)] |= _LOG
    return table


def _code_items(
    data: Bytes, classes: bytes, dialect: Dialect, breaks: Positions
) -> tuple[Positions, Hashes, Hashes]:
    """Position, hash and bigram symbol [I] of each item: a word, a number, a string literal."""
    starts, ends, kind = _word_bounds(data, classes)
    marks = np.flatnonzero(kind == _MARK)
    inside, dropped, line = _string_and_comment_state(data, marks, dialect, breaks)
    words_after = np.diff(np.searchsorted(starts, marks), append=len(starts))
    mark = np.repeat(np.arange(len(marks)), words_after)  # the last one before each word
    hashes = _hash_words(data, starts, ends)
    meanings = _meanings()[hashes >> np.uint64(48)]
    dropped |= _log_lines(
        data, starts, ends, hashes, np.flatnonzero(meanings & _LOG), line[mark], int(line[-1]) + 1
    )[line]
    kept = np.flatnonzero(~dropped[mark])
    starts, ends, hashes, mark = starts[kept], ends[kept], hashes[kept], mark[kept]
    if not len(kept):
        return starts, hashes, hashes
    symbols = _symbols(data, starts, ends, hashes, meanings[kept])
    # A string literal is one item, at its first word: the hashes of its words are added up.
    in_string = inside[mark] > 0
    symbols[in_string] = _STRING
    first = ~in_string
    first[0] = True
    first[1:] |= inside[mark[1:]] != inside[mark[:-1]]
    hashes[in_string] = _mixed(hashes[in_string] + np.uint64(1))
    items = np.flatnonzero(first)
    return starts[items], np.add.reduceat(hashes, items), symbols[items]


def _symbols(data: Bytes, starts: Positions, ends: Positions, hashes: Hashes, meanings: Bytes) -> Hashes:
    """The symbol that stands for each word in bigrams."""
    before, second, after = data[starts - 1], data[np.maximum(starts - 2, 0)], data[ends]
    member = before == ord(".")
    member |= (before == ord(">")) & (second == ord("-"))
    member |= (before == ord(":")) & (second == ord(":"))
    named = (meanings & _KEYWORD).astype(np.bool_) | member | (after == ord("("))
    symbols = np.where(named, hashes, _VARIABLE)
    symbols[data[starts] <= ord("9")] = _NUMBER
    return symbols


def _since_line(flags: Flags, newline: Flags) -> NDArray[np.int32]:
    """The number of flags since the start of the line, at each mark."""
    count = np.cumsum(flags, dtype=np.int32)
    return count - np.maximum.accumulate(np.where(newline, count, np.int32(0)))


def _string_and_comment_state(
    data: Bytes, marks: Positions, dialect: Dialect, breaks: Positions
) -> tuple[NDArray[np.int32], Flags, NDArray[np.int32]]:
    """State after each mark: number of the open string (0: none), whether a comment is open, line number."""
    byte, before, after = data[marks], data[marks - 1], data[marks + 1]
    newline = byte == ord("\n")
    free = before != ord("\\")
    inside = (_since_line((byte == ord('"')) & free, newline) & 1).astype(np.bool_)
    if dialect.single_quotes:
        single = (byte == ord("'")) & free & ~inside
        inside |= (_since_line(single, newline) & 1).astype(np.bool_)
    opens = inside.copy()
    opens[1:] &= ~inside[:-1]
    string = np.where(inside, np.cumsum(opens, dtype=np.int32), np.int32(0))
    line = np.cumsum(newline, dtype=np.int32)
    if dialect.hash_comments:
        return string, _since_line((byte == ord("#")) & ~inside, newline) > 0, line
    slash = (byte == ord("/")) & ~inside
    comment = _since_line(slash & (after == ord("/")), newline) > 0
    block = slash & (after == ord("*")) & ~comment
    if block.any():
        closes = (byte == ord("/")) & (before == ord("*"))
        closes[np.searchsorted(marks, breaks)] = True  # an unclosed comment ends with its text
        order = np.arange(len(marks))
        begin = np.maximum.accumulate(np.where(block, order, -1))
        comment |= begin > np.maximum.accumulate(np.where(closes, order, -1))
    return string, comment, line


def _log_lines(
    data: Bytes,
    starts: Positions,
    ends: Positions,
    hashes: Hashes,
    candidates: Positions,
    line: NDArray[np.int32],
    number: int,
) -> Flags:
    """Whether each line only logs: by its first word, or by a later one in a chain such as System.out.println."""
    lines = np.zeros(number, np.bool_)
    here = line[candidates]
    # Whether the line starts 0, 1 or 2 words before each candidate, and whether a dot or an arrow joins them.
    begins = [(candidates == back) | (line[np.maximum(candidates - back - 1, 0)] != here) for back in range(3)]
    joins = [_JOINT[data[starts[np.maximum(candidates - back, 0)] - 1]] for back in range(2)]
    chained = joins[0] & (begins[1] | (joins[1] & begins[2]))
    byte = data[ends[candidates]]
    logs = (begins[0] | chained) & _CALLED[byte] & _is_one_of(hashes[candidates], tuple(_LOG_NAMES))
    logs |= begins[0] & (byte == ord("!")) & _is_one_of(hashes[candidates], _RUST_LOG_MACROS)
    lines[here[logs]] = True
    return lines


def _flags_of(members: str) -> Flags:
    return np.isin(np.arange(256), list(members.encode()))


_JOINT, _CALLED = _flags_of(".>"), _flags_of(".(-")


@cache
def _sorted_hashes(words: tuple[str, ...]) -> Hashes:
    return np.sort(word_hashes(words))


def _is_one_of(hashes: Hashes, words: tuple[str, ...]) -> Flags:
    """Whether each hash is that of one of the words, as np.isin, which takes 0.2 ms more per call."""
    known = _sorted_hashes(words)
    is_known: Flags = known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes
    return is_known
