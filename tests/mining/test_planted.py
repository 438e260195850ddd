"""The benchmark of planted texts at a small size: its output if all plants are found, and if none is."""

import json
import random
import re
from pathlib import Path
from types import ModuleType

import pytest

import adjoin
from adjoin.cleaning.decontamination.decontaminate import Decontaminator
from adjoin.mining import merging
from small_sources import NOUNS, VERBS

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ADJECTIVES = """early narrow silent broken golden distant gentle hollow modern ancient yellow frozen humble clever
    bitter tender rusty crooked foreign loyal""".split()  # noqa: SIM905
THINGS = """harbour valley library station market garden bridge castle lantern kettle ladder saddle mirror
    candle basket hammer window pillow barrel violin feather carpet anchor needle wagon orchard
    chimney meadow""".split()  # noqa: SIM905
DOINGS = """followed carried painted measured borrowed repaired admired forgot described buried polished
    imagined gathered defended questioned weighed copied delivered""".split()  # noqa: SIM905
LINKS = ["because", "although", "while", "until", "before", "unless", "whenever"]


def function(verb: str, noun: str, chance: random.Random) -> str:
    """A function with words of its own."""
    one, two, three = chance.sample(THINGS, 3)
    adjective, number = chance.choice(ADJECTIVES), chance.randrange(2, 99)
    return (
        f"def {verb}_{adjective}_{noun}({noun}, {one}_size={number}):\n"
        f"    # the {two} is {adjective}\n"
        f"    {two}_list = [{noun}.{verb}(step) for step in range({one}_size)]\n"
        f"    if {two}_list and {noun}.is_{adjective}:\n"
        f'        raise ValueError("no {one} for this {noun}")\n'
        f"    {one}_sum = sum({three}.{adjective}_{two} for {three} in {two}_list)\n"
        f"    return {one}_sum * {number + 2} + len({noun}.{three})\n"
    )


def passage(chance: random.Random, things: list[str]) -> str:
    """Some fifty words in three sentences that no other passage has."""

    def clause() -> str:
        one, two = chance.sample(things, 2)
        adjective, doing, noun = map(chance.choice, (ADJECTIVES, DOINGS, NOUNS))
        return f"the {adjective} {one} {doing} every {two} of the {noun}"

    return " ".join(f"{clause().capitalize()} {chance.choice(LINKS)} {clause()}." for _ in range(3))


def write_set(folder: Path, name: str, corpus: list[dict[str, str]], queries: list[str]) -> None:
    """An evaluation set in BEIR's format, one query per document."""
    (folder / name / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{n}", **document} for n, document in enumerate(corpus)]
    asked = [{"_id": f"q{n}", "text": query} for n, query in enumerate(queries)]
    for file, records in (("corpus.jsonl", documents), ("queries.jsonl", asked)):
        (folder / name / file).write_text("\n".join(map(json.dumps, records)))
    judged = ["query-id\tcorpus-id\tscore", *(f"q{n}\td{n}\t1" for n in range(len(corpus)))]
    (folder / name / "qrels" / "test.tsv").write_text("\n".join(judged))


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Evaluation data and clean prose made up, and our own code for the clean one."""
    chance = random.Random(0)
    names = [(verb, noun) for noun in NOUNS for verb in VERBS]
    functions = [function(verb, noun, chance) for verb, noun in names]
    code = [{"text": text, "language": "python", "source": "a/b@c:d"} for text in functions]
    asked = [
        f"Turn a {noun} round, so that whoever may {verb} it finds {chance.choice(THINGS)}."
        for verb, noun in names
    ]
    write_set(tmp_path / "eval", "functions", code, asked)
    texts = [{"text": passage(chance, THINGS[::2])} for _ in range(120)]
    write_set(
        tmp_path / "eval", "passages", texts, [f"what about the {chance.choice(THINGS)} {n}" for n in range(120)]
    )
    (tmp_path / "prose").mkdir()
    with (tmp_path / "prose" / "text.jsonl").open("w") as file:
        for _ in range(200):
            paragraphs = [passage(chance, THINGS[1::2]) for _ in range(6)]
            title = " ".join(paragraphs[0].split()[1:5])
            file.write(json.dumps({"title": title, "text": "\n\n".join(paragraphs)}) + "\n")
    clean = str(Path(adjoin.__file__).parent)
    return [
        "--eval",
        str(tmp_path / "eval"),
        "--clean",
        clean,
        "--prose",
        str(tmp_path / "prose"),
        "--number",
        "60",
    ]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark; its folder is no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import planted

    return planted


def shares(printed: str) -> dict[str, float]:
    """Variant → the share that was found, in hundredths."""
    return {name.strip(): float(share) for name, share in re.findall(r"│ ([^│]+)│.*│ ([\d.]+)% ", printed)}


def test_all_is_found_and_nothing_else_lost(
    planted: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = planted.main(arguments)
    printed = capsys.readouterr().out
    detected = shares(printed)
    assert len(detected) == 10 + 1 + 11 + 1, printed
    assert detected["all"] >= 99, printed
    assert detected["all but whole records"] >= 98, printed
    assert printed.count("found: met; of clean pairs lost: met") == 2, printed
    assert status == 0


def test_what_stays_is_counted_as_missed(
    planted: ModuleType,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Decontaminator, "reasons_against", lambda self, pairs: [""] * len(pairs))
    monkeypatch.setattr(merging, "near_duplicates", lambda files, keep, *rest: keep & False)
    assert planted.main([*arguments[:-1], "20"]) == 1
    printed = capsys.readouterr().out
    assert shares(printed)["all"] == 0
    assert shares(printed)["all but whole records"] < 20  # white space alone makes no other text
    assert printed.count("found: MISSED; of clean pairs lost: met") == 2
