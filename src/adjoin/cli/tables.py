"""Tables of mined pairs, samples and training plans, for the terminal."""

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.panel import Panel

    from adjoin.mining.show import Lengths
    from adjoin.planning.plan import Plan

READ = (
    "sources",
    "documents",
    "functions",
    "passages",
    "candidate pairs",
)  # in this order
_SAMPLE_LINES = 24  # of a long function; the rest is in the shard


def funnel(manifest: dict[str, Any]) -> Table:
    """The counts of a manifest: what mining read, what it left out and why, and the pairs it kept."""
    counts: dict[str, int] = manifest.get("counts", {})
    reasons: dict[str, str] = manifest.get("rules", {})
    left_out = sorted((item for item in counts.items() if item[0] not in READ), key=lambda item: -item[1])
    groups = {
        "read": [(what, counts[what]) for what in READ if what in counts],
        "left out": left_out,
        "pairs": list(manifest.get("kinds", {}).items()),
    }
    table = Table("", "what", "", "why", title="Mined", title_justify="left")
    table.columns[2].justify = "right"
    for group, rows in groups.items():
        for number, (what, count) in enumerate(rows):
            style = "bold" if group == "pairs" else ""
            table.add_row("" if number else group, what, f"{count:,}", reasons.get(what, ""), style=style)
        table.add_section()
    return table


def lengths_table(lengths: "Sequence[Lengths]") -> Table:
    """Quantiles of the lengths of x and y, in characters."""
    import numpy as np

    from adjoin.mining.show import QUANTILES

    shares = [f"{share:.0%}" for share in QUANTILES]
    table = Table(
        "kind of pairs", "", "number", *shares, "longest", title="Lengths in characters", title_justify="left"
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for of_kind in lengths:
        for side, values in (("x", of_kind.x), ("y", of_kind.y)):
            quantiles = [f"{value:,.0f}" for value in np.quantile(values, QUANTILES)]
            first = (of_kind.what, "x", f"{len(values):,}") if side == "x" else ("", "y", "")
            table.add_row(*first, *quantiles, f"{values.max():,}")
    return table


def sample_panels(samples: "Sequence[dict[str, Any]]") -> "Iterator[Panel]":
    """One panel per pair: x above, y below, kind, language and origin on the frame."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.rule import Rule
    from rich.text import Text

    for sample in samples:
        lines = sample["y"].split("\n")
        more = [f"... {len(lines) - _SAMPLE_LINES:,} more lines"] if len(lines) > _SAMPLE_LINES else []
        below = " · ".join(sample[name] for name in ("origin", "licence", "repository") if sample.get(name))
        yield Panel(
            Group(
                Text(sample["x"], style="bold"),
                Rule(style="dim"),
                Text("\n".join([*lines[:_SAMPLE_LINES], *more])),
            ),
            title=Text(f"{sample['kind']} {sample['language']}"),
            title_align="left",
            subtitle=Text(below),
            subtitle_align="left",
        )


def plan_tables(plan: "Plan") -> list[Table]:
    """Three tables of a training plan: model and data, memory by part, time by part."""
    return [_what(plan), _memory(plan), _time(plan)]


def _what(plan: "Plan") -> Table:
    sizes, execution, machine = plan.sizes, plan.execution, plan.machine
    sides = ", ".join(
        f"{name}: median {plan.lengths[name]['median']:.0f}, 90 % under {plan.lengths[name]['p90']:.0f}"
        for name in ("x", "y", "negatives")
        if name in plan.lengths
    )
    speed = f"{_large(machine.flops)}FLOP/s {execution.precision}, {machine.bandwidth / 1e9:,.0f} GB/s"
    rows = {
        "model": plan.body,
        "parameters": f"{sizes.parameters:,}: body {sizes.parameters - sizes.table:,}, table {sizes.table:,}"
        + ("" if sizes.trained == sizes.parameters else f"; {sizes.trained:,} of them trained"),
        "lengths": plan.lengths["source"],
        "tokens": sides,
        "batch": f"{plan.batch:,} pairs" + (f", {plan.batch // plan.ranks:,} per rank" if plan.ranks > 1 else ""),
        "FLOPs per pair": f"{_large(plan.useful)}FLOP useful, {_large(plan.executed)}FLOP executed",
        "micro-batches": f"{plan.micro_batches:,} of up to {execution.token_budget:,} padded tokens, padding"
        f" {plan.padding:.0%}; {plan.recomputed:.0%} recomputed",
        "machine": f"{machine.name}: {speed}, {'measured' if machine.measured else 'from its datasheet'}",
    }
    if plan.least_gpus:
        rows["GPUs needed"] = ", ".join(
            f"{number:,} {how}" if number else f"none is enough {how}" for how, number in plan.least_gpus.items()
        )
    table = Table(title="Plan", title_justify="left", show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _memory(plan: "Plan") -> Table:
    table = Table("memory" if plan.ranks == 1 else "memory per GPU", "GB", title_justify="left")
    table.columns[1].justify = "right"
    for name, size in plan.memory.items():
        table.add_row(name, f"{size / 1e9:,.3f}")
    table.add_section()
    there = plan.machine.memory / 1e9
    table.add_row(f"total, of {there:,.1f}", f"{plan.total_memory / 1e9:,.3f}", style="bold")
    return table


def _time(plan: "Plan") -> Table:
    table = Table("time per step", "seconds", title_justify="left")
    table.columns[1].justify = "right"
    for name, seconds in plan.seconds.items():
        table.add_row(name, f"{seconds:,.3f}")
    table.add_section()
    table.add_row("total", f"{plan.step_seconds:,.3f}", style="bold")
    table.add_row("pairs per second", f"{plan.batch / plan.step_seconds:,.0f}")
    if plan.steps is not None:
        hours = plan.steps * plan.step_seconds / 3600
        whole = f"{hours:,.1f} hours" if hours >= 1 else f"{60 * hours:,.1f} minutes"
        table.add_row(f"{plan.steps:,} steps", whole)
    return table


def _large(number: float) -> str:
    """A number with an SI prefix, such as "2.1 T"."""
    for size, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if number >= size:
            return f"{number / size:,.1f} {prefix}"
    return f"{number:,.0f} "
