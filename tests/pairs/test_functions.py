"""Functions in nine grammars: which are found, and their documentation, name, code and lines."""

import pytest
from sample_files import LANGUAGE_OF, SAMPLES

from adjoin.corpus.document import Document
from adjoin.pairs.functions import Function, function_pairs, functions
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


def sample(name: str, language: str) -> dict[str, tuple[str, str]]:
    """The pairs of a sample file: name → (x, y); each name once."""
    document = Document.of((SAMPLES / name).read_text(), language, name)
    pairs = list(function_pairs(document, Tally()))
    assert len({pair.name for pair in pairs}) == len(pairs)
    lines = document.text.split("\n")
    for pair in pairs:
        first, last = map(int, pair.origin.rpartition(":")[2].split("-"))
        assert pair.language == language
        assert pair.y.split("\n")[0] in lines[first - 1]
        assert lines[last - 1].strip().rstrip(",;") == pair.y.split("\n")[-1].strip().rstrip(";")
    return {pair.name: (pair.x, pair.y) for pair in pairs}


def test_finds_functions_methods_and_conditional_ones_but_nothing_inside_functions() -> None:
    by_order = functions(python(SOURCE), Tally())
    assert [f.name for f in by_order] == ["Reader.size", "Reader.fetch", "windows_only"]


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
    assert next(function_pairs(document, Tally())).origin == "a.py:108-115"


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


def test_only_a_docstring_leaves_the_code() -> None:
    (function,) = functions(python('def g(a):\n    f"Not {a} docstring"\n    return a\n'), Tally())
    assert 'f"Not {a} docstring"' in function.code


def test_pairs_know_their_place_and_are_negatives_of_each_other() -> None:
    tally = Tally()
    pairs = list(function_pairs(python(SOURCE), tally))
    assert [pair.origin for pair in pairs] == ["a/b.py:8-15", "a/b.py:17-24", "a/b.py:28-31"]
    assert [pair.name for pair in pairs] == ["Reader.size", "Reader.fetch", "windows_only"]
    assert len({pair.group for pair in pairs}) == len(pairs)
    assert all(pair.x not in pair.y for pair in pairs)
    assert tally.counts["functions"] == 3


def test_overloads_and_setters_are_no_negatives_of_each_other() -> None:
    setter = '    @size.setter\n    def size(self, value):\n        """Change the number of bytes."""\n'
    text = SOURCE.replace(
        "    async def", setter + "        self.a = value\n        self.b = value\n\n    async def"
    )
    pairs = list(function_pairs(python(text), Tally()))
    assert len(pairs) == 4
    assert pairs[0].group == pairs[1].group


def test_a_pair_carries_what_its_document_says_about_itself() -> None:
    document = Document.of(SOURCE, "python", "a.py", licence="MIT", repository="a/b")
    assert {(pair.licence, pair.repository) for pair in function_pairs(document, Tally())} == {("MIT", "a/b")}


@pytest.mark.parametrize("name", LANGUAGE_OF)
def test_every_function_has_one_outcome(name: str) -> None:
    tally = Tally()
    document = Document.of((SAMPLES / name).read_text(), LANGUAGE_OF[name], name)
    pairs = list(function_pairs(document, tally))
    rules = sum(count for reason, count in tally.counts.items() if reason != "functions")
    assert pairs
    assert tally.counts["functions"] == len(pairs) + rules


@pytest.mark.parametrize("name", LANGUAGE_OF)
def test_functions_are_all_that_have_an_implementation_in_order(name: str) -> None:
    document = Document.of((SAMPLES / name).read_text(), LANGUAGE_OF[name], name)
    by_order = functions(document, Tally())
    assert [f.span for f in by_order] == sorted(f.span for f in by_order)
    by_name = {f.name: f for f in by_order}
    for pair in function_pairs(document, Tally()):
        function: Function = by_name[pair.name]
        assert (function.code, f"{name}:{function.span[0]}-{function.span[1]}") == (pair.y, pair.origin)


def test_java() -> None:
    pairs = sample("Store.java", "java")
    assert list(pairs) == ["Store.open", "Store.Entry.age", "Store.Kind.parse"]
    assert pairs["Store.open"][0] == "Opens the store at path, creating it if Options.create says so."
    assert pairs["Store.open"][1].startswith("@Nullable\npublic static Store open(")
    assert "// the lock is held until close" in pairs["Store.open"][1]


def test_javascript() -> None:
    pairs = sample("store.js", "javascript")
    assert list(pairs) == [
        "open",
        "Store.close",
        "helpers.trim",
        "helpers.split",
        "Cache.evict",
        "wrapped",
    ]
    assert pairs["open"] == (
        "Open the store that lies at a path, or make one.",
        "const open = async (path) => {\n  const file = await read(path);\n  return new Store(file);\n};",
    )
    assert pairs["helpers.split"][1].startswith("split(text) {\n  // from the left")
    assert pairs["wrapped"][1].startswith("function wrapped(a) {\n  return")


