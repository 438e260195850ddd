"""Name-function pairs: the name in words is x, and y does not contain the name."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sample_files import LANGUAGE_OF, SAMPLES

from adjoin.corpus.document import Document
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.pairs.functions import function_pairs
from adjoin.pairs.names import KIND as NAME_FUNCTION
from adjoin.pairs.names import hidden, name_in_words
from adjoin.pairs.pair import Pair
from adjoin.tally import Tally

BOTH = (DOCSTRING_FUNCTION, NAME_FUNCTION)


def pairs_of(
    text: str, language: str = "python", kinds: tuple[str, ...] = (NAME_FUNCTION,), tally: Tally | None = None
) -> list[Pair]:
    """Pairs as they are mined, names taken away."""
    document = Document.of(text, language, f"a/b.{language}", licence="MIT", repository="a/b")
    mined = function_pairs(document, Tally() if tally is None else tally, kinds)
    return [hidden(pair) if pair.kind == NAME_FUNCTION else pair for pair in mined]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("parseHTTPResponse", "parse http response"),
        ("parse_http_response", "parse http response"),
        ("ParseResponse", "parse response"),
        ("__parse__response_", "parse response"),
        ("RETRY_LIMIT", "retry limit"),
        ("parseURLs", "parse urls"),
        ("APIsEnabled", "apis enabled"),
        ("decode_utf8", "decode utf8"),
        ("base64Encode", "base64 encode"),
        ("HTTP2Server", "http2 server"),
        ("get3DModel", "get 3d model"),
        ("is2Digits", "is2 digits"),
        ("Data.Store.empty_now?", "empty now"),
        ("Data.Store.empty?", "store empty"),
        ("Encoder.load", "encoder load"),
        ("BigEncoder.load", "big encoder load"),
        ("models.BigEncoder._load", "big encoder load"),
        ("Encoder.load_2", "encoder load 2"),
        ("Encoder.load_all", "load all"),
        ("load", "load"),
        ("Store.[]", ""),
        ("Store._", ""),
        ("", ""),
    ],
)
def test_a_name_in_words(name: str, words: str) -> None:
    assert name_in_words(name) == words


def pair_of(name: str, y: str) -> Pair:
    return Pair("x", y, NAME_FUNCTION, "python", "a:1-3", 0, name)


def test_the_name_is_hidden_where_it_stands_as_a_word() -> None:
    code = 'def load(a):\n    reload(a), load_all(a), a.load, "load it", a._load, __load__, loader\n    load(a)'
    assert hidden(pair_of("Encoder.load", code)).y == (
        'def _(a):\n    reload(a), load_all(a), a._, "_ it", a._, _, loader\n    _(a)'
    )


def test_the_ending_of_a_ruby_name_stays_and_its_variable_is_hidden() -> None:
    assert hidden(pair_of("Store.path=", "def path=(v)\n  @path = v\nend")).y == "def _=(v)\n  @_ = v\nend"
    assert hidden(pair_of("Store.empty?", "def empty?\n  a.empty?\nend")).y == "def _?\n  a._?\nend"


def test_names_with_other_characters_are_hidden_too() -> None:
    assert hidden(pair_of("$.fn.$el", "$el() { return this.$el + $elm; }")).y == "_() { return this._ + $elm; }"
    assert hidden(pair_of("a.save-all", "'save-all': () => { b('save-all') }")).y == "'_': () => { b('_') }"
    assert hidden(pair_of("", "a _ b")).y == "a _ b"


@given(st.text("ab_. ", max_size=30), st.sampled_from(["a", "ab", "a_b", "_a", "aa"]))
@example("a_a", "a")
@example("__aa__a", "a")
def test_names_are_hidden_as_an_expression_would(code: str, name: str) -> None:
    expected = re.sub(rf"(?<!\w)_*{name.strip('_')}_*(?!\w)", "_", code)
    assert hidden(pair_of(name, code)).y == expected


LANGUAGES = {
    "python": (
        "class Client:\n"
        "    def fetch_all_pages(self, url):\n        '''Pages.'''\n        # by and by\n"
        "        page = get(url)\n        return [page, *self.fetch_all_pages(page.next)]\n",
        "def _(self, url):\n    # by and by\n    page = get(url)\n    return [page, *self._(page.next)]",
    ),
    "java": (
        "class Client {\n    List<Page> fetchAllPages(URL url) {\n        Page page = get(url);\n"
        "        return cons(page, fetchAllPages(page.next));\n    }\n}\n",
        "List<Page> _(URL url) {\n    Page page = get(url);\n    return cons(page, _(page.next));\n}",
    ),
    "javascript": (
        "class Client {\n  fetchAllPages(url) {\n    const page = get(url);\n"
        "    return [page, ...this.fetchAllPages(page.next)];\n  }\n}\n",
        "_(url) {\n  const page = get(url);\n  return [page, ...this._(page.next)];\n}",
    ),
    "typescript": (
        "export const fetchAllPages = (url: URL): Page[] => {\n  const page = get(url);\n"
        "  return [page, ...fetchAllPages(page.next)];\n};\n",
        "const _ = (url: URL): Page[] => {\n  const page = get(url);\n  return [page, ..._(page.next)];\n};",
    ),
    "go": (
        "package a\n\nfunc (c *Client) FetchAllPages(url string) []Page {\n\tpage := get(url)\n"
        "\treturn append(c.FetchAllPages(page.Next), page)\n}\n",
        "func (c *Client) _(url string) []Page {\n\tpage := get(url)\n\treturn append(c._(page.Next), page)\n}",
    ),
    "ruby": (
        "class Client\n  def fetch_all_pages(url)\n    page = get(url)\n"
        "    [page, *fetch_all_pages(page.next)]\n  end\nend\n",
        "def _(url)\n  page = get(url)\n  [page, *_(page.next)]\nend",
    ),
    "php": (
        "<?php\nclass Client {\n    public function fetchAllPages($url) {\n        $page = get($url);\n"
        "        return [$page, ...$this->fetchAllPages($page->next)];\n    }\n}\n",
        "public function _($url) {\n    $page = get($url);\n    return [$page, ...$this->_($page->next)];\n}",
    ),
    "rust": (
        "impl Client {\n    pub fn fetch_all_pages(&self, url: &str) -> Pages {\n        let page = get(url);\n"
        "        cons(page, self.fetch_all_pages(page.next))\n    }\n}\n",
        "pub fn _(&self, url: &str) -> Pages {\n    let page = get(url);\n    cons(page, self._(page.next))\n}",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_function_that_nobody_described(language: str) -> None:
    text, code = LANGUAGES[language]
    tally = Tally()
    (pair,) = pairs_of(text, language, tally=tally)
    assert (pair.x, pair.y, pair.kind) == ("fetch all pages", code, NAME_FUNCTION)
    assert pair.name.rpartition(".")[2] in ("fetch_all_pages", "fetchAllPages", "FetchAllPages")
    assert (pair.licence, pair.repository, pair.language) == ("MIT", "a/b", language)
    assert tally.counts == {"functions": 1}


DESCRIBED = '''\
class Reader:
    def read_ahead(self, count):
        """Read some bytes beyond what was asked for."""
        self.buffer += self.file.read(count)
        return self.buffer

    def read(self, count):
        """Reads."""
        self.buffer = self.file.read(count)
        return self.buffer

    def forget(self):
        self.buffer = b""
        self.place = 0

def check(a):
    b = a
    return b + a

def half_open(a):
    return a

def not_yet(a):
    # later
    raise NotImplementedError
'''


def test_a_function_makes_one_pair_with_its_documentation_if_that_will_do() -> None:
    tally = Tally()
    pairs = pairs_of(DESCRIBED, kinds=BOTH, tally=tally)
    assert [(pair.kind, pair.x) for pair in pairs] == [
        (DOCSTRING_FUNCTION, "Read some bytes beyond what was asked for."),
        (NAME_FUNCTION, "reader read"),
        (NAME_FUNCTION, "reader forget"),
    ]
    assert '"""' not in "".join(pair.y for pair in pairs)
    assert tally.counts == {"functions": 6, "name under 2 words": 1, "function under 3 lines": 1, "stub": 1}
    alone = pairs_of(DESCRIBED, kinds=(DOCSTRING_FUNCTION,))
    assert alone == [pair for pair in pairs if pair.kind == DOCSTRING_FUNCTION], "names change nothing of these"


