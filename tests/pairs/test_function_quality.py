"""Each quality rule of functions rejects its examples, and good descriptions pass."""

import pytest

from adjoin.pairs.languages import LANGUAGES
from adjoin.pairs.quality import FUNCTION_RULES, RULES, Candidate, file_reason, function_reason
from growth import assert_linear

BODY = "def f(a):\n    b = a\n    return b"


def reason(
    x: str = "Return the number one.",
    *,
    name: str = "f",
    code: str = BODY,
    language: str = "python",
    docstring: str = "",
) -> str | None:
    return function_reason(Candidate(name, docstring or x, x, code, LANGUAGES[language]))


GOOD = [
    "Return the number one.",
    'Set or get timeout ms or short-hand such as "2s".',
    "Computes the sum of the values in array.",
    "Get the bytes that are left",
    "If a DFA scan can be used, then choose the appropriate DFA strategy.",
    "Open gives the store at a path, or an error if there is none.",
    "Returns true if the value is in the specified range, and false otherwise.",
    "Import a module by the path of its file.",
    "Is another object available from the iterator?",
    "Returns a function to use in pseudos for input types",
    "Use their natural order to map the node pair (a, b) to a canonical edge id.",
    "Deprecate every name that begins with an underscore.",
    "Looks whether anyone waits for the lock",
    "Called when an unexpected record is encountered. Counts it and goes on.",
    "No-op unless the file was opened for writing",
    "Check whether a signal has been received",
]

BAD = {
    "": "no description",
    "Too short": "summary under 3 words",
    "w " * 300: "summary over 256 words",
    "求和 求和 求和 一 二 三": "summary not mostly Latin letters",
    "Renvoie la liste des fichiers pour une date": "summary not in English",
    "Copyright 2020 the authors of this": "licence text",
    "{@inheritDoc}": "inherited documentation",
    "Overrides Base.open for files": "inherited documentation",
    "Debugf is part of the Logger interface.": "inherited documentation",
    "(non-Javadoc) see the base class": "inherited documentation",
    "eslint-disable-next-line no-console because": "directive to a tool",
    "istanbul ignore next because of this": "directive to a tool",
    "TODO: make this work for files": "note to programmers",
    "FIXME this is broken on Windows": "note to programmers",
    "Deprecated: use Open instead of this": "deprecation notice",
    "This method is deprecated since long ago": "deprecation notice",
    "Auto-generated method stub for it": "placeholder",
    "Undocumented function of this class": "placeholder",
    "Not implemented yet, sorry": "placeholder",
    "(no description available)": "placeholder",
    "Getter for the path": "placeholder",
    "Private utility method.": "placeholder",
    "Default constructor of this": "placeholder",
    "See Store.open for this": "reference to elsewhere",
    "Same as open but with a path": "reference to elsewhere",
    "Since version 1.2 of this": "version, author or address",
    "@since" + " 1.2 of it": "version, author or address",
    "We limit roots up to a number": "remark",
    "Needed to keep the state correct": "remark",
    "Called automatically when an element is created.": "remark",
    "This method is triggered before a file gets new content": "remark",
    "Call back when the internal range model changes": "remark",
    "Call this when anything that could impact memberships has changed": "remark",
    "This will be called for each chunk of comment data": "remark",
    "Password authentication has been requested": "remark",
    "Default function for drag:drag. Fired from _moveNode.": "placeholder",
    "Logic method for _defResizeStartFn. Allow AOP.": "placeholder",
    "Processes the argument and populates:": "unfinished sentence",
    "The implementation is basically the core logic in Store#open": "remark",
    "Return all the key-value pairs in the": "unfinished sentence",
    "Create a lock out of a": "unfinished sentence",
    "open_with_newaxis : the new axes open_wrap_lists : the lists": "parameter's description",
    "Map<family, path> of font files": "parameter's description",
    "Called internally by the renderer": "remark",
    "Cannot count the digits of it here": "remark",
    "This follows https://example.org/a": "remark",
    "string must be encoded before": "parameter's description",
    "https://example.org/a/b/c": "version, author or address",
    "----- helpers for strings -----": "section heading",
    "Private helper methods": "section heading",
    ":call-seq: open(path) → store": "call sequence",
    "Params: path of the file": "parameter's description",
    "if (path == name) { return name; }": "commented-out code",
    "$this->open($path, true);": "commented-out code",
    "open(path, mode, encoding)": "commented-out code",
}


