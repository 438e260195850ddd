"""Names of pieces in one line."""

import pytest

from adjoin.index.naming import also_line, short_name
from adjoin.index.search import Place


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", ""),
        ("upload", "upload"),
        ("Uploader.retry", "Uploader.retry"),
        ("a, b, c", "a, b, c"),
        ("a, b, c, d", "a, b, c, …"),
        ("Map.lock, Map.free", "Map: lock, free"),
        ("Map.lock, Map.free, Map.size, Map.keys", "Map: lock, free, size, …"),
        ("a::B::c, a::B::d", "a::B: c, d"),
        ("Map#lock, Map#free", "Map: lock, free"),
        ("Map.lock, Set.lock", "Map.lock, Set.lock"),
        ("Map.lock, Map", "Map.lock, Map"),
        ("macro kind_t, EMPTY", "macro kind_t, EMPTY"),
        ("Install, run", "Install, run"),
    ],
)
def test_short_name(name: str, expected: str) -> None:
    assert short_name(name) == expected


def test_a_long_name_is_short() -> None:
    assert short_name(", ".join(["name"] * 45), 1) == "name, …"


def test_also_line() -> None:
    assert also_line(()) == ""
    assert also_line([Place(1, 2, "A.a, A.b"), Place(3, 3, "")]) == "also 1-2 A: a, …; 3-3"
