"""Mailboxes: the text that authors wrote, and replies with the questions they answer."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import Document, Source, read_source
from adjoin.corpus.readers import mail
from adjoin.tally import Tally

START = "From somebody at e.org  Mon Jan  1 12:00:00 2001\n"


def message(body: str, **fields: str) -> str:
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items())
    return f"{START}From: A <a@e.org>\n{head}\n{body}\n\n"


def read(path: Path, data: str | bytes, tally: Tally | None = None) -> list[Document]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_source(Source(path, path.name), tally or Tally()))


def test_answers_have_the_first_message_as_their_question(tmp_path: Path) -> None:
    first = message("How do I do it?", Subject="[list] Doing it", Message_ID="<1@x>")
    answer = message("Like this.", Subject="Re: [list] Re: Doing it", Message_ID="<2@x>", In_Reply_To="<1@x>")
    second = message("Thanks!", Subject="RE: Doing it", References="<1@x> <2@x>")
    late = message("No, like that.", Subject="AW: Doing it", References="<1@x>")
    documents = read(tmp_path / "a.mbox", first + answer + second + late)
    assert [(document.text, document.question) for document in documents] == [
        ("How do I do it?", ""),
        ("Like this.", "How do I do it?"),
        ("Thanks!", ""),  # an answer to an answer
        ("No, like that.", "How do I do it?"),
    ]
    assert {document.title for document in documents} == {"Doing it"}
    assert [document.origin for document in documents] == [f"a.mbox!{number}" for number in (1, 2, 3, 4)]


def test_only_what_the_writer_wrote(tmp_path: Path) -> None:
    body = (
        "Hello,\n\nOn Mon, 1 Jan 2001, Some Body\n<b@e.org> wrote:\n\n> Quoted\n>> twice\n\nMy own words.\n"
        "A> and theirs\n  > more\n\n\n\nThe end.\n-- \nA. Name\nPhone 123\n"
    )
    (document,) = read(tmp_path / "a.mbox", message(body))
    assert document.text == "Hello,\n\nMy own words.\n\nThe end."
    assert document.span == (1, 5)


@pytest.mark.parametrize("line", ["Bob wrote:", "On Monday Bob writes:", "Am 1.1.2001 schrieb Bob:"])
def test_introduction_of_a_quotation(tmp_path: Path, line: str) -> None:
    (document,) = read(tmp_path / "a.mbox", message(f"Above.\n{line}\n> q\nBelow, as he wrote:\nthis."))
    assert document.text == ("Above.\nBelow, as he wrote:\nthis." if "schrieb Bob" not in line else document.text)
    assert "> q" not in document.text


def test_text_may_begin_with_from(tmp_path: Path) -> None:
    documents = read(tmp_path / "a.mbox", message("First.\n\nFrom here on, 12:30 or so,\nall is well.") * 2)
    assert [document.text for document in documents] == ["First.\n\nFrom here on, 12:30 or so,\nall is well."] * 2


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"Content_Type": "text/plain; charset=utf-8"}, "é ü".encode()),
        ({"Content_Type": 'TEXT/PLAIN; charset="iso-8859-1"'}, "é ü".encode("latin-1")),
        ({"Content_Transfer_Encoding": "base64"}, b"w6kgw7w="),
        ({"Content_Transfer_Encoding": "Quoted-Printable"}, b"=C3=A9 =\n=C3=BC"),
        ({}, "é ü".encode("cp1252")),
        ({"Content_Type": "text"}, "é ü".encode()),
    ],
)
def test_encodings(tmp_path: Path, fields: dict[str, str], body: bytes) -> None:
    data = message("@", Subject="=?utf-8?q?=C3=A9?= x", **fields).encode().replace(b"@\n", body + b"\n")
    data = data.replace(b"a@e.org", b"a")
    (document,) = read(tmp_path / "a.mbox", data.replace(b"A <" + body, b"A <"))
    assert (document.text, document.title) == ("é ü", "é x")


def test_parts_and_attachments(tmp_path: Path) -> None:
    parts = (
        "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nattached\n"
        "--b\nContent-Type: text/html\n\n<p>As a page, with some more words to be sure.</p>\n"
    )
    plain = "--b\nContent-Type: text/plain\n\nAs text.\n"
    kind = "multipart/mixed; boundary=b"
    documents = read(
        tmp_path / "a.mbox",
        message(parts + plain + "--b--", Content_Type=kind) + message(parts + "--b--", Content_Type=kind),
    )
    assert [document.text for document in documents] == ["As text.", "As a page, with some more words to be sure."]


def test_one_mail(tmp_path: Path) -> None:
    (document,) = read(tmp_path / "a.eml", "Subject: Hi\r\n\r\nHello\r\nthere.\r\n")
    assert (document.text, document.title, document.origin) == ("Hello\nthere.", "Hi", "a.eml")


def test_what_gives_nothing_is_counted(tmp_path: Path) -> None:
    tally = Tally()
    data = message("> quoted") + message("a\0b") + message("x", Content_Type="image/png")
    data += message("\\", Content_Type="text/plain; charset=iso-2022-jp").replace("\\", "\x1b$B\x00")
    assert read(tmp_path / "a.mbox", data, tally) == []
    assert tally.counts == {"no text": 2, "binary": 2}
    tally = Tally()
    assert read(tmp_path / "a.mbox", "no mailbox", tally) == []
    assert tally.counts == {"no mailbox": 1}


@pytest.mark.parametrize("chunk", [200, 1000, 1 << 18])
def test_messages_over_the_ends_of_chunks(tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_CHUNK", chunk)
    data = "".join(message(f"Message {number}. " * (number % 50 + 1)) for number in range(200))
    documents = read(tmp_path / "a.mbox", data)
    assert [document.text.split(".")[0] for document in documents] == [f"Message {n}" for n in range(200)]


def test_large_message_is_cut_and_not_held(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_text(message("Text.\n-- \n" + "QUJD\n" * (6 << 20)) + message("Next."))
    tally = Tally()
    tracemalloc.start()
    try:
        documents = list(read_source(Source(path, "a"), tally))
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
    assert [document.text for document in documents] == ["Text.", "Next."]
    assert tally.counts == {"message cut": 1}


def test_only_so_many_questions_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAX_QUESTIONS", 2)
    monkeypatch.setattr(mail, "MAX_QUESTION", 8)
    firsts = "".join(message(f"Question {number}", Message_ID=f"<{number}@x>") for number in range(3))
    answers = "".join(message("Answer", In_Reply_To=f"<{number}@x>") for number in range(3))
    documents = read(tmp_path / "a.mbox", firsts + answers)
    assert [document.question for document in documents[3:]] == ["", "Question", "Question"]


GOOD = (
    message("Text.", Subject="=?utf-8?b?w6k=?=", Message_ID="<1@x>", References="<1@x>")
    + message("--b\nContent-Type: text/html; charset=x\n\n<p>a\n--b--", Content_Type="multipart/mixed; boundary=b")
    + message("=C3=A9", Content_Transfer_Encoding="quoted-printable", Content_Type="text/plain; charset=utf-7")
).encode()


@pytest.mark.parametrize("name", ["a.mbox", "a.eml"])
@settings(max_examples=200)
@given(place=st.floats(0, 1), bytes_there=st.binary(max_size=30), dropped=st.integers(0, 40))
def test_no_bytes_break_it(
    tmp_path_factory: pytest.TempPathFactory, name: str, place: float, bytes_there: bytes, dropped: int
) -> None:
    cut = int(place * len(GOOD))
    tally = Tally()
    path = tmp_path_factory.getbasetemp() / name
    documents = read(path, GOOD[:cut] + bytes_there + GOOD[cut + dropped :], tally)
    assert documents or tally.counts
