"""Tables for a person at a terminal."""

from typing import Any

from rich.table import Table


def funnel(manifest: dict[str, Any]) -> Table:
    """What mining read, left out and kept, by reason, out of a manifest."""
    table = Table(title="Mined", title_justify="left")
    table.add_column("what")
    table.add_column("number", justify="right")
    for what, number in sorted(manifest["counts"].items(), key=lambda item: -item[1]):
        table.add_row(what, f"{number:,}")
    table.add_section()
    for kind, number in manifest["kinds"].items():
        table.add_row(f"pairs: {kind}", f"{number:,}", style="bold")
    return table
