"""Secrets that are known by the name before them: `password = "..."`, `API_TOKEN=...`, `"private_key": "..."`."""

import re
from collections.abc import Iterator

from adjoin.cleaning.secret_values import (
    is_name_of_code,
    is_password,
    is_random,
    is_seed,
    is_uuid,
)

Span = tuple[int, int]

_LONGEST = 4_096  # characters of a value
_LONGEST_LINE = 600  # characters of a line in which a short value is judged by what stands around it

# Names of what people make up: short values count.
_PASSWORDS = ("password", "passwd", "passphrase", "passwort", "pwd", "passcode", "passkey")
# The same, but only as a word of their own: DB_PASS, pw, not bypass, power.
_SHORT_NAMES = ("pass", "pw", "psk")
# Names of what machines make: values of 20 random characters or more.
_KEYS = (
    "secret", "token", "api_key", "api.key", "apikey", "api-key", "api key", "access_key", "accesskey",
    "access-key", "credential", "auth_key", "authkey", "auth-key", "private_key", "privatekey",
    "private-key", "preshared", "signing_key", "signingkey", "encryption_key", "encryptionkey", "app_key",
    "appkey", "account_key", "accountkey", "shared_key", "sharedkey", "master_key", "masterkey",
    "session_key", "sessionid", "session_id", "sessid", "connect.sid", "cookie", "key-data",
    "logged_in_key", "nonce_key", "_salt", "fernet", "totp", "otp_", "bearer", "webhook", "application_key",
    "consumer_key", "consumerkey", "deploy_key", "hmac_key", "jwt_key", "crypt_key", "secretkey",
    "keystore", "service_key", "server_key", "integration_key", "ingest_key", "write_key", "rest_key",
    "storage_key", "_auth",
)  # fmt: skip
NAMES = (*_PASSWORDS, *_SHORT_NAMES, *_KEYS)

_AFTER_NAME = re.compile(  # matches after the name: `_old: str = "..."`, `'] = '...'`, `=...`, `", "..."`, `>...`
    r"[\w.-]{0,40}(?:\\{0,3}(?P<closed>[\"'`])|[\]})]){0,3}[ \t]{0,24}"
    r"(?:(?::[ \t]?(?:Optional\[)?[\w.]{1,16}\]?(?:[ ]?\|[ ]?\w{1,8})?[ \t]{0,8}=[ \t]{0,8})"
    r"|(?P<sign>:=|=>|={1,3}|:|->|!==?)\s{0,24}(?:Some\()?|(?P<comma>,)\s{0,24}|(?P<tag>>)\s{0,4}"
    r"|(?P<attribute>\s{1,4}(?:value|Value|content)=)|(?P<blank>[ \t]))"
)
_LONG_RUN = re.compile(r"[^\s\"'`,;<>()\[\]{}|&]{64,}")
_CLOSED_NAME = re.compile(r"(?:[_-][A-Za-z]{1,20}){0,3}\\{0,3}[\"'`]")
_QUOTED = re.compile(
    rf"(?:[@bBuUrRfLS]{{0,2}})(?P<quote>\\{{0,3}}[\"'`])(?P<value>(?:(?!(?P=quote)|[\s\"'`])[^\n]"
    rf"|(?<=\w)[\"](?=[A-Z0-9])){{6,{_LONGEST}}})(?P=quote)"
)
_BARE = re.compile(rf"(?P<value>[^\s\"'`,;<>()\[\]{{}}|]{{6,{_LONGEST}}})(?![\w(\[{{])")
_PARAMETERS = re.compile(r"([^&]+)&[\w.%-]+=")
_FLAG = re.compile(r"(?:^|(?<=[\s\"'`\[]))--?[a-z][\w-]*\Z", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--|;|%|<!--|\"\"\"|'''|rem\b)|.*?\s(?:#|//|/\*|--)\s", re.IGNORECASE)
_CODE_LINE = re.compile(r"[(){}\[\];]|\w=|==|\b(?:def|func|fn|function|return|let|const|var|if|import|class)\b")
_ENVIRONMENT = re.compile(
    r"\s*(?:-\s+)?(?:(?:export|set|setx|SET|ENV|ARG|env|declare -x|-e|--env)\s+)?[\"']?[\w.-]*\Z"
)
_TRAILING = ".:!?"


def named_secrets(text: str) -> Iterator[Span]:
    """The span of each value that looks like a secret and stands after, or is compared with, a name of one."""
    folded = _folded(text)
    for name in NAMES:
        position = folded.find(name)
        while position >= 0:
            end = position + len(name)
            if name not in _SHORT_NAMES or _is_word(text, position, end):
                span = _value_after(text, position, end, name)
                if span is not None:
                    yield span
                    end = span[1]
                elif run := _LONG_RUN.match(text, end):  # its names are looked at together, or it takes too long
                    end = run.end()
            position = folded.find(name, end)


