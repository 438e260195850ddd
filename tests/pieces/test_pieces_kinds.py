"""What a file holds, by its name and first line."""

import pytest

from adjoin.pieces.kinds import CODE, COMPONENT, NOTEBOOK, text_kind, unread_reason
from adjoin.pieces.piece import LINES, PASSAGE


@pytest.mark.parametrize(
    ("name", "first_line", "language", "form"),
    [
        ("a.py", "", "python", CODE),
        ("a.pyi", "", "python", CODE),
        ("imprint.phtml", "", "php", CODE),
        ("deploy.rake", "", "ruby", CODE),
        ("Rakefile", "", "ruby", CODE),
        ("Gemfile", "", "ruby", CODE),
        ("BUILD.bazel", "", "python", CODE),
        ("Jenkinsfile", "", "groovy", CODE),
        ("CMakeLists.txt", "", "cmake", CODE),
        ("Foo.vb", "", "vb", CODE),
        ("run", "#!/usr/bin/env python3", "python", CODE),
        ("run", "#!/usr/bin/env -S VAR=1 node --flag", "javascript", CODE),
        ("run", "#! /bin/bash -e", "bash", CODE),
        ("run", "#!/usr/bin/perl5.36 -w", "perl", CODE),
        ("run", "#!/usr/bin/env", "text", LINES),
        ("run", "#!", "text", LINES),
        ("run", "plain", "text", LINES),
        ("a.vue", "", "vue", COMPONENT),
        ("a.ipynb", "{", "notebook", NOTEBOOK),
        ("README", "", "text", PASSAGE),
        ("README.de", "", "text", PASSAGE),
        ("LICENSE", "", "text", PASSAGE),
        ("a.MD", "", "markdown", PASSAGE),
        ("setup.mdx", "", "mdx", PASSAGE),
        ("refund.adoc", "", "asciidoc", PASSAGE),
        ("oncall.org", "", "org", PASSAGE),
        ("Dockerfile", "", "dockerfile", LINES),
        ("Dockerfile.web", "", "dockerfile", LINES),
        ("web.dockerfile", "", "dockerfile", LINES),
        ("Makefile.am", "", "makefile", LINES),
        ("config.yaml.in", "", "yaml", LINES),
        ("main.tf", "", "terraform", LINES),
        (".editorconfig", "", "ini", LINES),
        ("ls.1", ".TH LS 1", "man", PASSAGE),
        ("libx.so.1", "", "text", LINES),
        ("page", "<!DOCTYPE HTML>", "html", PASSAGE),
        ("page", "<?xml version='1.0'?>", "xml", LINES),
        ("Foo.csproj", "<Project>", "xml", LINES),
    ],
)
def test_kinds(name: str, first_line: str, language: str, form: str) -> None:
    kind = text_kind(name, first_line)
    assert (kind.language, kind.form) == (language, form)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("package-lock.json", "lock file"),
        ("Cargo.lock", "lock file"),
        ("go.sum", "lock file"),
        ("jquery.min.js", "minified"),
        ("site-min.css", "minified"),
        ("app.js.map", "source map"),
        ("world.map", ""),
        ("package.json", ""),
        ("admin.js", ""),
        ("lock.py", ""),
    ],
)
def test_names_that_are_not_read(name: str, reason: str) -> None:
    assert unread_reason(name) == reason
