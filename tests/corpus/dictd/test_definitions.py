r"""Entries of each style: their terms and their definitions without markup."""

import pytest

from adjoin.corpus.dictd.definitions import definitions_of
from adjoin.corpus.dictd.marks import decode_letters
from growth import assert_linear


def defined(entry: str) -> list[tuple[list[str], str]]:
    """Terms and text of each definition, in one line."""
    definitions = definitions_of([line.rstrip() for line in entry.strip("\n").split("\n")], 0)
    return [(one.terms, " ".join(one.rows[line] for line in sorted(one.rows))) for one in definitions]


GYPSUM = r"""
Gypsum \Gyp"sum\ (j[i^]p"s[u^]m), n.; pl. {Gypsums}. [L. gypsum, Gr. gy`psos;
   cf. Ar. jibs plaster, per. jabs[imac]n lime.] (Min.)
   A mineral consisting of the hydrous sulphate of lime
   (calcium), as in {plaster}. [Obs.] --Sir W. Scott. See {Selenite}, {Alabaster}, n., 2.
   [1913 Webster]

         A quotation that is set off. --Shak.
   [1913 Webster]

   2. (Bot. & Zool.) An antiqu[ae] name, so call[=e]d. -- Gyp"se*ous*ly, adv.
      [1913 Webster] Gypsy
Gypsyism

   Note: It is used in agriculture.

   Syn: Plaster; chalk.
        [1913 Webster]

   {Gypsum board}, or {Plaster board} (Building), a board of it;
      -- used for walls.

   3. A third sense.
"""


def test_webster() -> None:
    assert defined(GYPSUM) == [
        (
            ["Gypsum"],
            "A mineral consisting of the hydrous sulphate of lime (calcium), as in plaster. An antiquæ name, so"
            " callēd. It is used in agriculture. A third sense.",
        ),
        (["Gypsum board", "Plaster board"], "a board of it; -- used for walls."),
    ]


@pytest.mark.parametrize(
    ("head", "terms"),
    [
        (r'Automatic \Au`to*mat"ic\, Automatical \Au`to*mat"ic*al\, a.', ["Automatic", "Automatical"]),
        (r'A B C \A B C"\ ([=a] b[=e] s[=e]").', ["A B C"]),
        (r'Gyn[oe]cium \Gyn[oe]"ci*um\ (j[i^]*n[=e]"s or' "\n   -sh[i^]*), n. [NL.]", ["Gynœcium"]),
        (r'To coagulate \Co*ag"u*late\, v. t. [imp. & p. p. {Coagulated}]', ["To coagulate"]),
        (r'Occiput \Oc"ci*put\, n.; pl. L. {Occipita}, E. {Occiputs}. [L.]', ["Occiput"]),
        (r"Doha \Doha\ prop. n. (Geography)", ["Doha"]),
    ],
)
def test_heads_of_webster(head: str, terms: list[str]) -> None:
    assert defined(f"{head}\n   1. The thing itself.\n") == [(terms, "The thing itself.")]


def test_wordnet() -> None:
    entry = """
bank
    n 1: sloping land; "the
         bank of a well-
         known river" [syn: {bank}, {Bank},
         {water side}, {shore(a)}]
    2: a place [ant: {no place}]
    v 1: tip laterally; "the pilot had to bank!" [syn: {tilt}, {cant}]
"""
    assert defined(entry) == [
        (["bank", "water side", "shore"], "sloping land."),
        (["bank"], "a place."),
        (["bank", "tilt", "cant"], "tip laterally."),
    ]


def test_heads_and_marks_of_foldoc() -> None:
    entry = """
Dictionary of Computing%%%FOLDOC%%%a
dictionary%%%four%%%five

   1. <introduction> A {dictionary} of {acro
   nyms}, see also {glossary}.

   2. <CS theory> Another (see {other}). It is
   at <someone@example.org> {(http://foldoc.org/)}.

      An example.

          code()

   Home (http://foldoc.org/).

   ["A Paper", A. Author, 1980].

   (1994-11-08)
"""
    ((terms, text),) = defined(entry)
    assert terms == ["Dictionary of Computing", "FOLDOC", "a dictionary", "four"]
    assert text == "A dictionary of acro nyms. Another. It is at. An example."


def test_the_jargon_files_second_line() -> None:
    entry = "frob\n /frob/, n.\n\n    1. [MIT] A protrusion. See {foo}.\n\n    2. vt. To tweak.\n\n        verse\n"
    assert defined(entry) == [(["frob"], "A protrusion. To tweak.")]


def test_a_definition_in_the_heads_line() -> None:
    entry = (
        "EXCESS, n.  In morals, an indulgence that\nenforces moderation.\n\n    Hail, high Excess\n\nSo it is.\n"
    )
    assert defined(entry) == [(["excess"], "In morals, an indulgence that enforces moderation. So it is.")]


def test_values_before_a_definition() -> None:
    assert defined("tin\nSymbol: Sn\nAtomic number: 50\nA metal.\n") == [(["tin"], "A metal.")]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("It is so. --Shak.", "It is so."),
        ("It is so. --1 Cor. ix. 9. It stays.", "It is so. It stays."),
        ("It is so; -- called also so.", "It is so; -- called also so."),
        ("Lost (but see {x}).", "Lost."),
        ("Lost, cf. {x}, {y} and {z}.", "Lost."),
        ("Lost. Cf. {x}.", "Lost."),
        ("a .22 caliber gun", "a .22 caliber gun"),
        ("(Law) Of law.", "Of law."),
        ("A plant. -- n. A tree.", "A plant. A tree."),
        ("/bok-sol'*-jee/ A drawing.", "A drawing."),
        ('So. -- {Im*per"me*a*bly},\n   adv.', "So."),
        ('So. --O`ver*bear"ing*ly, adv.', "So."),
        ("It is called {x}\n   [Obs.]. And so on.", "It is called x And so on."),
        ("Home: http://example.org/.", ""),
        ("Newsgroup: {news:comp.lang.x}.", ""),
        ("Outlawry. [Obs.]", "Outlawry."),
        ("[all [of it]]", ""),
    ],
)
def test_marks(text: str, read: str) -> None:
    assert defined(f"word\n   A first word.\n\n   {text}") == [(["word"], f"A first word. {read}".rstrip())]


def test_letters() -> None:
    assert (
        decode_letters("[ae][AE] F. [^e]['e][`e] [~n] [,c] [=o] [o^] [.a] [aum] [1913]")
        == "æÆ F. êéè ñ ç ō o a ä [1913]"
    )


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "(",
        "{",
        "--A ",
        "(A",
        "See {a}, ",
        "n. ",
        "<a",
        "A. ",
        " ",
        "1. ",
        "-\n",
        "http:",
        '"',
        "\\",
        "%%%",
        "Syn",
    ],
)
def test_time_grows_with_the_text(piece: str) -> None:
    def work(size: int) -> None:
        for head in ("word", 'A \\A"\\, n. ', "WORD, n. "):
            definitions_of([head + "x", *["   " + piece * (size // 10 // len(piece))] * 10], 0)
            definitions_of([head + piece * (size // len(piece))], 0)

    assert_linear(work, 20_000)
