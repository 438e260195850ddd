import pytest

from adjoin.pieces.outline import outlined


@pytest.mark.parametrize(
    ("language", "line", "kind", "name"),
    [
        ("perl", "sub _compile {", "function", "_compile"),
        ("perl", "sub main", "function", "main"),
        ("kotlin", "    private fun <T> Column<T>.find(id: Int): T {", "function", "find"),
        ("kotlin", "data class Point(val x: Int)", "class", "Point"),
        ("powershell", "function Get-One {", "function", "Get-One"),
        ("groovy", "enum Color { RED }", "enum", "Color"),
        ("groovy", "trait Fly {", "interface", "Fly"),
        ("fortran", "  pure recursive subroutine solve(a, b)", "function", "solve"),
        ("elixir", "  defp valid?(x), do: x", "function", "valid?"),
        ("python", "class A:", "class", "A"),
        ("sql", "CREATE OR REPLACE FUNCTION citus.run(text)", "function", "citus.run"),
        ("sql", 'create unlogged table if not exists "mail" (', "class", "mail"),
        ("objectivec", "- (void (^)(int))send:(id)x to:(id)y {", "function", "send:to:"),
        ("objectivec", "+ (instancetype)box;", "function", "box"),
        ("objectivec", "@implementation Box (Open)", "class", "Box"),
        ("objectivec", "typedef NS_ENUM(NSInteger, Mode) {", "enum", "Mode"),
        ("c", "static inline struct box *open_box(int a,", "function", "open_box"),
        ("cpp", "void Box<T>::open(int a) {", "function", "open"),
    ],
)
def test_the_first_line_of_a_definition(language: str, line: str, kind: str, name: str) -> None:
    assert outlined([line], language, 0, 1) == [(0, kind, name)]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("python", "# class A:"),
        ("python", "class of objects that"),
        ("fortran", "end function solve"),
        ("c", "return f(a,"),
        ("c", "  call(a,"),
        ("c", "int a = f(x"),
        ("sql", "SELECT create_table('a');"),
        ("perl", "sub f {" + " " * 400),
    ],
)
def test_other_lines(language: str, line: str) -> None:
    assert outlined([line], language, 0, 1) == []


def test_comments_directly_above_belong_to_it() -> None:
    lines = ["x = 1;", "# apart", "", "# one", "# two", "sub f {", "# in", "}", "sub g {", "}"]
    assert outlined(lines, "perl", 0, 10) == [(3, "function", "f"), (8, "function", "g")]
    assert outlined(lines, "perl", 4, 10)[0] == (4, "function", "f")
