"""The runs in a folder: which there are, how each stands, and readers of those being looked at."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from cockpit.dashboard.drawing import KEPT, Drawing, Drawings
from cockpit.dashboard.kept import Kept
from cockpit.dashboard.peek import Glance, glance
from cockpit.dashboard.reading import Reading
from cockpit.dashboard.settings import settings
from cockpit.dashboard.table import Row, table
from cockpit.instruments import Instrument, Panel, View, instruments_for
from cockpit.log import LOG_NAME, RunLog, find_runs

RESCAN_S = 2.0
RESCAN_SHARE = 20  # looking into the folder takes at most one part in twenty of the time
STALLED_AFTER_S = 120.0
OPEN_RUNS = 32  # more than can be compared


class UnknownRunError(LookupError):
    """The folder has no run of this name."""


class OpenRun:
    """A run that is being looked at.

    Attributes:
        reading: Reads the log.
        drawings: Panels drawn already.
        comparisons: Those of this run with others.
        lock: Held by whoever reads on or draws.
    """

    def __init__(self, path: Path) -> None:
        self.reading = Reading(path, STALLED_AFTER_S)
        self.drawings = Drawings()
        self.comparisons: Kept[Drawing] = Kept(KEPT)
        self._panels: Kept[Panel | None] = Kept(KEPT)
        self._instruments: Kept[tuple[Instrument, ...]] = Kept(1)
        self.lock = threading.Lock()
        self._opened = time.time_ns()
        self._growth = 0

    @property
    def log(self) -> RunLog:
        """What was read so far."""
        return self.reading.log

    @property
    def stamp(self) -> str:
        """Changes whenever anything about the run does."""
        return f"{self._opened:x}-{self._growth}-{self.log.status}-{self.reading.share}"

    def refresh(self) -> None:
        """Read on."""
        if self.reading.refresh():
            self._growth += 1

    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments for it, those made from its own quantities included."""
        return self._instruments.get("all", self.stamp, lambda: instruments_for(self.log))

    def panel(self, name: str, view: View) -> Panel | None:
        """What an instrument shows of it; ``None`` where it has nothing for it."""
        found = next((one for one in self.instruments() if one.name == name), None)
        if found is None:
            return None
        return self._panels.get((name, view), self.stamp, lambda: found(self.log, view))

    def changed(self) -> float:
        """When the log last grew, unix seconds; 0 if it vanished."""
        try:
            return self.log.path.stat().st_mtime
        except OSError:
            return 0.0


class RunIndex:
    """The runs below a folder.

    Names come from listing the folder. A name that a browser sends is only looked up among them,
    never made into a path; what lies outside of the folder, behind a link, is not listed.

    Args:
        folder: A folder with runs, or one run.

    Raises:
        NotADirectoryError: If there is no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise NotADirectoryError(
                f"{folder} is not a folder. Give the folder of your runs, the parent of each "
                "Cockpit's logdir, e.g. runs/."
            )
        self._lock = threading.Lock()
        self._paths: dict[str, Path] = {}
        self._summaries: list[dict[str, Any]] = []
        self._next_scan = float("-inf")
        self._glances: dict[str, tuple[tuple[int, int], Glance]] = {}
        self._settings: dict[str, tuple[int, dict[str, str]]] = {}
        self._open: OrderedDict[str, OpenRun] = OrderedDict()

    def summaries(self) -> list[dict[str, Any]]:
        """Name and status of each run, and step and time of change of those that ended.

        Open ones first, then the latest first. Looks anew every few seconds.
        """
        with self._lock:
            self._look()
            return self._summaries

    def table(self) -> dict[str, Any]:
        """What the table of runs shows: a row for each run, and the settings in which they differ.

        From the first and the last lines of each log, whatever its size.
        """
        with self._lock:
            self._look()
            now = time.time()
            rows = [
                Row(name, status_of(seen, now), seen, self._settings_of(name))
                for name, (_, seen) in self._glances.items()
                if name in self._paths
            ]
        return table(rows)

    def _settings_of(self, name: str) -> dict[str, str]:
        """The settings of a run, read again only if its log is another file."""
        path = self._paths[name]
        try:
            file = path.stat().st_ino
            if name not in self._settings or self._settings[name][0] != file:
                self._settings[name] = (file, settings(path))
        except OSError:  # vanished since
            return {}
        return self._settings[name][1]

    def open(self, name: str) -> OpenRun:
        """The reader of a run, made at its first use.

        Raises:
            UnknownRunError: If no run of this name is there.
        """
        with self._lock:
            self._look()
            path, run = self._paths.get(name), self._open.get(name)
        if path is None:
            raise UnknownRunError(name)
        if run is None:
            try:
                run = OpenRun(path)
            except OSError as error:
                raise UnknownRunError(name) from error
        with self._lock:
            run = self._open.setdefault(name, run)
            self._open.move_to_end(name)
            while len(self._open) > OPEN_RUNS:
                self._open.popitem(last=False)
        return run

    def _look(self) -> None:
        started = time.monotonic()
        if started < self._next_scan:
            return
        self._paths = _scan(self.folder)
        rows = []
        for name, path in self._paths.items():
            try:
                rows.append((name, self._glance(name, path)))
            except OSError:  # vanished since, or not readable
                continue
        now = time.time()
        summaries = [_summary(name, seen, now) for name, seen in rows]
        self._summaries = sorted(summaries, key=lambda s: (-(s["changed"] or now), s["name"]))
        spent = time.monotonic() - started
        self._next_scan = started + max(RESCAN_S, RESCAN_SHARE * spent)

    def _glance(self, name: str, path: Path) -> Glance:
        stat = path.stat()
        key = (stat.st_size, stat.st_mtime_ns)
        known = self._glances.get(name)
        if known and known[0] == key:
            return known[1]
        seen = glance(path)
        self._glances[name] = (key, seen)
        return seen


def _summary(name: str, seen: Glance, now: float) -> dict[str, Any]:
    status = status_of(seen, now)
    ended = status not in ("running", "empty")
    return {
        "name": name,
        "status": status,
        "step": seen.step if ended else None,
        "changed": seen.changed if ended else None,
    }


def status_of(seen: Glance, now: float) -> str:
    """How a run stands: one that is not ended is running or stalled."""
    if seen.status != "open":
        return seen.status
    return "stalled" if now - seen.changed > STALLED_AFTER_S else "running"


def _scan(folder: Path) -> dict[str, Path]:
    """The log of each run by its path below the folder."""
    found = {}
    for path in find_runs(folder):
        name = "/".join(path.relative_to(folder).parts) or folder.resolve().name
        found[_printable(name)] = path / LOG_NAME
    return found


def _printable(name: str) -> str:
    """A name that JSON can carry, also of a folder whose bytes are no text."""
    return name.encode("utf-8", "replace").decode("utf-8")