def test_names_alone_are_those_of_all_functions() -> None:
    pairs = pairs_of(DESCRIBED)
    assert [pair.x for pair in pairs] == ["read ahead", "reader read", "reader forget"]
    described = next(iter(pairs_of(DESCRIBED, kinds=(DOCSTRING_FUNCTION,))))
    assert (pairs[0].group, pairs[0].origin, pairs[0].name) == (described.group, described.origin, described.name)
    assert pairs[0].y == described.y.replace("read_ahead", "_")


def test_a_file_without_documentation_is_read_for_names_only() -> None:
    text = "def open_store(path):\n    file = open(path)\n    return Store(file)\n"
    for kinds, expected in (
        ((DOCSTRING_FUNCTION,), []),
        ((NAME_FUNCTION,), ["open store"]),
        (BOTH, ["open store"]),
    ):
        tally = Tally()
        assert [pair.x for pair in pairs_of(text, kinds=kinds, tally=tally)] == expected
        assert tally.counts == ({"functions": 1} if expected else {"no documented function": 1})


@pytest.mark.parametrize(
    ("text", "language", "rule"),
    [
        ("def load(a):\n    b = a\n    return b + a\n", "python", "name under 2 words"),
        ("def load_2(a):\n    b = a\n    return b + a\n", "python", "name under 2 words"),
        ("def lade_größe(a):\n    b = a\n    return b + a\n", "python", "name with other letters"),
        (f"def {'a_' * 13}(a):\n    b = a\n    return b + a\n", "python", "name over 12 words"),
        ("class A:\n    def __len__(self):\n        a = 1\n        return a + 1\n", "python", "special method"),
        ("def load_all(a):\n    return a\n", "python", "function under 3 lines"),
        ("def load_all(a):\n" + "    a = a + 1\n" * 1200, "python", "function over 12,000 characters"),
        ("def load_all(a):\n    # to do\n    pass\n", "python", "stub"),
        ("def load_all(a):\n    # no\n    raise ValueError(a)\n", "python", "stub"),
        ("def load_all(a):\n    b = = a\n    return b\n", "python", "syntax error"),
        ("class A {\n  @Test\n  void loadAll() {\n    a();\n    b();\n  }\n}\n", "java", "test function"),
        ("#[test]\nfn load_all() {\n    a();\n    b();\n}\n", "rust", "test function"),
        ("class A {\n  abstract void loadAll();\n}\n", "java", "no implementation"),
    ],
)
def test_what_makes_no_pair_is_counted_once(text: str, language: str, rule: str) -> None:
    for kinds in ((NAME_FUNCTION,), BOTH):
        tally = Tally()
        assert pairs_of(text, language, kinds, tally) == []
        assert tally.counts[rule] == tally.counts["functions"] > 0
        assert len(tally.counts) == 2


