import pytest

from adjoin.texts import valid_unicode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("naïve 検索 \N{GRINNING FACE}", "naïve 検索 \N{GRINNING FACE}"),
        ("a\ud800b\udfffc", "a?b?c"),
        ("\udcff", "?"),
    ],
)
def test_lone_surrogates_become_question_marks(text: str, expected: str) -> None:
    assert valid_unicode(text) == expected
    assert valid_unicode(text).encode()[:1] == expected.encode()[:1]
