"""A client for servers with OpenAI's embeddings API, such as vLLM, llama.cpp and Ollama.

Source: OpenAI's API reference, "Create embeddings".
"""

import base64
import json
import logging
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.fingerprints import fingerprint_of
from adjoin.redaction import redacted, secrets_of_environment, without
from adjoin.texts import valid_unicode
from adjoin.vectors import unit_rows

BATCH = 64  # texts per request
TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds before the next attempt; doubled each time, 15.5 s in all
TIMEOUT = 300.0  # seconds per answer: 64 long texts on a server without a GPU
KEY = "OPENAI_API_KEY"
_MOST_SAID = 4_000  # characters of an answer that are read for a message

logger = logging.getLogger(__name__)


class OpenAIServer:
    """A model behind `POST {url}/embeddings`, which gets 64 texts per request, without their role.

    The fingerprint covers only the address and the model name. If a server starts to return other vectors under
    the same name, delete its vector cache. Blank texts are not sent, since OpenAI rejects them. Their vector is
    zero.

    Attributes:
        name: name in the report.
        fingerprint: hash of the address and the model name.
    """

    def __init__(
        self, spec: str, name: str | None = None, *, wait: Callable[[float], object] = time.sleep
    ) -> None:
        """Parse the address. No request is made yet.

        The API key is read from the environment variable OPENAI_API_KEY, if it is set.

        Args:
            spec: "https://host/v1#model-name".
            name: name in the report; by default the name of the model.
            wait: sleeps for some seconds between two attempts.

        Raises:
            AdjoinError: the host or the model is missing from `spec`, it holds a password or a key, or httpx2 is
                not installed.
        """
        _refuse_keys(spec)
        address, _, model = spec.partition("#")
        if not _is_address(address) or not model.strip():
            raise AdjoinError(
                f"{redacted(spec)!r} is no address of a model: expected one such as https://host/v1#model-name"
            )
        try:
            import httpx2
        except ImportError:
            raise AdjoinError("a server of embeddings needs httpx2: pip install 'adjoin[evaluate]'") from None
        self._http = httpx2
        self._url = address.rstrip("/").removesuffix("/embeddings") + "/embeddings"
        self._shown_url = redacted(self._url)  # a part of the path may be a key
        self._model = model
        self._wait = wait
        self._in_base64 = True
        self._dimension: int | None = None
        self.name = name or model
        self.fingerprint = fingerprint_of("openai", self._url, model)

    def encode_query(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n queries, shape (n, D); zero for blank texts.

        Raises:
            AdjoinError: the server is unreachable, refuses the request, or does not return one vector per text.
        """
        return self._encode(texts)

    def encode_document(self, texts: list[str]) -> NDArray[np.float32]:
        """Unit vectors of n documents, shape (n, D); zero for blank texts.

        Raises:
            AdjoinError: as for `encode_query`.
        """
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        # Sorted by length, so that servers that pad their batches pad little.
        order = sorted((i for i, text in enumerate(texts) if text.strip()), key=lambda i: len(texts[i]))
        if self._dimension is None and not order:
            self._request(["any text, for its dimension"])
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        answers = [self._request([valid_unicode(texts[i]) for i in batch]) for batch in batches]
        vectors_ND = np.zeros((len(texts), self._dimension or 0), np.float32)
        for batch, vectors_BD in zip(batches, answers, strict=True):
            vectors_ND[batch] = vectors_BD
        return unit_rows(vectors_ND)

    def _request(self, texts: list[str]) -> NDArray[np.float32]:
        """The vectors of one batch of texts, shape (B, D), as the server returns them."""
        try:
            vectors_BD = _vectors(self._answer(texts), len(texts))
        except _AnswerError as wrong:
            raise AdjoinError(f"the server {self._shown_url} with the model {self._model} {wrong}") from None
        if self._dimension not in (None, vectors_BD.shape[1]):
            raise AdjoinError(
                f"the server {self._shown_url} gave vectors of {vectors_BD.shape[1]} numbers after such of "
                f"{self._dimension}: expected one model behind {self._model}"
            )
        self._dimension = vectors_BD.shape[1]
        return vectors_BD

    def _answer(self, texts: list[str]) -> bytes:
        body = {"model": self._model, "input": texts}
        if self._in_base64:
            try:
                return self._post(body | {"encoding_format": "base64"})
            except _AnswerError as refusal:
                if refusal.status not in (400, 422):
                    raise
        # Some servers reject base64, which takes a third of the bytes of a list of numbers.
        answer = self._post(body)
        self._in_base64 = False
        return answer

    def _post(self, body: dict[str, Any]) -> bytes:
        """The body of the answer. Requests that may succeed later are repeated."""
        headers = {"Accept": "application/json", "User-Agent": "adjoin", **_authorization()}
        pause, reason = FIRST_WAIT, ""
        for attempt in range(TRIES):
            if attempt:
                logger.info("%s %s: waiting %.1f s", self._shown_url, reason, pause)
                self._wait(pause)
            pause = FIRST_WAIT * 2**attempt
            try:
                # Redirects are not followed: they would carry the key to another host.
                answer = self._http.post(self._url, json=body, headers=headers, timeout=TIMEOUT)
            except self._http.HTTPError as error:
                reason = f"cannot be reached ({_line(str(error)) or type(error).__name__})"
                continue
            except (self._http.InvalidURL, ValueError) as error:  # of the server, or of a proxy in the environment
                reason = f"cannot be asked ({_line(str(error)) or type(error).__name__})"
                raise _AnswerError(f"{reason}; look at the address, and at HTTP_PROXY and HTTPS_PROXY") from None
            if answer.is_success:
                return bytes(answer.content)
            reason = f"answers {_refusal(answer)}"
            if answer.status_code != 429 and answer.status_code < 500:
                raise _AnswerError(f"{reason}; {_remedy(answer.status_code)}", answer.status_code)
            pause = min(max(pause, _seconds(answer.headers.get("Retry-After"))), LONGEST_WAIT)
        raise _AnswerError(f"{reason}, at each of {TRIES} tries; look at the address and whether it runs")


class _AnswerError(Exception):
    """An answer without usable vectors. The message continues "the server ... "."""

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.status = status


def _refuse_keys(spec: str) -> None:
    """Refuse passwords and keys in an address: it stands in reports and messages, and in the list of processes."""
    address, _, model = spec.partition("#")
    authority = address.partition("://")[2].partition("/")[0]
    if "@" in authority or "@" in address.partition("?")[0] or re.search(r"[?&=]|%(?:3[FfDd]|26|40)", spec):
        raise AdjoinError(
            "the address of the server holds a password, a key or other parameters (it is not repeated here):"
            f" expected one such as https://host/v1#model-name, with the key in the environment variable {KEY}"
        )
    if model != redacted(model):
        raise AdjoinError("the name of the server's model looks like a key: expected https://host/v1#model-name")


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
            and address.isascii()
            and address.isprintable()
            and " " not in address
        )
    except ValueError:  # the port is not a number, or the IPv6 address is malformed
        return False


def _authorization() -> dict[str, str]:
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise AdjoinError(f"the environment variable {KEY} has characters that no key has: set it again")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _refusal(answer: Any) -> str:  # noqa: ANN401 - a response of httpx2
    """Status and message of a refusal on one line."""
    message = answer.text
    with suppress(ValueError, AttributeError, RecursionError):
        content = answer.json()
        content = content.get("error", content)
        message = str(content.get("message", content) if isinstance(content, dict) else content)
    return _line(f"{answer.status_code} {answer.reason_phrase}") + (
        f": {_line(message)}" if message.strip() else ""
    )


def _remedy(status: int) -> str:
    if status in (401, 403):
        return f"set the environment variable {KEY} to a key that it takes"
    if 300 <= status < 400:
        return "give the address that it leads to"
    return "look at the address, the name of the model and the longest text that it takes"


def _line(text: str) -> str:
    """What a server said, on one line, without the keys that it may repeat."""
    said = " ".join(text[:_MOST_SAID].split())
    return redacted(without(said, secrets_of_environment()))[:200]


def _seconds(header: str | None) -> float:
    """The seconds of a Retry-After header; 0 if it is a date or missing."""
    return float(header) if header is not None and header.strip().isdecimal() else 0.0


def _vectors(answer: bytes, number: int) -> NDArray[np.float32]:
    """The vectors of an answer, shape (B, D), in the order of the texts."""
    try:
        entries = json.loads(answer)["data"]
        places = [entry.get("index", place) for place, entry in enumerate(entries)]
        vectors = [_vector(entry["embedding"]) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = _line(answer[:_MOST_SAID].decode("utf-8", "replace"))[:80]
        raise _AnswerError(
            f'answers {said!r}: expected JSON with "data", a list of '
            'objects with "index" and "embedding"; look at the address'
        ) from None
    if len(places) != number or {place for place in places if type(place) is int} != set(range(number)):
        raise _AnswerError(f"gives {len(vectors)} vectors for {number} texts: expected one each")
    shapes = sorted({vector.shape for vector in vectors})
    if len(shapes) > 1 or len(shapes[0]) != 1 or not shapes[0][0]:
        raise _AnswerError(f"gives vectors of the shapes {shapes}: expected one and the same dimension")
    vectors_BD = np.empty((number, shapes[0][0]), np.float32)
    vectors_BD[places] = np.stack(vectors)
    if not np.isfinite(vectors_BD).all():
        raise _AnswerError("gives numbers that are not finite: its model is damaged")
    return vectors_BD


def _vector(embedding: str | list[float]) -> NDArray[np.float32]:
    """One vector, decoded from base64 of little-endian float32 or from a list of numbers."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    return np.array(embedding, np.float32)
