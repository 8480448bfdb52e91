"""The twenty checks: what each asks, and the table of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHECKS = {
    1: "A line appended to the log is on the screen within 0.7 s (median), 1.5 s (worst) at the "
    "default refresh; within 0.3 s in the fast setting",
    2: "At 100,000 steps a line panel costs at most 45 kB and 80 ms of browser time a refresh; "
    "twelve panels 150 kB and 250 ms",
    3: "A log of 1,000,000 steps: first paint within 5 s, browser heap at most 150 MB",
    4: "An idle log causes no redraw, and a response under 1 kB",
    5: "One spike of a single step among a million is visible, and exact after zooming in",
    6: "Zoom, scrubber and filters survive 20 refreshes",
    7: "With a slow server (1.5 s) the page keeps updating, with at most one request in flight",
    8: "Kill the server and start it again: the page resumes within 10 s without a reload; in "
    "between it says “disconnected”",
    9: "A torn last line, a truncated file, a bad line in the middle: no crash; the number of "
    "skipped lines is shown",
    10: "NaN and Inf are marked at their step, with a warning",
    11: "Two tabs show the same last step",
    12: "One step scrubber moves every distribution panel; a “live” button returns to the end",
    13: "True log y (1e-8 is readable), log x; x axis in steps, epochs or time",
    14: "A smoothing slider; the raw data stay visible; hover shows both",
    15: "Zoom and crosshair are shared by all line panels",
    16: "A hundred layers: search filter; the layer heat map paints within 0.5 s",
    17: "Five runs and more side by side, with stable colors; a resumed run shows no zig-zag",
    18: "Alerts switch on, are acknowledged, clear; shape + word, not color alone; each says what "
    "it means and what to do",
    19: "Dark, light and system theme; text at least 4.5:1, marks 3:1; usable by keyboard alone, "
    "with a list of shortcuts; safe for deuteranopia",
    20: "PNG, SVG and CSV of each panel; the URL restores the view; no console error; no request "
    "to any other host",
}


@dataclass(frozen=True)
class Figure:
    """Something that a check measured.

    Attributes:
        name: What.
        value: How much.
        unit: Of the value.
        at_most: Its bar; None where there is none.
    """

    name: str
    value: float
    unit: str
    at_most: float | None

    def __str__(self) -> str:
        bar = "" if self.at_most is None else f" (≤ {self.at_most:g})"
        return f"{self.name}: {self.value:.3g} {self.unit}".rstrip() + bar

    @property
    def holds(self) -> bool:
        return self.at_most is None or self.value <= self.at_most


@dataclass
class Result:
    """What the tests of one check found."""

    figures: list[Figure]
    passed: bool = True


def table(results: dict[int, Result], conditions: Sequence[str]) -> str:
    """The checks as a page of Markdown."""
    rows = ["| | check | measured | holds |", "|---|---|---|---|"]
    for number, bar in CHECKS.items():
        result = results.get(number)
        measured = "; ".join(map(str, result.figures)) if result else "not run"
        holds = result is not None and result.passed and all(f.holds for f in result.figures)
        told = "yes" if holds else "**no**"
        rows.append(f"| {number} | {bar} | {measured} | {told} |")
    held = sum(row.endswith("| yes |") for row in rows)
    return (
        "# The page, checked\n\nEach row is a test in a real browser (`tests/ux`, by its number), "
        "run by `make ux`, which writes this page.\n\n"
        f"{held} of {len(CHECKS)} hold. {'; '.join(conditions)}.\n\n" + "\n".join(rows) + "\n"
    )
