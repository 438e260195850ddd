"""From evidence to a score and an order."""

from dataclasses import replace

import pytest

from adjoin.errors import AdjoinError
from adjoin.ranking.evidence import Candidate
from adjoin.ranking.query import read_query
from adjoin.ranking.score import DENSE, LEXICAL, WEIGHTS, Ranked, rank

QUERY = read_query("delete old sessions")


def piece(number: int, path: str, cosine: float, bm25: float = 0.0, **changes: object) -> Candidate:
    made = Candidate(number, path, "python", "function", "", (), number, number, cosine, bm25, f"text {number}")
    return replace(made, **changes)  # type: ignore[arg-type]


def order(hits: list[Ranked]) -> list[int]:
    return [hit.candidate.id for hit in hits]


def test_meaning_and_words_are_weighed() -> None:
    pieces = [piece(1, "a.py", 0.5, 0.1), piece(2, "b.py", 0.4, 0.9)]
    assert order(rank(QUERY, pieces, 10)) == [2, 1]
    assert order(rank(QUERY, pieces, 10, dense_weight=1.0)) == [1, 2]
    (first, _) = rank(QUERY, pieces, 10)
    share = WEIGHTS.dense["words"]
    assert first.evidence == pytest.approx({"meaning": share * 0.4, "words": (1 - share) * 0.9})
    assert first.score == pytest.approx(sum(first.evidence.values()))


@pytest.mark.parametrize(("mode", "expected"), [(DENSE, [1, 3, 2]), (LEXICAL, [2, 1])])
def test_one_evidence_alone(mode: str, expected: list[int]) -> None:
    pieces = [piece(1, "sessions.py", 0.5, 0.1), piece(2, "tests/b.py", 0.3, 0.9), piece(3, "c.py", 0.4)]
    assert order(rank(QUERY, pieces, 10, mode=mode)) == expected


def test_the_file_named_by_the_query_is_lifted() -> None:
    assert order(rank(QUERY, [piece(1, "a.py", 0.5), piece(2, "lib/sessions.py", 0.45)], 10)) == [2, 1]


def test_several_good_pieces_lift_a_file() -> None:
    pieces = [piece(1, "a.py", 0.5), piece(2, "b.py", 0.48), piece(3, "b.py", 0.47)]
    hits = rank(QUERY, pieces, 10)
    assert order(hits) == [2, 1, 3]
    assert hits[0].evidence["coherence"] == pytest.approx(WEIGHTS.coherence * WEIGHTS.dense["words"] * 0.47)


def test_within_a_file_the_match_decides_more_than_a_name() -> None:
    pieces = [piece(1, "a.py", 0.3, symbols=("delete",)), piece(2, "a.py", 0.4), piece(3, "b.py", 0.1)]
    hits = rank(QUERY, pieces, 10)
    assert order(hits)[0] == 2
    assert hits[0].score == pytest.approx(sum(hits[0].evidence.values()))
    assert order(rank(QUERY, pieces, 10, weights=replace(WEIGHTS, within=1.0)))[0] == 1


def test_a_further_piece_of_a_file_has_half_its_price() -> None:
    hits = rank(QUERY, [piece(1, "a.py", 0.5), piece(2, "a.py", 0.5), piece(3, "b.py", 0.35)], 10)
    assert order(hits) == [1, 3, 2]
    assert hits[2].score == pytest.approx(hits[0].score / 2)
    assert hits[2].evidence["repeated"] == 0.5


def test_a_copy_of_a_text_has_half_its_price() -> None:
    pieces = [piece(1, "a.py", 0.6), piece(2, "b.py", 0.5, text="text  1"), piece(3, "c.py", 0.4)]
    hits = rank(QUERY, pieces, 10)
    assert order(hits) == [1, 3, 2]
    assert hits[2].evidence["repeated"] == 0.5


def test_copies_may_keep_their_price() -> None:
    pieces = [piece(1, "a.py", 0.6, text="same"), piece(2, "b.py", 0.5, text="same"), piece(3, "c.py", 0.4)]
    assert order(rank(QUERY, pieces, 10, weights=replace(WEIGHTS, repeated=1.0))) == [1, 2, 3]


def test_a_near_copy_of_a_hit_has_half_its_price() -> None:
    manual = "how to sort, group and count the values of an array"
    pieces = [
        piece(1, "v1/manual.py", 0.6, text=f"{manual} in 1"),
        piece(2, "v2/manual.py", 0.5, text=f"{manual} in 2"),
        piece(3, "c.py", 0.4, text="how to sort and count other things: files, say, and folders"),
    ]
    hits = rank(QUERY, pieces, 10)
    assert order(hits) == [1, 3, 2]
    assert [hit.evidence.get("repeated") for hit in hits] == [None, None, 0.5]


