"""The list of checks itself, and the table."""

from __future__ import annotations

import re
from pathlib import Path

from tests.ux.checks import CHECKS, Figure, Result, table


def test_every_check_has_a_test() -> None:
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert {int(n) for n in re.findall(r"def test_check_(\d\d)_", sources)} == set(CHECKS)
    assert list(CHECKS) == list(range(1, 21))


def test_the_table_says_what_holds() -> None:
    results = {
        1: Result([Figure("median", 0.4, "s", 0.7), Figure("worst", 1.0, "s", 1.5)]),
        2: Result([Figure("panel", 99.0, "ms", 80)]),
        3: Result([], passed=False),
        4: Result([]),
    }
    rows = [line.split(" | ") for line in table(results, ["here"]).splitlines() if "|" in line][2:]
    told = [row[-1].rstrip(" |") for row in rows]
    assert told[:5] == ["yes", "**no**", "**no**", "yes", "**no**"]
    assert rows[0][2] == "median: 0.4 s (≤ 0.7); worst: 1 s (≤ 1.5)"
    assert rows[4][2] == "not run"
