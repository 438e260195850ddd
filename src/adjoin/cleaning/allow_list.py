"""Licence allow list: which licences the texts of a dataset may have, by SPDX expressions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from license_expression import LicenseLike, Licensing

UNKNOWN = "unknown"  # no licence, or not an SPDX expression

PUBLIC_DOMAIN = "public domain"  # needs no licence; SPDX has no identifier for it
_PUBLIC_DOMAIN = re.compile(r"(?:US |CC0 ?/ ?)?public[ -]domain(?: ?/ ?CC0)?(?: \([^()]*\))?", re.IGNORECASE)
FREE = "LicenseRef-scancode-free-unknown"  # free by the rules of its archive, as all of Debian main
WORDNET = "LicenseRef-scancode-wordnet"  # asks for a notice only; SPDX has no identifier for it

# Groups of licences, by the most that they ask for. "permissive": a notice. "weak-copyleft": changes to the files
# themselves. "copyleft": the source of the whole work, or possibly so. "share-alike": the same for texts.
GROUPS: dict[str, tuple[str, ...]] = {
    "public-domain": (PUBLIC_DOMAIN, "0BSD", "blessing", "CC0-1.0", "MIT-0", "PDDL-1.0", "Unlicense", "WTFPL"),
    "permissive": (
        PUBLIC_DOMAIN, "0BSD", "AFL-3.0", "Apache-1.0", "Apache-1.1", "Apache-2.0", "Artistic-2.0", "blessing",
        "BSD-1-Clause", "BSD-2-Clause", "BSD-2-Clause-Patent", "BSD-3-Clause", "BSD-3-Clause-Clear",
        "BSD-4-Clause", "BSL-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0",
        "CC0-1.0", "CECILL-B", "CNRI-Python", "curl", "ECL-2.0", "FSFAP", "HPND", "ICU",
        "ISC", "MIT", "MIT-0", "MulanPSL-2.0", "NCSA", "NIST-PD", "OFL-1.1", "OLDAP-2.8", "OpenSSL",
        "PDDL-1.0", "PHP-3.01",
        "PostgreSQL", "PSF-2.0", "Python-2.0", "Ruby", "Unicode-3.0", "Unicode-DFS-2016", "Unlicense", "UPL-1.0",
        "W3C", WORDNET, "WTFPL", "X11", "Zlib", "ZPL-2.1",
    ),
    "weak-copyleft": (
        "CDDL-1.0", "CDDL-1.1", "CPL-1.0", "EPL-1.0", "EPL-2.0", "LGPL-2.0-only", "LGPL-2.0-or-later",
        "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-1.1", "MPL-2.0",
    ),
    "copyleft": (
        FREE, "AGPL-3.0-only", "AGPL-3.0-or-later", "CECILL-2.0", "CECILL-2.1", "EUPL-1.2",
        "GPL-1.0-only", "GPL-1.0-or-later", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later",
        "OSL-3.0",
    ),
    "share-alike": (
        "CC-BY-SA-2.0", "CC-BY-SA-2.5", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "GFDL-1.1-or-later", "GFDL-1.2-only",
        "GFDL-1.2-or-later", "GFDL-1.3-only", "GFDL-1.3-or-later", "ODbL-1.0",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Licences:
    """A set of allowed licences; create it with `Licences.of`.

    Attributes:
        identifiers: SPDX identifiers in SPDX's spelling, and `PUBLIC_DOMAIN`.
        unknown: whether texts with an unknown licence are allowed.
    """

    identifiers: frozenset[str]
    unknown: bool
    _answers: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, allowed: Iterable[str]) -> "Licences":
        """Create the allow list from words.

        Args:
            allowed: SPDX identifiers in any case, also old ones ("GPL-2.0+"); names of `GROUPS`; and "unknown" for
                texts without a licence or with one that SPDX does not know.

        Raises:
            AdjoinError: a word is none of these.
        """
        identifiers: set[str] = set()
        unknown = False
        for word in allowed:
            if word.lower() == UNKNOWN:
                unknown = True
            elif word.lower() in GROUPS:
                identifiers.update(GROUPS[word.lower()])
            else:
                identifiers.add(_identifier(word))
        return cls(frozenset(identifiers), unknown)

    def allows(self, expression: str) -> bool:
        """Return whether a text under this licence may be used.

        `A OR B` needs one allowed licence, `A AND B` both. `A WITH B` is allowed if A is, since an exception only
        permits more. Anything that is not an SPDX expression counts as unknown.

        Args:
            expression: an SPDX expression, or the source's own words.
        """
        answer = self._answers.get(expression)
        if answer is None:
            # Cached: parsing takes 0.1 ms, and a dataset has millions of pairs under hundreds of licences.
            if _PUBLIC_DOMAIN.fullmatch(expression):
                answer = PUBLIC_DOMAIN in self.identifiers
            else:
                answer = self._allows(_parsed(expression))
            self._answers[expression] = answer
        return answer

    def _allows(self, licence: "LicenseLike | None") -> bool:
        from license_expression import AND, OR, LicenseWithExceptionSymbol

        if licence is None:
            return self.unknown
        if isinstance(licence, OR):
            return any(self._allows(part) for part in licence.args)
        if isinstance(licence, AND):
            return all(self._allows(part) for part in licence.args)
        if isinstance(licence, LicenseWithExceptionSymbol):
            licence = licence.license_symbol
        key = _current(licence.key)
        return key in self.identifiers if key in _licensing().known_symbols else self.unknown


def is_known(expression: str) -> bool:
    """Return whether an SPDX expression consists of licences that SPDX or ScanCode knows, allowed or not."""
    if _PUBLIC_DOMAIN.fullmatch(expression):
        return True
    licence, licensing = _parsed(expression), _licensing()
    if licence is None:
        return False
    return all(_current(key) in licensing.known_symbols for key in licensing.license_keys(licence))


@cache
def _licensing() -> "Licensing":
    try:
        from license_expression import get_spdx_licensing
    except ImportError:
        raise AdjoinError(
            "a list of licences needs license-expression, which is not installed: pip install adjoin"
        ) from None
    return get_spdx_licensing()


def _parsed(expression: str) -> "LicenseLike | None":
    """The expression as a tree with current identifiers; None if it is not an expression."""
    licensing = _licensing()
    try:
        return licensing.parse(expression)
    except Exception:  # prose raises the parser's own error; unbalanced parentheses raise several others
        return None


def _current(key: str) -> str:
    """`X+` means X or a later version. SPDX has no identifier for some of these: they count as X."""
    return key if key in _licensing().known_symbols else key.removesuffix("+")


def _identifier(word: str) -> str:
    licence = _parsed(word)
    key = _current(licence.key) if licence is not None and hasattr(licence, "key") else ""
    if key not in _licensing().known_symbols:
        raise AdjoinError(
            f"{word!r} is not a licence: expected an SPDX identifier such as MIT, {', '.join(GROUPS)} or {UNKNOWN}"
        )
    return key
