"""Changed copies of held-out texts are found, and similar texts are not."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adjoin.cleaning.decontamination.decontaminate import BATCH, LONGEST, OVERLAP, RULES, Decontaminator
from adjoin.errors import AdjoinError
from adjoin.pairs.dataset import write_manifest, write_shards
from adjoin.pairs.pair import Pair
from adjoin.tally import Tally

PYTHON = """def total_of(rows, key):
    # sum what the rows have
    result = 0
    for row in rows:
        if row.get(key) is not None:
            result += int(row[key])  # counts once
    return result"""
GO = """func (s *Store) Close(ctx context.Context) error {
\ts.mutex.Lock()
\tdefer s.mutex.Unlock()
\treturn s.file.Close(ctx, "http://x") // keep
}"""
JAVA = """@Override
public synchronized int size(String name) {
    Counter counter = counters.get(name);
    return counter == null ? 0 : counter.value();
}"""
PASSAGE = (
    "The ferry to the island leaves every morning from the old stone pier, and Röntgen's nephew, who kept the"
    " lighthouse for thirty years, would wave his lantern at the captain until the fog had swallowed the boat"
    " whole. Nobody in the village remembers who taught him to read the weather from the colour of the moss."
)
QUERY = "who kept the lighthouse on the island of the ferry"
SENTENCE = "A man is feeding two hungry goats."
TITLE = "Keepers of northern lighthouses and their lanterns, 1810 to 1890"
CLEAN = (
    "Bread rises because yeast turns sugar into gas, which the dough holds in small bubbles while it rests in a"
    " warm kitchen for an hour or two before it is baked."
)
CLEAN_CODE = "def other(a, b):\n    return [x for x in a if x not in b]"


def write_evaluation(folder: Path) -> Path:
    beir = folder / "text"
    (beir / "qrels").mkdir(parents=True)
    document = {"_id": "1", "title": TITLE, "text": PASSAGE}
    (beir / "corpus.jsonl.gz").write_bytes(gzip.compress(json.dumps(document).encode()))
    (beir / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": QUERY}) + "\n")
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    code = [
        {"_id": str(i), "text": text, "language": language, "source": f"octo/well-kept@12ab:a/b#L{i}-L9"}
        for i, (text, language) in enumerate([(PYTHON, "python"), (GO, "go"), (JAVA, "java")])
    ]
    (folder / "code").mkdir()
    (folder / "code" / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in code))
    (folder / "test.tsv").write_text(f'score\ttext1\ttext2\n3\t{SENTENCE}\tTwo "goats, fed by somebody else\n')
    (folder / "README.md").write_text("about it")
    return folder


@pytest.fixture(scope="module")
def decontaminator(tmp_path_factory: pytest.TempPathFactory) -> Decontaminator:
    folder = tmp_path_factory.mktemp("held")
    return Decontaminator.build([write_evaluation(folder / "eval")], folder / "index", Tally())


def reason(
    decontaminator: Decontaminator, x: str = CLEAN, y: str = CLEAN, language: str = "text", **more: str
) -> str:
    pair = Pair(x, y, "any", language, **{"origin": "place/file:1-2", "group": 0, **more})  # type: ignore[arg-type]
    return decontaminator.reasons_against([pair])[0]


def test_clean_pairs_stay(decontaminator: Decontaminator) -> None:
    assert reason(decontaminator) == ""
    assert reason(decontaminator, y=CLEAN_CODE, language="python") == ""
    assert decontaminator.reasons_against([]) == []
    assert reason(decontaminator, x="", y="") == ""
    assert reason(decontaminator, x="x", y="", language="go") == ""


@pytest.mark.parametrize(
    ("y", "language"),
    [
        (PYTHON, "python"),
        (PYTHON.replace("    ", "\t").replace("\n", "\r\n"), "python"),
        (PYTHON.replace("# sum what the rows have", "# it's \"another"), "python"),
        (PYTHON.replace("    # sum what the rows have\n", "").replace("  # counts once", ""), "python"),
        ("@cached\n" + PYTHON, "python"),
        ("class A:\n" + "\n".join("    " + line for line in PYTHON.split("\n")), "python"),
        (f"{CLEAN_CODE}\n\n{PYTHON}\n\n{CLEAN_CODE}", "python"),
        (
            PYTHON.replace("def total_of(rows, key):", "def renamed(rows: list, key: str) -> int:"),
            "python",
        ),
        (PYTHON.replace("result = 0", "result = (0)").replace("int(row[key])", "int( (row[key]) )"), "python"),
        (GO.replace(" // keep", "").replace("\t", "  "), "go"),
        (GO.replace("(s *Store) Close", "(s *Shop) CloseAll"), "go"),
        (JAVA.replace("@Override\npublic synchronized ", "private "), "java"),
        (JAVA.replace("{\n", "{ /* why\n not */\n"), "java"),
    ],
)
def test_held_out_functions_are_found(decontaminator: Decontaminator, y: str, language: str) -> None:
    assert reason(decontaminator, y=y, language=language) == "held-out code"


@pytest.mark.parametrize(
    "text",
    [
        PASSAGE,
        PASSAGE.upper().replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").replace(",", " -- "),
        PASSAGE.replace(" ", "\n  "),
        PASSAGE.replace("ö", "o\N{COMBINING DIAERESIS}"),
        PASSAGE[: len(PASSAGE) // 2],
        " ".join(PASSAGE.split()[20:36]),
        f"{CLEAN} {' '.join(PASSAGE.split()[-16:])}",
        f"{' '.join(CLEAN.split()[:9])} {PASSAGE} {CLEAN}",
        PASSAGE.replace("lantern", "lamp"),
        SENTENCE,
        f"{CLEAN} {SENTENCE.lower()} {CLEAN}",
        f"{SENTENCE} {CLEAN}",
        f"He asked {QUERY}, and got no answer.",
    ],
)
def test_held_out_text_is_found_on_both_sides(decontaminator: Decontaminator, text: str) -> None:
    assert reason(decontaminator, x=text) == "held-out text"
    assert reason(decontaminator, y=text) == "held-out text"
    assert reason(decontaminator, x=text, y=CLEAN_CODE, language="python") == "held-out text"


@pytest.mark.parametrize(
    "text",
    [
        " ".join(PASSAGE.split()[3:9]),  # a phrase
        f"{CLEAN} They say that a man is feeding two hungry goats and a cow.",  # within another sentence
        f"He quoted “{TITLE}” at length.",  # a title is a reference
        "Keepers of lighthouses",
    ],
)
def test_stock_phrases_stay(decontaminator: Decontaminator, text: str) -> None:
    assert reason(decontaminator, y=text) == ""


def test_queries(decontaminator: Decontaminator) -> None:
    assert reason(decontaminator, x=QUERY.title() + "?!") == "held-out query"
    assert reason(decontaminator, x=TITLE.lower()) == "held-out text"


@pytest.mark.parametrize(
    ("more", "language", "held"),
    [
        ({"repository": "Octo/Well-Kept"}, "text", True),
        ({"repository": "https://github.com/octo/well-kept.git"}, "text", True),
        ({"repository": "git@github.com:octo/well-kept"}, "text", True),
        ({"repository": "octo/well-kept-too"}, "go", False),
        ({"origin": "src/github.com/octo/well-kept@v1.2/x.go:1-2"}, "text", True),
        ({"origin": "src/github.com/octo/well-known/x.go:1-2"}, "go", False),
        ({"origin": "python3-well-kept_1.2-3_all.deb!usr/lib/x.py:1-2"}, "python", True),
        ({"origin": "lists/well_kept-0.3-py3-none-any.whl!well_kept/x.py:1-2"}, "python", True),
        ({"origin": "golang-github-octo-well-kept-dev_1.0_all.deb!usr/x.go:1-2"}, "go", True),
        ({"origin": "well_kept/deep/x.py:1-2"}, "python", True),
        ({"origin": "well_kept/deep/x.rb:1-2"}, "ruby", False),  # another language's
        ({"origin": "mine/well_kept/x.py:1-2"}, "python", False),
        ({"origin": "lib/site-packages/well_kept/x.py:1-2"}, "python", True),
    ],
)
def test_repositories(decontaminator: Decontaminator, more: dict[str, str], language: str, held: bool) -> None:
    assert reason(decontaminator, language=language, **more) == ("held-out repository" if held else "")


def test_every_rule_has_a_sentence_and_the_first_wins(decontaminator: Decontaminator) -> None:
    both = reason(decontaminator, x=QUERY, y=PYTHON, language="python")
    assert both == "held-out code"
    assert both in RULES
    assert reason(decontaminator, x=QUERY, y=PASSAGE) == "held-out query"


def test_many_pairs_at_once_are_judged_as_one_by_one(decontaminator: Decontaminator) -> None:
    pairs = [
        Pair(x, y, "any", language, "a:1", 0)
        for x in (CLEAN, QUERY, PASSAGE, "")
        for y, language in (
            (PASSAGE, "text"),
            (PYTHON, "python"),
            (CLEAN, "text"),
            (GO, "go"),
            (CLEAN_CODE, "python"),
        )
    ] * (BATCH // 2_000)
    random.Random(0).shuffle(pairs)
    expected = [decontaminator.reasons_against([pair])[0] for pair in pairs[:40]]
    assert decontaminator.reasons_against(pairs)[:40] == expected
    assert any(expected)
    assert not all(expected)


def test_long_texts_are_seen_whole(decontaminator: Decontaminator) -> None:
    filler = "word " * (LONGEST // 5 - 3)
    assert reason(decontaminator, y=filler + PASSAGE + filler) == "held-out text"
    assert reason(decontaminator, y=filler + CLEAN + filler) == ""
    assert len(PASSAGE) < OVERLAP


def test_texts_without_spaces(tmp_path: Path) -> None:
    text = "昔々ある所にお爺さんとお婆さんが住んでいましたお爺さんは山へ柴刈りにお婆さんは川へ洗濯に行きました"
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "corpus.jsonl").write_text(json.dumps({"_id": "1", "text": text}))
    decontaminator = Decontaminator.build([tmp_path / "eval"], tmp_path / "index", Tally())
    assert reason(decontaminator, y="前置き。" + text[3:] + "終わり") == "held-out text"
    assert reason(decontaminator, y="全く別の文章がここにありますので何も見つからないはずです") == ""


def test_the_index_does_not_depend_on_order_repetition_or_process(tmp_path: Path) -> None:
    evaluation = write_evaluation(tmp_path / "eval")
    once = Decontaminator.build([evaluation], tmp_path / "one", Tally())
    twice = Decontaminator.build([evaluation / "text", evaluation, evaluation], tmp_path / "two", Tally())
    assert once.digest == twice.digest
    script = (
        "import sys; from pathlib import Path; from adjoin.tally import Tally;"
        "from adjoin.cleaning.decontamination.decontaminate import Decontaminator;"
        "print(Decontaminator.build([Path(sys.argv[1])], Path(sys.argv[2]), Tally()).digest)"
    )
    arguments = [sys.executable, "-c", script, str(evaluation), str(tmp_path / "three")]
    there = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == once.digest
    (evaluation / "more.jsonl").write_text('{"text": "one more text to be held out from all training"}')
    assert Decontaminator.build([evaluation], tmp_path / "one", Tally()).digest != once.digest


def test_an_opened_index_is_mapped(decontaminator: Decontaminator, tmp_path: Path) -> None:
    built = Decontaminator.build([write_evaluation(tmp_path / "eval")], tmp_path / "index", Tally())
    opened = Decontaminator.open(tmp_path / "index")
    assert opened.digest == built.digest == decontaminator.digest
    assert isinstance(opened.prose.grams.base, np.memmap)
    assert reason(opened, y=PASSAGE) == "held-out text"


def test_counts(tmp_path: Path) -> None:
    tally = Tally()
    Decontaminator.build([write_evaluation(tmp_path / "eval")], tmp_path / "index", tally)
    assert tally.counts == {
        "held-out code": 3,
        "held-out passages": 3,
        "held-out queries": 1,
        "held-out titles": 1,
        "held-out repositories": 1,
        "file without evaluation data": 2,  # README.md, qrels
    }


def test_a_dataset_of_pairs_is_held_out(tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    pairs = [
        Pair(
            "sum what the rows have under a key",
            PYTHON,
            "docstring-function",
            "python",
            "a:1",
            0,
            repository="a/b-c",
        ),
        Pair(CLEAN, PASSAGE, "neighbours", "text", "b:1", 0),
    ]
    write_manifest(folder, {"pairs": 2, "shards": write_shards(pairs, folder)})
    decontaminator = Decontaminator.build([tmp_path], tmp_path.parent / f"{tmp_path.name}-index", Tally())
    assert reason(decontaminator, x="words", y=PYTHON, language="python") == "held-out code"
    assert reason(decontaminator, x="Sum what the rows have under a key!", y="") == "held-out query"
    assert reason(decontaminator, x="", y=PASSAGE) == "held-out text"
    assert reason(decontaminator, x="", y="", repository="a/b-c") == "held-out repository"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("README.md", b"no data", "nothing to hold out"),
        ("corpus.jsonl", b'{"_id": "1", "text": "a"}\n{"_id": ', "line 2 is not JSON"),
        ("corpus.jsonl", b"[1]\n", "expected an object with text"),
        ("corpus.jsonl", b'{"_id": "1", "score": 3}\n', "has no text"),
        ("corpus.jsonl", b'{"text": "\xff"}\n', "damaged"),
        ("corpus.jsonl.gz", b"not gzip", "damaged"),
        ("train.csv", b"text,label\n", "format that is not read"),
        ("test.tsv", b"a\tb\n1\t2\n", "expected a header"),
        ("test.tsv", b"label\ttext\n1\n", "line 2 has 1 columns"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / name).write_bytes(content)
    with pytest.raises(AdjoinError, match=message) as caught:
        Decontaminator.build([tmp_path / "eval"], tmp_path / "index", Tally())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "index").exists()


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdjoinError, match="nothing to hold out"):
        Decontaminator.build([tmp_path / "empty"], tmp_path / "index", Tally())
    with pytest.raises(AdjoinError, match="no evaluation data at"):
        Decontaminator.build([tmp_path / "missing"], tmp_path / "index", Tally())
    with pytest.raises(AdjoinError, match="no evaluation folder"):
        Decontaminator.build([], tmp_path / "index", Tally())
    evaluation = write_evaluation(tmp_path / "eval")
    with pytest.raises(AdjoinError, match="not an index"):
        Decontaminator.build([evaluation], evaluation, Tally())
    with pytest.raises(AdjoinError, match="the file is missing"):
        Decontaminator.open(tmp_path / "index")


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"format": 99}', '{"format": 1, "digest": "x", "repositories": {}}']
)
def test_a_damaged_index_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "held-out.json").write_text(content)
    with pytest.raises(AdjoinError, match="damaged"):
        Decontaminator.open(tmp_path)
