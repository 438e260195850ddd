"""Passwords and keys out of what is shown or stored: those in URLs, in the environment, and those that are known.

Messages quote what users, servers and libraries say, and all of these may quote a key. `AdjoinError` passes its
message through `redacted`, so no caller has to think of it.
"""

import os
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"
_LEAST = 8  # characters of a known secret that are hidden where only a part of it stands
_PROXIES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "ftp_proxy",
)
_SECRET_NAME = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH)\Z", re.IGNORECASE)

# The part between :// and the last @ before the path. A password may hold a slash or an @ that should be %XX.
_USER_INFO = re.compile(
    r"(?P<begin>[A-Za-z][A-Za-z0-9+.-]{0,30}:/{1,3})(?P<user>[^\s\"'<>`|]{1,1000}(?:@|%40))(?=[^\s@\"'<>`]|\Z)"
)
_WITHOUT_PASSWORD = re.compile(r"[^:@/?#\s]{1,64}@\Z")
_PARAMETER = re.compile(
    r"(?P<begin>(?:[?&;#]|%3[Ff]|%26)(?:[\w.~-]|%[0-9A-Fa-f]{2}){0,40}?"
    r"(?:key|token|secret|passw(?:or)?d|passphrase|pwd|credential|signature|sig|auth|code|session(?:id)?|sas|jwt)"
    r"(?:[_-]?id)?(?:=|%3[Dd]))(?P<value>[^\s&;#\"'<>`]{1,4000})",
    re.IGNORECASE,
)
_KEY_IN_PATH = re.compile(
    r"(?<=[/#=])(?=[\w.~%-]{0,200}[0-9])(?=[\w.~%-]{0,200}[A-Za-z])[\w~%-]{24,4000}(?=[/?#\s\"'&,;)]|\Z)"
)
_BARE_QUERY = re.compile(r"(?<=\?)[\w.~%+-]{8,4000}(?=[#\s]|\Z)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}:/[^\s\"'<>`]+")
_TOKEN = re.compile(
    r"\b(?:sk-[\w-]{16,300}|gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,100}|hf_[A-Za-z0-9]{20,60}|npm_[A-Za-z0-9]{30,40}"
    r"|pypi-[\w-]{40,1000}|xox[abeoprs]-[\w-]{10,300}|AIza[\w-]{35})"
)
_HEADER = re.compile(r"(?P<begin>\b(?:Bearer|Basic)\s+)(?P<value>[\w.~+/=-]{8,4000})", re.IGNORECASE)
_NO_VALUE = re.compile(r"auth\w*|token\w*|and|or|realm\w*|access|credential\w*|\W*", re.IGNORECASE)


def redacted(text: str) -> str:
    """A text with `***` for the passwords and keys of URLs and headers in it.

    Hidden are user information (`https://user:password@host`), values of parameters with a name such as `api-key`,
    long parts of a path that look random, and values after `Bearer` or `Basic`. A user's name without a password
    stays. Texts without any of them are returned unchanged.

    Args:
        text: a message, or a URL.
    """
    if ":/" in text and ("@" in text or "%40" in text):
        text = _USER_INFO.sub(_without_user_info, text)
    if "=" in text or "%3" in text:
        text = _PARAMETER.sub(rf"\g<begin>{HIDDEN}", text)
    if ":/" in text:
        text = _URL.sub(_without_key, text)
    if _has_header(text):
        text = _HEADER.sub(_without_header, text)
    return _TOKEN.sub(HIDDEN, text)


def _without_user_info(match: re.Match[str]) -> str:
    if _WITHOUT_PASSWORD.fullmatch(match["user"]) and not re.match(r"https?:", match["begin"], re.IGNORECASE):
        return match[0]
    return f"{match['begin']}{HIDDEN}@"


def _without_key(match: re.Match[str]) -> str:
    scheme, _, rest = match[0].partition(":/")  # a path has one slash where a URL has two
    if scheme.lower() == "file":
        return match[0]
    return f"{scheme}:/{_KEY_IN_PATH.sub(HIDDEN, _BARE_QUERY.sub(HIDDEN, rest))}"


def _has_header(text: str) -> bool:
    folded = text.lower()
    return "bearer" in folded or "basic" in folded


def _without_header(match: re.Match[str]) -> str:
    is_word = _NO_VALUE.fullmatch(match["value"]) is not None or match["value"].isalpha()
    return match[0] if is_word else f"{match['begin']}{HIDDEN}"


def without(text: str, secrets: Iterable[str]) -> str:
    """A text with `***` for each of some known secrets, plain, quoted as in URLs, or in part.

    Args:
        text: what a server or a program said.
        secrets: the secrets. Of those with 8 characters or more, parts of this length are hidden too.
    """
    for secret in sorted({form for one in secrets if one for form in _forms(one)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
        if len(secret) > _LEAST:
            text = _without_parts(text, secret)
    return text


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret), unquote(secret)} - {""}


def _without_parts(text: str, secret: str) -> str:
    """The text without any part of a secret that has `_LEAST` characters or more, in time linear in the text."""
    parts = {secret[start : start + _LEAST] for start in range(len(secret) - _LEAST + 1)}
    hidden = bytearray(len(text))
    for start in range(len(text) - _LEAST + 1):
        if text[start : start + _LEAST] in parts:
            hidden[start : start + _LEAST] = b"\1" * _LEAST
    if not any(hidden):
        return text
    pieces, place = [], 0
    while place < len(text):
        end = place
        while end < len(text) and hidden[end] == hidden[place]:
            end += 1
        pieces.append(HIDDEN if hidden[place] else text[place:end])
        place = end
    return "".join(pieces)


def secrets_of_environment() -> set[str]:
    """Values of environment variables that are named like a secret, and the passwords of proxies."""
    secrets = {
        value.strip()
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and len(value.strip()) >= _LEAST
    }
    for name in _PROXIES:
        user_info, at, _ = os.environ.get(name, "").partition("://")[2].rpartition("@")
        if at:
            secrets.update({user_info, user_info.partition(":")[2]})
    return secrets - {""}
