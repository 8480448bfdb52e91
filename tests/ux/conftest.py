"""What the checks share: the page's fixtures, and the record of what they measure.

With ``COCKPIT_UX=path`` the bars are those of the checks, and a table is written (``make ux``).
Without it the same tests run along with all others, on a machine that may be busy: then times and
sizes that depend on it get room, and long logs are shorter.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import astuple
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.conftest import (  # noqa: F401
    live_run,
    open_page,
    serve,
    watched,
)
from tests.ux.checks import Figure, Result, table

TABLE = os.environ.get("COCKPIT_UX", "")
STRICT = bool(TABLE)
ROOM = 6.0  # times the bar, where others use the machine, too

Note = Callable[..., None]
results: dict[int, Result] = {}


def number_of(name: str) -> int | None:
    """The check that a test belongs to, by its name."""
    found = re.search(r"test_check_(\d\d)_", name)
    return int(found.group(1)) if found else None


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Note:
    """Notes a measured figure, prints it, and holds it against its bar."""

    def note(
        name: str, value: float, unit: str, at_most: float | None = None, *, timed: bool = True
    ) -> None:
        found = Figure(name, value, unit, at_most)
        print(found)
        request.node.user_properties.append(("figure", astuple(found)))  # workers send plain values
        if at_most is not None:
            bar = at_most if STRICT or not timed else ROOM * at_most
            assert value <= bar, str(found)

    return note


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report, number = outcome.get_result(), number_of(item.name)
    if number is None or (report.when != "call" and report.passed):
        return
    result = results.setdefault(number, Result([]))
    result.passed &= report.passed
    if report.when == "call":
        result.figures += [Figure(*value) for key, value in item.user_properties if key == "figure"]


def pytest_sessionfinish() -> None:
    if TABLE and results:
        cores = f"{os.cpu_count()} cores, {platform.machine()}"
        conditions = (f"Measured on {date.today().isoformat()}", cores)
        Path(TABLE).write_text(table(results, conditions), encoding="utf-8")
