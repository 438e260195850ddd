"""Headings as queries."""

# ruff: noqa: RUF001 - marks and letters of all scripts
import pytest

from adjoin.corpus import PROSE, Document
from adjoin.pairs.titles import (
    NO_QUERY,
    NOT_WORDS,
    RUNS_ON,
    UNRELATED,
    Heading,
    asks,
    heading_of,
    is_question,
    reason_against_text,
    without_heading,
)


def heading(title: str, section: str = "") -> Heading | None:
    return heading_of(Document.of("text", PROSE, "a.md", title=title, section=section))


@pytest.mark.parametrize(
    ("title", "section", "query"),
    [
        ("Our old town", "", "Our old town"),
        ("Our old town", "our old  town", "Our old town"),
        ("numpy", "Installation", "numpy: Installation"),
        ("numpy", "Reading files lazily", "Reading files lazily"),
        ("numpy", "What is it?", "What is it?"),
        ("Re: [R] Fwd: sorting a list", "", "sorting a list"),
        ("2.3.1 Sorting a list", "", "Sorting a list"),
        ("Sorting a list | The Site", "", "Sorting a list"),
        ("🔎 Sorting a list (1/3)", "", "Sorting a list"),
        ("Comcare v Holland [2009] FCA 771", "", "Comcare v Holland [2009] FCA 771"),
        ("printf(3)", "", "printf(3)"),
    ],
)
def test_headings_become_queries(title: str, section: str, query: str) -> None:
    assert heading(title, section) == Heading(query, is_question=query.endswith("?"))


@pytest.mark.parametrize(
    ("title", "section", "reason"),
    [
        ("Introduction", "", NO_QUERY),
        ("numpy", "See also:", NO_QUERY),
        ("", "Installation", NO_QUERY),
        ("Chapter 3", "", NO_QUERY),
        ("War and Peace: XVII", "", NO_QUERY),
        ("1.2.3", "", NO_QUERY),
        ("Go Time 336", "", NO_QUERY),
        ("Git 2.7 Release Notes", "", NO_QUERY),
        ("git", "Fixes since v2.7", NO_QUERY),
        ("The budget of the town (2/3)", "", NO_QUERY),
        ("git_basics.md", "", NOT_WORDS),
        ("from turtle import *", "", NOT_WORDS),
        ("docs/guide/index", "", NOT_WORDS),
        ("compatible with the old format.", "", RUNS_ON),
        ("Estimation of the point in the", "", RUNS_ON),
        (" ".join(["Word"] * 40), "", RUNS_ON),
    ],
)
def test_headings_that_are_no_queries_have_a_reason(title: str, section: str, reason: str) -> None:
    assert heading(title, section) == Heading("", reason=reason)


def test_without_title_and_section_there_is_no_heading() -> None:
    assert heading(" ") is None


@pytest.mark.parametrize(
    "text", ["Is it old?", "How to sort a list", "what is a list", "为什么天是蓝的？", '"Really?"']
)
def test_questions_are_known(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize("text", ["However hard", "Why We Launched It", "Is It Keto - Month 9", "Whatever works"])
def test_titles_that_only_look_like_questions_are_none(text: str) -> None:
    assert not is_question(text)


def test_an_answer_asks_nothing_after_its_beginning() -> None:
    assert not asks("How is it built? " + "It is built by hand. " * 20)
    assert asks("It is built by hand. " * 20 + "Does anybody know more?")


def test_a_text_below_a_heading_has_one_of_its_words() -> None:
    assert reason_against_text("Sorting lists", "Lists are sorted in place.") == ""
    assert reason_against_text("Sorted things", "The sorting takes time.") == ""
    assert reason_against_text("DRM in use", "What DRM does.") == ""
    assert reason_against_text("图书馆开门", "图书馆九点开门。") == ""
    assert reason_against_text("For Jacinta", "He came out and left.") == UNRELATED
    assert reason_against_text("Sorting lists", "of numbers is quick.") == RUNS_ON
    assert reason_against_text("people", "Once there was a town. " * 9 + "It had people.") == UNRELATED


def test_a_text_loses_the_heading_that_it_repeats() -> None:
    assert without_heading("Our town: The bridge is old.", "our town") == "The bridge is old."
    assert without_heading("A.2 Is it old? Yes, it is.", "Is it old?") == "Yes, it is."
    assert without_heading("Our town is old.", "Our town") == "Our town is old."
    assert without_heading("Our townspeople", "Our town") == "Our townspeople"
