import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adjoin.batches import packing
from adjoin.batches.packing import HELD_OUT_OF, PackedStreams, pack
from adjoin.corpus import find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.pairs.pair import text_hash
from adjoin.tally import Tally
from adjoin.tokens import Tokenizer
from small_sources import NOUNS, VERBS, function_source


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred small files, a copy of one, a binary one, and a page of several sections."""
    root = tmp_path_factory.mktemp("corpus")
    for noun in NOUNS:
        (root / noun).mkdir()
        for verb in VERBS:
            (root / noun / f"{verb}.py").write_text(function_source(verb, noun))
    (root / "copy.py").write_text(function_source("open", "file"))
    (root / "empty.py").write_text("")
    (root / "page.md").write_text("".join(f"# On {noun}\n\nWhat a {noun} is, is told here.\n\n" for noun in NOUNS))
    return root


def packed_of(roots: list[Path], tokenizer: Tokenizer, folder: Path, workers: int = 1) -> PackedStreams:
    tally = Tally()
    return pack(find_sources(roots, tally), tokenizer, folder, tally, workers=workers)


def texts_of(root: Path) -> list[str]:
    tally = Tally()
    return [document.text for source in find_sources([root], tally) for document in read_source(source, tally)]


def plainly(texts: list[str], tokenizer: Tokenizer) -> list[int]:
    """The plain version: each text between its delimiters, all end to end."""
    return [token for text in texts for token in tokenizer.encode([text], "document", 1_000_000).ids_N.tolist()]


def test_the_streams_are_the_plain_concatenation(tree: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    packed = packed_of([tree], tokenizer, tmp_path / "p")
    texts = list(dict.fromkeys(texts_of(tree)))
    held_out = [text for text in texts if text_hash(text) % HELD_OUT_OF == 0]
    trained = [text for text in texts if text not in held_out]
    assert held_out
    assert packed.trained_N.tolist() == plainly(trained, tokenizer)
    assert packed.held_out_N.tolist() == plainly(held_out, tokenizer)
    content = packed.content
    assert (content.documents, content.tokens) == (len(trained), len(packed.trained_N))
    assert (content.held_out_documents, content.held_out_tokens) == (len(held_out), len(packed.held_out_N))
    assert content.held_out_bytes == sum(len(text.encode()) for text in held_out)
    assert content.passed_over == {"duplicate": 1, "empty": 1}
    assert packed.trained_N.dtype == np.uint16


def test_a_long_document_is_whole(tokenizer: Tokenizer, tmp_path: Path) -> None:
    long = "\n".join(f"count_{n} = send_{n}(table)" for n in range(20_000))
    for name, text in (("long", long), ("other", "x = 1\n")):
        (tmp_path / f"{name}.py").write_text(text)
    packed = packed_of([tmp_path], tokenizer, tmp_path / "p")
    both = [packed.trained_N.tolist(), packed.held_out_N.tolist()]
    assert plainly([long], tokenizer) in both
    assert max(map(len, both)) > 100_000


def test_the_bytes_do_not_depend_on_the_workers(
    tree: Path, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "SOURCES_PER_TASK", 7)
    folders = [tmp_path / "one", tmp_path / "two"]
    contents = [packed_of([tree], tokenizer, folder, workers).content for workers, folder in enumerate(folders, 1)]
    assert contents[0] == contents[1]
    for name in ("trained.npy", "held_out.npy", "packed.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_document_is_held_out_in_every_corpus_that_it_is_part_of(
    tree: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    chosen, *_ = [path for path in tree.rglob("*.py") if text_hash(path.read_text()) % HELD_OUT_OF == 0]
    tokens = plainly([chosen.read_text()], tokenizer)
    for name, roots in {"whole": [tree], "folder": [chosen.parent], "pair": [chosen, tree / "copy.py"]}.items():
        held_out = packed_of(roots, tokenizer, tmp_path / name).held_out_N.tolist()
        assert any(held_out[i : i + len(tokens)] == tokens for i in range(len(held_out)))


def test_where_no_hash_says_so_the_last_document_is_held_out(
    tree: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    texts = [function_source(verb, "matrix") for verb in ("parse", "merge", "sort")]
    assert all(text_hash(text) % HELD_OUT_OF for text in texts)
    roots = [tree / "matrix" / f"{verb}.py" for verb in ("parse", "merge", "sort")]
    packed = packed_of(roots, tokenizer, tmp_path / "p")
    assert packed.trained_N.tolist() == plainly(texts[:2], tokenizer)
    assert packed.held_out_N.tolist() == plainly(texts[2:], tokenizer)


def test_one_document_is_too_few(tree: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"1 documents to read, expected 2 or more.*\(1 empty\)"):
        packed_of([tree / "empty.py", tree / "file" / "sort.py"], tokenizer, tmp_path / "p")
    with pytest.raises(AdjoinError, match="missing"):
        PackedStreams.open(tmp_path / "p")


def test_a_folder_is_packed_anew_and_a_damaged_one_is_one_line(
    tree: Path, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = tmp_path / "p"
    packed_of([tree], tokenizer, folder)
    content = packed_of([tree / "file"], tokenizer, folder).content
    assert PackedStreams.open(folder).content == content
    assert packing.holds(folder, content.data)
    assert not packing.holds(folder, None)
    state = folder / packing.STATE
    for damaged in ({**json.loads(state.read_text()), "tokens": 3}, {"tokens": 3}):
        state.write_text(json.dumps(damaged))
        with pytest.raises(AdjoinError, match="is damaged"):
            PackedStreams.open(folder)
        assert not packing.holds(folder, content.data)
    later = replace(content, format=9)
    state.write_text(json.dumps({name: getattr(later, name) for name in later.__slots__}))
    with pytest.raises(AdjoinError, match="has format 9, this version reads 1"):
        PackedStreams.open(folder)