def test_a_function_that_throws_by_its_name_is_no_stub() -> None:
    (pair,) = pairs_of("def raise_missing(a):\n    # always\n    raise KeyError(a)\n")
    assert pair.x == "raise missing"


def test_a_string_that_is_no_docstring_stays() -> None:
    (pair,) = pairs_of('def load_all(a):\n    f"Not {a} docstring"\n    return a\n')
    assert 'f"Not {a} docstring"' in pair.y


@pytest.mark.parametrize("name", LANGUAGE_OF)
@pytest.mark.parametrize("kinds", [(NAME_FUNCTION,), BOTH])
def test_every_function_has_one_outcome(name: str, kinds: tuple[str, ...]) -> None:
    text, tally = (SAMPLES / name).read_text(), Tally()
    pairs = pairs_of(text, LANGUAGE_OF[name], kinds, tally)
    assert tally.counts["functions"] == len(pairs) + sum(tally.counts.values()) - tally.counts["functions"]
    assert len({pair.origin for pair in pairs}) == len(pairs)
    described = pairs_of(text, LANGUAGE_OF[name], (DOCSTRING_FUNCTION,))
    assert [pair for pair in pairs if pair.kind == DOCSTRING_FUNCTION] == (described if kinds == BOTH else [])
    for pair in pairs:
        if pair.kind == NAME_FUNCTION:
            own = re.escape(pair.name.rpartition(".")[2])
            assert not re.search(rf"(?<!\w){own}(?!\w)", pair.y)
