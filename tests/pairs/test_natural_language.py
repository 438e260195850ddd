"""Natural language identification."""

# ruff: noqa: RUF001 - marks and letters of all scripts
import sys

import pytest

from adjoin.errors import AdjoinError
from adjoin.pairs import natural_language
from adjoin.pairs.natural_language import check_languages, language_of

# Two sentences each, written for this test.
TEXTS = {
    "en": "The train left for the north in the morning, and nobody knew when it would stop again."
    " The library opens at nine, but many people are standing at the door long before that.",
    "de": "Am Morgen fuhr der Zug nach Norden, und niemand wusste, wann er wieder halten würde."
    " Die Bibliothek öffnet um neun Uhr, doch schon vorher stehen viele Menschen vor der Tür.",
    "fr": "Le train est parti vers le nord ce matin et personne ne savait quand il s'arrêterait."
    " La bibliothèque ouvre à neuf heures, mais beaucoup de gens attendent déjà devant la porte.",
    "pl": "Rano pociąg odjechał na północ i nikt nie wiedział, kiedy znowu się zatrzyma."
    " Biblioteka otwiera się o dziewiątej, ale wiele osób czeka przed drzwiami już wcześniej.",
    "ru": "Утром поезд ушёл на север, и никто не знал, когда он снова остановится."
    " Библиотека открывается в девять часов, но многие люди уже раньше стоят у двери.",
    "tr": "Tren sabah kuzeye doğru yola çıktı ve ne zaman yeniden duracağını kimse bilmiyordu."
    " Kütüphane saat dokuzda açılıyor, ama birçok insan daha önceden kapıda bekliyor.",
    "zh": "早上火车开往北方，没有人知道它什么时候会再停下来。图书馆九点开门，可是很多人早就站在门口等着了。",
    "ja": "朝、列車は北へ向かって出発したが、次にいつ止まるのか誰も知らなかった。図書館は九時に開く。",
    "ko": "아침에 기차는 북쪽으로 떠났고 언제 다시 멈출지 아무도 몰랐다. 도서관은 아홉 시에 문을 연다.",
}


@pytest.mark.parametrize(("language", "text"), TEXTS.items())
def test_languages_are_distinguished(language: str, text: str) -> None:
    assert language_of(text) == language


def test_a_beginning_is_enough() -> None:
    assert language_of(TEXTS["en"] * 12 + TEXTS["ru"] * 100) == "en"


def test_unknown_languages_are_refused() -> None:
    check_languages(("en", "zh"))
    with pytest.raises(AdjoinError, match="unknown language 'xx', expected ISO 639-1 codes"):
        check_languages(("en", "xx"))


def test_the_library_is_asked_for_only_with_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resiliparse.parse.lang", None)
    natural_language._library.cache_clear()
    check_languages(())
    with pytest.raises(AdjoinError, match="needs resiliparse, which is not installed"):
        check_languages(("en",))
    natural_language._library.cache_clear()
