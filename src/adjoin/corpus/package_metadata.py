"""Reads the licence, repository, name and version of a package from its manifests and licence files.

Each private reader takes the text of one kind of file and leaves missing or broken fields empty. It may raise on a
broken file, for which `facts_of` returns empty facts.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoin.corpus.licences import MAX_CHARACTERS, is_expression, licence_in_words, licence_of_text, normal_licence
from adjoin.corpus.repositories import go_module, is_hosted, normal_repository

if TYPE_CHECKING:
    from email.message import Message


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a package; an empty field is unknown.

    Attributes:
        licence: SPDX expression, or the package's own words.
        repository: "owner/name", or an address.
        name: name that the package states.
        version: version that the package states.
    """

    licence: str = ""
    repository: str = ""
    name: str = ""
    version: str = ""


def facts_of(path: str, text: str) -> Facts:
    """Return the facts that a file states about its package; empty for a broken file or one that is no manifest.

    Args:
        path: path of the file in the package; it decides how the text is read.
        text: content of the file.
    """
    read = manifest_reader(path)
    try:
        return read(text) if read else Facts()
    except Exception:  # JSON, TOML and mail headers of any shape
        return Facts()


def manifest_reader(path: str) -> Callable[[str], Facts] | None:
    """Return the function (text → facts) that reads a file of this path; None if it is no manifest."""
    folder, _, name = path.rpartition("/")
    if name in _MANIFEST_READERS:
        return _MANIFEST_READERS[name]
    if name in _DEBIAN_READERS and (
        folder in ("", "debian") or folder.endswith("/debian") or _DOC_FOLDER.search(folder)
    ):
        return _DEBIAN_READERS[name]
    if name.endswith((".gemspec", ".nuspec")):
        return _gemspec if name.endswith(".gemspec") else _maven
    return _licence_file if _LICENCE_FILE.match(name) else None


def is_licence_file(path: str) -> bool:
    """Return whether a file of this path holds the text of a licence."""
    return bool(_LICENCE_FILE.match(path.rpartition("/")[2]))


def _normalised(name: object, version: object, licence: str, repository: str) -> Facts:
    """Facts with licence and repository normalised."""
    strings = [value[:MAX_CHARACTERS] if isinstance(value, str) else "" for value in (name, version)]
    return Facts(normal_licence(licence), normal_repository(repository), *strings)


def _best_address(addresses: list[str]) -> str:
    """The first address at a well-known host of repositories, else the first."""
    addresses = [address for address in addresses if isinstance(address, str) and address]
    return next((address for address in addresses if is_hosted(address)), addresses[0] if addresses else "")


def _headers(text: str) -> "Message":
    from email.parser import HeaderParser

    return HeaderParser().parsestr(re.split(r"\n\r?\n", text.lstrip("\n"), maxsplit=1)[0] + "\n\n")


_SOURCE_LABEL = re.compile(r"source|repo|code|github|gitlab", re.IGNORECASE)


def _python(text: str) -> Facts:
    """METADATA of a wheel, PKG-INFO of a source distribution."""
    fields = _headers(text)
    stated = str(fields.get("License-Expression") or "")
    words = str(fields.get("License") or "")
    if not stated and 0 < len(words) <= 2 * MAX_CHARACTERS and words != "UNKNOWN":
        stated = words
    classified = [
        str(line).rsplit("::", 1)[1].strip()
        for line in fields.get_all("Classifier", [])
        if str(line).startswith("License ::") and str(line).count("::") > 1
    ]
    if classified and not is_expression(normal_licence(stated)):
        joined = " OR ".join(classified)
        stated = joined if is_expression(normal_licence(joined)) or not stated else stated
    if not stated and words:
        stated = licence_in_words(words)
    links = [str(line).partition(",")[::2] for line in fields.get_all("Project-URL", [])]
    links.sort(key=lambda link: not _SOURCE_LABEL.search(link[0]))
    addresses = [address.strip() for _, address in links]
    home = str(fields.get("Home-page") or "")
    return _normalised(
        fields.get("Name"),
        fields.get("Version"),
        stated,
        _best_address([*addresses, home if home != "UNKNOWN" else ""]),
    )


def _pyproject(text: str) -> Facts:
    table = _toml_table(text, "project")
    licence = table.get("license")
    links = _as_dict(table.get("urls"))
    addresses = [links[label] for label in sorted(links, key=lambda label: not _SOURCE_LABEL.search(label))]
    return _normalised(table.get("name"), table.get("version"), _string(licence, "text"), _best_address(addresses))


def _cargo(text: str) -> Facts:
    table = _toml_table(text, "package")
    address = _best_address([table.get("repository", ""), table.get("homepage", "")])
    return _normalised(table.get("name"), table.get("version"), _string(table.get("license")), address)


def _npm(text: str) -> Facts:
    """package.json of npm; composer.json of PHP has the same fields."""
    table = _as_dict(json.loads(text))
    licence = table.get("license") or table.get("licenses")
    if isinstance(licence, list):
        licence = " OR ".join(_string(part, "type") for part in licence)
    address = _string(table.get("repository"), "url") or _string(_as_dict(table.get("support")).get("source"))
    address = address or _string(table.get("homepage"))
    if not address and re.fullmatch(r"[\w.-]+/[\w.-]+", _string(table.get("name"))):
        address = ""  # composer's "vendor/name" is no repository
    return _normalised(table.get("name"), table.get("version"), _string(licence, "type"), address)


