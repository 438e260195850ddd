"""Reads mail message by message: a mailbox in mbox format, or a single message.

Kept: what the author wrote. Dropped: header fields, quoted lines and the line that introduces them, signatures,
attachments. The title is the subject without `Re:`. A reply to the first message of a thread has that message as
its question, if it precedes the reply in the mailbox.
"""

import binascii
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from adjoin.corpus.compression import DamagedError, Readable
from adjoin.corpus.contents import read_bytes, to_utf8
from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.read_context import ReadContext
from adjoin.corpus.readers.html import HTML_FORMAT
from adjoin.corpus.readers.records import prose
from adjoin.corpus.readers.sections import UnreadableError, one_line

MAX_MESSAGE = 1 << 20  # bytes; a longer message is truncated, since its text precedes its attachments
MAX_QUESTIONS = 20_000  # first messages of threads that are remembered: the latest ones
MAX_QUESTION = 2000  # characters of each

_CHUNK = 1 << 18
# `From somebody Mon Jan  1 12:00:00 2001`, then a header field: other lines may begin with "From", too.
_START = re.compile(rb"From [^\n]{0,500}\d:\d\d[^\n]{0,100}\n(?=[A-Za-z][\w-]{0,80}:)")
_LONGEST_START = 800  # bytes that `_START` may match
_LONGEST_FIELD = 20_000  # bytes; some messages have megabytes of references
_MAX_PARTS = 50  # of one message
_LONGEST_TITLE = 500  # characters
_REPLY = re.compile(r"^(?:\s*(?:re|aw|antw|sv|fwd?|wg)\s*(?:\[\d+\]|\^\d+)?\s*:)+\s*", re.IGNORECASE)
_LIST_NAME = re.compile(r"^\[[^\]]{1,40}\]\s*")
_QUOTED = re.compile(r"^\s{0,3}(?:[A-Za-z]{0,3}>|\|\s)")
# The end of "On Monday, 1 Jan 2001, A. Name wrote:", and its beginning, which may be on the line before.
_INTRODUCTION = re.compile(r"\b(?:wrote|writes|said|schrieb|escribió|a écrit)\W{0,5}$", re.IGNORECASE)
_INTRODUCTION_START = re.compile(r"\s*(?:on|at|in|le|am|el)\b", re.IGNORECASE)
_LONGEST_INTRODUCTION = 200  # characters of one of its lines
_SIGNATURE = re.compile(
    r"^(?:-- ?|_{20,}|-{5,} ?(?:Original Message|Forwarded message|BEGIN PGP).*)$", re.MULTILINE
)
_PGP_HEAD = re.compile(r"\A\s*-----BEGIN PGP SIGNED MESSAGE-----\n(?:\w+:.*\n)*\n")
_FIELDS = re.compile(
    rb"^(subject|message-id|in-reply-to|references|content-type|content-transfer-encoding):[ \t]*"
    rb"([^\n]*(?:\n[ \t][^\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_BODY = re.compile(rb"\r?\n\r?\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,200}>")


