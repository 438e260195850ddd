"""GGUF headers that lie about their lengths: one line, before the library believes them."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from adjoin.model.pretrained import load_generative
from adjoin.model.stored.gguf_header import read_gguf_header


def text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def header(
    *, magic: bytes = b"GGUF", version: int = 3, tensors: int = 1, fields: int = 3, layers: int = 1, strings: int = 2,  # noqa: E501
    dimensions: int = 2, size: int = 4, kind: int = 4,
) -> bytes:  # fmt: skip
    """A header of three fields and one tensor of 16 numbers; arguments are what it claims."""
    content = magic + struct.pack("<IQQ", version, tensors, fields)
    content += text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    content += text(b"llama.block_count") + struct.pack("<II", kind, layers)
    content += text(b"tokens") + struct.pack("<IIQ", 9, 8, strings) + text(b"a") + text(b"b")
    content += text(b"token_embd.weight") + struct.pack("<IQQIQ", dimensions, size, 4, 0, 0)
    return content + bytes(96)


def test_a_header_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(header())
    assert read_gguf_header(tmp_path / "m.gguf") == (1, 16)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(magic=b"GGML"), "does not begin with GGUF"),
        (header(version=9), "its version is 9"),
        (header(layers=1_000_000), "llama.block_count is 1000000, it has 1 tensors"),
        (header(layers=0), "llama.block_count is 0"),
        (header(kind=6), "llama.block_count is"),
        (header(kind=99), "a field of the type 99"),
        (header(tensors=2**60), "declares 1,152,921,504,606,846,976 tensors"),
        (header(fields=2**40), "fields in"),
        (header(strings=2**60), "entries in"),
        (header(dimensions=2**31), "dimensions in"),
        (header(size=2**40), "its tensors have"),
        (header()[:60], "declares|too early"),
        (b"", "does not begin"),
    ],
)
def test_a_lying_header_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(AdjoinError, match=message) as caught:
        load_generative(path)
    assert f"the checkpoint {path} cannot be opened: its header is damaged" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(0, len(header()) - 1), st.integers(0, 255), st.booleans())
def test_any_damage_ends(tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, cut: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    content = header()
    path.write_bytes(content[:at] if cut else content[:at] + bytes([byte]) + content[at + 1 :])
    try:
        tensors, numbers = read_gguf_header(path)
    except AdjoinError:
        return
    assert numbers <= 8 * len(content)
    assert tensors <= len(content)
