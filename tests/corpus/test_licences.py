"""Names and texts of licences → SPDX expressions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.licences import MAX_CHARACTERS, is_expression, licence_in_words, licence_of_text, normal_licence

NAMES = {
    "MIT": ["mit", "MIT License", "The MIT License (MIT)", "Expat", "MIT license (repository)"],
    "Apache-2.0": ["Apache 2.0", "Apache License, Version 2.0", "apache-2", "ASL 2.0"],
    "BSD-3-Clause": ["BSD-3-clause", "3-clause BSD", "New BSD License", "The 3-Clause BSD License"],
    "BSD-2-Clause": ["Simplified BSD", "BSD 2-Clause License"],
    "GPL-2.0-or-later": ["GPL-2+", "GPLv2+", "GNU General Public License v2 or later (GPLv2+)", "GPL-2.0+"],
    "GPL-3.0-only": ["GPL-3", "GPLv3", "GNU GPL v3", "GPL-3.0", "GNU General Public License v3 (GPLv3)"],
    "LGPL-2.1-or-later": ["LGPL-2.1+", "GNU Lesser General Public License version 2.1 or any later"],
    "AGPL-3.0-only": ["GNU Affero General Public License v3", "AGPL-3.0"],
    "GFDL-1.3-or-later": ["GFDL 1.3+", "GFDL-1.3+"],
    "MPL-2.0": ["MPL 2.0", "Mozilla Public License 2.0 (MPL 2.0)"],
    "CC-BY-SA-4.0": ["CC BY-SA 4.0", "Creative Commons Attribution-ShareAlike 4.0 International", "cc-by-sa-4.0"],
    "CC-BY-NC-4.0": ["CC BY-NC 4.0", "Creative Commons Attribution NonCommercial 4.0"],
    "CC0-1.0": ["CC0", "CC0 1.0", "CC0 1.0 Universal"],
    "MIT OR Apache-2.0": ["MIT/Apache-2.0", "mit or apache-2.0", "MIT License or Apache License 2.0"],
    "Artistic-1.0-Perl OR GPL-1.0-or-later": ["Artistic or GPL-1+", "same as Perl"],
    "MIT AND BSD-3-Clause": ["MIT and New BSD"],
}
OWN_WORDS = [
    "BSD",
    "Public Domain",
    "SEE LICENSE IN LICENSE",
    "GPL",
    "CC0 / public domain",
    "MIT or something",
    "",
]


@pytest.mark.parametrize(("licence", "words"), [(licence, words) for licence in NAMES for words in NAMES[licence]])
def test_names(licence: str, words: str) -> None:
    assert normal_licence(words) == licence
    assert is_expression(licence)


@pytest.mark.parametrize("words", OWN_WORDS)
def test_own_words(words: str) -> None:
    assert normal_licence(words) == words
    assert not is_expression(words)


def test_long_words_are_cut() -> None:
    assert normal_licence("a  b\n" * 1000) == ("a b " * 1000)[:MAX_CHARACTERS].rstrip()


def test_texts() -> None:
    from identify.vendor.licenses import LICENSES

    texts = dict(LICENSES)
    for name in ("MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "ISC", "MPL-2.0", "Unlicense", "Zlib"):
        assert licence_of_text(texts[name]) == name
        assert licence_in_words("(c) 2001 Somebody\n" + texts[name].replace("\n", "\n * ")) == name
    assert licence_of_text(texts["GPL-3.0"]) == "GPL-3.0-only"
    bundle = texts["BSD-2-Clause"] + "\n" + "-" * 70 + "\nThis bundles:\n" + texts["MPL-2.0"]
    assert licence_of_text(bundle) == "BSD-2-Clause"
    assert licence_of_text("All rights reserved.") == ""


@settings(max_examples=300)
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["GPL", "MIT", "v2", "+", "(", ")", "or", "and", "/", "2.0", "BSD"]), max_size=12
    ).map(" ".join)
)
def test_no_words_break_it(words: str) -> None:
    assert len(normal_licence(words)) <= 2 * MAX_CHARACTERS
    licence_in_words(words)
