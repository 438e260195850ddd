"""What a package's own files say of it: its licence, its repository, its name and version.

Each function takes the text of one kind of file. Fields that are missing or broken stay empty; of an error in the
text as a whole, `facts_of` makes no facts.
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
    """What is known of a package; an empty field is not known.

    Attributes:
        licence: an SPDX expression, or the package's own words.
        repository: "owner/name", or an address.
        name: as the package calls itself.
        version: likewise.
    """

    licence: str = ""
    repository: str = ""
    name: str = ""
    version: str = ""


def facts_of(path: str, text: str) -> Facts:
    """What a file says of its package, by its path; nothing for a broken one, and for one that is no manifest."""
    read = manifest_reader(path)
    try:
        return read(text) if read else Facts()
    except Exception:  # JSON, TOML and mail headers of any shape
        return Facts()


def manifest_reader(path: str) -> Callable[[str], Facts] | None:
    """How a file of this path is read, None if it says nothing of its package."""
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
    """Whether a file of this path holds the text of a licence."""
    return bool(_LICENCE_FILE.match(path.rpartition("/")[2]))


def _normalised(name: object, version: object, licence: str, repository: str) -> Facts:
    """Facts in their normal form."""
    words = [value[:MAX_CHARACTERS] if isinstance(value, str) else "" for value in (name, version)]
    return Facts(normal_licence(licence), normal_repository(repository), *words)


def _best_address(addresses: list[str]) -> str:
    """The first at a well-known host of repositories, else the first."""
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


def _maven(text: str) -> Facts:
    """pom.xml, and the nuspec of NuGet: few fields, so no parser of XML, which would unfold entities."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    licences = re.search(r"<licenses>(.*?)</licenses>", text, re.DOTALL)
    licence = " OR ".join(_elements("name", licences[1])) if licences else _element("license", text)
    code = re.search(r"<scm>(.*?)</scm>", text, re.DOTALL)
    addresses = [_element("url", code[1]), _element("connection", code[1])] if code else []
    attribute = re.search(r"<repository[^>]*\burl=\"([^\"]*)\"", text)
    addresses += [attribute[1] if attribute else "", _element("projectUrl", text), _element("url", text)]
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
    """The licence of `Files: *` where the file is for machines, else what its sentences say."""
    stanzas = [_headers(stanza) for stanza in re.split(r"\n[ \t]*\n", text)]
    stated = [(str(part.get("Files") or "").split(), str(part.get("License") or "")) for part in stanzas]
    licences = [words.split("\n")[0] for files, words in stated if files and words]
    whole = [words.split("\n")[0] for files, words in stated if words and "*" in files]
    source = next((str(part["Source"]) for part in stanzas if part.get("Source")), "").split()
    licence = (whole or licences or [""])[0] or licence_in_words(text) or _common_licence(text)
    return _normalised("", "", licence, next((word for word in source if is_hosted(word)), ""))


def _common_licence(text: str) -> str:
    """The licence that a copyright file points to on a Debian system."""
    match = re.search(r"/usr/share/common-licenses/([A-Za-z]+(?:-\d(?:\.\d)?)?)", text)
    return match[1] if match else ""


def _gem(text: str) -> Facts:
    """The YAML of a gem's metadata: top-level fields, and two levels down where its addresses are."""
    licences = re.search(r"^licenses:\n((?:- .*\n)+)", text, re.MULTILINE)
    licence = " OR ".join(re.findall(r"- [\"']?([^\"'\n]+)", licences[1])) if licences else ""
    code = re.search(r"^  source_code_uri: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    home = re.search(r"^homepage: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    name = re.search(r"^name: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    version = re.search(r"^version:[^\n]*\n  version: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    address = _best_address([match[1] for match in (code, home) if match])
    return _normalised(name and name[1], version and version[1], licence, address)


def _gemspec(text: str) -> Facts:
    def value(field: str) -> str:
        match = re.search(rf"\.{field}\s*=\s*(?:\[\s*)?[\"']([^\"']+)[\"']", text)
        return match[1] if match else ""

    code = re.search(r"source_code_uri[\"']\]?\s*=>?\s*[\"']([^\"'#]+)[\"']", text)
    address = _best_address([code[1] if code else "", value("homepage")])
    return _normalised(value("name"), value("version"), value("licenses?"), address)


def _go(text: str) -> Facts:
    match = re.search(r"^module\s+\"?([^\s\"]+)", text, re.MULTILINE)
    return Facts(repository=go_module(match[1])) if match else Facts()


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
