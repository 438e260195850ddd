"""Jupyter notebooks: cells and the lines that they stand on."""

import json

import pytest

from adjoin.pieces.structures.notebooks import read_notebook
from growth import assert_linear

CELLS = [
    {"cell_type": "markdown", "metadata": {"tags": ["x"]}, "source": ["# Title\n", 'text "q" é']},
    {
        "cell_type": "code",
        "outputs": [{"text": ["printed"], "data": {"source": "no"}}],
        "source": "a = 1\n\nb = 2",
    },
    {"cell_type": "raw", "source": []},
]
METADATA = {"kernelspec": {"language": "Julia", "name": "j"}, "authors": [{"name": "someone"}]}


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 1, 4])
def test_cells(indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(
        {"cells": CELLS, "metadata": METADATA, "nbformat": 4}, indent=indent, ensure_ascii=ascii_only
    )
    notebook = read_notebook(text)
    assert notebook.language == "julia"
    assert [(cell.kind, cell.lines) for cell in notebook.cells] == [
        ("markdown", ["# Title", 'text "q" é']),
        ("code", ["a = 1", "", "b = 2"]),
        ("raw", []),
    ]
    lines = text.split("\n")
    assert "Title" in lines[notebook.cells[0].numbers[0] - 1]
    assert "text" in lines[notebook.cells[0].numbers[1] - 1]
    assert all("a = 1" in lines[number - 1] for number in notebook.cells[1].numbers)


def test_format_3_and_language_info() -> None:
    cells = [{"cell_type": "code", "language": "python", "input": ["x = 1"]}]
    text = json.dumps({"metadata": {"language_info": {"name": "R"}}, "worksheets": [{"cells": cells}]})
    notebook = read_notebook(text)
    assert [cell.lines for cell in notebook.cells] == [["x = 1"]]
    assert notebook.language == "r"


@pytest.mark.parametrize(
    "text", ["", "]}", "[1, 2]", '{"a": {"source": "x"}}', '{"cell_type": {"a": ["b"]}}', '"']
)
def test_what_is_no_notebook(text: str) -> None:
    assert read_notebook(text).cells == []


@pytest.mark.parametrize(
    "unit", ["[", "{", '"', '\\"', '"a":', '{"source":["a\\n"', '"cell_type":"code",', "\n", "]}"]
)
def test_hostile_notebooks_take_linear_time(unit: str) -> None:
    text = '{"cells":[{"source":' + unit * (1 << 16)
    assert_linear(lambda size: read_notebook(text[:size]), len(text))
