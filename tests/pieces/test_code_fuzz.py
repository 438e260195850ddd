"""Any text in any language becomes pieces: no crash, no hang, no line lost."""

import json
import sys
from tempfile import TemporaryFile
from typing import IO
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.pieces.code import code_pieces
from adjoin.pieces.reading import opened_pieces
from adjoin.tally import Tally
from fuzzing import fuzz
from strange_code import LANGUAGES, sample_of, strange_code

WRAPPED = ("plain", "plain", "bytes", "archive", "notebook", "component")


def check(language: str, text: str, wrapped: str) -> None:
    """Cut a text, alone or as a part of another file."""
    name = sample_of(language).name
    if wrapped != "plain":
        with TemporaryFile() as file:
            name = wrap(text, name, wrapped, file)
            file.seek(0)
            for piece in opened_pieces(file, name, name, Tally()):
                piece.text.encode()
        return
    tally = Tally()
    pieces = code_pieces(text, language, name, tally=tally)
    assert set().union(*tally.examples.values()) <= {name}
    found = [line for piece in pieces for line in range(piece.first_line, piece.last_line + 1)]
    lettered = {row for row, line in enumerate(text.split("\n"), 1) if any(map(str.isalpha, line))}
    assert len(found) == len(set(found))
    assert lettered <= set(found)


def wrap(text: str, name: str, how: str, file: IO[bytes]) -> str:
    """Write a file that holds the text, and return its name."""
    data = text.encode("utf-8", "surrogatepass")
    if how == "archive":
        with ZipFile(file, "w") as archive:
            archive.writestr(name, data)
        return "a.zip"
    if how == "component":
        file.write(b"<template>\n</template>\n<script>\n" + data + b"\n</script>\n")
        return "a.vue"
    if how == "notebook":
        cell = {"cell_type": "code", "source": text}
        file.write(json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell, cell]}).encode())
        return "a.ipynb"
    file.write(data[: len(data) // 2] + b"\xc3" + data[len(data) // 2 :])
    return name


def code_in(language: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(language), strange_code(language))


@given(st.sampled_from(LANGUAGES).flatmap(code_in), st.sampled_from(WRAPPED))
def one_case(code: tuple[str, str], wrapped: str) -> None:
    check(*code, wrapped)


def _case_of(language: str) -> None:
    """Define the function that fuzzes one language, at the top of this module."""

    @given(strange_code(language))
    def case(text: str) -> None:
        check(language, text, "plain")

    case.__name__ = f"case_of_{language}"
    setattr(sys.modules[__name__], case.__name__, case)


for _language in LANGUAGES:
    _case_of(_language)


def test_some_texts_of_all_languages() -> None:
    fuzz(one_case, 100)


@pytest.mark.slow
def test_texts_of_all_languages() -> None:
    fuzz(one_case)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_of_one_language(language: str) -> None:
    fuzz(getattr(sys.modules[__name__], f"case_of_{language}"), 500)
