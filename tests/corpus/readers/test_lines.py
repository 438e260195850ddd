"""Lines of a stream, whatever the sizes of its chunks."""

import io

import pytest

from adjoin.corpus.readers import lines


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_lines_over_the_ends_of_chunks(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_CHUNK", chunk)
    data = b"ab\n\ntoo long\nfive5\nlast"
    assert list(lines.lines(io.BytesIO(data), 5)) == [b"ab", b"", None, b"five5", b"last"]
