"""Programming languages: the suffixes of their source files, and the names that data sets give them."""

from adjoin.corpus.document import PROSE

# Our name of a language → the suffixes of its source files.
CODE_SUFFIXES = {
    "bash": ".bash",
    "c": ".c .h",
    "clojure": ".clj .cljs",
    "cpp": ".cc .cpp .cxx .hh .hpp .hxx .cu .cuh",
    "csharp": ".cs",
    "cython": ".pyx .pxd",
    "dart": ".dart",
    "elixir": ".ex .exs",
    "erlang": ".erl .hrl",
    "fortran": ".f .f90 .f95 .f03",
    "go": ".go",
    "groovy": ".groovy .gradle",
    "haskell": ".hs",
    "java": ".java",
    "javascript": ".js .mjs .cjs .jsx",
    "julia": ".jl",
    "kotlin": ".kt .kts",
    "lua": ".lua",
    "objectivec": ".m .mm",
    "ocaml": ".ml .mli",
    "perl": ".pl .pm",
    "php": ".php",
    "powershell": ".ps1 .psm1",
    "python": ".py",  # not .pyi: stubs repeat the signatures of the source and have no bodies
    "r": ".r",
    "ruby": ".rb",
    "rust": ".rs",
    "scala": ".scala .sc",
    "shell": ".sh .zsh .ksh",
    "solidity": ".sol",
    "sql": ".sql",
    "swift": ".swift",
    "typescript": ".ts .tsx .mts .cts",
    "vim": ".vim",
    "zig": ".zig",
}
_ALIASES = {
    "c#": "csharp", "c++": "cpp", "golang": "go", "js": "javascript", "objective-c": "objectivec", "py": "python",
    "ts": "typescript",
}  # fmt: skip


def code_language(name: str) -> str:
    """Map a language named by a record to our name for it; `PROSE` if it is no programming language we read."""
    name = name.lower()
    name = _ALIASES.get(name, name)
    return name if name in CODE_SUFFIXES else PROSE
