"""Facts in the manifests of packages of all kinds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.package_metadata import Facts, facts_of

WHOLE = Facts("MIT", "o/n", "thing", "1.2")
MANIFESTS = {
    "thing.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: thing\nVersion: 1.2\nLicense-Expression: MIT\nHome-page: https://e.org\n"
        "Project-URL: Docs, https://e.org/docs\nProject-URL: Source, https://github.com/o/n\n\nLicense: GPL\n"
    ),
    "PKG-INFO": (
        "Name: thing\nVersion: 1.2\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n"
        "Home-page: https://github.com/o/n\n\ntext"
    ),
    "pyproject.toml": (
        '[project]\nname = "thing"\nversion = "1.2"\nlicense = {text = "MIT License"}\n'
        '[project.urls]\nhomepage = "https://e.org"\nrepository = "https://gitlab.com/o/n.git"\n'
    ),
    "package/package.json": json.dumps(
        {
            "name": "thing",
            "version": "1.2",
            "license": "mit",
            "repository": {"url": "git+https://github.com/o/n.git"},
        }
    ),
    "composer.json": json.dumps(
        {"name": "thing", "version": "1.2", "license": ["MIT"], "support": {"source": "https://github.com/o/n"}}
    ),
    "Cargo.toml": '[package]\nname = "thing"\nversion = "1.2"\nlicense = "MIT"\nrepository = "https://github.com/o/n"\n',
    "META-INF/maven/g/a/pom.xml": (
        "<project><parent><artifactId>p</artifactId><version>9</version></parent><artifactId>thing</artifactId>"
        "<version>1.2</version><licenses><license><name>The MIT License</name></license></licenses>"
        "<scm><connection>scm:git:git://github.com/o/n.git</connection></scm></project>"
    ),
    "thing.nuspec": (
        '<package><metadata><id>thing</id><version>1.2</version><license type="expression">MIT</license>'
        '<repository type="git" url="https://github.com/o/n.git" /></metadata></package>'
    ),
    "gem metadata": (
        "--- !ruby/object:Gem::Specification\nname: thing\nversion: !ruby/object:Gem::Version\n  version: 1.2\n"
        "homepage: https://e.org\nlicenses:\n- MIT\nmetadata:\n  source_code_uri: https://github.com/o/n\n"
    ),
    "thing.gemspec": (
        "Gem::Specification.new do |s|\n s.name = 'thing'\n s.version = '1.2'\n s.licenses = ['MIT']\n"
        " s.homepage = 'https://github.com/o/n'\nend\n"
    ),
}


@pytest.mark.parametrize("path", MANIFESTS)
def test_manifests(path: str) -> None:
    assert facts_of(path, MANIFESTS[path]) == WHOLE


def test_debian() -> None:
    control = "Package: libthing-dev\nSource: thing (1.0)\nVersion: 1.2\nHomepage: https://github.com/o/n\n"
    assert facts_of("control", control) == Facts("", "o/n", "thing", "1.2")
    machine = "Format: x\nSource: https://github.com/o/n\n\nFiles: debian/*\nLicense: GPL-3\n"
    machine += "\nFiles: *\nLicense: GPL-2+\n text\n"
    assert facts_of("usr/share/doc/thing/copyright", machine) == Facts("GPL-2.0-or-later", "o/n")
    words = "On Debian systems the licence is in `/usr/share/common-licenses/GPL-3'."
    assert facts_of("debian/copyright", words).licence == "GPL-3.0-only"
    assert facts_of("src/copyright", words) == Facts()


def test_go_and_licence_files() -> None:
    assert facts_of("go.mod", "module github.com/o/n/v2\n\ngo 1.20\n").repository == "o/n"
    text = "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"
    assert facts_of("LICENSE.md", text + " is hereby granted, provided that").licence == "ISC"
    assert facts_of("a.py", "License: MIT") == Facts()


@pytest.mark.parametrize("path", [*MANIFESTS, "control", "copyright", "go.mod"])
@settings(max_examples=60)
@given(data=st.data())
def test_no_text_breaks_it(path: str, data: st.DataObject) -> None:
    text = MANIFESTS.get(path, "Package: x\n\nFiles: *\nLicense: y\n")
    cut = data.draw(st.integers(0, len(text)))
    changed = text[:cut] + data.draw(st.text(max_size=20)) + text[cut + data.draw(st.integers(0, 30)) :]
    for value in (facts_of(path, changed).licence, facts_of(path, changed).repository):
        assert len(value) <= 300
