"""The URL of an index in PostgreSQL: its name, and that no password is shown."""

from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.index.locating import location_of
from adjoin.index.postgres.address import StoreAddress, name_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me@host/db?index=app", "postgresql://me@host/db?index=app"),
        ("postgresql://me:hidden%20one@host:5433/db?index=app", "postgresql://me@host:5433/db?index=app"),
        ("postgres://me:hidden@host", "postgres://me@host"),
        ("postgresql://host/db?password=hidden&sslmode=require", "postgresql://host/db?sslmode=require"),
        ("postgresql:///db?user=me&password=hidden", "postgresql:///db?user=me"),
        ("postgresql://:hidden@host/db", "postgresql://@host/db"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    address = StoreAddress.parse(text)
    assert str(address) == f"{address}" == shown
    assert "hidden" not in repr(address)
    assert ("hidden" in address.url) == ("hidden" in text)
    assert "index=" not in address.url, "the client library knows no such option"


@pytest.mark.parametrize(
    "text",
    [
        "mysql://me:hidden@host/db",
        "postgresql:/me:hidden@host/db",
        "postgresql://me:hid#den@host/db",
        "postgresql://me:hid?den@host/db",
        "postgresql://me:hid/den@host/db",
        "postgresql://me:hidden@host:port/db",
        "postgresql://me:hid@den@host/db",
    ],
)
def test_a_malformed_url_is_not_repeated(text: str) -> None:
    with pytest.raises(AdjoinError, match="expected postgresql://USER@HOST:PORT/DATABASE") as error:
        StoreAddress.parse(text)
    assert "hid" not in str(error.value)
    assert "\n" not in str(error.value)


def test_names(tmp_path: Path) -> None:
    for name in ("", "a b", 'x"; DROP SCHEMA public; --', "a" * 49):
        with pytest.raises(AdjoinError, match="expected 1 to 48 letters"):
            StoreAddress.parse(f"postgresql://host/db?index={name}")
    address = StoreAddress.parse("postgresql://host/db")
    (tmp_path / "My Project é").mkdir()
    own = address.for_root(tmp_path / "My Project é")
    assert own.name == name_of(tmp_path / "My Project é") != name_of(tmp_path / "other" / "My Project é")
    assert own.name.startswith("My-Project-")
    assert own.for_root(tmp_path) == own, "a name that is there stays"
    assert len(address.for_root(tmp_path / ("long" * 50)).schema.encode()) <= 63


def test_locations() -> None:
    assert location_of("some/folder") == Path("some/folder")
    assert location_of("postgresql://host/db?index=a") == StoreAddress("postgresql://host/db", "a")
    with pytest.raises(AdjoinError, match=r"names no index: add \?index=NAME"):
        location_of("postgresql://host/db")
