"""Each quality rule of prose rejects its example, and running text passes."""

# ruff: noqa: E501, RUF001 - texts as they are met
import pytest

from adjoin.pairs.prose_quality import NOT_ENGLISH, RULES, judge_of

GOOD = (
    "The bridge over the river was built in 1890 by two brothers, who had learned their trade in Italy. It has been"
    " repaired three times since then, and each time the town asked whether it should not rather be replaced.",
    "“Nobody knows,” said Mr. Brown, “what they want with it.” She laughed: “Then let us ask them!” They went on"
    " through the garden, past the well, and did not speak again until they saw the U.S. flag on the roof of NASA.",
    "Мост через реку построили в 1890 году два брата, которые учились своему делу в Италии. С тех пор его трижды"
    " чинили, и каждый раз город спрашивал, не лучше ли построить новый.",
    "早上火车开往北方，没有人知道它什么时候会再停下来。图书馆九点开门，可是很多人早就站在门口等着了。",
    "The default value of max_size is None, which means that the cache can grow without bound; call cache_clear() to"
    " empty it. If typed is true, arguments of different types are cached separately, so that 3 and 3.0 differ.",
)  # fmt: skip
BAD = {
    "passage with broken characters": "Il a \ufffdt\ufffd construit par deux fr\ufffdres qui avaient appris en Italie.",
    "passage mostly not words": "--- ... .... ---- ..... 12 -- ... ---- word .... ----- ... ,,,, ;;;; ... (((( ))))",
    "passage mostly capitals": "THE BRIDGE OVER THE RIVER WAS BUILT BY TWO BROTHERS WHO HAD LEARNED THEIR TRADE IN ITALY.",
    "passage mostly numbers": "in 1890 came 12345 and 23456 or so 34567 and then 45678 to make 56789 of them all",
    "passage of code or markup": "if (x_1 == y_2) { return z[3]; } else { a_b = c_d * 4; } while (true) { f(x) |= g; }",
    "passage of names": "Smith, J. and Miller, A. with Jones, P. after Brown, M. and Clark, P. or Lewis, R. in Young, M.",
    "passage of links": "see http://a.example.com and http://b.example.com or http://c.example.com for what they say",
    "passage of changes": "Fix the build. Add an option for files. Remove old names. Bump setuptools. Update docs. Fix"
    " typing of results. Drop an alias. Add tests.",
    "passage of boilerplate": "Permission is hereby granted, free of charge, to any person obtaining a copy of this"
    " software, without warranty of any kind, and so on as everyone knows it. See the license for more.",
    "passage of filler text": "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt.",
    "passage of repeated words": "the build has failed again " * 12,
}  # fmt: skip


def verdict(text: str, *, english: bool = False) -> str:
    return judge_of(text, english=english)(text, len(text.split()))


@pytest.mark.parametrize("text", GOOD)
def test_running_text_breaks_no_rule(text: str) -> None:
    number = len(text.split()) if text.isascii() or " " in text else len(text) // 2
    assert judge_of(text)(text, number) == ""


@pytest.mark.parametrize(("rule", "text"), BAD.items())
def test_each_rule_catches_what_it_is_for(rule: str, text: str) -> None:
    assert verdict(text.strip()) == rule


def test_every_rule_has_an_example_here_and_one_sentence() -> None:
    assert {rule.name for rule in RULES} == BAD.keys()
    assert all(rule.reason.endswith(".") and rule.reason.count(". ") == 0 for rule in (*RULES, NOT_ENGLISH))


def test_english_has_its_common_words_where_it_is_asked_for() -> None:
    dutch = "De brug over onze oude rivier werd door twee broers gebouwd, die hun vak elders hadden geleerd."
    assert verdict(dutch) == ""
    assert verdict(dutch, english=True) == NOT_ENGLISH.name
    assert verdict(GOOD[0], english=True) == ""


def test_endless_words_are_none() -> None:
    assert verdict("x" * 10_000) == "passage mostly not words"


def test_a_word_about_a_licence_is_no_licence() -> None:
    assert verdict("She lost her license for a year, and after that she sold the car to a friend of ours.") == ""
