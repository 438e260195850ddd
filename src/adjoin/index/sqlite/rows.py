"""Rows of the SQLite index: how texts and staged files are packed into blobs."""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from adjoin.blas import one_thread
from adjoin.errors import AdjoinError
from adjoin.index.store import FileRecord, IndexedFile
from adjoin.pieces import Piece
from adjoin.ranking.lexical import terms
from adjoin.ranking.names import joined
from adjoin.ranking.paths import path_words

BLOCK_PIECES = 4096  # a blob of this many vectors has 4 MB
COMPRESSION = (
    3  # of zlib: code takes a quarter of its bytes at 60 MB/s; level 9 saves 8 % more at a third of the speed
)
_DAMAGED = "the index is damaged: remove its folder and run `adjoin index` again"


def packed_texts(texts: Sequence[str]) -> bytes:
    """Pack texts into one compressed blob."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    head = np.array([len(encoded), *map(len, encoded)], "<u4").tobytes()
    return zlib.compress(head + b"".join(encoded), COMPRESSION)


def texts_of(data: bytes) -> list[str]:
    """Unpack the texts of a blob.

    Raises:
        AdjoinError: it is damaged.
    """
    try:
        content = zlib.decompress(data)
        number = int.from_bytes(content[:4], "little")
        ends = np.cumsum(np.frombuffer(content, "<u4", number, offset=4), dtype=np.int64).tolist()
        start = 4 + 4 * number
        starts = [0, *ends[:-1]]
        return [
            content[start + first : start + last].decode("utf-8", "surrogatepass")
            for first, last in zip(starts, ends, strict=True)
        ]
    except (zlib.error, ValueError) as error:
        raise AdjoinError(f"{_DAMAGED} ({error})") from None


def terms_of_piece(piece: Piece) -> list[str]:
    """The terms under which a piece is found: of its path, its name and its text."""
    return terms(f"{piece.path}\n{piece.name}\n{piece.text}")


def words_of_path(path: str) -> dict[str, int]:
    """The words of a file's name and folders, each with its weight: 3 in the name, 2 in its folder, 1 above."""
    words = path_words(path)
    weights = dict.fromkeys(words.folders, 1) | dict.fromkeys(words.parent, 2) | dict.fromkeys(words.stem, 3)
    return weights | ({words.name: 3} if words.name else {})


def symbol_key(name: str) -> str:
    """The key under which a definition is found: `retry_upload` and `retryUpload` have the same."""
    return joined(name) or name.casefold()


def packed_file(file: IndexedFile) -> tuple[str, bytes, bytes, bytes]:
    """Pack a file that waits for its transaction: its record as JSON, and blobs of pieces, scales and codes."""
    pieces = [
        [
            piece.path,
            piece.language,
            piece.kind,
            piece.name,
            piece.first_line,
            piece.last_line,
            piece.text,
            piece.symbols,
        ]
        for piece in file.pieces
    ]
    return (
        json.dumps(asdict(file.record)),
        zlib.compress(json.dumps(pieces).encode(), 1),
        file.scales_N.astype("<f4").tobytes(),
        file.codes_ND.tobytes(),
    )


def unpacked_file(record: str, pieces: bytes, scales: bytes, codes: bytes, dimension: int) -> IndexedFile:
    """Unpack a file that waits for its transaction. The pieces' `embedded` is empty: it is needed no more."""
    rows = json.loads(zlib.decompress(pieces))
    return IndexedFile(
        FileRecord(**json.loads(record)),
        [
            Piece(path, language, kind, name, first, last, text, "", tuple(symbols))
            for path, language, kind, name, first, last, text, symbols in rows
        ],
        np.frombuffer(codes, np.int8).reshape(-1, dimension),
        np.frombuffer(scales, np.float32),
    )


def cosines_of(
    chunks: Iterable[tuple[NDArray[np.float32], NDArray[np.int8]]], number: int, vector_D: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The cosines of a vector and N = `number` vectors, which come in parts: scales (n,) and codes (n, D)."""
    cosines_N = np.empty(number, np.float32)
    buffer_nD = np.empty((0, len(vector_D)), np.float32)  # one for all parts: it stays in the cache
    start = 0
    with one_thread():
        for scales_n, codes_nD in chunks:
            if len(codes_nD) > len(buffer_nD):
                buffer_nD = np.empty(codes_nD.shape, np.float32)
            part_nD, own_n = buffer_nD[: len(codes_nD)], cosines_N[start : start + len(codes_nD)]
            part_nD[...] = codes_nD
            np.dot(part_nD, vector_D, out=own_n)
            own_n *= scales_n
            start += len(codes_nD)
    return cosines_N
