"""Answers stay within their budget, whatever the pieces are, and name what they leave out."""

from hypothesis import given
from hypothesis import strategies as st

from adjoin.serving.budget import FEWEST_TOKENS, Passage, answer, estimated_tokens

LONG = "\n".join(f"    line {number} of the body" for number in range(400))


def passage(
    text: str = "def f():\n    pass",
    *,
    file: str = "a.py",
    weak: bool = False,
    name: str = "f",
    also: str = "",
) -> Passage:
    return Passage(file, 1, 1 + text.count("\n"), name, "python", text, weak, also)


def test_the_estimate_is_rather_high() -> None:
    assert estimated_tokens("") == 0
    assert estimated_tokens("abcd") == 2
    assert estimated_tokens("漢字") == 2


def test_short_pieces_are_whole() -> None:
    text = answer([passage(), passage(file="b.py", name="")], 4000)
    assert text == "a.py:1-2 f\n```python\ndef f():\n    pass\n```\n\nb.py:1-2\n```python\ndef f():\n    pass\n```"


def test_a_long_piece_is_cut_at_a_line_and_the_rest_is_named() -> None:
    text = answer([passage(LONG), passage(file="b.py")], 500)
    assert estimated_tokens(text) <= 500
    shown = text.split("```")[1].strip("\n").count("\n")
    assert f"[{400 - shown} more lines: read a.py:{1 + shown}-400]" in text
    assert "b.py:1-2 f\n```python\ndef f():\n    pass\n```" in text


def test_short_pieces_leave_their_share_to_long_ones() -> None:
    alone, beside = answer([passage(LONG)], 1000), answer([passage(LONG), *[passage()] * 3], 1000)
    assert beside.count("line") > 0.7 * alone.count("line")


def test_further_pieces_are_named_if_there_is_room() -> None:
    also = "also 143-238 find_lib; 240-249 default_search"
    assert answer([passage(also=also), passage(file="b.py")], 4000) == (
        f"a.py:1-2 f\n```python\ndef f():\n    pass\n```\n{also}\n\nb.py:1-2 f\n```python\ndef f():\n    pass\n```"
    )
    cut = answer([passage(LONG, also=also)], 300)
    assert estimated_tokens(cut) <= 300
    assert cut.endswith(f"-400]\n{also}")
    assert "also" not in answer([passage(LONG, also=also)], FEWEST_TOKENS)


def test_what_does_not_fit_is_counted() -> None:
    text = answer([passage(LONG)] * 50, 600)
    assert estimated_tokens(text) <= 600
    given = text.count("a.py:1-400 f\n")
    assert f"{50 - given} more results are left out: ask again with a higher max_tokens." in text


def test_weak_results_are_marked() -> None:
    assert answer([passage(weak=True)], 100).startswith(
        "No good answer. The nearest pieces:\n\na.py:1-2 f (weak)\n"
    )
    assert not answer([passage(), passage(weak=True)], 400).startswith("No good")
    assert answer([], 100) == "Nothing found."


def test_the_names_of_many_definitions_are_cut() -> None:
    heading = answer([passage(name=", ".join(["name"] * 99))], 400).split("\n")[0]
    assert heading.startswith("a.py:1-2 name, name, ")
    assert heading.endswith(" ...")
    assert len(heading) < 120


def test_a_fence_in_the_text_does_not_end_the_code() -> None:
    assert "````python\n```\ncode\n```\n````" in answer([passage("```\ncode\n```")], 400)


@given(
    st.lists(
        st.builds(
            passage,
            st.one_of(
                st.text(max_size=400), st.text("ab\n`漢", max_size=3000), st.just(LONG), st.just("x" * 9000)
            ),
            weak=st.booleans(),
            also=st.sampled_from(["", "also 1-2 f", "also " + "1-2 name; " * 40]),
        ),
        max_size=12,
    ),
    st.integers(FEWEST_TOKENS, 3000),
)
def test_no_answer_exceeds_its_budget(passages: list[Passage], budget: int) -> None:
    assert estimated_tokens(answer(passages, budget)) <= budget
