"""The measurements as Markdown.

Ratios are to the plain step. Bold: above its limit. In italics: computed, not measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.intervals import CONFIGURATIONS, IDLE, INTERVALS

Rows = Sequence[dict[str, Any]]


def quantities(rows: Rows) -> str:
    """Quantities × networks, and why some are absent."""
    places = _places(rows)
    found = {(_place(row), row["quantity"]): row for row in rows}
    names = dict.fromkeys(row["quantity"] for row in rows)
    cells = [
        [name, *("–" if "absent" in (r := found[p, name]) else _times(r["ratio"]) for p in places)]
        for name in names
    ]
    plain = {_place(row): f"{row['plain_ms']:.3g} ms" for row in rows}
    cells.insert(0, ["plain step", *(plain[place] for place in places)])
    notes = [f"{_place(r)}, {r['quantity']}: {r['absent']}" for r in rows if "absent" in r]
    return _table(["tracked at each step", *places], cells) + _notes(notes)


def intervals(rows: Rows) -> str:
    """Configurations × intervals for each network, with limits and quartiles."""
    found = {(_place(r), r["configuration"], r["interval"]): r for r in rows}
    cells = []
    for place in _places(rows):
        for configuration in (*CONFIGURATIONS, IDLE):
            at = [found.get((place, configuration, interval)) for interval in INTERVALS]
            first = at[0] or found[place, configuration, None]
            shown = [_shown(row) for row in at] if at[0] else [_shown(first), *[""] * (len(at) - 1)]
            quartiles = f"{first['low']:.2f}–{first['high']:.2f}"
            plain = f"{first['plain_ms']:.3g} ms"
            cells.append([place, plain, configuration, _limit(first), *shown, quartiles])
    head = ["network", "plain step", "tracked", "limit", *(f"every {k}" for k in INTERVALS)]
    head[4] = "each step"
    notes = [
        f"{_place(r)}, {r['configuration']} without {r['absent']}" for r in rows if r.get("absent")
    ]
    return _table([*head, "quartiles of the first"], cells) + _notes(notes)


def memory(rows: Rows) -> str:
    """Peaks, and what is left behind."""
    cells = [
        [
            _place(row),
            row["configuration"],
            f"{row['peak_mb']:.0f} MB",
            _shown(row),
            _limit(row),
            f"{row['above_base_mb']:.0f} MB",
            _times(row["ratio_above_base"]),
            f"{row['growth_mb']:+.1f} MB in {row['growth_steps']} steps",
        ]
        for row in rows
    ]
    head = ["network", "tracked at each step", "peak", "to plain", "limit"]
    return _table([*head, "above the start", "to plain", "growth"], cells)


def eigenvalue(rows: Rows) -> str:
    """Errors, products and residuals."""
    cells = [
        [
            _place(row),
            _bold(f"{row['error']:.1e}", row["error"] > row["limit"]),
            f"{row['limit']:.0e}",
            f"{row['worst']:.1e}",
            f"{row['residual']:.1e}",
            f"{row['products']:g}",
            str(len(row["errors"])),
        ]
        for row in rows
    ]
    head = ["network", "relative error (median)", "limit", "worst", "residual / λ (median)"]
    return _table([*head, "products (median)", "values"], cells)


def log(rows: Rows) -> str:
    """What the log costs."""
    cells = [
        [what, name, f"{value:,}"]
        for what, values in rows[0].items()
        for name, value in (values if isinstance(values, dict) else {"": values}).items()
    ]
    return _table(["", "", ""], cells)


def summary(time: Rows, peak: Rows) -> str:
    """Ratios at interval 1 beside their limits: configurations × networks, time and memory."""
    places = _places(time)
    cells = []
    for configuration in (*CONFIGURATIONS, IDLE):
        found = {
            _place(r): r
            for r in time
            if r["configuration"] == configuration and r["interval"] in (1, None)
        }
        cells.append([configuration, *(_with_limit(found[place]) for place in places)])
    for configuration in dict.fromkeys(row["configuration"] for row in peak if row["limit"]):
        found = {_place(r): r for r in peak if r["configuration"] == configuration}
        line = [_with_limit(found[place]) if place in found else "" for place in places]
        cells.append([f"{configuration}, peak memory", *line])
    return _table(["tracked at each step", *places], cells)


def conditions(about: dict[str, Any]) -> str:
    """Where, how and with what it was measured, in a few lines."""
    sizes = ", ".join(
        f"{name} {network['batch size']} ({network['data']})"
        for name, network in about["networks"].items()
    )
    return (
        f"torch {about['torch']}, compiled kernels: {about['compiled kernels']}, "
        f"{about['threads']} threads on {about['cores']} cores ({about['processor']}), "
        f"GPU: {about['GPU'] or 'none'}; effort: {about['effort']}.\n"
        f"Batch sizes: {sizes}.\n"
        "Bold: above its limit. Italics: computed from a shorter interval.\n"
    )


def _table(head: Iterable[str], cells: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _notes(notes: Iterable[str]) -> str:
    return "".join(f"\nAbsent on {note}\n" for note in dict.fromkeys(notes))


def _place(row: dict[str, Any]) -> str:
    return row["network"] if row["device"] == "cpu" else f"{row['network']} (GPU)"


def _places(rows: Rows) -> list[str]:
    return list(dict.fromkeys(map(_place, rows)))


def _times(ratio: float) -> str:
    return f"{ratio:.2f} ×" if ratio < 10 else f"{ratio:.1f} ×"


def _limit(row: dict[str, Any]) -> str:
    return "" if row["limit"] is None else f"≤ {row['limit']:g}"


def _shown(row: dict[str, Any]) -> str:
    if "computed_from" in row:
        return f"*{_times(row['ratio'])}*"
    return _bold(_times(row["ratio"]), row["limit"] is not None and row["ratio"] > row["limit"])


def _with_limit(row: dict[str, Any]) -> str:
    return f"{_shown(row)} ({_limit(row)})" if row["limit"] is not None else _shown(row)


def _bold(text: str, bold: bool) -> str:
    return f"**{text}**" if bold else text
