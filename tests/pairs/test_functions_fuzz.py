"""Any text in any mined language becomes functions and pairs, or is counted: no crash, no hang."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.pairs.functions import KINDS, function_pairs, functions
from adjoin.pairs.languages import LANGUAGES
from adjoin.tally import Tally
from fuzzing import fuzz
from strange_code import sample_of, strange_code

FILE_OF = {row: sample_of(row) for row in sorted(LANGUAGES)}


def mined(language: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(language), strange_code(language))


@given(st.sampled_from(sorted(FILE_OF)).flatmap(mined), st.booleans())
def one_case(code: tuple[str, str], pairs: bool) -> None:
    row, text = code
    name, language = FILE_OF[row].name, "typescript" if row == "tsx" else row
    document, tally = Document.of(text, language, name), Tally()
    if pairs:
        for pair in function_pairs(document, tally, KINDS):
            assert pair.y
            assert pair.origin.startswith(f"{name}:")
    else:
        for function in functions(document, tally):
            assert 1 <= function.span[0] <= function.span[1] <= text.count("\n") + 1
    assert all(place.startswith(name) for places in tally.examples.values() for place in places)


def test_some_texts_of_all_mined_languages() -> None:
    fuzz(one_case, 100)


@pytest.mark.slow
def test_texts_of_all_mined_languages() -> None:
    fuzz(one_case)
