"""What a file holds, by its name and its first line: a programming language, a structure, or any other text."""

import re
from dataclasses import dataclass
from functools import cache

from adjoin.corpus.code_languages import CODE_SUFFIXES
from adjoin.pieces.parts import Marker
from adjoin.pieces.piece import LINES, PASSAGE
from adjoin.pieces.structures import blocks, headings, keys

CODE, COMPONENT, NOTEBOOK, TABLE = "code", "component", "notebook", "table"


@dataclass(frozen=True, slots=True)
class TextKind:
    """How the text of one kind of file is cut.

    Attributes:
        language: language of its pieces, such as "python", "yaml" or "text".
        form: `CODE`, `COMPONENT`, `NOTEBOOK`, `TABLE`, or the kind of its pieces: `LINES` or `PASSAGE`.
        marks: finds the marks of its structure; None for windows.
        limit: number of pieces that are kept of a file of data, which could flood an index; 0 for all.
    """

    language: str
    form: str
    marks: Marker | None = None
    limit: int = 0

    @property
    def is_prose(self) -> bool:
        """Whether it is written to be read, so that long lines are paragraphs."""
        return self.form == PASSAGE


PLAIN = TextKind("text", PASSAGE, headings.rest)  # plain text often underlines its headings
FEW, _MANY = 32, 256  # pieces of tables, logs and drawings; of data with keys
_UNKNOWN = TextKind("text", LINES, limit=_MANY)

_STRUCTURES: dict[str, TextKind] = {
    ".txt .text": PLAIN,
    ".md .markdown .mdown .mkd .mdc": TextKind("markdown", PASSAGE, headings.markdown),
    ".mdx": TextKind("mdx", PASSAGE, headings.markdown),
    ".rmd .qmd": TextKind("markdown", PASSAGE, headings.markdown),
    ".rst .rest": TextKind("rst", PASSAGE, headings.rest),
    ".adoc .asciidoc": TextKind("asciidoc", PASSAGE, headings.asciidoc),
    ".org": TextKind("org", PASSAGE, headings.org),
    ".tex .latex .ltx": TextKind("latex", PASSAGE, headings.latex),
    ".html .htm .xhtml .shtml": TextKind("html", PASSAGE, headings.html, limit=_MANY),
    ".yaml .yml": TextKind("yaml", LINES, keys.yaml, limit=_MANY),
    ".json .json5 .jsonc .geojson .webmanifest .avsc .arb .code-workspace": TextKind(
        "json", LINES, keys.json, limit=_MANY
    ),
    ".cabal": TextKind("cabal", LINES, keys.yaml),
    ".toml": TextKind("toml", LINES, keys.settings, limit=_MANY),
    ".ini .cfg .conf .cnf .inf .desktop .service .timer .socket": TextKind(
        "ini", LINES, keys.settings, limit=_MANY
    ),
    ".properties .env": TextKind("properties", LINES, keys.settings, limit=_MANY),
    ".dockerfile .containerfile": TextKind("dockerfile", LINES, blocks.dockerfile),
    ".mk .mak .make": TextKind("makefile", LINES, blocks.makefile),
    ".tf .tfvars .hcl .nomad": TextKind("terraform", LINES, blocks.terraform),
    ".proto": TextKind("proto", LINES, blocks.proto),
    ".graphql .gql .graphqls": TextKind("graphql", LINES, blocks.graphql),
    ".css .pcss .postcss": TextKind("css", LINES, blocks.css),
    ".scss .sass .less .styl": TextKind("scss", LINES, blocks.css),
    ".xml .xsd .xsl .xslt .csproj .vbproj .fsproj .props .targets .plist .xaml .resx .storyboard .xib .pom .wsdl"
    " .rss .atom": TextKind("xml", LINES, limit=_MANY),
    ".svg": TextKind("svg", LINES, limit=FEW),
    ".csv .tsv .psv": TextKind("csv", TABLE, limit=FEW),
    ".jsonl .ndjson .log .dict .warc .wet .mbox": TextKind("data", LINES, limit=FEW),
    ".eml": TextKind("mail", LINES),
    ".ipynb": TextKind("notebook", NOTEBOOK),
    ".vue": TextKind("vue", COMPONENT),
    ".svelte": TextKind("svelte", COMPONENT),
    ".astro": TextKind("astro", COMPONENT),
}

