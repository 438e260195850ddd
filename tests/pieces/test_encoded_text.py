"""The words of a path and the name stand in front of what is embedded."""

from dataclasses import replace

from adjoin.pieces.piece import FUNCTION, Piece, encoded_text

PIECE = Piece("src/core/loader.spec.lua", "lua", FUNCTION, "M.load", 3, 9, "text", "embedded")


def test_folder_stem_and_name_stand_in_front() -> None:
    assert encoded_text(PIECE) == "core loader.spec M.load\nembedded"


def test_a_file_at_the_root_has_no_folder() -> None:
    assert encoded_text(replace(PIECE, path=".gitignore", name="")) == ".gitignore\nembedded"


def test_a_member_of_an_archive_has_its_own_folder() -> None:
    assert encoded_text(replace(PIECE, path="lib/a.whl!pkg/main.py")) == "pkg main M.load\nembedded"
