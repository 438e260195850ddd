"""The cleaner of each documentation convention, and the summary."""

import pytest

from adjoin.pairs.documentation import (
    go_comment,
    java_comment,
    javascript_comment,
    php_comment,
    python_string,
    ruby_comment,
    rust_comment,
    summary,
)


def test_python_docstrings() -> None:
    assert python_string('"""One.\n\n    Two.\n    """') == "One.\n\nTwo."
    assert python_string(r"r'\d+ digits'") == r"\d+ digits"
    assert python_string("b'bytes'") == ""
    assert python_string("not a string") == ""


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("/** Opens it. */", "Opens it."),
        ("/**\n     * Opens it\n     * now.\n     *\n     * Later.\n     */", "Opens it now."),
        ("/**\n * Opens it.\n * <p>Later.\n */", "Opens it."),
        ("/**\n * <p>Opens it.</p>\n */", "Opens it."),
        (
            "/** Opens {@code List<String>} and {@link java.util.Map#get(Object)}. */",
            "Opens List<String> and Map.get.",
        ),
        ("/** Opens {@linkplain #close() what was\n * closed}. */", "Opens what was closed."),
        ("/** Is a &lt; b &amp; c, <b>always</b>? */", "Is a < b & c, always?"),
        ("/** Opens it.\n * @param a what\n */", "Opens it."),
        ("/**\n * @return the size\n */", ""),
        ("/** Gives one of: <ul><li>a<li>b</ul> */", "Gives one of:"),
        ("/**********\n * Opens it. *\n **********/", "Opens it. *"),
    ],
)
def test_javadoc(comment: str, expected: str) -> None:
    assert summary(java_comment(comment)) == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("/** Opens `it` with **care**, see [the guide](http://a.b/c). */", "Opens it with care, see the guide."),
        ("/**\n * @function open\n * @description Opens it\n * now.\n * @param {string} a\n */", "Opens it now."),
        ("/**\n * @private\n * @param {string} a - what\n */", ""),
        ("/** Opens {@link Store} or {@link Store|another one}. */", "Opens Store or another one."),
        ("/**\n * Opens it.\n * ```js\n * open()\n * ```\n */", "Opens it."),
        ("/**\n * Opens one of\n *  - a\n *  - b\n */", "Opens one of"),
    ],
)
def test_jsdoc_and_phpdoc(comment: str, expected: str) -> None:
    assert summary(javascript_comment(comment)) == expected
    assert summary(php_comment(comment)) == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# Opens +it+ for\n# good.\n#\n# Later.", "Opens it for good."),
        ("##\n# Opens it.\n# @return [Store]", "Opens it."),
        (
            "# Opens <tt>it</tt> at {the place}[http://a.b] of {Store#open}.",
            "Opens it at the place of Store.open.",
        ),
        ("# rubocop:disable all\n# Opens it.", "Opens it."),
        ("# Opens it.\n#--\n# hidden\n#++\n# Now.", "Opens it. Now."),
        (
            "# Check the records if\n# :autosave is set for _them_.",
            "Check the records if :autosave is set for them.",
        ),
        ("# Gives the child, or nil\n# result:: [Element]", "Gives the child, or nil"),
        ("=begin\nOpens it\nnow.\n=end", "Opens it now."),
        ("# @return [Store] a store", ""),
    ],
)
def test_rdoc_and_yard(comment: str, expected: str) -> None:
    assert summary(ruby_comment(comment)) == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("// Open opens\n// it.\n//\n// Later.", "Open opens it."),
        ("//go:noinline\n// Open opens it.\n//nolint:all", "Open opens it."),
        ("// Open opens [Store.File] and a[i].", "Open opens Store.File and a[i]."),
        ("/*\nOpen opens it.\n*/", "Open opens it."),
        ("//export Open\n//go:linkname a b", ""),
    ],
)
def test_go(comment: str, expected: str) -> None:
    assert summary(go_comment(comment)) == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("/// Opens [`Store`] at [a place](x.html) or [`this`][that].\n", "Opens Store at a place or this."),
        ("/// # Safety\n///\n/// None.\n", ""),
        ("/// Opens it.\n/// # Panics\n/// Always.\n", "Opens it."),
        ("/** Opens it.\n *\n * Later. */", "Opens it."),
        ("/// Opens\n#[inline]\n// not this\n/// it.\n", "Opens it."),
    ],
)
def test_rust(comment: str, expected: str) -> None:
    assert summary(rust_comment(comment)) == expected


def test_summary_is_the_first_paragraph_without_markup() -> None:
    assert (
        summary("Fetch a page with :func:`~http.get` and ``retries``.")
        == "Fetch a page with http.get and retries."
    )
    assert summary("Do it\n  now.\n\nMore.") == "Do it now."
    assert summary("Do it now.\n:param x: y") == "Do it now."
    assert summary("Do it now.\nArgs:\n  x: y") == "Do it now."
    assert summary("Do it now.\n----\nx") == "Do it now."


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


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Public: Opens the file and waits.", "Opens the file and waits."),
        ("Creates a trigger. See https://a.example/docs/ creating to learn more.", "Creates a trigger."),
        ("Creates a trigger (see also https://a.example).", "Creates a trigger"),
        ("Returns an object. It can be one of the following:", "Returns an object."),
        ("Opens the following files:", "Opens the following files:"),
        ("Opens the file, as in this example::", "Opens the file, as in this example"),
    ],
)
def test_a_summary_loses_what_points_elsewhere(docstring: str, expected: str) -> None:
    assert summary(docstring) == expected
