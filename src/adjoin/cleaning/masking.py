"""Masking: replace e-mail addresses and secrets by placeholders.

Secrets with a fixed prefix are found by the patterns of detect-secrets. Values assigned to names such as
`password` or `api_key` are judged by its entropy measure and its rules against false positives. Each pattern runs
only on texts that contain one of its fixed strings, so clean text costs little.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from adjoin.errors import AdjoinError

EMAILS, SECRETS = "emails", "secrets"
WHAT = frozenset({EMAILS, SECRETS})
EMAIL_PLACEHOLDER, SECRET_PLACEHOLDER = "<email>", "<secret>"

Span = tuple[int, int]


def masked(text: str, what: frozenset[str]) -> tuple[str, Counter[str]]:
    """Replace e-mail addresses and secrets in a text by placeholders. The number of lines stays.

    Args:
        text: prose or code.
        what: what to mask, a subset of `WHAT`: "emails", "secrets".

    Returns:
        The masked text, and how many of each were masked.

    Raises:
        AdjoinError: `what` has another name, or detect-secrets is not installed.
    """
    if not what <= WHAT:
        raise AdjoinError(f"cannot mask {', '.join(sorted(what - WHAT))}: expected {' or '.join(sorted(WHAT))}")
    counts: Counter[str] = Counter()
    if SECRETS in what:  # first, since the password in a URL and the host after it look like an e-mail address
        text, counts[SECRETS] = _replace_spans(text, _secrets(text), SECRET_PLACEHOLDER)
    if EMAILS in what and "@" in text:
        text, counts[EMAILS] = _replace_spans(text, _emails(text), EMAIL_PLACEHOLDER)
    return text, +counts


def _replace_spans(text: str, spans: Iterable[Span], placeholder: str) -> tuple[str, int]:
    """Replace each span by the placeholder; overlapping spans are merged. Returns the text and the number."""
    pieces: list[str] = []
    end_before = 0
    for begin, end in sorted(spans):
        if begin < end_before:
            if end > end_before:
                end_before = end
            continue
        pieces += (text[end_before:begin], placeholder)
        end_before = end
    pieces.append(text[end_before:])
    return "".join(pieces), len(pieces) // 2


_LOCAL_PART = re.compile(r"[\w.%+'-]*[\w%+-]\Z")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.)+([A-Za-z]{2,24})(?![\w(@]|\.\w|-\w)")
_LONGEST_LOCAL_PART = 64
# Two-letter endings that are rarely a domain of an e-mail address: file names, and code such as `q@k.mean`.
_NO_DOMAINS = frozenset({"py", "js", "ts", "rb", "go", "kt", "cs", "vb", "hs", "ml"})
_LONG_DOMAINS = frozenset(
    re.findall(
        r"\w+",
        """
        com org net edu gov mil int info biz name pro aero coop museum mobi asia jobs travel tel cat post
        arpa io dev app tech cloud online site store shop xyz club blog wiki email live life world today
        news media agency digital network systems solutions services software company group center institute
        academy university foundation community social mail example test invalid local localdomain berlin
        hamburg koeln london paris nyc tokyo science engineering computer codes studio design space website
        page link click zone global international
        """,
    )
)


def _emails(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        if domain is not None and _is_domain(domain[1]):
            local = _LOCAL_PART.search(text, max(0, at - _LONGEST_LOCAL_PART), at)
            if local is not None and not _is_address(text, local.start(), domain.end()):
                yield local.start() + len(local[0]) - len(local[0].lstrip(".'-")), domain.end()
        at = text.find("@", at + 1)


def _is_domain(last: str) -> bool:
    last = last.lower()
    return last not in _NO_DOMAINS if len(last) == 2 else last in _LONG_DOMAINS


_WITHOUT_SPACE = re.compile(r"\S*\Z")


def _is_address(text: str, begin: int, end: int) -> bool:
    """Whether this is the user in a URL or a path: ssh://joe@host.org, git@host.org:path."""
    before = _WITHOUT_SPACE.search(text, max(0, begin - 200), begin)
    in_address = before is not None and "://" in before[0]
    return (
        in_address
        or text.startswith("git@", begin)
        or (text.startswith(":", end) and text[end + 1 : end + 2] > " ")
    )