# Languages whose files have other suffixes than those that are mined, and languages that are not mined at all.
_CODE: dict[str, str] = {
    "python": ".pyi .pyw .bzl .star .bazel .gyp .gypi .sage .ipy",
    "php": ".phtml .php3 .php4 .php5 .module",
    "ruby": ".rake .gemspec .podspec .ru .jbuilder .thor .rabl .rbi .builder",
    "groovy": ".gvy .jenkinsfile",
    "javascript": ".es6 .jsm .gs .wxs",
    "shell": ".command .zsh-theme .bats .ebuild",
    "fish": ".fish",
    "c": ".xs .idc",
    "cpp": ".h++ .c++ .ipp .inl .tpp .txx .ino .tcc .cppm .ixx .metal",
    "glsl": ".glsl .vert .frag .comp .geom .hlsl .wgsl",
    "vb": ".vb .vbs .bas",
    "fsharp": ".fs .fsi .fsx",
    "nim": ".nim .nims",
    "crystal": ".cr",
    "elm": ".elm",
    "nix": ".nix",
    "lisp": ".lisp .el .scm .rkt .cl .lsp .fnl .hy",
    "clojure": ".cljc .edn .bb",
    "tcl": ".tcl",
    "vim": ".vim",
    "batch": ".bat .cmd",
    "assembly": ".asm .s",
    "verilog": ".v .sv .svh .vh",
    "vhdl": ".vhd .vhdl",
    "pascal": ".pas .pp .dpr .lpr",
    "ada": ".adb .ads",
    "d": ".d .di",
    "solidity": ".sol",
    "gdscript": ".gd",
    "cmake": ".cmake",
    "awk": ".awk",
    "perl": ".t .pod",
    "prolog": ".pro",
    "coffeescript": ".coffee",
    "purescript": ".purs",
    "haskell": ".hsc .lhs",
    "powershell": ".psd1",
    "apex": ".trigger",
    "objectivec": ".pch",
    "sql": ".ddl .dml .pgsql .plsql",
}

_JSON = TextKind("json", LINES, keys.json, limit=_MANY)
_INI = TextKind("ini", LINES, keys.settings, limit=_MANY)
_DOCKERFILE = TextKind("dockerfile", LINES, blocks.dockerfile)
_MAKEFILE = TextKind("makefile", LINES, blocks.makefile)
_NAMES: dict[str, TextKind] = {
    "readme changelog changes news authors contributors install todo copying license licence notice history"
    " hacking thanks bugs faq metadata pkg-info": PLAIN,
    "dockerfile containerfile": _DOCKERFILE,
    "makefile gnumakefile bsdmakefile justfile .justfile": _MAKEFILE,
    "rakefile gemfile vagrantfile guardfile capfile podfile fastfile appfile brewfile berksfile thorfile"
    " dangerfile puppetfile .irbrc .pryrc": TextKind("ruby", CODE),
    "sconstruct sconscript wscript build workspace buck tiltfile snakefile": TextKind("python", CODE),
    "jenkinsfile": TextKind("groovy", CODE),
    "cmakelists.txt": TextKind("cmake", CODE),
    ".bashrc .bash_profile .profile .zshrc .zprofile .envrc configure pkgbuild apkbuild": TextKind("shell", CODE),
    ".vimrc": TextKind("vim", CODE),
    ".babelrc .eslintrc .prettierrc .jshintrc .swcrc": _JSON,
    ".editorconfig .gitconfig .gitmodules .flake8 .pylintrc .coveragerc .npmrc": _INI,
    "pipfile": TextKind("toml", LINES, keys.settings, limit=_MANY),
    ".env": TextKind("properties", LINES, keys.settings, limit=_MANY),
    ".clang-format .clang-tidy .yamllint .clangd": TextKind("yaml", LINES, keys.yaml, limit=_MANY),
}

