import pytest

from adjoin.errors import first_line


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("header too large\nat offset 8"), "header too large"),
        (ValueError("\n  late start\r\nmore"), "late start"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (EOFError(), "EOFError"),
        (ValueError(" \n"), "ValueError"),
    ],
)
def test_first_line(error: Exception, expected: str) -> None:
    assert first_line(error) == expected
