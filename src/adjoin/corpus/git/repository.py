"""What git's own files say about a repository: where it is, its configuration, its lists of ignored files.

git itself is not started. Left out of the configuration: `includeIf` sections and the variables GIT_DIR,
GIT_WORK_TREE and GIT_CONFIG_COUNT.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MAX_CONFIG_BYTES = 1 << 20
_MAX_INCLUDES = 10  # files that include one another; git's own limit
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository, and what its configuration says about ignored files.

    Attributes:
        top: the folder of its working tree.
        git_dir: the folder of its index: `.git`, or what a `.git` file of a worktree or submodule points at.
        info_exclude: its own list of ignored files, which need not exist.
        excludes_file: the user's list of ignored files, which need not exist; None if there is none.
        ignore_case: whether patterns match names in any case (ASCII letters).
        hash_bytes: length of an object's name in bytes: 20 for SHA-1, 32 for SHA-256.
    """

    top: Path
    git_dir: Path
    info_exclude: Path
    excludes_file: Path | None
    ignore_case: bool
    hash_bytes: int


def repository_at(folder: Path) -> Repository | None:
    """Return the repository whose working tree begins at `folder`; None if it has no valid `.git`."""
    try:
        git_dir = _git_dir(folder / ".git")
        if git_dir is None:
            return None
        common = git_dir / _first_line(git_dir / "commondir")  # "" leaves it as it is
        if not (git_dir / "HEAD").exists() or not (common / "objects").is_dir() or not (common / "refs").is_dir():
            return None
    except (OSError, ValueError):  # no permission, a path too long, a NUL in it
        return None
    config = dict([*_user_config(), *_read_config(common / "config")])
    if _is_true(config.get("extensions.worktreeconfig", "")):
        config.update(_read_config(git_dir / "config.worktree"))
    return Repository(
        top=folder,
        git_dir=git_dir,
        info_exclude=common / "info" / "exclude",
        excludes_file=_excludes_file(config, folder),
        ignore_case=_is_true(config.get("core.ignorecase", "")),
        hash_bytes=32 if config.get("extensions.objectformat", "").lower() == "sha256" else 20,
    )


def repository_around(folder: Path) -> Repository | None:
    """Return the innermost repository that holds `folder`, an absolute path without links; None if none does."""
    for above in (folder, *folder.parents):
        if (repository := repository_at(above)) is not None:
            return repository
    return None


def user_excludes_file(folder: Path) -> Path | None:
    """Return the user's list of ignored files for a folder outside a repository; it need not exist."""
    return _excludes_file(dict(_user_config()), folder)


def _git_dir(dot_git: Path) -> Path | None:
    if dot_git.is_dir():
        return dot_git
    line = _first_line(dot_git)
    return dot_git.parent / line.removeprefix("gitdir:").strip() if line.startswith("gitdir:") else None


def _first_line(path: Path) -> str:
    """The first line of a small file; "" if there is none."""
    return _content(path).partition("\n")[0].rstrip("\r")


def _content(path: Path) -> str:
    """A file's text with undecodable bytes as surrogates; "" if it cannot be read or is no plain file."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return os.fsdecode(file.read(_MAX_CONFIG_BYTES))
    except (OSError, ValueError):  # a NUL in the path
        return ""


def _home() -> Path | None:
    home = os.environ.get("HOME")
    return Path(home) if home else None


def _config_folder() -> Path | None:
    """The folder that the user's git files are in, besides ~/.gitconfig."""
    folder, home = os.environ.get("XDG_CONFIG_HOME"), _home()
    if folder:
        return Path(folder) / "git"
    return home / ".config" / "git" if home else None


def _excludes_file(config: dict[str, str], top: Path) -> Path | None:
    value = config.get("core.excludesfile")
    if value is None:
        folder = _config_folder()
        return folder / "ignore" if folder else None
    return _path_value(value, top) if value else None


def _path_value(value: str, relative_to: Path) -> Path:
    home = _home()
    if value.startswith("~/") and home:
        return home / value[2:]
    return relative_to / (os.path.expanduser(value) if value.startswith("~") else value)  # noqa: PTH111 (never raises)


def _user_config() -> Iterator[tuple[str, str]]:
    """The settings of the machine and of the user, the later ones stronger."""
    if not _is_true(os.environ.get("GIT_CONFIG_NOSYSTEM", "")):
        yield from _read_config(Path(os.environ.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig")))
    if (only := os.environ.get("GIT_CONFIG_GLOBAL")) is not None:
        yield from _read_config(Path(only))
        return
    if folder := _config_folder():
        yield from _read_config(folder / "config")
    if home := _home():
        yield from _read_config(home / ".gitconfig")


def _is_true(value: str) -> bool:
    return value.lower() in ("true", "yes", "on") or (value.isdigit() and int(value) != 0)


def _read_config(path: Path, depth: int = 0) -> Iterator[tuple[str, str]]:
    """The settings of one file and those that it includes: "section.key" in lower case, and the value."""
    for key, value in parse_config(_content(path)):
        yield key, value
        if key == "include.path" and value and depth < _MAX_INCLUDES:
            yield from _read_config(_path_value(value, path.parent), depth + 1)


def parse_config(text: str) -> Iterator[tuple[str, str]]:
    """Read a configuration as git-config(1) describes it.

    Yields:
        "section.key" in lower case ("section.Name.key" with a subsection), and the value; a key without a value
        is "true". Lines that git would refuse are passed over.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n") + "\n"
    section, place = "", 0
    while place < len(text):
        character = text[place]
        if character.isspace():
            place += 1
        elif character == "[":
            end = text.find("\n", place)
            close = _closing(text, place + 1, end)
            name, _, subsection = text[place + 1 : close].partition('"')
            section = name.strip().lower() + ("." + subsection.rstrip().removesuffix('"') if subsection else "")
            place = close + 1
        elif character.isalpha():
            end = place
            while text[end].isalnum() or text[end] == "-":
                end += 1
            key = f"{section}.{text[place:end].lower()}"
            while text[end] in " \t":
                end += 1
            if text[end] == "=":
                value, place = _value(text, end + 1)
                yield key, value
            else:
                if text[end] in "\n#;":
                    yield key, "true"
                place = text.find("\n", end) + 1
        else:  # a comment, or what git would refuse
            place = text.find("\n", place) + 1


def _closing(text: str, place: int, end: int) -> int:
    """The position of the bracket that closes a section's header; the end of the line if none does."""
    quoted = False
    while place < end:
        character = text[place]
        if character == "\\":
            place += 1
        elif character == '"':
            quoted = not quoted
        elif character == "]" and not quoted:
            return place
        place += 1
    return end


def _value(text: str, place: int) -> tuple[str, int]:
    """The value that begins at `place`, and the position behind its line."""
    value: list[str] = []
    quoted, kept = False, 0  # how many characters stay when the spaces at the end go
    while (character := text[place]) != "\n":
        if character == "\\":
            place += 1
            if text[place] != "\n":
                value.append(_ESCAPES.get(text[place], text[place]))
                kept = len(value)
            elif place + 1 == len(text):
                break
        elif character == '"':
            quoted = not quoted
            kept = len(value)
        elif character in "#;" and not quoted:
            place = text.find("\n", place)
            continue
        elif quoted or character not in " \t" or value:
            value.append(character)
            if quoted or character not in " \t":
                kept = len(value)
        place += 1
    return "".join(value[:kept]), place + 1
