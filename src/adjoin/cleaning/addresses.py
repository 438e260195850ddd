"""E-mail addresses in prose and code, told from what resembles them: matrix products, decorators, users in URLs.

An address is looked for at each `@`, in a bounded part of the text before and behind it, so long lines of `@` take
linear time.
"""

import re
from collections.abc import Iterator

from adjoin.cleaning.top_level_domains import COUNTRIES, GENERIC, RESERVED

Span = tuple[int, int]

_LONGEST_LOCAL_PART = 64
_LONGEST_DOMAIN = 253
_MARKS = (
    "\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\u0e31-\u0e3a\u0e47-\u0e4e"  # of letters
)
_LETTER = rf"[^\W_]|[{_MARKS}]"
_LOCAL_PART = re.compile(rf"(?:[\w.%+'-]|[{_MARKS}])*[\w%+-]\Z")
_DOTTED_LOCAL_PART = re.compile(r"(?<![\w.])[a-z]{2,}\.[a-z-]{3,}\Z")
_QUOTED_LOCAL_PART = re.compile(r'(?<![\w"])"[^"\\\n@]{1,64}(?:@[^"\\\n@]{1,64})?"\Z')
_LABEL = rf"(?:{_LETTER})(?:(?:{_LETTER}|-){{0,62}}(?:{_LETTER}))?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_ASCII_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})+")
_AFTER_DOMAIN = re.compile(r"(?![A-Za-z0-9_(@]|\.\w|-\w)")
_NUMBER = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_LITERAL = re.compile(
    rf"\[(?:{_NUMBER}(?:\.{_NUMBER}){{3}}|IPv6:[0-9A-Fa-f:.]{{2,45}}"
    r"|(?=[^\]]{0,45}[0-9A-Fa-f]{4})[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})\]"
)
_AT_IN_BRACKETS = re.compile(r"[\[({<] ?at ?[\])}>]", re.IGNORECASE)
_BRACKETED = re.compile(  # jane.doe [at] example [dot] org
    r"(?<![\w.%+-])[\w%+-][\w.%+-]{0,62} ?(?:\[ ?at ?\]|\( ?at ?\)|\{ ?at ?\}|<at>) ?[A-Za-z0-9][A-Za-z0-9-]{0,62}"
    r"(?:(?:\.| ?(?:\[ ?(?:dot|\.) ?\]|\( ?(?:dot|\.) ?\)|\{ ?dot ?\}|<dot>) ?)[A-Za-z0-9-]{1,63}){1,4}",
    re.IGNORECASE,
)
# Endings of file names in code. A second label of a country's registry, as in site.com.py, makes them a domain.
_FILE_ENDINGS = frozenset({"py", "ml"})
_REGISTRIES = frozenset({"ac", "co", "com", "coop", "edu", "gob", "gov", "mil", "net", "org"})
# Generic domains that are also common attributes in code, as in the matrix product `x@layer.data`.
_ATTRIBUTES = frozenset(
    """
    abc bar bot box build call camera channel compare data date day degree directory dot events fail final fit foo
    green group host java map new next now one open parts pid ping prod property properties read red report run
    save search security select shell show style stream target training zero zip
    """.split()  # noqa: SIM905
)  # fmt: skip
_WITHOUT_SPACE = re.compile(r"\S*\Z")
_EAST_ASIAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def emails(text: str) -> Iterator[Span]:
    """The span of each e-mail address in a text."""
    at = text.find("@")
    while at >= 0:
        if (end := _domain_end(text, at)) and (begin := _local_begin(text, at, end)) is not None:
            yield begin, end
        at = text.find("@", at + 1)
    if _AT_IN_BRACKETS.search(text):
        for match in _BRACKETED.finditer(text):
            last = re.split(r"[^A-Za-z]+", match[0].rstrip("])}> "))[-1].lower()
            if last in COUNTRIES or last in GENERIC or last in RESERVED:
                yield match.span()


def _domain_end(text: str, at: int) -> int:
    """Where the domain behind an `@` ends; 0 if there is none."""
    if literal := _LITERAL.match(text, at + 1):
        return literal.end()
    limit = min(len(text), at + 1 + _LONGEST_DOMAIN)
    for pattern in (_DOMAIN, _ASCII_DOMAIN):  # an address within Chinese, say, ends where ASCII does
        match = pattern.match(text, at + 1, limit)
        if match is not None and _AFTER_DOMAIN.match(text, match.end()) and _is_domain(match[0], text, at):
            return match.end()
    return 0


def _is_domain(domain: str, text: str, at: int) -> bool:
    labels = domain.split(".")
    last = labels[-1].lower()
    if not last.isascii() or last.startswith("xn--"):
        return len(last) >= 2
    if len(last) == 2:
        if last in _FILE_ENDINGS and labels[-2].lower() not in _REGISTRIES:
            return _is_framed(text, at, at + 1 + len(domain))
        return last in COUNTRIES and not (labels[-1][0].islower() and labels[-1][1].isupper())  # as in `q@k.mT`
    if last in _ATTRIBUTES and len(labels) == 2:
        local = _DOTTED_LOCAL_PART.search(text, max(0, at - _LONGEST_LOCAL_PART), at)
        return local is not None or _is_framed(text, at, at + 1 + len(domain))
    return last in GENERIC or last in RESERVED


def _is_framed(text: str, at: int, end: int) -> bool:
    """Whether the text around says that this is an address: <jane@site.py>, mailto:jane@site.py."""
    before = _WITHOUT_SPACE.search(text, max(0, at - _LONGEST_LOCAL_PART - 8), at)
    lead = before[0].lower() if before is not None else ""
    return ("<" in lead and text.startswith(">", end)) or "mailto:" in lead


def _local_begin(text: str, at: int, end: int) -> int | None:
    """Where the address with this `@` begins; None if nothing fit stands before it, or it is no address."""
    first = max(0, at - _LONGEST_LOCAL_PART)
    if text.startswith('"', at - 1) and at:
        quoted = _QUOTED_LOCAL_PART.search(text, max(0, first - 64), at)
        return quoted.start() if quoted is not None else None
    local = _LOCAL_PART.search(text, first, at)
    if local is None or _is_address(text, local.start(), end):
        return None
    begin = local.start() + len(local[0]) - len(local[0].lstrip(".'-"))
    if text[at - 1].isascii():
        for foreign in _EAST_ASIAN.finditer(text, begin, at):
            begin = foreign.end()
    return begin


def _is_address(text: str, begin: int, end: int) -> bool:
    """Whether this is the user in a URL or a path: ssh://joe@host.org, git@host.org:path."""
    before = _WITHOUT_SPACE.search(text, max(0, begin - 200), begin)
    in_address = before is not None and "://" in before[0]
    return (
        in_address
        or (text.startswith("git@", begin) and not text.startswith(">", end))
        or (text.startswith(":", end) and text[end + 1 : end + 2] > " ")
    )
