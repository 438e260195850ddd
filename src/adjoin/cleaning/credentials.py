"""Secrets that are known by where they stand: in URLs, HTTP headers, command lines, and sentences."""

import re
from collections.abc import Iterator

from adjoin.cleaning.secret_formats import is_login
from adjoin.cleaning.secret_values import is_dummy, is_password, is_random, is_trivial, is_uuid

Span = tuple[int, int]

_IN_URL = re.compile(r"://(?P<user>[^\s/?#:@\"'<>`]{0,100}):(?P<secret>[^\s/\"'<>`]{1,200})@(?=[\w\[{$%])")
_PLAIN_SECRET = re.compile(r"[^:/?#\[\]@!$&'()*+,;=\s{}%]+")  # what needs no %XX in a URL
_USER_URL = re.compile(r"https?://(?P<secret>[\w.~-]{20,200})@(?=\w)")
_THIN = re.compile(r"\bjdbc:oracle:\w+:\w+/(?P<secret>[^\s/@\"']{4,100})@")
_BASIC = re.compile(r"\b[Bb]asic[ :]+(?P<secret>[A-Za-z0-9+/]{8,500}={0,2})(?![\w+/=])")
_LOGIN = re.compile(r"[\"']?\b_?auth[\"']?\s*[:=]\s*[\"']?(?P<secret>[A-Za-z0-9+/]{12,500}={0,2})(?![\w+/=(.])")
_BEARER = re.compile(
    r"(?<![A-Za-z])(?:[Bb]earer|BEARER|[Tt]oken|ApiKey|api[_-]?key|GenieKey|SSWS|Splunk|OAuth|PRIVATE-TOKEN|JOB-TOKEN"
    r"|X-[\w-]*(?:[Kk]ey|KEY|[Tt]oken|TOKEN|[Ss]ecret|[Aa]uth)):?[ ]+"
    r"(?:token=)?[\"']?(?P<secret>[\w.~+/=:-]{20,4000})(?![\w(\[])"
)
_CURL = re.compile(
    r"(?:^|\s)(?:-u|--user|--proxy-user|-U)[ =]?[\"']?[\w.@\\+-]{1,100}:(?P<secret>[^\s\"'`]{4,100})"
)
_MYSQL = re.compile(r"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|;]{0,200}?\s-p(?P<secret>[^\s\"'`|;]{5,64})")
_SSHPASS = re.compile(r"\b(?:sshpass\s+-p|redis-cli\b[^\n|;]{0,100}?\s-a)\s*[\"']?(?P<secret>[^\s\"'`|;]{4,100})")
_NETRC = re.compile(r"\blogin\s+\S{1,200}\s+password\s+(?P<secret>\S{4,200})")
_PGPASS = re.compile(r"(?m)(?:^|(?<=\s))[\w.*-]+:(?:5[0-9]{3}|6432|\*):[\w*-]+:[\w*-]+:(?P<secret>[^\s:]{5,200})$")
_COOKIE = re.compile(
    r"\b(?:PHPSESSID|JSESSIONID|ASP\.NET_SessionId|connect\.sid|\w*session\w*|sid|SSID|HSID"
    r"|auth)=(?P<secret>[\w.%+/-]{16,2000})",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"(?:auth|Auth|AUTH|login|credentials?)\w{0,12}\s?=?\s?\(\s?[\"'][^\"'\s]{1,64}[\"'],\s?[\"'](?P<secret>"
    r"[^\"'\s]{6,100})[\"']\s?\)"
)
_SAID = re.compile(  # the password is ...; password of the server was: ...
    r"\b(?:pass(?:word|wd|phrase|code)?|pwd|pw|passwort|kennwort)\b"
    r"(?:\s(?:for|of|to|on|at|in)(?:\s[\w.@/-]{1,40}){1,4}?)?"
    r"(?:\s(?:is|was|are|be|to|remains|set to|changed to|reset to|now|still|currently|ist|lautet"
    r"|war)\b){1,3}:?\s(?:[\"'`\u201c\u2018(*_]{0,2})"
    r"(?P<secret>[^\s\"'`\u201c\u201d\u2018\u2019,;()<>|]{6,64})",
    re.IGNORECASE,
)
_QUOTED_IN_PROSE = re.compile(
    r"\b(?:pass(?:word|phrase|code)|pwd|passwort)\s[\"'`\u201c\u2018](?P<secret>"
    r"[^\s\"'`\u201c\u201d\u2018\u2019]{6,64})[\"'`\u201d\u2019]",
    re.IGNORECASE,
)
_BARE_IN_PROSE = re.compile(
    r"(?:^|[\s,(/])(?:pass(?:word|phrase|code)|pwd|pw)\s(?P<secret>[^\s\"'`,;:()<>=|/\\]{6,64})(?=[\s,;.)!]|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_PAIR = re.compile(  # user/password: NAME/..., login: NAME / ..., credentials are NAME:...
    r"(?<![\w/])(?:user(?:name)?\s?[/:&]\s?pass(?:word)?|login|logins?|credentials?|creds|user"
    r"|account)(?:\s(?:is|are|with|as|data))?\s?[:=]?\s?"
    r"[\"'`]?[\w.@+-]{2,40}[\"'`]?\s?[/:]\s?[\"'`]?(?P<secret>[^\s\"'`,;()<>|/]{6,64})",
    re.IGNORECASE,
)
_NEAR = re.compile(  # password for the box, until May: ...
    r"\b(?:pass(?:word|wd|phrase|code)|pwd|pw|passwort|kennwort)\b[^\n(){}\[\]=;<>\"'`|/\\]{0,40}?(?:[:>,]|\u2014|-)?\s"
    r"(?P<secret>[A-Za-z]{1,12}[0-9]{1,4}[A-Za-z]{1,12}[A-Za-z0-9!@#$^&*~+?-]{0,20})(?=[\s,;.)!]|\Z)",
    re.IGNORECASE,
)
_HEROKU = re.compile(
    r"(?:heroku[^\n]{0,80}?(?<![\w-])|(?=[0-9a-f-]{36}[^\n]{0,40}heroku)(?<![\w-]))"
    r"(?P<secret>[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})(?![\w-])",
    re.IGNORECASE,
)
_SAID_KEY = re.compile(
    r"\b(?:secret|token|key|api[ _-]?key)\b(?:\s(?:for|of|to|on)(?:\s[\w.@/-]{1,40}){1,3}?)?(?:\s(?:is|was"
    r"|now|to)\b){1,2}:?\s[\"'`\u201c]?"
    r"(?P<secret>[\w.~+/=-]{20,400})(?![\w(\[])",
    re.IGNORECASE,
)