@dataclass(frozen=True, slots=True)
class Detector:
    """Patterns of one kind of secret.

    Attributes:
        hints: fixed strings; a text without any of them has no such secret.
        patterns: what matches such a secret.
        first_group: whether the secret is a pattern's first group, if it has groups, and not the whole match.
    """

    hints: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    first_group: bool = False


@cache
def _detectors() -> tuple[Detector, ...]:
    """The detectors of detect-secrets whose secrets contain a fixed string, and a few of our own.

    Those without a fixed string (Discord, Telegram, Twilio, Artifactory) are left out, since they take checksums
    for secrets. Those that search by name are replaced by `_assigned_secrets`.
    """
    try:
        from detect_secrets.plugins import (
            aws,
            azure_storage_key,
            basic_auth,
            github_token,
            gitlab_token,
            npm,
            openai,
            pypi_token,
            sendgrid,
            slack,
            square_oauth,
            stripe,
        )
    except ImportError:
        raise AdjoinError(
            "masking secrets needs detect-secrets, which is not installed: pip install adjoin"
        ) from None
    plugins = (
        (("AKIA", "ASIA", "ABIA", "ACCA", "A3T", "aws", "AWS"), aws.AWSKeyDetector),
        (("AccountKey=",), azure_storage_key.AzureStorageKeyDetector),
        (("://",), basic_auth.BasicAuthDetector),
        (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), github_token.GitHubTokenDetector),
        (("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941", "glcbt-", "glimt-", "glptt-", "glagent-",
          "gloas-"), gitlab_token.GitLabTokenDetector),
        ((":_authToken=",), npm.NpmDetector),
        (("T3BlbkFJ",), openai.OpenAIDetector),
        (("pypi-AgE",), pypi_token.PypiTokenDetector),
        (("SG.",), sendgrid.SendGridDetector),
        (("xox", "hooks.slack.com"), slack.SlackDetector),
        (("sq0csp-",), square_oauth.SquareOAuthDetector),
        (("k_live_",), stripe.StripeDetector),
    )  # fmt: skip
    own = (
        # JSON web tokens: three parts, the first a JSON object. detect-secrets' own pattern misses the signature.
        Detector(("eyJ",), (re.compile(r"eyJ[\w-]{10,}={0,2}\.eyJ[\w-]{8,}={0,2}(?:\.[\w-]*={0,2})?"),)),
        Detector(("github_pat_",), (re.compile(r"github_pat_\w{60,}"),)),
        Detector(("AIza",), (re.compile(r"\bAIza[\w-]{35}(?![\w-])"),)),
        Detector(("hf_",), (re.compile(r"\bhf_[A-Za-z]{34}\b"),)),
        Detector(("sk-",), (re.compile(r"\bsk-(?:ant|proj)-[\w-]{32,}"),)),
    )
    in_group = {aws.AWSKeyDetector, basic_auth.BasicAuthDetector, npm.NpmDetector}
    return tuple(Detector(hints, tuple(plugin.denylist), plugin in in_group) for hints, plugin in plugins) + own


@cache
def _hints() -> tuple[str, ...]:
    return tuple(hint for detector in _detectors() for hint in detector.hints)


def _secrets(text: str) -> Iterator[Span]:
    if any(map(text.__contains__, _hints())):
        for detector in _detectors():
            if any(map(text.__contains__, detector.hints)):
                yield from _detected(detector, text)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)
    folded = _folded(text)
    for name in _NAMES:
        if name in folded:
            yield from _assigned_secrets(text, folded, name)


