"""Tables for a person at a terminal."""

from typing import Any

from rich.table import Table

READ = ("sources", "documents", "functions", "passages")  # in the order in which they come about


def funnel(manifest: dict[str, Any]) -> Table:
    """What mining read, what it left out and why, what it kept, out of a manifest."""
    counts: dict[str, int] = manifest["counts"]
    left_out = sorted((item for item in counts.items() if item[0] not in READ), key=lambda item: -item[1])
    groups = {
        "read": [(what, counts[what]) for what in READ if what in counts],
        "left out": left_out,
        "pairs": list(manifest["kinds"].items()),
    }
    table = Table("", "what", "", title="Mined", title_justify="left")
    table.columns[2].justify = "right"
    for group, rows in groups.items():
        for number, (what, count) in enumerate(rows):
            table.add_row("" if number else group, what, f"{count:,}", style="bold" if group == "pairs" else "")
        table.add_section()
    return table
