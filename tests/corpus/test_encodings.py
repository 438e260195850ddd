"""Bytes → text: marks, declarations, what is detected, and what is no text."""

import codecs
import contextlib
import random

import pytest

from adjoin.corpus.encodings import decode, looks_binary
from adjoin.corpus.readers.sections import UnreadableError
from growth import assert_linear

GERMAN = "// Prüft, ob die Größe der Datei für die Übertragung genügt.\n"
RUSSIAN = "// Проверяет, что размер файла больше нуля и файл существует\n"
JAPANESE = "// これはユーザーの設定を読み込む関数です。\n"
CHINESE = "// 这个函数读取用户的配置文件并返回结果\n"
KOREAN = "// 이 함수는 사용자 설정 파일을 읽습니다\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é\n".encode(), "é\n"),
        (codecs.BOM_UTF8 + "é".encode(), "é"),
        ("é\r\nb\rc".encode("utf-16"), "é\nb\nc"),
        (codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), "é"),
        (codecs.BOM_UTF32_LE + "é".encode("utf-32-le"), "é"),
        (codecs.BOM_UTF32_BE + "é".encode("utf-32-be"), "é"),
    ],
)
def test_marks_and_line_ends(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["int main(void) { return 0; }\n" * 20, RUSSIAN, JAPANESE, CHINESE, KOREAN])
def test_wide_encodings_without_a_mark(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text
    assert not looks_binary(text.encode(encoding))


@pytest.mark.parametrize(
    ("first", "encoding"),
    [
        ("# -*- coding: koi8-r -*-", "koi8-r"),
        ("#!/bin/x\n# vim: set fileencoding=cp1251 :", "cp1251"),
        ("# encoding: iso-8859-5", "iso-8859-5"),
        ('<meta charset="windows-1251">', "cp1251"),
        ('<META http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8-r"),
        ('<?xml version="1.0" encoding="iso-8859-5"?>', "iso-8859-5"),
        ('@charset "koi8-r";', "koi8-r"),
        ("Subject: x\nContent-Type: text/plain; charset=koi8-r", "koi8-r"),
        ('msgstr ""\n"Content-Type: text/plain; charset=KOI8-R\\n"', "koi8-r"),
        ("\\usepackage[cp1251]{inputenc}", "cp1251"),
        ("# coding: no-such-encoding, or charset=cp1251", "cp1251"),
        ("# coding: cp500, or utf-16, or charset=cp1251", "cp1251"),
        ("# -*- coding: koi8-r-unix -*-", "koi8-r"),
        ("# -*- coding: cp1251-dos; mode: python -*-", "cp1251"),
    ],
)
def test_the_file_says_its_encoding(first: str, encoding: str) -> None:
    text = f"{first}\nл\n"  # one letter shows a detector nothing
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(("text", "encoding"), [(CHINESE, "hz"), (KOREAN, "iso2022_kr"), (JAPANESE, "iso2022_jp")])
def test_the_file_says_its_encoding_of_seven_bits(text: str, encoding: str) -> None:
    text = f"# coding: {encoding}\n{text}"
    assert decode(text.encode(encoding)) == text


def test_vim_says_it_on_the_last_line() -> None:
    text = f"{RUSSIAN[:8]}\n" + "x = 1\n" * 1000 + "# vim: fenc=iso-8859-5\n"
    assert decode(text.encode("iso-8859-5")) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "latin-1"),
        (GERMAN, "cp1252"),
        ("// Le caractère réservé à l\u2019été, “déjà vu”\n", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (CHINESE, "gb18030"),
        (KOREAN, "euc_kr"),
        ("// Příliš žluťoučký kůň úpěl ďábelské ódy\n", "cp1250"),
        ("copyright © 2010\nint main(void) { return 0; }\n", "latin-1"),
    ],
)
def test_what_says_nothing_is_detected(text: str, encoding: str) -> None:
    text += "int load(void);\n"
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "name",
    [
        "rot13",
        "nonsense",
        "punycode",
        "utf-7",
        "hex",
        "zip",
        "idna",
        "undefined",
        "unicode_escape",
        "utf-32",
        "cp037",
    ],
)
def test_an_odd_declaration_is_passed_over(name: str) -> None:
    text = f"# coding: {name}\nx = 'é'\n"
    assert decode(text.encode()) == text
    assert decode(text.encode("cp1252")) == text


def test_valid_utf_8_is_utf_8_whatever_is_declared() -> None:
    text = "# coding: latin-1\nx = 'é'\n"
    assert decode(text.encode()) == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (codecs.BOM_UTF8, "empty"),
        (b"a\0b", "binary"),
        (bytes(range(256)) * 40, "binary"),
        (b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(4000), "binary"),
        (random.Random(2).randbytes(4000).replace(b"\0", b""), "binary"),
        (b"\xff\xfea", "not UTF-8"),
    ],
)
def test_what_is_no_text(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as error:
        decode(data)
    assert error.value.reason == reason


@pytest.mark.parametrize("unit", [b"coding: x ", b"charset=", b"\xe9", b"[aaaaaaaaaaaa", b"\xff\xd8 coding "])
def test_time_is_linear(unit: bytes) -> None:
    data = unit * (1 << 16)

    def read(size: int) -> None:
        with contextlib.suppress(UnreadableError):
            decode(data[:size])

    assert_linear(read, len(data))