def _detected(detector: Detector, text: str) -> Iterator[Span]:
    for pattern in detector.patterns:
        for match in pattern.finditer(text):
            begin, end = match.span(1 if detector.first_group and pattern.groups else 0)
            if not text[begin:end].isalpha():  # letters only: a gene or a protein, which may contain AKIA
                yield begin, end


def _folded(text: str) -> str:
    """The text in lower case, with every character at the same position."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(character.lower() if character.isascii() else character for character in text)


_PRIVATE_KEY = re.compile(
    r"(?P<begin>-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)(?P<body>.*?)"
    r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_KEY_PIECE = re.compile(r"[A-Za-z0-9+/=]{20,}|(?<=[\s\"'])[A-Za-z0-9+/=]{4,}(?=[\s\"'\\]*-----END)")


def _private_keys(text: str) -> Iterator[Span]:
    """The spans of a key's lines, without the line ends, quotes and comment marks around them."""
    for key in _PRIVATE_KEY.finditer(text):
        begin, end = key.span("body")
        for piece in _KEY_PIECE.finditer(text, begin, key.end()):
            if piece.start() < end:
                yield piece.span()


_NAMES = (
    "password", "passwd", "pwd", "passphrase", "secret", "token", "api_key", "apikey", "api-key", "access_key",
    "accesskey", "access-key", "credential", "auth_key", "authkey",
)  # fmt: skip
_ASSIGNED = re.compile(  # matches after the name: `_old: str = "..."`, `'] = '...'`, `=...`
    r"[\w-]*[\"'\]]{0,2}\s{0,4}(?::\s?\w{1,12}\s?)?(?::=|=>|={1,3}|:)\s{0,4}[@bru]?"
    r"(?:([\"'`])(?P<quoted>[^\s\"'`]{8,200})\1|(?P<bare>[A-Za-z0-9+/_-]{20,200}={0,2})(?![\w(.\[]))"
)


def _assigned_secrets(text: str, folded: str, name: str) -> Iterator[Span]:
    """Values that look like a secret and are assigned to, or compared with, a variable named like one."""
    position = folded.find(name)
    while position >= 0:
        match = _ASSIGNED.match(text, position + len(name))
        if match is not None:
            group = "quoted" if match["quoted"] else "bare"
            if _is_secret(match[group], short=group == "quoted" and name.startswith("p")):
                yield match.span(group)
        position = folded.find(name, position + len(name))


_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})\Z")
_DUMMY = re.compile(
    r"example|change|your|dummy|placeholder|redacted|insert|x{4}|\*{3}|\.{3}|0{6}|1234|abcd|qwerty"
    r"|://|[<>{}$%()\[\]]",
    re.IGNORECASE,
)
LEAST_HEXADECIMAL_ENTROPY = 3.0  # bits per character; 32 random digits have 3.6 on average
LEAST_ENTROPY = 3.6  # bits per character; 20 random letters and digits have 4.1, names in code about 3.3


def _is_secret(value: str, short: bool) -> bool:
    """Whether a value looks random or, if `short` values are allowed, like a password."""
    from detect_secrets.filters.heuristic import is_potential_uuid, is_sequential_string
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString, HexHighEntropyString

    if _DUMMY.search(value) or is_potential_uuid(value) or is_sequential_string(value):
        return False
    digits = sum(character.isdigit() for character in value)
    cases = any(character.islower() for character in value) + any(character.isupper() for character in value)
    marks = any(character in "!@#^&*?+=~;," for character in value)
    if len(value) < 20:
        return short and digits > 0 and cases + marks >= 2
    if _HEXADECIMAL.match(value):
        return float(HexHighEntropyString().calculate_shannon_entropy(value.lower())) >= LEAST_HEXADECIMAL_ENTROPY
    entropy = float(Base64HighEntropyString().calculate_shannon_entropy(value))
    return digits >= 2 and cases == 2 and entropy >= LEAST_ENTROPY
