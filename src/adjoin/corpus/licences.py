"""Names and texts of licences → SPDX expressions."""

import re
from functools import lru_cache

MAX_CHARACTERS = 100  # of a licence in its source's own words
MAX_TEXT = 1 << 18  # bytes of a licence text; the longest common one has 35,000

# Names are looked up without these words and without ".0": `Apache License, Version 2.0` as "apache 2".
_IGNORED_WORD_LIST = "the license licence licensed version v public software foundation only a an"
_IGNORED_WORDS = frozenset(_IGNORED_WORD_LIST.split())
_WORDS = re.compile(r"[a-z]+|\d+(?:\.\d+)*\+?")
_IN_PARENTHESES = re.compile(r"\([^()]*\)")  # GNU General Public License v3 (GPLv3)
_NAMES = {
    name: licence
    for licence, names in {
        "MIT": "mit, expat, mit expat, mit x",
        "Apache-2.0": "apache 2, apl 2, asl 2, al 2",
        "BSD-3-Clause": "bsd 3, bsd 3 clause, 3 clause bsd, bsd 3 clause new or revised, new bsd, modified bsd",
        "BSD-2-Clause": "bsd 2, bsd 2 clause, 2 clause bsd, bsd 2 clause simplified, simplified bsd, freebsd",
        "ISC": "isc",
        "MPL-2.0": "mpl 2, mozilla 2",
        "MPL-1.1": "mpl 1.1, mozilla 1.1",
        "Unlicense": "unlicense",
        "Zlib": "zlib, zlib libpng",
        "BSL-1.0": "boost, boost 1, bsl 1",
        "PSF-2.0": "psf, psf 2, python, psfl",
        "WTFPL": "wtfpl, wtfpl 2",
        "CC0-1.0": "cc 0, cc 0 1, cc 0 1 universal, creative commons zero",
        "Artistic-1.0-Perl": "artistic",
        "Artistic-2.0": "artistic 2",
        "Artistic-1.0-Perl OR GPL-1.0-or-later": "perl, perl 5, same as perl",
        "Ruby": "ruby, ruby s",
        "PHP-3.01": "php 3.01",
        "EPL-1.0": "epl 1, eclipse 1",
        "EPL-2.0": "epl 2, eclipse 2",
        "EUPL-1.2": "eupl 1.2, european union 1.2",
    }.items()
    for name in names.split(", ")
}
_GNU = re.compile(
    r"(?:gnu )?(?P<kind>affero|agpl|lesser|library|lgpl|general|gpl|gfdl|free documentation)(?: general)?"
    r" (?P<version>\d(?:\.\d)?)(?P<later>\+| or (?:any )?(?:later|newer|greater|above))?"
)
_GNU_IDENTIFIERS = {
    "affero": "AGPL", "agpl": "AGPL", "lesser": "LGPL", "library": "LGPL", "lgpl": "LGPL", "general": "GPL",
    "gpl": "GPL", "gfdl": "GFDL", "free documentation": "GFDL",
}  # fmt: skip
_CC = re.compile(
    r"(?:cc|creative commons) (?:by|attribution)(?P<terms>(?: (?:nc|nd|sa|[a-z]*commercial|sharealike|share alike|"
    r"noderiv[a-z]*|non))*) (?P<version>[1-4](?:\.\d)?)(?: international| unported| generic)?"
)
_CC_TERMS = (("NC", ("nc", "commercial")), ("ND", ("nd", "deriv")), ("SA", ("sa", "alike")))
_DEPRECATED = re.compile(r"\b((?:A|L)?GPL-\d\.\d|GFDL-\d\.\d)(\+?)(?=$|[ )])")
_ALTERNATIVES = re.compile(r"(?<=\S)/(?=\S)|\s*(?:\||;|,?\s+or\s)\s*", re.IGNORECASE)
_CONJUNCTIONS = re.compile(r"\s*(?:&|,?\s+and\s)\s*", re.IGNORECASE)
_MAX_PARTS = 5  # of an expression in words

# Sentences of licence texts. Of two that begin at the same place, the first in this list counts.
_SENTENCES = [
    (re.compile(sentence), name)
    for sentence, name in [
        (r"gnu affero general public licen[cs]e version 3", "AGPL-3.0-only"),
        (r"gnu lesser general public licen[cs]e version 3", "LGPL-3.0-only"),
        (r"gnu lesser general public licen[cs]e version 2\.1", "LGPL-2.1-only"),
        (r"gnu library general public licen[cs]e version 2", "LGPL-2.0-only"),
        (r"gnu general public licen[cs]e version 3", "GPL-3.0-only"),
        (r"gnu general public licen[cs]e version 2", "GPL-2.0-only"),
        (r"apache licen[cs]e,? version 2\.0", "Apache-2.0"),
        (r"mozilla public licen[cs]e,? version 2\.0", "MPL-2.0"),
        (r"this is free and unencumbered software released into the public domain", "Unlicense"),
        (r"permission is hereby granted, free of charge, to any person obtaining a copy of this software and "
         r"associated documentation files", "MIT"),
        (r"permission to use, copy, modify, and(?:/or)? distribute this software for any purpose with or without "
         r"fee is hereby granted, provided that", "ISC"),
        (r"redistribution and use in source and binary forms.{0,1500}neither the names? of", "BSD-3-Clause"),
        (r"redistribution and use in source and binary forms", "BSD-2-Clause"),
        (r"boost software licen[cs]e - version 1\.0", "BSL-1.0"),
        (r"the origin of this software must not be misrepresented", "Zlib"),
        (r"creative commons attribution-sharealike 4\.0", "CC-BY-SA-4.0"),
        (r"creative commons attribution 4\.0", "CC-BY-4.0"),
        (r"cc0 1\.0 universal", "CC0-1.0"),
        (r"python software foundation licen[cs]e version 2", "PSF-2.0"),
        (r"academic free licen[cs]e version 3\.0", "AFL-3.0"),
    ]
]  # fmt: skip


