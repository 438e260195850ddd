"""The corpus of `planted.py`: clean files and records, and the texts planted in them."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from planted_texts import (
    NEAR_CODE,
    NEAR_PROSE,
    SYNTAXES,
    Shape,
    changed_code,
    changed_prose,
    grams,
    in_a_file,
    reindented,
    with_comments,
    words_of,
)

from adjoin.cleaning.decontamination.evaluation_files import EvaluationText
from adjoin.corpus import Document, find_sources, read_source
from adjoin.corpus.document import PROSE
from adjoin.mining import MiningOptions
from adjoin.mining.making import pairs_of
from adjoin.pairs.pair import Pair
from adjoin.tally import Tally

STRETCH = 15  # words in a row that a pair must share with a planted passage to count as its pair
HOST_BYTES = 60_000  # maximum size of a clean file that receives a function
TWO, WHOLE = "two of these", "whole records, pairs"


def mined(text: str, language: str, origin: str = "a", title: str = "") -> list[Pair]:
    """The pairs of one file or record."""
    return [*pairs_of(Document.of(text, language, origin, title=title), Tally(), MiningOptions())]


@dataclass(frozen=True, slots=True)
class Plant:
    """One planted text.

    Attributes:
        variant: the kind of change.
        place: the file, or the file and the record.
        first: its first line.
        texts: for prose, the texts that a pair must share a run of words with. If empty, all pairs there belong
            to it.
        pairs: number of pairs that mining makes of it.
    """

    variant: str
    place: str
    first: int = 0
    texts: tuple[str, ...] = ()
    pairs: int = 1

    def rows(self, at: dict[str, list["Row"]]) -> list["Row"]:
        """The pairs of the dataset that come from this plant."""
        rows = [row for row in at.get(self.place, ()) if row.first >= self.first]
        if not self.texts:
            return rows
        planted = set[tuple[str, ...]]().union(*(grams(words_of(text), STRETCH) for text in self.texts))
        return [r for r in rows if any(planted & grams(words_of(side), STRETCH) for side in (r.x, r.y))]


@dataclass(frozen=True, slots=True)
class Row:
    """One pair of a dataset."""

    x: str
    y: str
    kind: str
    language: str
    place: str
    first: int


@dataclass
class Corpus:
    """The folder that is mined, and what was planted in it.

    Attributes:
        folder: contains clean/, near/ and planted/, in this order. Of two similar texts the first one is kept.
        chance: random generator for all draws.
        spare: clean paragraphs that occur nowhere in the corpus.
        records: clean records of prose.
        held: planted evaluation texts.
        near: planted near duplicates.
    """

    folder: Path
    chance: random.Random
    spare: list[str] = field(default_factory=list)
    records: list[dict[str, str]] = field(default_factory=list)
    held: list[Plant] = field(default_factory=list)
    near: list[Plant] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        """Write a file of the corpus."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace", newline="\n")

    def write_records(self, name: str, records: Iterable[dict[str, str]]) -> None:
        """Write a file of JSON lines."""
        self.write(name, "".join(json.dumps(record) + "\n" for record in records))

    def fill(self, code: Iterable[Path], prose: Iterable[Path]) -> None:
        """Copy Python and Go files, and write prose as records. One document in ten gives spare paragraphs."""
        for root in code:
            for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".go") and p.is_file()):
                self.write(f"clean/{root.name}/{path.relative_to(root)}", path.read_text("utf-8", "replace"))
        for source in find_sources([*prose], Tally()):
            for document in read_source(source, Tally()):
                if not document.is_prose:
                    continue
                if len(self.records) % 10 == 9:
                    paragraphs = document.text.split("\n\n")
                    self.spare += [
                        p for p in paragraphs if 40 <= len(p.split()) <= 90 and p.rstrip().endswith(".")
                    ]
                title = document.title or document.section
                self.records.append({"id": f"r{len(self.records)}", "title": title, "text": document.text})
        self.records = [record for n, record in enumerate(self.records) if n % 10 != 9]
        self.write_records("clean/prose.jsonl", self.records)

    def clean_files(self) -> list[Path]:
        """The clean code files in random order."""
        files = sorted(p for p in (self.folder / "clean").rglob("*") if p.suffix in (".py", ".go") and p.is_file())
        self.chance.shuffle(files)
        return files

    def plant_functions(self, functions: Sequence[tuple[EvaluationText, str]], number: int) -> None:
        """Plant evaluation functions, each with its query or with other words."""
        ways = ("verbatim", "re-indented", "comments added", "comments removed", "comments changed")
        hosts = {suffix: [p for p in self.clean_files() if p.suffix == suffix] for suffix in (".py", ".go")}
        for function, query in functions:
            if len(self.held) == number:
                return
            turn, language = len(self.held), function.language
            shapes = [*SYNTAXES[language].shapes]
            self.chance.shuffle(shapes)
            words = ", ".join(sorted({*words_of(query)}, key=lambda word: (len(word), word))[-4:])
            words = f"Deals with {words} on behalf of whoever calls it."
            way, documentation = ways[turn % len(ways)], query if turn // len(ways) % 2 else words
            for shape in shapes:
                if mined(in_a_file(function.text, documentation, language, shape), language):
                    self._plant_function(function, documentation, shape, way, hosts)
                    break

    def _plant_function(
        self, function: EvaluationText, documentation: str, shape: Shape, way: str, hosts: dict[str, list[Path]]
    ) -> None:
        language, code = function.language, function.text
        if way == "re-indented":
            code = reindented(code, self.chance)
        elif way != "verbatim":
            code = with_comments(code, language, shape, way, self.chance)
        text = in_a_file(code, documentation, language, shape)
        if (way != "verbatim" and code == function.text) or not mined(text, language):
            return
        suffix = SYNTAXES[language].suffix
        if hosts.get(suffix) and self.chance.random() < 0.5:
            host = hosts[suffix].pop()
            before = host.read_text("utf-8").rstrip() + "\n\n\n"
            whole, first = before + text.removeprefix("package planted\n\n"), before.count("\n") + 1
            place = host.relative_to(self.folder).as_posix()
            if len(before) < HOST_BYTES and any(
                first_line(pair.origin) >= first for pair in mined(whole, language, place)
            ):
                self.write(place, whole)
                self.held.append(Plant(f"function, {way}", place, first))
                return
        place = f"planted/p{len(self.held)}{suffix}"
        self.write(place, text)
        self.held.append(Plant(f"function, {way}", place))

    def plant_passages(self, passages: Sequence[str], number: int) -> None:
        """Plant evaluation passages in records of prose."""
        ways = ("verbatim", "first half", "last 40 words", "two joined", "between clean paragraphs")
        records: list[dict[str, str]] = []
        remaining = iter(passages)
        for passage in remaining:
            if len(records) == number:
                break
            way, words, around = ways[len(records) % len(ways)], passage.split(), self.chance.sample(self.spare, 2)
            planted = [passage]
            if way == "first half":
                planted = [" ".join(words[: len(words) // 2])]
            elif way == "last 40 words":
                planted = [" ".join(words[-40:])]
            elif way == "two joined":
                planted.append(next(remaining, ""))
            text = " ".join(planted)
            if way not in ("verbatim", "two joined"):
                joint = "\n\n" if way == "between clean paragraphs" else " "
                text = joint.join([around[0], text, around[1]])
            longest = sorted({*words_of(text)}, key=lambda word: (len(word), word))[-4:]
            title = " and ".join(longest).capitalize()  # words of the text, as a title's must be
            place = f"planted/passages.jsonl#p{len(records)}"
            plant = Plant(f"passage, {way}", place, texts=tuple(planted))
            if plant.rows({place: rows_of(mined(text, PROSE, title=title), place)}):
                records.append({"id": place.partition("#")[2], "title": title, "text": text})
                self.held.append(plant)
        self.write_records("planted/passages.jsonl", records)

    def copy_functions(self, number: int) -> None:
        """Plant changed copies of clean functions, at most two per file."""
        done = 0
        for path in self.clean_files():
            place = path.relative_to(self.folder).as_posix()
            hosted = min((plant.first for plant in self.held if plant.place == place), default=1 << 30)
            language = "python" if path.suffix == ".py" else "go"
            pairs = [p for p in mined(path.read_text("utf-8"), language, place) if first_line(p.origin) < hosted]
            for pair in self.chance.sample(pairs, min(2, len(pairs))):
                if done == number:
                    return
                name, code, shape = f"near/n{done}{path.suffix}", pair.y, SYNTAXES[language].shapes[0]
                for way in (ways := self._ways(NEAR_CODE, done)):
                    code = changed_code(code, language, shape, way, self.chance)
                text = in_a_file(code, pair.x, language, shape)
                if code != pair.y and len(mined(text, language, name)) == 1:
                    self.write(name, text)
                    self.near.append(Plant(f"function, {ways[0] if len(ways) == 1 else TWO}", name))
                    done += 1

    def copy_passages(self, number: int) -> None:
        """Plant changed copies of clean passages, in records that are split like the originals."""
        records: list[dict[str, str]] = []
        for record in self.chance.sample(self.records, len(self.records)):
            if len(records) == number:
                break
            pairs = mined(record["text"], PROSE, title=record["title"])
            if not pairs:
                continue
            pair, ways = self.chance.choice(pairs), self._ways(NEAR_PROSE, len(records))
            text = pair.y
            for way in ways:
                text = changed_prose(text, self.spare, way, self.chance)
            copy = {"id": f"n{len(records)}", "title": pair.x, "text": text}
            if pair.kind == "neighbours":
                copy |= {"title": "", "text": f"{pair.x}\n\n{text}"}
            same_kind = [p for p in mined(copy["text"], PROSE, title=copy["title"]) if p.kind == pair.kind]
            if text != pair.y and [p.y for p in same_kind] == [" ".join(text.split())]:
                variant = f"passage, {ways[0] if len(ways) == 1 else TWO}"
                self.near.append(Plant(variant, f"near/passages.jsonl#{copy['id']}"))
                records.append(copy)
        self.write_records("near/passages.jsonl", records)

    def copy_records(self, number: int) -> None:
        """Plant changed copies of whole records of prose, which are split again."""
        records: list[dict[str, str]] = []
        for record in self.chance.sample(self.records, len(self.records)):
            if len(records) == number:
                break
            if 200 <= len(record["text"].split()) <= 2000:
                paragraphs = record["text"].split("\n\n")
                for way in self._ways(NEAR_PROSE, len(records)):
                    place = self.chance.randrange(len(paragraphs))
                    paragraphs[place] = changed_prose(paragraphs[place], self.spare, way, self.chance)
                copy = {"id": f"w{len(records)}", "title": record["title"], "text": "\n\n".join(paragraphs)}
                pairs = len(mined(copy["text"], PROSE, title=copy["title"]))
                self.near.append(Plant(WHOLE, f"near/records.jsonl#{copy['id']}", pairs=pairs))
                records.append(copy)
        self.write_records("near/records.jsonl", records)

    def _ways(self, ways: tuple[str, ...], turn: int) -> list[str]:
        turn %= len(ways) + 1
        return [ways[turn]] if turn < len(ways) else self.chance.sample(ways, 2)


def first_line(origin: str) -> int:
    """The first line number of an origin."""
    return int(origin.rpartition(":")[2].partition("-")[0])


def rows_of(pairs: Iterable[Pair], place: str = "") -> list[Row]:
    """Pairs as rows of a dataset."""
    return [
        Row(p.x, p.y, p.kind, p.language, place or p.origin.rpartition(":")[0], first_line(p.origin))
        for p in pairs
    ]


def by_place(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """File, or file and record → rows."""
    at: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        at[row.place].append(row)
    return at