def _toml_table(text: str, name: str) -> dict[str, Any]:
    """One table of a TOML file."""
    import tomllib

    return _as_dict(tomllib.loads(text).get(name))


def _as_dict(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON and TOML are any value
    return value if isinstance(value, dict) else {}


def _string(value: Any, key: str = "") -> str:  # noqa: ANN401
    """A string, or the string under `key` in a table."""
    value = value.get(key) if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _group(pattern: str, text: str, flags: int = 0) -> str:
    """The first group of the first match, or ""."""
    match = re.search(pattern, text, flags)
    return match[1] if match else ""


_REPOSITORY_URL = r"<repository[^>]*\burl=\"([^\"]*)\""  # of NuGet


def _maven(text: str) -> Facts:
    """pom.xml of Maven, nuspec of NuGet. Few fields are read, so patterns do, also in XML that is broken."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    licences = _group(r"<licenses>(.*?)</licenses>", text, re.DOTALL)
    licence = " OR ".join(_elements("name", licences)) if licences else _element("license", text)
    code = _group(r"<scm>(.*?)</scm>", text, re.DOTALL)
    addresses = [_element("url", code), _element("connection", code), _group(_REPOSITORY_URL, text)]
    addresses += [_element("projectUrl", text), _element("url", text)]
    own = re.sub(r"<parent>.*?</parent>|<dependenc(y|ies)>.*?</dependenc\1>", "", text, flags=re.DOTALL)
    name = _element("artifactId", own) or _element("id", own)
    return _normalised(name, _element("version", own), licence, _best_address(addresses))


def _elements(name: str, text: str) -> list[str]:
    return [content.strip() for content in re.findall(rf"<{name}(?:\s[^>]*)?>([^<]*)</{name}>", text)]


def _element(name: str, text: str) -> str:
    return next(iter(_elements(name, text)), "")


def _debian_control(text: str) -> Facts:
    fields = _headers(text)
    addresses = [str(fields.get(name) or "") for name in ("Homepage", "Vcs-Browser", "Vcs-Git")]
    name = str(fields.get("Source") or fields.get("Package") or "").split(" ")[0]
    return _normalised(name, fields.get("Version"), "", _best_address(addresses))


def _debian_copyright(text: str) -> Facts:
    """The licence of `Files: *` in a machine-readable file, else that of its sentences or of the file it names."""
    stanzas = [_headers(stanza) for stanza in re.split(r"\n[ \t]*\n", text)]
    stated = [(str(part.get("Files") or "").split(), str(part.get("License") or "")) for part in stanzas]
    licences = [words.split("\n")[0] for files, words in stated if files and words]
    whole = [words.split("\n")[0] for files, words in stated if words and "*" in files]
    source = next((str(part["Source"]) for part in stanzas if part.get("Source")), "").split()
    common = r"/usr/share/common-licenses/([A-Za-z]+(?:-\d(?:\.\d)?)?)"
    licence = (whole or licences or [""])[0] or licence_in_words(text) or _group(common, text)
    return _normalised("", "", licence, next((word for word in source if is_hosted(word)), ""))


def _gem(text: str) -> Facts:
    """The YAML metadata of a gem: top-level fields, and addresses two levels down."""
    licences = _group(r"^licenses:\n((?:- .*\n)+)", text, re.MULTILINE)
    licence = " OR ".join(re.findall(r"- [\"']?([^\"'\n]+)", licences))
    code = _group(r"^  source_code_uri: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    home = _group(r"^homepage: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    name = _group(r"^name: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    version = _group(r"^version:[^\n]*\n  version: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    return _normalised(name, version, licence, _best_address([code, home]))


def _gemspec(text: str) -> Facts:
    def value(field: str) -> str:
        return _group(rf"\.{field}\s*=\s*(?:\[\s*)?[\"']([^\"']+)[\"']", text)

    code = _group(r"source_code_uri[\"']\]?\s*=>?\s*[\"']([^\"'#]+)[\"']", text)
    return _normalised(
        value("name"), value("version"), value("licenses?"), _best_address([code, value("homepage")])
    )


def _go(text: str) -> Facts:
    return Facts(repository=go_module(_group(r"^module\s+\"?([^\s\"]+)", text, re.MULTILINE)))


def _licence_file(text: str) -> Facts:
    return Facts(licence_of_text(text))


_LICENCE_FILE = re.compile(
    r"(?:(?:un)?licen[cs]e(?:[.-](?:txt|md|rst|mit|apache(?:-2\.0)?))?|copying(?:\.(?:txt|md|lesser))?)$",
    re.IGNORECASE,
)
_DOC_FOLDER = re.compile(r"(?:^|/)usr/share/doc/[^/]+$")
_DEBIAN_READERS: dict[str, Callable[[str], Facts]] = {"control": _debian_control, "copyright": _debian_copyright}
_MANIFEST_READERS: dict[str, Callable[[str], Facts]] = {
    "METADATA": _python,
    "PKG-INFO": _python,
    "pyproject.toml": _pyproject,
    "Cargo.toml": _cargo,
    "package.json": _npm,
    "composer.json": _npm,
    "pom.xml": _maven,
    "gem metadata": _gem,  # what `metadata.gz` holds, a member of a gem
    "go.mod": _go,
}