def test_typescript() -> None:
    pairs = sample("store.ts", "typescript")
    assert list(pairs) == ["Paths.resolve", "Store.flush", "Store.retry", "overloaded"]
    assert pairs["Store.flush"][1].startswith("async flush(): Promise<void> {\n  await")
    assert pairs["overloaded"][1].startswith("function overloaded(a: any): any {\n  if")


def test_a_dialect_is_recognised_by_the_name_of_the_file() -> None:
    pairs = sample("view.tsx", "typescript")
    assert list(pairs) == ["View"]
    assert "<li key={item.id}>" in pairs["View"][1]


COMPONENTS = """/** Shows the link to the handbook in the footer of each page. */
export function HandbookLink() {
  return <a href="https://example.org/view?space=A&title=B">Terms & more &amp; Flags {a & 1}</a>;
}

/** A card with a shadow that grows while the pointer is over it. */
export const Card = React.memo(({ title }) => {
  const [over, setOver] = useState(false);
  return <div title={title}>{over}</div>;
});

/** A field that takes the focus when the page has been loaded. */
const Field = memo(forwardRef(function Field(props, ref) {
  useEffect(() => ref.current.focus());
  return <input ref={ref} {...props} />;
}));

/** Remembers the letters that were counted for a while. */
const counted = useMemo(() => {
  const all = count(letters);
  return all;
});
"""


@pytest.mark.parametrize("path", ["a.tsx", "a.jsx"])
def test_react_components(path: str) -> None:
    language = "typescript" if path == "a.tsx" else "javascript"
    tally = Tally()
    pairs = {pair.name: pair for pair in function_pairs(Document.of(COMPONENTS, language, path), tally)}
    assert list(pairs) == ["HandbookLink", "Card", "Field"]  # useMemo() makes no component
    assert "Terms & more &amp; Flags {a & 1}" in pairs["HandbookLink"].y
    assert pairs["Card"].y.startswith("const Card = React.memo(({ title }) => {\n  const [over")
    assert tally.counts["syntax error"] == 0


def test_php() -> None:
    pairs = sample("store.php", "php")
    assert list(pairs) == ["Store.find", "store_path", "Counts.increase"]
    assert pairs["Store.find"][0] == "Finds one record by the key that Store::put was given."


def test_ruby() -> None:
    pairs = sample("store.rb", "ruby")
    assert list(pairs) == ["Data.Store.fetch", "Data.Store.open", "Data.Store.locked", "Data.Store.purge"]
    assert pairs["Data.Store.fetch"][0] == "Fetch the value of a key, or what the block gives for it."
    assert pairs["Data.Store.locked"][1].startswith("def locked(name)\n  lock =")


def test_go() -> None:
    pairs = sample("store.go", "go")
    assert list(pairs) == ["Open", "Store.Close"]
    assert pairs["Open"][0] == "Open gives the store at a path, or an error if there is none; see Store.Close."


def test_rust() -> None:
    pairs = sample("store.rs", "rust")
    assert list(pairs) == ["Store.open", "Keyed.longest", "paths.join"]
    assert pairs["Store.open"][0] == "Opens a Store that lies at path."
    assert pairs["paths.join"][1].startswith("pub fn join(parts: &[&str]) -> String {\n    let")


def test_deep_nesting_and_long_comments_do_not_stop_it() -> None:
    nested = "[" * 20_000
    inputs = {
        "python": f"x = {nested}\n" + "# a:\n" * 50_000 + 'def f():\n    """Give one back now."""\n    a\n    b\n',
        "javascript": "/** a */" * 20_000 + "f(" * 20_000 + "/** Give one back now. */function f() {",
        "go": "package a\n" + "// a: b\n" * 50_000 + "func f() {\n\ta()\n}\n" + "{" * 20_000,
        "ruby": "# {@a}[\n" * 50_000 + "def f\n  a\nend\n" + "class A\n" * 5_000,
        "java": "/** {@code " + "{" * 50_000 + "<p " * 50_000 + "*/ class A { /** B */ void f() {",
        "php": "<?php /** " + "* @a\n" * 50_000 + "*/\nfunction f() {\n  a();\n}\n" + "((" * 20_000,
        "rust": "/// [`a`][\n" * 50_000 + "fn f() {\n    a();\n}\n" + "mod a {" * 5_000,
        "typescript": "/** `" * 50_000 + "namespace a {" * 5_000,
    }
    for language, text in inputs.items():
        list(function_pairs(Document.of(text, language, "a"), Tally()))
        functions(Document.of(text, language, "a"), Tally())
