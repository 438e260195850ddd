"""Compressed files are read as streams: all members, damage only after what precedes it, no bombs."""

import bz2
import gzip
import io
import lzma
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import compression
from adjoin.corpus.compression import DamagedError, DecompressedStream

TEXT = b"".join(b"line %d\n" % number for number in range(20_000))
WAYS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "plain": bytes,
}
PACKED = {name: way(TEXT) for name, way in WAYS.items()}


def unpack(data: bytes, size: int = 1 << 16) -> tuple[bytes, str]:
    """What comes out, and the damage at its end."""
    file = DecompressedStream(io.BytesIO(data))
    pieces: list[bytes] = []
    try:
        while piece := file.read(size):
            pieces.append(piece)
    except DamagedError as error:
        return b"".join(pieces), error.reason
    return b"".join(pieces), ""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1000, 1 << 16, 1 << 22])
def test_gives_the_content_in_steps_of_the_size_asked_for(way: str, size: int) -> None:
    assert unpack(PACKED[way], size) == (TEXT, "")
    assert len(DecompressedStream(io.BytesIO(PACKED[way])).read(1234)) == 1234


@pytest.mark.parametrize("way", WAYS)
def test_members_one_after_the_other(way: str) -> None:
    assert unpack(b"".join(WAYS[way](TEXT[start : start + 9999]) for start in range(0, 99_990, 9999))) == (
        TEXT[:99_990],
        "",
    )


@pytest.mark.parametrize("way", WAYS)
def test_empty_content_and_empty_file(way: str) -> None:
    assert unpack(WAYS[way](b"")) == (b"", "")
    assert unpack(b"") == (b"", "")


@pytest.mark.parametrize("way", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_truncated_file_gives_what_came_before(way: str, part: float) -> None:
    content, reason = unpack(PACKED[way][: int(len(PACKED[way]) * part)])
    assert reason == "truncated"
    assert TEXT.startswith(content)
    assert content or way in ("bz2", "zst")  # these give nothing before a whole block


@pytest.mark.parametrize("way", ["gz", "zst"])
def test_garbage_behind_the_content(way: str) -> None:
    assert unpack(PACKED[way] + b"garbage that is no member") == (TEXT, "damaged")


def test_zeros_behind_a_gzip_member_are_padding() -> None:
    assert unpack(PACKED["gz"] + bytes(1000)) == (TEXT, "")


def test_skippable_frame_before_a_zstd_frame() -> None:
    assert unpack(b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + PACKED["zst"]) == (TEXT, "")


def test_stream_of_nothing_but_zeros_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "FREE_BYTES", 1 << 20)
    zeros = bytes(30 << 20)
    for way in ("gz", "bz2", "zst", "xz"):
        content, reason = unpack(WAYS[way](zeros))
        assert reason == "unpacks to too much"
        assert len(content) < len(zeros)


def test_little_is_held_of_what_unpacks_to_much() -> None:
    packed = zstandard.ZstdCompressor().compress(bytes(200 << 20))
    tracemalloc.start()
    try:
        file = DecompressedStream(io.BytesIO(packed))
        for _ in range(100):
            assert len(file.read(1 << 16)) == 1 << 16
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


class _Failing(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_failure_of_the_disk_is_no_damage() -> None:
    with pytest.raises(OSError, match="Input/output"):
        DecompressedStream(_Failing()).read(10)


@pytest.mark.parametrize("way", ["gz", "bz2", "xz", "zst"])
@settings(max_examples=60)
@given(place=st.floats(0, 1), bytes_there=st.binary(max_size=30), dropped=st.integers(0, 40))
def test_no_bytes_break_it(way: str, place: float, bytes_there: bytes, dropped: int) -> None:
    packed = PACKED[way]
    cut = int(place * len(packed))
    content, reason = unpack(packed[:cut] + bytes_there + packed[cut + dropped :])
    assert reason in ("", "truncated", "damaged")
    assert isinstance(content, bytes)