@pytest.mark.parametrize("x", GOOD)
def test_good_descriptions_pass(x: str) -> None:
    assert reason(x) is None


@pytest.mark.parametrize("x", BAD)
def test_bad_descriptions_name_their_rule(x: str) -> None:
    assert reason(x) == BAD[x]


def test_what_a_name_says_already() -> None:
    assert reason("Get the name.", name="User.getName") == "says no more than the name"
    assert reason("Gets the user name", name="User.get_name") == "says no more than the name"
    assert reason("Get the name of the owner.", name="File.getName") is None


def test_other_tags_and_hidden_documentation() -> None:
    assert reason(docstring="Return the number one.\n@typedef {Object} A") == "documentation of something else"
    assert reason(docstring="Return the number one. :nodoc:") == "hidden documentation"


@pytest.mark.parametrize(
    ("language", "name"),
    [("python", "A.__repr__"), ("java", "Store.Store"), ("java", "A.toString"), ("javascript", "A.constructor"),
     ("php", "A.__construct"), ("ruby", "A.initialize"), ("go", "A.String"), ("rust", "A.fmt")],
)  # fmt: skip
def test_special_methods(language: str, name: str) -> None:
    assert reason(language=language, name=name) == "special method"


def test_code() -> None:
    assert reason(code="def f():\n    return 1") == "function under 3 lines"
    assert reason(code="def f():\n" + "    a = 1\n" * 2000) == "function over 12,000 characters"
    assert reason(code="void f() {\n  // nothing to do\n}", language="java") == "stub"
    assert reason(code="def f():\n    # later\n    raise NotImplementedError()") == "stub"
    assert reason(code="def f():\n    # later\n    raise ValueError(a)") == "stub"
    assert (
        reason(x="Raise an error that names the path", code="def f():\n    # now\n    raise ValueError(a)") is None
    )


@pytest.mark.parametrize(
    "origin",
    ["pkg.zip!tests/a.py", "pkg.zip!test_a.py", "pkg.zip!p/tests/a.py", "a/conftest.py", "a/store_test.go",
     "src/test/java/A.java", "a/StoreTest.java", "a/TestStore.java", "a/StoreTests.java", "a/__tests__/a.js",
     "a/a.spec.js", "a/a.test.ts", "spec/a_spec.rb", "a/a_spec.rb", "a/testdata/a.go", "benches/a.rs",
     "a/testing/b.py", "a/Tests/B.php", "benchmarks/a.py", "a/StoreTest.php"],
)  # fmt: skip
def test_paths_of_tests(origin: str) -> None:
    assert file_reason("def f():\n    'Doc'\n", origin, LANGUAGES["python"]) == "test code"


@pytest.mark.parametrize(
    "origin",
    ["pkg.zip!latest/a.py", "a/contest.py", "a/attestation.go", "a/Latest.java", "a/inspect.rb", "a/special.rs",
     "testimonials.js", "a/Testament.java"],
)  # fmt: skip
def test_paths_that_only_look_like_it(origin: str) -> None:
    assert file_reason("def f():\n    'Doc'\n", origin, LANGUAGES["python"]) is None