def _folded(text: str) -> str:
    """The text in lower case, with every character at the same position."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(character.lower() if character.isascii() else character for character in text)


def _is_word(text: str, begin: int, end: int) -> bool:
    """Whether a short name is a word of its own, in snake_case or camelCase."""
    before, after = text[begin - 1 : begin], text[end : end + 1]
    starts = not before.isalpha() or (text[begin].isupper() and before.islower())
    return starts and not after.islower() and not (after.isupper() and text[end - 1].isupper())


def _value_after(text: str, begin: int, end: int, name: str) -> Span | None:
    """The span of the secret after a name; None if there is none."""
    after = _AFTER_NAME.match(text, end)
    if after is None:
        return None
    if after["blank"] and not _FLAG.search(text, max(0, begin - 40), end):
        return None
    if after["comma"] and not _CLOSED_NAME.match(text, end):
        return None
    is_short = name in _PASSWORDS or name in _SHORT_NAMES
    if quoted := _QUOTED.match(text, after.end()):
        value = quoted["value"]
        is_secret = _is_drawn(value, text, begin, end) or (is_short and is_password(value))
        return quoted.span("value") if is_secret else None
    if after["comma"] or after["attribute"]:
        return None
    return _bare_value(text, begin, end, after, is_short)


def _bare_value(text: str, begin: int, end: int, after: re.Match[str], is_short: bool) -> Span | None:
    """The span of a secret without quotes; None if there is none, or if it may be a name of code."""
    bare = _BARE.match(text, after.end())
    if bare is None or (text.startswith("<", bare.end()) and not after["tag"]):
        return None
    first, value = bare.start(), bare["value"]
    if text[bare.end() : bare.end() + 1] in ("'", '"', "`") and not _is_within_string(text, begin, bare.end()):
        return None
    if "&" in value and (parameters := _PARAMETERS.match(value)):  # of a URL's query
        value = parameters[1]
    trimmed = value.rstrip(_TRAILING)
    if _is_drawn(trimmed, text, begin, end) and not _is_attribute(trimmed):
        return first, first + len(trimmed)
    is_given = bool(after["blank"] or after["tag"])
    if is_short and is_password(trimmed):
        place = begin, first, first + len(value)
        if is_given or _is_plain(text, *place, trimmed):
            return first, first + len(value.rstrip(".:?"))
    return None


def _is_within_string(text: str, begin: int, last: int) -> bool:
    """Whether the name and its value stand in one string, which ends behind the value: "user=app password=..."."""
    return text.rfind(text[last], max(0, begin - 200, text.rfind("\n", 0, begin) + 1), begin) >= 0


def _is_drawn(value: str, text: str, begin: int, end: int) -> bool:
    """Whether a machine made up a value: it is random, or a seed or a UUID after a name that has such."""
    if is_random(value):
        return True
    if is_seed(value):
        return _SEED_NAME.search(text, max(0, begin - 24), end + 12) is not None
    return is_uuid(value) and _UUID_NAME.search(text, max(0, begin - 24), end + 8) is not None


_SEED_NAME = re.compile(r"otp|mfa|2fa|seed|secret", re.IGNORECASE)
_UUID_NAME = re.compile(
    r"heroku|api[_-]?key|client[_-]?secret|app[_-]?secret|secret[_-]?key|api[_-]?token|auth[_-]?token",
    re.IGNORECASE,
)


_ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z")


def _is_attribute(value: str) -> bool:
    """Whether a value is an attribute such as `self.layers2.Weight3`."""
    return _ATTRIBUTE.match(value) is not None and not any(map(is_random, value.split(".")))


def _is_plain(text: str, begin: int, first: int, last: int, value: str) -> bool:
    """Whether a bare value stands where code would have no variable: in a comment, in prose, in a setting."""
    start = text.rfind("\n", 0, begin) + 1
    stop = text.find("\n", last)
    stop = len(text) if stop < 0 else stop
    if stop - start > _LONGEST_LINE:
        return False
    lead, rest = text[start:begin], text[last:stop].strip()
    if not is_name_of_code(value):
        return True
    if _CODE.search(value):
        return False
    if _COMMENT.match(text[start:begin]):
        return True
    sign = text[begin:first]
    if (
        "=" in sign
        and sign[-1] == "="
        and not sign[:-1].endswith((" ", "\t"))
        and not rest
        and _ENVIRONMENT.match(lead)
    ):
        return True
    if _VARIABLE.fullmatch(text[start:first]):  # before a command: PGPASSWORD=... psql
        return True
    if _ENDS_SETTING.search(text[begin - 1 : begin] + text[last : last + 1]) and _CONNECTION.search(
        text, start, stop
    ):
        return True
    if (
        "=" in sign and not rest and not lead.strip() and value.isalnum() and len(value) >= 7
    ):  # a line of an INI file
        return True
    if ":" in sign and "=" not in sign and not rest.startswith((",", ";", ")")) and not _CODE_LINE.search(lead):
        return not value[0].isupper() or not rest or sum(map(str.isdigit, value)) >= 2
    return False


_VARIABLE = re.compile(r"\s*(?:[A-Z0-9_]+=\S+ ){0,5}[A-Z][A-Z0-9_]*=")
_ENDS_SETTING = re.compile(r"[;\"']")
_CONNECTION = re.compile(
    r"(?i)jdbc:|\b(?:server|host|data source|uid|user(?: id|name)?|dsn|database|driver|initial catalog"
    r"|hostname|addr)=[\w.{(-]"
)
_CODE = re.compile(r"&&|\|\||[!=<>]=|\+\+|->|=>|::|\?\.|\A[!&*~^#@$%?+=-]|[=+&*]\Z|\w&\w+=")
