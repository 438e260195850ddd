"""Sentence boundaries and words in all scripts."""

# ruff: noqa: RUF001 - marks and letters of all scripts
import pytest

from adjoin.pairs.sentences import Script, ends_sentence

ENDS = [
    ("end.", "The"), ('said."', "He"), ("it?", "¿Qué"), ("3.11.", "The"), ("1945.", "In"), ("example.com.", "See"),
    ("wait...", "And"), ("here.)", "(There"), ("what?!", "No"), ("です。", "次"), ("है।", "यह"), ("نعم؟", "لا"),
    ("fin.", "« Oui"), ("end.", "12"), ("done.", "-"), ("Größe.", "Über"),
]  # fmt: skip
GOES_ON = [
    ("Dr.", "Smith"), ("e.g.", "The"), ("i.e.", "A"), ("Fig.", "3"), ("U.S.", "President"), ("J.", "K."),
    ("(Mr.", "Brown)"), ('"What?"', "she"), ("wait...", "and"), ("12.", "Add"), ("al.", "(2005)"), ("end,", "The"),
    ("3.14", "The"), ("Yahoo!", "has"), ("z.B.", "Die"), ("Ph.D.", "Students"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "following"), ENDS)
def test_a_sentence_ends(word: str, following: str) -> None:
    assert ends_sentence(word, following)


@pytest.mark.parametrize(("word", "following"), GOES_ON)
def test_a_sentence_goes_on(word: str, following: str) -> None:
    assert not ends_sentence(word, following)


def sentences(text: str) -> list[str]:
    script, ends, begin = Script.of(text), [], 0
    while end := script.next_end(text, begin + 1, len(text) - 1):
        ends.append(text[begin:end].strip())
        begin = end
    return [*ends, text[begin:].strip()]


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith paid 3.50 dollars.", '"Why?" he asked.', "Nobody knew."],
        ["He left (at last).", "[They stayed.]", "All was well."],
        ["“Was ist das?”", "„Nichts.“", "Er ging."],
        ["¿Quién es?", "¡Nadie!", "La puerta está abierta."],
    ],
)
def test_texts_fall_into_their_sentences(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_scripts_without_spaces_end_at_their_own_marks() -> None:
    chinese = [
        "早上火车开往北方，没有人知道它什么时候会再停下来。",
        "“图书馆九点开门！”",
        "他问：「真的吗？」",
        "天气不好。",
    ]
    assert sentences("".join(chinese)) == chinese
    assert Script.of("".join(chinese)).folded("早上火车开往北方")[1] == 4
    mixed = Script.of("我们使用Python语言编写程序并且每天都在学习新的东西")
    assert mixed.unspaced
    assert mixed.folded("使用Python语言")[1] == 3


def test_thai_ends_at_spaces() -> None:
    thai = ["รถไฟออกเดินทางไปทางเหนือในตอนเช้า", "ไม่มีใครรู้ว่ามันจะหยุดอีกเมื่อไหร่", "อากาศไม่ดี"]
    assert sentences(" ".join(thai)) == thai


def test_spaced_scripts_count_words_between_spaces() -> None:
    for text in (
        "도서관은 아홉 시에 문을 열지만",
        "Библиотека открывается в девять часов",
        "المكتبة تفتح في الساعة التاسعة",
    ):
        script = Script.of(text)
        assert not script.unspaced
        assert script.folded(text) == (text, 5)


def test_the_last_end_comes_from_behind() -> None:
    text = "One is here. Two is here. Three is not"
    assert text[: Script.of(text).last_end(text, 1, len(text) - 1)] == "One is here. Two is here."
    assert Script.of(text).last_end(text, 26, len(text) - 1) == 0


def test_words_are_counted_from_a_place() -> None:
    text = "One two  three\nfour"
    script = Script.of(text)
    assert text[: script.after_words(text, 0, 3)] == "One two  three"
    assert script.after_words(text, 4, 99) == len(text)


@pytest.mark.parametrize("text", ["a b", "a\nb", "a\n\nb", "a\n\n\nb", "a\n\n\n\nb c", "a \n b", "a\n \nb  c"])
def test_white_space_is_folded(text: str) -> None:
    words = text.split()
    assert Script.of(text).folded(text) == (" ".join(words), len(words))