def test_files() -> None:
    go = "package a\n\n// Open opens.\nfunc Open() {\n}\n"
    assert file_reason(go, "a.go", LANGUAGES["go"]) is None
    assert file_reason("// Code generated by x. DO NOT EDIT.\n" + go, "a.go", LANGUAGES["go"]) == "generated code"
    assert file_reason("package a\n\nfunc Open() {\n}\n", "a.go", LANGUAGES["go"]) == "no documented function"
    compiled = "/** Opens it. */\nvar __awaiter = 1;\n"
    assert file_reason(compiled, "a.js", LANGUAGES["javascript"]) == "compiled code"
    assert file_reason("function f() {}\n", "a/b.min.js", LANGUAGES["javascript"]) == "compiled code"
    assert file_reason("function f() {}\n", "a/b.min.development.js", LANGUAGES["javascript"]) == "compiled code"


def test_every_rule_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.reason.endswith(".") and rule.reason[0].isupper() for rule in RULES)
    assert all(rule.broken is not None for rule in FUNCTION_RULES)


def test_every_rule_takes_linear_time() -> None:
    for piece in ("a ", "(a", "a.", "-", "[a](", "{@a ", "*", "`", ":a:`", "<p ", "A1 ", "[", "\\", "@x "):
        assert_linear(lambda size, piece=piece: reason((piece * size)[:size]), 3990)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", 'def f(\n    a,\n):\n    raise NotImplementedError(\n        "subclasses must"\n    )'),
        ("python", "def f(\n    self, a\n):\n    pass"),
        ("ruby", "def convert(value)\n  value\nend"),
        ("php", "function list($time, $user)\n{\n    return array();\n}"),
        ("javascript", 'enable(a) {\n  warn( "Abstract function." );\n}'),
        ("javascript", 'enable(a) {\n  deprecated( "old", {\n    since: "6.5",\n  } );\n\n  return false;\n}'),
        (
            "typescript",
            "with<T>(Inner: T): T {\n\tdeprecated( 'old', {\n\t\tsince: '6.1',\n\t} );\n\n\treturn Inner;\n}",
        ),
        ("python", "def f(a):\n    warnings.warn('f is deprecated', DeprecationWarning)\n    return a"),
        ("java", 'void f(\n    int a) {\n  throw new IllegalStateException("no " +\n      a);\n}'),
        ("java", "Object f(int a) {\n  return null; // XXX to implement\n}"),
        ("python", "def f(a):\n    return None  # pragma: no cover\n    # end"),
        ("ruby", "def f(a)\n  raise 'You should implement this'\nend"),
    ],
)
def test_what_only_gives_back_is_a_stub(language: str, code: str) -> None:
    assert reason(code=code, language=language) == "stub"


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("ruby", "def services()\n  @services\nend"),
        ("python", "def f(a):\n    return a.b\n    # end"),
        ("javascript", "twice(a) {\n  return a + a;\n}"),
        ("javascript", "twice(a) {\n  deprecated('twice');\n  return a + a;\n}"),
        ("javascript", "shout(a) {\n  console.warn(this.colour(a));\n}"),
        ("ruby", 'def f(a)\n  raise(Error, "no #{a}") unless a\n  a + 1\nend'),
        ("ruby", "def f(a)\n  raise ArgumentError if a.nil?\n  a + 1\nend"),
        ("ruby", "def f(a)\n  raise ArgumentError, \\\n    'no' unless a\n  a + 1\nend"),
    ],
)
def test_what_does_something_is_none(language: str, code: str) -> None:
    assert reason(code=code, language=language) is None


def test_go_documentation_that_opens_with_another_name() -> None:
    code = "func floatOf(n int) float64 {\n\tx := n\n\treturn x\n}"
    another = "documentation of another function"
    assert reason("Float64 returns the number as a float.", name="N.floatOf", code=code, language="go") == another
    assert reason("FloatOf returns the number as a float.", name="N.floatOf", code=code, language="go") is None
    assert reason("Returns the number as a float.", name="N.floatOf", code=code, language="go") is None


def test_accessors_with_each_others_words() -> None:
    assert reason("Sets the shape of the polygon.", name="A.getLabel") == "setter's words on a getter"
    assert reason("Gets the shape of the polygon.", name="A.setLabel") == "setter's words on a getter"
    assert reason("Sets the shape of the polygon.", name="A.getaway") is None
