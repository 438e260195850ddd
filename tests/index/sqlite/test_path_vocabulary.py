"""Files that the words of a query name: as summed up one by one."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adjoin.index.sqlite.path_vocabulary import CACHED_WORDS, NamedFiles
from adjoin.ranking.paths import matches

WORDS = ["config", "configur", "ctx", "context", "pars", "parser", "src", "util"]
paths = st.dictionaries(
    st.integers(1, 30), st.dictionaries(st.sampled_from(WORDS), st.integers(1, 3), min_size=1), max_size=12
)


@given(
    paths, st.lists(st.sampled_from([*WORDS, "nothing"]), max_size=4, unique=True), st.integers(1, 9), st.data()
)
def test_the_best_files_are_those_of_a_plain_sum(
    files: dict[int, dict[str, int]], words: list[str], number: int, data: st.DataObject
) -> None:
    def rows_of(named: Sequence[str]) -> list[tuple[int, int]]:
        return [(file, own[word]) for file, own in files.items() for word in named if word in own]

    allowed = data.draw(st.none() | st.lists(st.integers(1, 40), unique=True))
    points: Counter[int] = Counter()
    for file, own in files.items():
        if allowed is None or file in allowed:
            for word in words:
                points[file] += max(
                    (weight for path_word, weight in own.items() if matches(word, path_word)), default=0
                )
    expected = sorted((file for file in points if points[file]), key=lambda file: (-points[file], file))[:number]
    named = NamedFiles([word for own in files.values() for word in own], rows_of)
    limits = None if allowed is None else np.array(allowed, np.int64)
    for _ in range(2):  # read, then from memory
        assert named.best(words, number, limits).tolist() == expected


def test_few_words_stay_in_memory() -> None:
    asked: list[str] = []

    def rows_of(named: Sequence[str]) -> list[tuple[int, int]]:
        asked.extend(named)
        return [(1, 1)]

    words = [f"{letter}{other}x" for letter in "abcdefghij" for other in "klmnopqrst"]
    named = NamedFiles(words, rows_of)
    for word in (*words, words[-1], words[0]):
        assert named.best([word], 5).tolist() == [1]
    assert len(words) > CACHED_WORDS
    assert asked == [*words, words[0]]
