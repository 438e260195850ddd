"""The features of prose and code, also against a plain loop."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.cleaning.shingles import dialect_of, shingles, word_hashes
from adjoin.corpus.document import PROSE


def features(text: str, language: str = "python") -> set[int]:
    hashes, offsets = shingles([text.encode()], dialect_of(language))
    assert list(offsets) == [0, len(hashes)]
    return set(hashes.tolist())


def jaccard(first: str, second: str, language: str = "python") -> float:
    a, b = features(first, language), features(second, language)
    return len(a & b) / len(a | b)


LOAD = """def load(self, path, limit=10):
    handle = self.opener.open(path, "rb")
    total = handle.read(limit)
    return self.decode(total, "utf-8")
"""


@pytest.mark.parametrize(
    "copy",
    [
        LOAD.replace("    ", "\t").replace(" = ", "=") + "\n\n",
        LOAD.replace("    total", "    # read it all, don't stop\n    total"),
        LOAD.replace("    total", "    logger.debug('reading %s', path)\n    total"),
        LOAD.replace("    total", "    self.log.info('reading')\n    total"),
        LOAD.replace("    total", "    print(path)\n    total"),
    ],
    ids=["white space", "comment", "log", "own log", "print"],
)
def test_white_space_comments_and_log_lines_do_not_count(copy: str) -> None:
    assert copy != LOAD
    assert features(copy) == features(LOAD)


@pytest.mark.parametrize(
    "copy",
    [
        LOAD.replace("total", "content"),
        LOAD.replace("10", "4096"),
        LOAD.replace('"utf-8"', '"latin 1, or what else there may be in a file of ours"'),
        LOAD.replace('"utf-8"', '"native(of it)"'),
    ],
    ids=["variable", "number", "literal", "literal like code"],
)
def test_a_changed_variable_or_literal_costs_one_feature(copy: str) -> None:
    first, second = features(LOAD), features(copy)
    assert len(first - second) == len(second - first) == 1


def test_what_is_called_and_which_attribute_is_taken_counts() -> None:
    getter = "def get_{0}(self):\n    self.check()\n    return self.{0}\n"
    assert jaccard(getter.format("name"), getter.format("size")) < 0.6
    assert jaccard("a = open(b)\nreturn a", "a = close(b)\nreturn a") < 0.7


@pytest.mark.parametrize("language", ["go", "java", "rust", "javascript", "typescript", "php", "fortran"])
def test_slash_comments(language: str) -> None:
    code = (
        'func add(a, b) {\n  url := "http://a.b/c"; sum := a + b // the sum "of\n'
        "  /* both\n  of them */ return sum\n}"
    )
    plain = 'func add(a, b) {\n  url := "http://a.b/c"; sum := a + b\n return sum\n}'
    assert features(code, language) == features(plain, language)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("java", 'System.out.println("so far " + sum);'),
        ("java", 'LOG.debug("so far {}", sum);'),
        ("go", 'fmt.Println("so far", sum)'),
        ("javascript", "console.log(`so far`, sum);"),
        ("php", '$this->logger->info("so far");'),
        ("rust", 'info!("so far {}", sum);'),
    ],
)
def test_log_lines_of_other_languages(language: str, line: str) -> None:
    code = "sum(a, b) {{\n    sum = add(a, b);\n{}    return sum;\n}}"
    assert features(code.format(f"    {line}\n"), language) == features(code.format(""), language)
    assert features(code.format("    sum = log.of(sum);\n"), language) != features(code.format(""), language)


def test_an_open_comment_ends_with_its_text() -> None:
    dialect = dialect_of("go")
    hashes, offsets = shingles([b"a /* never closed", b"func b() int"], dialect)
    alone, _ = shingles([b"func b() int"], dialect)
    assert hashes[offsets[1] :].tolist() == alone.tolist()


def test_marks_in_strings_open_nothing() -> None:
    assert word_hashes(["f"])[0] in features('a = "# no comment"; f(b)')
    assert word_hashes(["f"])[0] in features('a = "it\\"s // so"; f(b)', "go")
    assert word_hashes(["f"])[0] in features('a = "it\'s"; f(b)')


def test_rust_macros_log_and_lifetimes_are_no_strings() -> None:
    code = "fn first<'a>(x: &'a str) -> &'a str {\n    x.split(' ').next()\n}"
    assert features(code.replace("    x", '    println!("{}", x);\n    x'), "rust") == features(code, "rust")


def test_prose_folds_case_and_punctuation() -> None:
    text = "The quick brown fox, it's said, jumps over the lazy dog."
    other = "the QUICK brown fox — it\u2019s said \u201cjumps\u201d over: the lazy dog"
    assert features(text, PROSE) == features(other, PROSE)


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    text, changed = "機械学習は人工知能の一分野である", "機械学習は人工知能の一部門である"
    assert 0.4 < jaccard(text, changed, PROSE) < 1


def test_prose_equals_a_plain_version() -> None:
    texts = ["the old man and the sea", "", "a", "one two one two", "x" * 40 + " y"]
    hashes, offsets = shingles([text.encode() for text in texts], dialect_of(PROSE))
    names: dict[object, int] = {}
    for text, begin, end in zip(texts, offsets[:-1], offsets[1:], strict=True):
        words = text.split()
        plain = [item for n, word in enumerate(words) for item in (word, (words[n - 1] if n else None, word))]
        assert len(plain) == end - begin
        for item, number in zip(plain, hashes[begin:end].tolist(), strict=True):
            assert names.setdefault(item, number) == number
    assert len(set(names.values())) == len(names)


@given(st.lists(st.text(max_size=60), max_size=8), st.sampled_from(["python", "go", "javascript", PROSE]))
def test_a_text_has_the_same_features_in_any_company(texts: list[str], language: str) -> None:
    encoded = [text.encode() for text in texts]
    hashes, offsets = shingles(encoded, dialect_of(language))
    assert len(offsets) == len(texts) + 1
    assert offsets[-1] == len(hashes)
    for place, text in enumerate(encoded):
        alone, _ = shingles([text], dialect_of(language))
        assert hashes[offsets[place] : offsets[place + 1]].tolist() == alone.tolist()


def test_word_hashes_are_the_same_everywhere() -> None:
    words = ["a", "return", "eight_by", "nine_byte", "a_very_long_name_of_a_function_indeed", "é"]
    program = f"from adjoin.cleaning.shingles import word_hashes; print(word_hashes({words!r}).tolist())"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(word_hashes(words).tolist())
    assert word_hashes(["return"])[0] == RETURN
    assert len(np.unique(word_hashes([f"name_{number}" for number in range(10_000)]))) == 10_000


RETURN = 4004290754162514293  # parts written by one version must meet those of another
