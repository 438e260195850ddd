"""Folders that no search looks into unless it is asked to: what tools keep there, and what they install.

Code that people have copied into a folder `vendor` or `third_party` is searched, as git has it. What a package
manager has put there is not.
"""

VERSION_CONTROL = "version control"
_TOOL = "cache or folder of a tool"
_INSTALLED = "installed packages"

NEVER: dict[bytes, str] = {
    **dict.fromkeys(b".git .hg .svn .bzr .jj .pijul _darcs CVS".split(), VERSION_CONTROL),
    b".adjoin": "the index itself",
}
"""Names of folders that are never walked, and the reason for each."""

_TOOL_NAMES = (
    b"__pycache__ .mypy_cache .pytest_cache .ruff_cache .hypothesis .ipynb_checkpoints .tox .nox .eggs .cache "
    b".gradle .idea .vs .metals .bloop .stack-work dist-newstyle elm-stuff .terraform .serverless .direnv "
    b".zig-cache zig-cache zig-out .dart_tool .elixir_ls .parcel-cache .next .nuxt .svelte-kit .turbo .nyc_output "
    b".sass-cache"
)
_INSTALLED_NAMES = (
    b"node_modules bower_components jspm_packages __pypackages__ .yarn .pnpm-store .bundle Pods Carthage"
)

TOOL_FOLDERS: dict[bytes, str] = {
    **dict.fromkeys(_TOOL_NAMES.split(), _TOOL),
    **dict.fromkeys(_INSTALLED_NAMES.split(), _INSTALLED),
}
"""Names of folders that are walked only if a user's pattern asks for them, and the reason for each."""

# A folder of this name with this entry has been filled by a package manager.
_FILLED = {
    ("vendor", "modules.txt"),  # Go
    ("vendor", "autoload.php"),  # PHP's Composer
    ("_vendor", "vendor.txt"),  # Python's vendoring
    ("bundle", "ruby"),  # Ruby's Bundler
}
_ENVIRONMENTS = {"pyvenv.cfg", "conda-meta"}
_CRATE = ".cargo-checksum.json"  # in each folder that `cargo vendor` makes
_BARE_REPOSITORY = {"HEAD", "objects", "refs"}


def never_reason(name: bytes, is_folder: bool) -> str:
    """Return the reason never to list an entry of this name; "" if there is none."""
    return NEVER.get(name, "") if is_folder or name == b".git" else ""  # a worktree has a file .git


def reason_of_entries(origin: str, names: set[str], included: bool) -> str:
    """Return the reason not to walk a folder below the root that its entries tell; "" if it is walked.

    Args:
        origin: its path below the root, with a slash at the end.
        names: of its entries.
        included: whether a user's pattern asks for the folder.
    """
    if names >= _BARE_REPOSITORY:
        return VERSION_CONTROL
    if included:
        return ""
    if not names.isdisjoint(_ENVIRONMENTS):
        return "virtual environment"
    own = origin[:-1].rpartition("/")[2]
    return _INSTALLED if _CRATE in names or any(own == name and entry in names for name, entry in _FILLED) else ""
