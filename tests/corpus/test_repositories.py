"""Addresses and paths → repositories."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.repositories import go_module, is_hosted, normal_repository, repository_of_path


@pytest.mark.parametrize(
    ("address", "repository"),
    [
        ("https://github.com/Owner/Name", "Owner/Name"),
        ("git+https://github.com/o/n.git#readme", "o/n"),
        ("git@github.com:o/n.git", "o/n"),
        ("ssh://git@gitlab.com:22/o/n", "o/n"),
        ("scm:git:git://www.github.com/o/n.git", "o/n"),
        ("https://codeberg.org/o/n/src/branch/main", "o/n"),
        ("github:o/n", "o/n"),
        ("o/n", "o/n"),
        ("https://user:secret@github.com/o/n", "o/n"),
        ("https://user:secret@git.example.org/o/n.git", "git.example.org/o/n"),
        ("https://ghp_abc123@git.example.org/o/n", "git.example.org/o/n"),
        ("https://user:se@cret@git.example.org/o/n", "git.example.org/o/n"),
        ("https://user:se/cret@git.example.org/o/n.git", "git.example.org/o/n"),
        ("ssh://user:secret@git.example.org:2222/o/n", "git.example.org:2222/o/n"),
        ("user:secret@git.example.org:o/n", "git.example.org:o/n"),
        ("token@git.example.org:o/n.git", "git.example.org:o/n.git"),
        ("https://git.example.org/o/n?private_token=secret", "git.example.org/o/n"),
        ("https://oauth2:secret@gitlab.com/o/n.git", "o/n"),
        ("https://example.org/@scope/name", "example.org/@scope/name"),
        ("https://example.org/", "example.org"),
        ("https://github.com/sponsors/o", "github.com/sponsors/o"),
        ("https://notgithub.com/o/n", "notgithub.com/o/n"),
        ("Debian  anarchism", "Debian anarchism"),
        ("", ""),
    ],
)
def test_addresses(address: str, repository: str) -> None:
    assert normal_repository(address) == repository


def test_hosted() -> None:
    assert is_hosted("https://github.com/o/n")
    assert not is_hosted("https://github.com/sponsors/o")
    assert not is_hosted("o/n")


@pytest.mark.parametrize(
    ("path", "repository"),
    [
        ("./usr/share/gocode/src/github.com/o/n/sub/a.go", "o/n"),
        ("root/go/pkg/mod/github.com/!owner/n@v1.2.0/a.go", "Owner/n"),
        ("usr/share/gocode/src/golang.org/x/net/html/a.go", "golang/net"),
        ("usr/share/gocode/src/gopkg.in/yaml.v3/a.go", "go-yaml/yaml"),
        ("usr/share/gocode/src/gopkg.in/o/n.v2/a.go", "o/n"),
        ("usr/share/gocode/src/go.uber.org/zap/a.go", "go.uber.org/zap"),
        ("src/github.com/o/n/a.go", ""),
        ("pkg/a.py", ""),
        ("usr/share/gocode/src/a.go", ""),
    ],
)
def test_paths(path: str, repository: str) -> None:
    assert repository_of_path(path) == repository


def test_modules() -> None:
    assert go_module("github.com/o/n/v2") == "o/n"
    assert go_module("example") == ""


@settings(max_examples=300)
@given(st.text(max_size=80) | st.text("htps:/@.gitub-com#?o", max_size=80))
def test_no_address_breaks_it(address: str) -> None:
    assert len(normal_repository(address)) <= 201
    repository_of_path(f"gocode/src/{address}")