def read_mbox(file: Readable, origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield one Document per message of a mailbox.

    Args:
        file: not compressed; read forward only.
        origin: origin of the mailbox; a message's is "mailbox!number", counted from 1.
        context: options, and the tally that counts every message without a Document.

    Raises:
        DamagedError: the file is damaged or no mailbox; Documents before the damage have been yielded.
        OSError: the disk failed.
    """
    threads = _Threads()
    for number, message in enumerate(_messages(file), start=1):
        yield from _read_message(message, f"{origin}!{number}", context, threads)


def read_one_mail(file: Readable, origin: str, context: ReadContext) -> Iterator[Document]:
    """Yield the Document of a file that holds one message.

    Raises:
        DamagedError: the file is damaged.
        OSError: the disk failed.
    """
    yield from _read_message(file.read(MAX_MESSAGE), origin, context, _Threads())


def _messages(file: Readable) -> Iterator[bytes]:
    """The messages of a mailbox without their first line; at most `MAX_MESSAGE` bytes of each are held.

    Raises:
        DamagedError: the file does not begin like a mailbox, or is damaged; messages before that are yielded.
    """
    waiting = file.read(_CHUNK)
    start = _START.match(waiting)
    if waiting and start is None:
        raise DamagedError("no mailbox")
    waiting = waiting[start.end() :] if start else b""
    damage: DamagedError | None = None
    kept, searched = b"", 0  # bytes of the open message that have left `waiting`; no start precedes `searched`
    while True:
        while match := _next_start(waiting, searched):
            yield kept + waiting[: match.start()]
            waiting, kept, searched = waiting[match.end() :], b"", 0
        searched = max(0, len(waiting) - _LONGEST_START)
        if len(waiting) > MAX_MESSAGE:
            kept = (kept + waiting[:searched])[:MAX_MESSAGE]
            waiting, searched = waiting[searched:], 0
        try:
            chunk = b"" if damage else file.read(_CHUNK)
        except DamagedError as error:
            chunk, damage = b"", error
        if not chunk:
            break
        waiting += chunk
    if kept or waiting:
        yield kept + waiting
    if damage:
        raise damage


def _next_start(data: bytes, position: int) -> re.Match[bytes] | None:
    """The next line that begins a message, after an empty line."""
    while (position := data.find(b"\nFrom ", position)) >= 0:
        if data[max(0, position - 1) : position] in (b"\n", b"\r") and (match := _START.match(data, position + 1)):
            return match
        position += 1
    return None


class _Threads:
    """Remembers the first messages of threads, as questions of their replies."""

    def __init__(self) -> None:
        # Message id → text in UTF-8; bytes need a quarter of the memory of some strings.
        self._texts: dict[str, bytes] = {}

    def question(self, parent: str) -> str:
        """Return the text of the message with this id, if it began a thread; else ""."""
        return self._texts.get(parent, b"").decode()

    def remember(self, name: str, text: str) -> None:
        """Remember a message that began a thread, and forget the oldest beyond `MAX_QUESTIONS`."""
        self._texts[name] = text[:MAX_QUESTION].encode()
        if len(self._texts) > MAX_QUESTIONS:
            del self._texts[next(iter(self._texts))]


def _read_message(data: bytes, origin: str, context: ReadContext, threads: _Threads) -> Iterator[Document]:
    if len(data) >= MAX_MESSAGE:
        context.tally.add("message cut", origin)
    try:
        fields, body = _fields_and_body(data)
        text = _author_text(_message_text(fields, body, data, origin, context))
        title = _title(fields)
    except UnreadableError as error:
        context.tally.add(error.reason, origin)
        return
    except Exception:  # the mail parser raises anything on broken fields
        context.tally.add("unreadable", origin)
        return
    ids = _MESSAGE_ID.findall(fields.get("in-reply-to", "")) or _MESSAGE_ID.findall(fields.get("references", ""))
    question = threads.question(ids[-1]) if ids else ""
    if not ids and (own := _MESSAGE_ID.search(fields.get("message-id", ""))):
        threads.remember(own[0], text)
    yield Document.of(text, PROSE, origin, title=title, question=question)


def _fields_and_body(data: bytes) -> tuple[dict[str, str], bytes]:
    """The header fields that are used, by their names in lower case, and the body."""
    end = _BODY.search(data)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    fields: dict[str, str] = {}
    for name, value in _FIELDS.findall(head):
        fields.setdefault(name.lower().decode(), value[:_LONGEST_FIELD].decode("utf-8", "replace").strip())
    return fields, body


def _message_text(fields: dict[str, str], body: bytes, data: bytes, origin: str, context: ReadContext) -> str:
    """The text of a message. A plain one is decoded here, since the mail parser reads only 10 MB/s."""
    kind = fields.get("content-type", "").lower()
    if not kind.startswith("text/plain") and "/" in kind:
        return _multipart_text(message_from_bytes(data), origin, context)
    coding = fields.get("content-transfer-encoding", "").lower()
    if coding == "base64":
        body = binascii.a2b_base64(body)
    elif coding == "quoted-printable":
        body = binascii.a2b_qp(body)
    charset = _CHARSET.search(kind)
    return _decode(body, charset[1] if charset else None)


def _multipart_text(message: Message, origin: str, context: ReadContext) -> str:
    """The text of a multipart message: its first plain part, or else its first HTML part as plain text.

    Raises:
        UnreadableError: it has neither, or its encoding is unknown.
    """
    html: Message | None = None
    for number, part in enumerate(message.walk()):
        if number >= _MAX_PARTS:
            break
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain":
            return _decode(*_payload(part))
        if kind == "text/html" and html is None:
            html = part
    if html is None:
        raise UnreadableError("no text")
    page = read_bytes(_decode(*_payload(html)).encode(), HTML_FORMAT, origin, context.tally)
    return "\n\n".join(document.text for document in page)


def _payload(part: Message) -> tuple[bytes, str | None]:
    """The bytes of a part, and its charset."""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b"", part.get_content_charset()


def _decode(data: bytes, named: str | None) -> str:
    """Decode text by the charset that the message names.

    Raises:
        UnreadableError: "not UTF-8".
    """
    charset = named or "utf-8"
    try:
        return to_utf8(data, "utf-8" if charset == "us-ascii" else charset).decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        if charset not in ("utf-8", "us-ascii"):
            raise UnreadableError("not UTF-8") from None
    try:
        return data.decode("cp1252").replace("\r\n", "\n")  # what mailers send that name no charset
    except UnicodeDecodeError:
        raise UnreadableError("not UTF-8") from None


def _author_text(text: str) -> str:
    """The text without quotations, signature and PGP armour: what the author wrote.

    Raises:
        UnreadableError: no text is left.
    """
    # Substring tests go first: each pattern alone would take longer than all the rest.
    if "-----BEGIN" in text:
        text = _PGP_HEAD.sub("", text)
    if ("\n--" in text or "\n____" in text or text[:2] in ("--", "__")) and (end := _SIGNATURE.search(text)):
        text = text[: end.start()]
    lines = text.split("\n")
    if ">" in text or "|" in text:
        lines = _unquoted(lines)
    try:
        text = prose("\n".join(lines))
    except UnreadableError as error:
        raise UnreadableError("no text" if error.reason == "empty" else error.reason) from None
    return re.sub(r"\n{3,}", "\n\n", text) if "\n\n\n" in text else text


def _unquoted(lines: list[str]) -> list[str]:
    """The lines without quotations of another message and without their introductions."""
    kept: list[str] = []
    in_quote = False
    for line in lines:
        quoted = _QUOTED.match(line) is not None
        if quoted and not in_quote:
            _drop_introduction(kept)
        in_quote = quoted
        if not quoted:
            kept.append(line)
    return kept


def _drop_introduction(lines: list[str]) -> None:
    """Remove the introduction of a quotation from the end of the lines before it."""
    end = len(lines)
    while end and (not lines[end - 1] or lines[end - 1].isspace()):
        end -= 1
    if not end or len(lines[end - 1]) > _LONGEST_INTRODUCTION or not _INTRODUCTION.search(lines[end - 1]):
        return
    begins = _INTRODUCTION_START.match(lines[end - 1])
    above = lines[end - 2] if end > 1 else ""
    two_lines = not begins and _INTRODUCTION_START.match(above) and len(above) <= _LONGEST_INTRODUCTION
    del lines[end - 2 if two_lines else end - 1 :]


def _title(fields: dict[str, str]) -> str:
    """The subject without the prefixes of mailers and mailing lists."""
    subject = fields.get("subject", "")
    if "=?" in subject:
        try:
            subject = str(make_header(decode_header(subject)))
        except (HeaderParseError, LookupError, ValueError):
            return ""
    subject = one_line(subject.encode("utf-8", "replace").decode())
    bare = _REPLY.sub("", _LIST_NAME.sub("", _REPLY.sub("", subject)))
    return bare[:_LONGEST_TITLE].strip()
