from adjoin.corpus import Document
from adjoin.pairs.functions import Function, function_pairs, functions, reason_against, summary
from adjoin.tally import Tally

SOURCE = '''\
import os


class Reader:
    """Reads things from places."""

    @property
    def size(self):
        """The number of bytes that are left.

        :returns: bytes
        """
        # counted anew each time
        total = os.stat(self.path)
        return total

    async def fetch(self, url):
        r"""Fetch a page with :func:`~http.get` and ``retries``."""

        def inner():
            """Not a function of its own."""
            return url

        return inner()


if os.name == "nt":
    def windows_only(path):
        "Open a path on Windows."
        path = path.lower()
        return path
'''


def python(text: str, origin: str = "a/b.py") -> Document:
    return Document.of(text, "python", origin)


def test_finds_functions_methods_and_conditional_ones_but_nothing_inside_functions() -> None:
    found = functions(python(SOURCE), Tally())
    assert [f.name for f in found] == ["Reader.size", "Reader.fetch", "windows_only"]


def test_code_is_dedented_without_docstring_and_keeps_inner_comments() -> None:
    size = functions(python(SOURCE), Tally())[0]
    assert size.code == (
        "def size(self):\n    # counted anew each time\n    total = os.stat(self.path)\n    return total"
    )
    assert size.docstring.startswith("The number of bytes")


def test_span_is_where_the_function_stands_in_the_file() -> None:
    lines = SOURCE.split("\n")
    for function in functions(python(SOURCE), Tally()):
        first, last = function.span
        assert lines[first - 1].strip().startswith(("def", "async def"))
        assert lines[last - 1].strip().startswith("return")


def test_span_counts_from_the_documents_first_line() -> None:
    document = Document.of(SOURCE, "python", "a.py", first_line=101)
    assert functions(document, Tally())[0].span[0] == 100 + 8


def test_summary_is_the_first_paragraph_without_markup() -> None:
    fetch = functions(python(SOURCE), Tally())[1]
    assert summary(fetch.docstring) == "Fetch a page with http.get and retries."
    assert summary("Do it\n  now.\n\nMore.") == "Do it now."
    assert summary("Do it now.\n:param x: y") == "Do it now."
    assert summary("Do it now.\nArgs:\n  x: y") == "Do it now."
    assert summary("Do it now.\n----\nx") == "Do it now."


def test_a_function_with_a_syntax_error_is_counted_and_its_neighbours_stay() -> None:
    tally = Tally()
    broken = "def good(a):\n    return a\n\n\ndef bad(:\n    return (\n\n\ndef fine(b):\n    return b\n"
    names = [f.name for f in functions(python(broken), tally)]
    assert "good" in names
    assert "bad" not in names
    assert tally.counts["syntax error"] >= 1 or "fine" in names


def test_strings_that_are_no_docstrings() -> None:
    for body in ('f"""Not {a} docstring"""', 'b"""bytes are not"""', 'x = "assigned"', "1"):
        (function,) = functions(python(f"def g(a):\n    {body}\n    b = a\n    return b\n"), Tally())
        assert function.docstring == ""


def test_each_rule_names_itself() -> None:
    document = python("x", "pkg/mod.py")
    body = "def f():\n    a = 1\n    return a"
    good = Function("f", "Return the number one.", body, (1, 3))
    assert reason_against(good, document) is None

    def reason(**changed: object) -> str | None:
        values = {"name": "f", "docstring": good.docstring, "code": body, "span": (1, 3), **changed}
        return reason_against(Function(**values), document)  # type: ignore[arg-type]

    assert reason(docstring="") == "no docstring"
    assert reason(docstring="Too short") == "summary under 3 words"
    assert reason(docstring="w " * 300) == "summary over 256 words"
    assert reason(docstring="求和 求和 求和 一 二 三") == "summary not mostly Latin letters"
    assert reason(name="A.__repr__") == "special method"
    assert reason(name="A.test_it") == "test code"
    assert reason(code="def f():\n    return 1") == "function under 3 lines"
    assert reason(code="def f():\n" + "    a = 1\n" * 2000) == "function over 12,000 characters"
    assert reason_against(good, python("x", "pkg/tests/helpers.py")) == "test code"


def test_pairs_know_their_place_and_are_negatives_of_each_other() -> None:
    tally = Tally()
    pairs = list(function_pairs(python(SOURCE), tally))
    assert [pair.origin for pair in pairs] == ["a/b.py:8-15", "a/b.py:17-24", "a/b.py:28-31"]
    assert len({pair.group for pair in pairs}) == len(pairs)
    assert all(pair.x not in pair.y for pair in pairs)
    assert tally.counts["functions"] == 3


def test_parameters_without_a_heading_and_signatures_are_no_summary() -> None:
    assert summary("input_ids (`torch.LongTensor` of shape `(batch, length)`):\n    Indices of tokens.") == ""
    assert summary("x (int): the number of things to count.") == ""
    assert summary("selu(input, inplace=False) -> Tensor\n\nApplies the function to each element.") == (
        "Applies the function to each element."
    )
    assert summary("Do it now.\nReturns: nothing at all") == "Do it now."
    assert summary("Do it now.\nExample::\n  x") == "Do it now."


def test_a_role_at_the_start_of_a_line_ends_no_summary() -> None:
    assert summary("Compute the rate of each of the optimizer's\n:attr:`groups` anew.") == (
        "Compute the rate of each of the optimizer's groups anew."
    )
    assert summary(":math:`D^2` regression score.") == "D^2 regression score."
    assert summary("See :py:meth: `x.y` for it.") == "See x.y for it."


def test_only_a_docstring_leaves_the_code() -> None:
    (function,) = functions(python('def g(a):\n    f"Not {a} docstring"\n    return a\n'), Tally())
    assert 'f"Not {a} docstring"' in function.code


def test_tests_inside_an_archive_are_tests() -> None:
    good = Function("f", "Return the number one.", "def f():\n    a = 1\n    return a", (1, 3))
    for origin in ("pkg.zip!tests/a.py", "pkg.zip!test_a.py", "pkg.zip!p/tests/a.py"):
        assert reason_against(good, python("x", origin)) == "test code"
    assert reason_against(good, python("x", "pkg.zip!latest/a.py")) is None
