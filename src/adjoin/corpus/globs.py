"""File name patterns, matched in linear time: git's for .gitignore files, and the shell's for `--exclude`.

All patterns of a list are simulated at once as one nondeterministic automaton, whose set of states is the bits of
one integer ("bit-parallel", Baeza-Yates and Gonnet 1992). A regular expression would do for well-meant patterns,
but Python's `re` backtracks: `*a*a*a*a*a*a*a*a*a*a*a*ab` does not finish on a name of 100 a's.
"""

import re
import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

SLASH = ord("/")


class Repeat(Enum):
    """The units of a pattern that may match nothing."""

    WITHIN = "any number of symbols but slashes"
    ACROSS = "any number of symbols"
    FOLDERS = "nothing, or any number of symbols up to a slash"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A unit of a pattern that matches one symbol out of a set.

    Attributes:
        symbols: the set as an integer: bit n says whether symbol n is in it.
    """

    symbols: int

    def accepts(self, symbol: int) -> bool:
        """Whether `symbol` is in the set."""
        return bool(self.symbols >> symbol & 1)


def _symbols(first: int, last: int) -> int:
    """The set of the symbols from first to last; empty if the last comes before the first."""
    return ((1 << last - first + 1) - 1) << first if first <= last else 0


Unit = int | OneOf | Repeat  # an integer is the one symbol that matches
Glob = Sequence[Unit]


class Globs:
    """A list of patterns, all matched in one pass over a text.

    A symbol of the text costs a few operations on integers with one bit per unit of all patterns.
    """

    def __init__(self, globs: Sequence[Glob], folders_only: Collection[int] = ()) -> None:
        """Compile the patterns.

        Args:
            globs: the patterns; each matches a text as a whole.
            folders_only: indices of those that match folders alone.
        """
        # A state is a bit: the pattern up to its unit has matched. The one after the last unit accepts.
        self._literals: defaultdict[int, list[int]] = defaultdict(list)
        self._sets: defaultdict[OneOf, list[int]] = defaultdict(list)
        repeats: dict[Repeat, list[int]] = {kind: [] for kind in Repeat}
        starts, self._ends = [], []
        state = 0
        for glob in globs:
            starts.append(state)
            for unit in glob:
                if isinstance(unit, Repeat):
                    repeats[unit].append(state)
                    if unit is Repeat.FOLDERS:  # two states: before it, and in the midst of folders
                        state += 1
                        self._literals[SLASH].append(state)
                elif isinstance(unit, OneOf):
                    self._sets[unit].append(state)
                else:
                    self._literals[unit].append(state)
                state += 1
            self._ends.append(state)
            state += 1
        self._size = state
        within, across, folders = (repeats[kind] for kind in (Repeat.WITHIN, Repeat.ACROSS, Repeat.FOLDERS))
        in_folders = [before + 1 for before in folders]
        self._stays_across = self._bits([*across, *in_folders])
        self._stays = self._stays_across | self._bits(within)
        self._folders = self._bits(folders)
        self._skips = self._bits([*within, *across, *folders])
        self._accepts = (
            self._bits([end for index, end in enumerate(self._ends) if index not in folders_only]),
            self._bits(self._ends),
        )
        start = self._bits(starts)
        start |= (start & self._folders) << 2
        self._start = start | (start & self._skips) << 1
        self._advances: dict[int, int] = {}

    def last_match(self, text: Iterable[int], *, folder: bool = False) -> int:
        """The index of the last pattern that matches; -1 if none does.

        Args:
            text: bytes, or the code points of a string.
            folder: whether the patterns for folders alone count.
        """
        states, known = self._start, self._advances
        stays, stays_across, folders, skips = self._stays, self._stays_across, self._folders, self._skips
        for symbol in text:
            advances = known.get(symbol)
            if advances is None:
                advances = known[symbol] = self._advances_on(symbol)
            states = (states & advances) << 1 | states & (stays_across if symbol == SLASH else stays)
            if not states:
                return -1
            states |= (states & folders) << 2
            # One step is enough: of the units that may match nothing, only FOLDERS has another one behind it.
            states |= (states & skips) << 1
        accepted = states & self._accepts[folder]
        return bisect_left(self._ends, accepted.bit_length() - 1) if accepted else -1

    def _advances_on(self, symbol: int) -> int:
        """The states whose unit matches `symbol`."""
        places = list(self._literals.get(symbol, ()))
        for unit, states in self._sets.items():
            if unit.accepts(symbol):
                places += states
        return self._bits(places)

    def _bits(self, places: Iterable[int]) -> int:
        bits = bytearray(self._size // 8 + 1)  # bit by bit on an integer would take quadratic time
        for place in places:
            bits[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(bits, "little")


# -- the shell's patterns ---------------------------------------------------------------------------------------

_CHARACTERS = _symbols(0, sys.maxunicode)
_ANYTHING = OneOf(_CHARACTERS)


def shell_glob(pattern: str) -> Glob:
    """Read a shell pattern as `fnmatch.fnmatchcase` does: `*` and `?` match slashes too, a backslash is itself."""
    units: list[Unit] = []
    place = 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            if units[-1:] != [Repeat.ACROSS]:
                units.append(Repeat.ACROSS)
        elif character == "?":
            units.append(_ANYTHING)
        elif character == "[":
            negated = pattern[place : place + 1] == "!"
            end = pattern.find("]", place + negated + 1)
            if end < 0:
                units.append(ord("["))
            else:
                symbols = _shell_set(pattern[place + negated : end])
                units.append(OneOf(_CHARACTERS ^ symbols if negated else symbols))
                place = end + 1
        else:
            units.append(ord(character))
    return units


def _shell_set(content: str) -> int:
    symbols = place = 0
    while place < len(content):
        last = place + 2 if content[place + 1 : place + 2] == "-" and place + 2 < len(content) else place
        symbols |= _symbols(ord(content[place]), ord(content[last]))
        place = last + 1
    return symbols


# -- git's patterns ---------------------------------------------------------------------------------------------

_SPECIAL = re.compile(rb"[*?\[\\]")
_NO_SLASH = _symbols(0, 255) ^ 1 << SLASH
_NOT_A_SLASH = OneOf(_NO_SLASH)
_CAPITALS = _symbols(ord("A"), ord("Z"))
_CLASSES = {
    b"alnum": b"09AZaz",
    b"alpha": b"AZaz",
    b"blank": b"\t\t  ",
    b"cntrl": b"\x00\x1f\x7f\x7f",
    b"digit": b"09",
    b"graph": b"!~",
    b"lower": b"az",
    b"print": b" ~",
    b"punct": b"!/:@[`{~",
    b"space": b"\t\n\r\r  ",
    b"upper": b"AZ",
    b"xdigit": b"09AFaf",
}  # first and last byte of each range, of ASCII alone, as in git


def literal_length(pattern: bytes) -> int:
    """The number of bytes before the first one of a git pattern that is not just itself."""
    special = _SPECIAL.search(pattern)
    return special.start() if special else len(pattern)


def longest_literal(glob: Glob) -> bytes:
    """Return the longest string of bytes that a text must hold to match; empty if there is none."""
    longest, run = b"", bytearray()
    for unit in [*glob, Repeat.WITHIN]:
        if isinstance(unit, int):
            run.append(unit)
        else:
            longest = max(longest, bytes(run), key=len)
            run.clear()
    return longest


def last_bytes(glob: Glob) -> frozenset[int]:
    """Return the bytes of which one is the last of any text that matches."""
    last = glob[-1] if glob else Repeat.ACROSS
    if isinstance(last, Repeat):
        return frozenset(range(256))
    return frozenset([last] if isinstance(last, int) else filter(last.accepts, range(256)))


def git_glob(pattern: bytes, *, ignore_case: bool = False) -> Glob | None:
    """Read a pattern as git's wildmatch.c does, byte by byte: `?` matches half an "é".

    Args:
        pattern: without what git takes off before: "!", the slash at either end, spaces at the end.
        ignore_case: whether to match a text in lower case as git matches with core.ignoreCase: an escaped capital
            and a single one in a class match nothing then; ranges and `[:upper:]` match either case.

    Returns:
        The pattern; None if it is malformed, which git lets match nothing.
    """
    start = literal_length(pattern)
    units: list[Unit] = list(pattern[:start].lower() if ignore_case else pattern[:start])
    text = pattern + b"\0"  # as in C, so that each byte has one after it
    place = start
    while byte := text[place]:
        if byte == ord("*"):
            unit, place = _stars(text, place, start)
            if unit is not Repeat.FOLDERS or units[-1:] != [unit]:  # twice is as good as once
                units.append(unit)
        elif byte == ord("?"):
            units.append(_NOT_A_SLASH)
            place += 1
        elif byte == ord("["):
            content = _Class(text, place, ignore_case)
            if not content.read():
                return None
            units.append(OneOf(_NO_SLASH & (~content.symbols if content.negated else content.symbols)))
            place = content.place + 1
        else:
            escaped = byte == ord("\\")
            place += escaped
            if not text[place]:
                return None
            units.append(ord(text[place : place + 1].lower()) if ignore_case and not escaped else text[place])
            place += 1
    return units


def _stars(text: bytes, place: int, start: int) -> tuple[Repeat, int]:
    """The units that the stars at `place` stand for, and the position after them.

    Two stars are special between slashes and at the ends of the pattern. git first takes off what is literal, so
    in `foo**/bar` they stand at the beginning: it matches "foobar" (git 2.39).
    """
    end = place
    while text[end] == ord("*"):
        end += 1
    opens = place == start or text[place - 1] == SLASH
    if end - place == 1 or not opens:
        return Repeat.WITHIN, end
    if text[end] == SLASH:
        return Repeat.FOLDERS, end + 1
    return (Repeat.ACROSS if text[end] == 0 or text.startswith(b"\\/", end) else Repeat.WITHIN), end


class _Class:
    """A character class, such as `[a-z]`.

    Attributes:
        symbols: the set of bytes, as in `OneOf`.
        negated: whether a "!" or "^" stands before them.
        place: where it ends once it is read, at the closing bracket.
    """

    def __init__(self, text: bytes, place: int, ignore_case: bool) -> None:
        self.symbols = 0
        self.negated = text[place + 1] in b"!^"
        self.place = place + 1 + self.negated
        self._text = text
        self._ignore_case = ignore_case
        self._closing = 0  # the first closing bracket behind the last place that asked for one

    def read(self) -> bool:
        """Read to the closing bracket; whether there is one, and all before it is well-formed."""
        before = 0  # the byte that may begin a range
        opening = self.place
        while (byte := self._text[self.place]) != ord("]") or self.place == opening:
            following = self._text[self.place + 1] if byte else 0
            if byte == ord("-") and before and following not in (0, ord("]")):
                self.place += 1
                self._take_range(before, self._escaped())
                before = 0
            elif byte == ord("[") and following == ord(":") and self._is_named():
                if not self._take_named():
                    return False
                before = 0
            else:
                before = self._escaped()
                self.symbols |= 1 << before
            if not self._text[self.place]:
                return False
            self.place += 1
        return True

    def _escaped(self) -> int:
        """The byte here, or the one behind a backslash."""
        self.place += self._text[self.place] == ord("\\")
        return self._text[self.place]

    def _is_named(self) -> bool:
        """Whether `[:` goes on to `:]`; where no bracket closes at all, the pattern is malformed anyway."""
        if self._closing < self.place + 2:
            self._closing = self._text.find(b"]", self.place + 2)
        return self._closing < 0 or (self._closing > self.place + 2 and self._text[self._closing - 1] == ord(":"))

    def _take_named(self) -> bool:
        name = self._text[self.place + 2 : self._closing - 1] if self._closing >= 0 else b""
        limits = _CLASSES.get(name, b"")
        for first, last in zip(limits[::2], limits[1::2], strict=True):
            if name == b"upper":
                self._take_range(first, last)
            else:
                self.symbols |= _symbols(first, last)
        self.place = self._closing
        return bool(limits)

    def _take_range(self, first: int, last: int) -> None:
        symbols = _symbols(first, last)
        self.symbols |= symbols
        if self._ignore_case:
            self.symbols |= (symbols & _CAPITALS) << ord("a") - ord("A")
