"""Which SPDX expressions an allow list of licences allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.cleaning.allow_list import FREE, GROUPS, PUBLIC_DOMAIN, Licences, is_known
from adjoin.errors import AdjoinError


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("mit", True),
        ("MIT OR GPL-3.0-only", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", True),
        ("(MIT OR Apache-2.0) AND (GPL-3.0-only OR LGPL-2.1-only)", False),
        ("mit or gpl-3.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("Apache-2.0+", True),
        ("GPL-2.0+", False),
        ("MIT OR LicenseRef-ours", True),
        ("MIT AND LicenseRef-ours", False),
        ("", False),
        ("NOASSERTION", False),
        ("see the file COPYING", False),
        ("MIT/Apache-2.0", False),
        ("((MIT", False),
        ("AND", False),
        ("CC-BY-NC-4.0", False),
        ("LicenseRef-scancode-wordnet", True),
    ],
)
def test_permissive(expression: str, allowed: bool) -> None:
    assert Licences.of(["permissive"]).allows(expression) is allowed


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("MIT", True),
        ("mit OR gpl-2.0+", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("CC-BY-NC-4.0", True),
        ("Public Domain", True),
        (FREE, True),
        ("BSD", False),
        ("MIT AND LicenseRef-ours", False),
        ("GPL-2.1-or-later", False),
        ("see the file COPYING", False),
        ("", False),
    ],
)
def test_is_known(expression: str, known: bool) -> None:
    assert is_known(expression) is known


def test_free_software_of_an_unknown_licence_may_ask_for_what_copyleft_asks() -> None:
    assert Licences.of(["copyleft"]).allows(FREE)
    assert not Licences.of(["permissive", "weak-copyleft"]).allows(FREE)


def test_unknown_is_allowed_where_the_list_says_so() -> None:
    licences = Licences.of(["MIT", "Unknown"])
    for expression in ("", "see the file COPYING", "LicenseRef-ours", "MIT AND LicenseRef-ours"):
        assert licences.allows(expression)
    assert not licences.allows("GPL-3.0-only")
    assert not Licences.of([]).allows("MIT")


def test_old_identifiers_mean_the_new_ones() -> None:
    licences = Licences.of(["gpl-2.0+"])
    assert licences.allows("GPL-2.0-or-later")
    assert licences.allows("GPL-2.0+ WITH Classpath-exception-2.0")
    assert not licences.allows("GPL-2.0")
    assert Licences.of(["LGPL-2.1"]).allows("LGPL-2.1-only")


def test_each_name_of_a_group_is_one_of_spdx() -> None:
    for group, names in GROUPS.items():
        spdx = set(names) - {PUBLIC_DOMAIN}
        assert Licences.of(spdx).identifiers == spdx, group
        assert all(Licences.of([group.upper()]).allows(name) for name in names)
    assert not set(GROUPS["permissive"]) & {*GROUPS["copyleft"], *GROUPS["weak-copyleft"], *GROUPS["share-alike"]}
    assert set(GROUPS["public-domain"]) <= set(GROUPS["permissive"])


@pytest.mark.parametrize(
    "word", ["MTI", "", "MIT OR Apache-2.0", "LicenseRef-ours", "(MIT", "Classpath-exception-2.0x"]
)
def test_a_word_that_is_no_licence_is_refused(word: str) -> None:
    with pytest.raises(AdjoinError, match="is not a licence: expected"):
        Licences.of(["MIT", word])


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["MIT", "AND", "OR", "WITH", "(", ")", "+", "é"])).map(" ".join)
)
def test_any_words_get_an_answer(words: str) -> None:
    assert Licences.of(["permissive"]).allows(words) in (True, False)
    if not Licences.of(["permissive", "unknown"]).allows(words):
        assert not Licences.of(["permissive"]).allows(words)


def test_the_public_domain_is_recognised_by_its_words() -> None:
    free, mit = Licences.of(["public-domain"]), Licences.of(["MIT"])
    for words in ("public domain", "Public-Domain", "US public domain / CC0", "CC0 / public domain (law)"):
        assert free.allows(words)
        assert not mit.allows(words)
    for words in ("public-domain US court proceedings (Oyez compilation CC BY-NC 4.0)", "public domain; or not"):
        assert not free.allows(words)
