"""The sample files of tests/pieces/samples and the definitions that are expected in them.

`sample.X.names` has a line for each definition of `sample.X`: its lines, its kind and its qualified name. To add a
language, write both by hand.
"""

from pathlib import Path

from adjoin.corpus.formats import format_of

SAMPLES = sorted(path for path in Path(__file__).with_name("samples").glob("sample.*") if path.suffix != ".names")


def language_of(path: Path) -> str:
    """The language of a sample, as the corpus reads it."""
    form = format_of(path.name)
    assert form is not None
    return str(form.language)


def expected(path: Path) -> list[str]:
    """The definitions of a sample, such as "3-7 function Box.push"."""
    return path.with_name(path.name + ".names").read_text().splitlines()