@lru_cache(maxsize=4096)
def normal_licence(words: str) -> str:
    """Normalise the name of a licence to an SPDX expression; other words are returned, truncated.

    `Apache License, Version 2.0` becomes Apache-2.0, `GPL-2+` becomes GPL-2.0-or-later, and `MIT/Apache-2.0`
    becomes `MIT OR Apache-2.0`. A version of the GPL without "or later" means that version only.
    """
    words = " ".join(words[: MAX_TEXT // 64].split())
    return _expression(words) or words[:MAX_CHARACTERS].rstrip()


def is_expression(licence: str) -> bool:
    """Return whether a normalised licence is an SPDX expression."""
    return bool(_expression(licence))


def licence_of_text(text: str) -> str:
    """Return the SPDX identifier of a licence text; "" if it is unknown.

    The text is compared with those of choosealicense.com by edit distance (15 ms), then searched for the
    characteristic sentences of licences.
    """
    return _licence_of_text(text[:MAX_TEXT])


@lru_cache(maxsize=64)
def _licence_of_text(text: str) -> str:
    import tempfile

    from identify.identify import license_id

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="replace", suffix=".txt") as file:
        file.write(text)
        file.flush()
        identifier = license_id(file.name)
    return _without_deprecated(identifier) if identifier else licence_in_words(text)


def licence_in_words(text: str) -> str:
    """Return the SPDX identifier of the first licence sentence in a text; "" if there is none.

    It is meant for texts that are more than a licence, such as a Debian copyright file.
    """
    flat = re.sub(r"[\s*#]+", " ", text[:MAX_TEXT].lower())
    places = [(match.start(), name) for sentence, name in _SENTENCES if (match := sentence.search(flat))]
    # The first is the package's own; licences of bundled code, and references to others, follow it.
    return min(places, key=lambda place: place[0])[1] if places else ""


def _expression(words: str) -> str:
    """The SPDX expression of these words, or ""."""
    return (
        _single_licence(words)
        or _combined(words, _ALTERNATIVES, " OR ")
        or _combined(words, _CONJUNCTIONS, " AND ")
    )


def _combined(words: str, joint: re.Pattern[str], operator: str) -> str:
    parts = joint.split(words)
    if not 1 < len(parts) <= _MAX_PARTS:
        return ""
    names = [
        _single_licence(part) or (operator == " OR " and _combined(part, _CONJUNCTIONS, " AND ")) for part in parts
    ]
    return operator.join(dict.fromkeys(name for name in names if name)) if all(names) else ""


def _single_licence(words: str) -> str:
    """The licence of these words, as an SPDX expression or by a common name; "" if unknown."""
    return _spdx_expression(words) or _by_common_name(words)


def _spdx_expression(words: str) -> str:
    """The words as an SPDX expression, whatever their case; "" if they are none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not words or len(words) > 2 * MAX_CHARACTERS:
        return ""
    try:
        return _without_deprecated(canonicalize_license_expression(words))
    except (InvalidLicenseExpression, ValueError, SyntaxError, RecursionError):
        return ""


def _without_deprecated(expression: str) -> str:
    """Replace deprecated SPDX identifiers: GPL-2.0 by GPL-2.0-only, GPL-2.0+ by GPL-2.0-or-later."""
    return _DEPRECATED.sub(lambda match: match[1] + ("-or-later" if match[2] else "-only"), expression)


def _by_common_name(words: str) -> str:
    """The SPDX identifier of a licence by its common names, or ""."""
    lower = re.sub(r"(?<=pl)v(?=\d)", " ", _IN_PARENTHESES.sub(" ", words.lower()).strip() or words.lower())
    words_kept = [word.replace(".0", "", 1) if word[0].isdigit() else word for word in _WORDS.findall(lower)]
    name = " ".join(word for word in words_kept if word not in _IGNORED_WORDS)
    if gnu := _GNU.fullmatch(name):
        suffix = "or-later" if gnu["later"] else "only"
        return f"{_GNU_IDENTIFIERS[gnu['kind']]}-{_full_version(gnu['version'])}-{suffix}"
    if creative := _CC.fullmatch(name):
        terms = [term for term, signs in _CC_TERMS if any(sign in creative["terms"] for sign in signs)]
        return "-".join(["CC-BY", *terms, _full_version(creative["version"])])
    return _NAMES.get(name, "")


def _full_version(version: str) -> str:
    return version if "." in version else f"{version}.0"