def credentials(text: str) -> Iterator[Span]:
    """The span of each secret that is known by where it stands."""
    folded = text.lower()
    if "://" in text and "@" in text:
        yield from _in_urls(text)
    for hints, pattern, holds in _RULES:
        if any(map(folded.__contains__, hints)):
            for match in pattern.finditer(text):
                value = match["secret"].rstrip(".:?")
                if holds(value):
                    begin = match.start("secret")
                    yield begin, begin + len(value)


def _in_urls(text: str) -> Iterator[Span]:
    for match in _IN_URL.finditer(text):
        if _is_in_url(match["secret"], match["user"]):
            yield match.span("secret")
    for match in _USER_URL.finditer(text):
        if is_random(match["secret"]):
            yield match.span("secret")


def _is_in_url(secret: str, user: str) -> bool:
    if _PLAIN_SECRET.fullmatch(secret) and not secret.isalpha():
        return True
    return len(secret) >= 5 and secret != user and not is_dummy(secret) and not is_trivial(secret)


def _is_bearer(value: str) -> bool:
    return is_random(value)


def _is_given(value: str) -> bool:
    """Whether a value on a command line is a password: not the variable or the template that stands for one."""
    return not is_dummy(value) and value[:1] not in "$%<{-*" and not value.isdigit()


def _is_stored(value: str) -> bool:
    """Whether a value in .netrc is a password: no word of an example, no address for an anonymous login."""
    return (
        _is_given(value)
        and not is_trivial(value)
        and value[:1] not in "\"'"
        and not _WORD_AT_WORD.fullmatch(value)
    )


_WORD_AT_WORD = re.compile(r"[a-z]+@[a-z.]*", re.IGNORECASE)


def _is_said(value: str) -> bool:
    return is_password(value.rstrip("!")) and not value[:1].isdigit() and "'" not in value and value[:1].isalnum()


def _is_near(value: str) -> bool:
    """Whether a word of a sentence about a password is one: 7 characters or more, with digits among them."""
    return _is_said(value) and len(value) >= 7


_RULES = (
    (("jdbc:oracle",), _THIN, _is_given),
    (("basic",), _BASIC, is_login),
    (("auth",), _LOGIN, is_login),
    (("bearer", "token", "key", "ssws", "splunk", "oauth", "x-"), _BEARER, _is_bearer),
    (("-u", "--user", "--proxy-user"), _CURL, is_password),
    (("mysql", "mariadb"), _MYSQL, is_password),
    (("sshpass", "redis-cli"), _SSHPASS, _is_given),
    (("login",), _NETRC, _is_stored),
    ((":5", ":6432", ":*"), _PGPASS, _is_given),
    (("sessid", "session", "sid", "auth="), _COOKIE, is_random),
    (("auth", "login", "credential"), _CALL, is_password),
    (("pass", "pwd", "pw", "kennwort"), _SAID, _is_said),
    (("pass", "pwd"), _QUOTED_IN_PROSE, is_password),
    (("pass", "pwd", "pw"), _BARE_IN_PROSE, _is_said),
    (("user", "login", "credential", "creds", "account"), _PAIR, _is_said),
    (("secret", "token", "key"), _SAID_KEY, is_random),
    (("pass", "pwd", "pw", "kennwort"), _NEAR, _is_near),
    (("heroku",), _HEROKU, is_uuid),
)
