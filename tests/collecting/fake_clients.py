"""Stand-ins for pip, npm and apt-get: shell scripts that log their arguments and write known bytes."""

import hashlib
import stat
from pathlib import Path

# Each wants its last arguments as packages; what lies in $FAKES tells them how to behave.
_HEAD = """#!/bin/sh
echo "$(basename "$0") $*" >> "$FAKES/log"
[ -e "$FAKES/offline" ] && { echo 'Could not connect to registry.test:80, connection failed' >&2; exit 1; }
[ -e "$FAKES/full" ] && { echo 'write error: No space left on device' >&2; exit 1; }
give() {
    [ -e "$FAKES/slow-${1%%==*}" ] && { printf 'half' > "$2"; touch "$FAKES/begun"; sleep 1000000; }
    if [ -e "$FAKES/other-bytes" ]; then printf 'changed' > "$2"; else printf 'bytes of %s' "$1" > "$2"; fi
}
"""
_PIP = """
for one in "$@"; do [ -e "$FAKES/gone-${one%%==*}" ] && {
    echo "ERROR: No matching distribution found for $one" >&2; exit 1; }; done
for one in "$@"; do case "$one" in
    -*|download) ;;
    *==*) give "$one" "${one%%==*}-${one##*==}-py3-none-any.whl" ;;
    *) give "$one==2.0" "$one-2.0-py3-none-any.whl" ;;
esac; done
"""
_NPM = """
for one in "$@"; do case "$one" in
    -*|pack) ;;
    *) name=$(echo "${one%@*}" | sed 's/^@//; s,/,-,'); version=${one##*@}
       [ "$version" = latest ] && version=7.0.0
       give "$name@$version" "$name-$version.tgz" ;;
esac; done
"""
_APT_GET = """
case "$*" in
    *--print-uris*) echo "'http://elsewhere.test/apt/dists/tool-bookworm/InRelease' x 0"
                    echo "'http://mirror.test/debian/dists/bookworm/InRelease' x 0"; exit 0 ;;
    *update*) exit 0 ;;
esac
failed=0
for one in "$@"; do name=${one%%=*}; version=${one##*=}
    [ "$version" = "$one" ] && version=1:4.0-1
    case "$one" in
    -*|download|source) continue ;; esac
    if [ -e "$FAKES/gone-$name" ]; then
        echo "E: Version '$version' for '$name' was not found" >&2; failed=100; continue; fi
    case "$*" in
    *\\ source\\ *) upstream=${version#*:}; upstream=${upstream%-*}
                  give "$name" "${name}_$upstream.orig.tar.xz"
                  give "$name docs" "${name}_$upstream.orig-docs.tar.gz" ;;
    *) give "$name" "${name}_$(echo "$version" | sed 's/:/%3a/')_all.deb" ;;
    esac
done
exit $failed
"""
_APT_CACHE = """
printf 'Package: jlib\\nVersion: 1:3.0-1\\nExtra-Source-Only: yes\\n\\n'
printf 'Package: jlib\\nBinary: jlib-java\\nVersion: 1:3.1-2\\nFiles:\\n 0 1 x\\n\\n'
"""


def install_fakes(folder: Path) -> None:
    """Write the scripts into a folder for the PATH."""
    folder.mkdir()
    for name, body in {"pip": _PIP, "npm": _NPM, "apt-get": _APT_GET, "apt-cache": _APT_CACHE}.items():
        path = folder / name
        path.write_text(_HEAD + body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


def row(name: str, version: str, *contents: str) -> str:
    """The row of a package whose files hold these texts."""
    size = sum(len(text) for text in contents)
    hashes = " ".join("sha256:" + hashlib.sha256(text.encode()).hexdigest() for text in contents)
    return f"{name} {version} {size} {hashes}"


def wheel_row(name: str, version: str = "1.0") -> str:
    """The row of a package that the stand-in for pip gives."""
    return row(name, version, f"bytes of {name}=={version}")