def test_tests_come_last_unless_they_are_asked_for() -> None:
    pieces = [piece(1, "tests/a.py", 0.5), piece(2, "b.py", 0.4)]
    assert order(rank(QUERY, pieces, 10)) == [2, 1]
    assert order(rank(read_query("how do tests delete old ones"), pieces, 10)) == [1, 2]


def test_the_definition_of_a_symbol_comes_first() -> None:
    pieces = [piece(1, "a.py", 0.9, 0.9), piece(2, "b.py", 0.2, 0.1, symbols=("retry_upload",))]
    assert order(rank(read_query("retry_upload"), pieces, 10)) == [2, 1]
    assert order(rank(read_query("retryUpload"), pieces, 10)) == [2, 1]


def test_a_definition_comes_before_its_prototype() -> None:
    pieces = [
        piece(1, "upload.h", 0.6, 0.9, kind="declaration", symbols=("retry_upload",)),
        piece(2, "upload.c", 0.5, 0.5, symbols=("retry_upload",)),
    ]
    assert order(rank(read_query("retry_upload"), pieces, 10)) == [2, 1]


def test_the_place_of_a_path_comes_first() -> None:
    pieces = [piece(1, "b.py", 0.9, 0.9), piece(5, "src/a.py", 0.1), piece(7, "src/a.py", 0.2)]
    assert order(rank(read_query("src/a.py:5"), pieces, 10)) == [5, 7, 1]


def test_the_wording_of_a_message_decides() -> None:
    message = "cannot open the upload: try again"
    pieces = [piece(1, "a.py", 0.6, 0.6), piece(2, "b.py", 0.5, 0.5, text=f'raise E("{message}")')]
    assert order(rank(read_query(message), pieces, 10)) == [2, 1]


def test_weak_is_a_hit_whose_file_has_little_evidence() -> None:
    hits = rank(QUERY, [piece(1, "sessions.py", 0.6, 0.6), piece(2, "b.py", 0.3)], 10)
    assert [hit.weak for hit in hits] == [False, True]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("ERR_GW_4711", "<pre>ERR_GW_4711 upstream</pre>"),
        ("drain timeout", ".. option:: --drain-timeout"),
        ("gatewayctl", "Run GatewayCtl."),
    ],
)
def test_a_text_that_has_the_query_word_for_word_is_not_weak(query: str, text: str) -> None:
    has, lacks = piece(1, "a.md", 0.1, 0.1, text=text), piece(2, "b.md", 0.1, 0.1, text="ERR_GW_47110 gatewayctls")
    assert {hit.candidate.id: hit.weak for hit in rank(read_query(query), [has, lacks], 2)} == {1: False, 2: True}


def test_a_query_without_words_stands_nowhere() -> None:
    assert [hit.weak for hit in rank(read_query("->"), [piece(1, "a.py", 0.1, text="a -> b")], 1)] == [True]


def test_the_limit_and_the_order_of_equals() -> None:
    pieces = [piece(3, "c.py", 0.5), piece(1, "a.py", 0.5), piece(2, "b.py", 0.5)]
    assert order(rank(QUERY, pieces, 2)) == [1, 2]
    assert order(rank(QUERY, pieces[::-1], 3)) == [1, 2, 3]
    assert rank(QUERY, [], 5) == []


def test_scores_do_not_depend_on_the_other_files() -> None:
    alone = rank(QUERY, [piece(1, "a.py", 0.5, 0.2)], 10)[0]
    among = rank(QUERY, [piece(1, "a.py", 0.5, 0.2), piece(2, "sessions.py", 0.9, 0.9)], 10)[1]
    assert alone.score == among.score


def test_the_next_best_pieces_of_a_file_are_named() -> None:
    pieces = [piece(number, "a.py", 0.9 - number / 100, 0.9) for number in range(6)]
    hits = rank(QUERY, [*pieces[::-1], piece(8, "a.py", 0.1, 0.1), piece(9, "b.py", 0.9, 0.9)], 20)
    by_id = {hit.candidate.id: hit for hit in hits}
    assert [one.id for one in by_id[0].also] == [1, 2, 3]
    assert by_id[1].also == by_id[9].also == ()
    (first, *_) = rank(QUERY, [piece(1, "a.py", 0.9, 0.9), piece(2, "a.py", 0.2, 0.2)], 20)
    assert first.also == ()
    assert rank(read_query("?!"), [piece(1, "a.py", -0.5), piece(2, "a.py", -0.5)], 1)[0].also == ()


def test_negative_cosines_and_empty_queries_rank() -> None:
    hits = rank(read_query("?!"), [piece(1, "a.py", -0.5), piece(2, "b.py", -0.2)], 10)
    assert [hit.score for hit in hits] == [0.0, 0.0]


@pytest.mark.parametrize("options", [{"mode": "fast"}, {"dense_weight": 1.5}, {"dense_weight": float("nan")}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(AdjoinError, match="expected"):
        rank(QUERY, [], 10, **options)  # type: ignore[arg-type]