_INTERPRETERS = {  # language → the programs that run it, without their versions
    "python": "python pypy uv pipx", "javascript": "node nodejs osascript", "typescript": "bun deno ts-node tsx",
    "ruby": "ruby", "perl": "perl", "php": "php", "shell": "sh ash dash ksh zsh", "bash": "bash bats",
    "fish": "fish", "lua": "lua luajit", "tcl": "tclsh wish expect", "awk": "awk gawk", "r": "rscript",
    "julia": "julia", "elixir": "elixir", "erlang": "escript", "groovy": "groovy", "scala": "scala",
    "kotlin": "kotlin",
    "haskell": "runhaskell stack", "ocaml": "ocaml", "swift": "swift", "powershell": "pwsh", "dart": "dart",
    "crystal": "crystal", "nix": "nix-shell", "clojure": "clojure bb",
}  # fmt: skip
_BY_PROGRAM = {program: language for language, programs in _INTERPRETERS.items() for program in programs.split()}
_SHEBANG = re.compile(r"#!\s*(?:\S*/)?([^\s/]+)((?:\s+\S+){0,6})")
_MAN_NAME = re.compile(r"(?<!\.so)\.[1-9][a-z]{0,9}$", re.IGNORECASE)
_MAN_PAGE = TextKind("man", PASSAGE, headings.man)
# `Dockerfile.web`, `Makefile.am`, `README.de`: the name before the first dot decides if the suffix is unknown.
_NAMED_BEFORE_A_DOT = frozenset({"dockerfile", "containerfile", "makefile", "jenkinsfile", "readme", "changelog"})

_LOCK_NAMES = """
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock cargo.lock
    poetry.lock uv.lock pdm.lock pixi.lock pipfile.lock gemfile.lock composer.lock go.sum go.work.sum flake.lock
    mix.lock pubspec.lock podfile.lock packages.lock.json gradle.lockfile package.resolved cartfile.resolved
    conan.lock stack.yaml.lock cabal.project.freeze .terraform.lock.hcl module.bazel.lock mint.lock
"""
_LOCKS = frozenset(_LOCK_NAMES.split())
_MINIFIED = re.compile(r"[.-]min\.(?:m?js|cjs|css)$", re.IGNORECASE)
_SOURCE_MAP = re.compile(r"\.(?:[mc]?js|css|ts)\.map$", re.IGNORECASE)


def unread_reason(name: str) -> str:
    """The reason not to read a file of this name, whatever it holds; "" if it is read.

    Lock files, source maps and minified copies are text, but nobody searches for a place in them: what they hold
    is written, in words, in the file that they were made of.
    """
    if name.lower() in _LOCKS:
        return "lock file"
    if _MINIFIED.search(name):
        return "minified"
    return "source map" if _SOURCE_MAP.search(name) else ""


def text_kind(name: str, first_line: str) -> TextKind:
    """The kind of a text file.

    Args:
        name: the file's name, without folders and without the suffix of a compression.
        first_line: its first line; that of a script names its interpreter.
    """
    lower = name.lower()
    if known := _by_name().get(lower):
        return known
    suffix = _suffix(lower)
    if suffix == ".in" and (inner := _suffix(lower[:-3])) in _by_suffix():  # a template of autoconf or CMake
        suffix = inner
    if known := _by_suffix().get(suffix):
        return known
    if language := _script_language(first_line):
        return TextKind(language, CODE)
    if _MAN_NAME.search(lower) and first_line.startswith((".", "'")):
        return _MAN_PAGE
    stem = lower.split(".", 1)[0]
    if stem in _NAMED_BEFORE_A_DOT:
        return _by_name()[stem]
    if first_line.startswith("<?xml"):
        return _by_suffix()[".xml"]
    if first_line[:14].lower() == "<!doctype html":
        return _by_suffix()[".html"]
    return _UNKNOWN


def _script_language(first_line: str) -> str:
    """The language of a script, from the interpreter that its first line names; "" if it names none we know."""
    if not first_line.startswith("#!") or not (match := _SHEBANG.match(first_line)):
        return ""
    words = [match[1], *match[2].split()]
    if words[0] == "env":  # env -S VAR=x python3 -u
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    program = words[0].rsplit("/", 1)[-1].lower() if words else ""
    return _BY_PROGRAM.get(program) or _BY_PROGRAM.get(program.rstrip("0123456789."), "")


@cache
def _by_name() -> dict[str, TextKind]:
    return {name: kind for names, kind in _NAMES.items() for name in names.split()}


@cache
def _by_suffix() -> dict[str, TextKind]:
    table: dict[str, TextKind] = {}
    for language, suffixes in [*_CODE.items(), *CODE_SUFFIXES.items()]:
        table.update(dict.fromkeys(suffixes.split(), TextKind(language, CODE)))
    for suffixes, kind in _STRUCTURES.items():
        table.update(dict.fromkeys(suffixes.split(), kind))
    return table


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix}" if dot and stem else ""
