"""Reads a run's log: all of it, then what was added, as arrays over the steps."""

from __future__ import annotations

import math
import os
import threading
import time as clock
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cockpit.log.attempts import Attempt, bounds, clean_header, spans
from cockpit.log.codec import decode_value
from cockpit.log.columns import Column, Series
from cockpit.log.contents import Contents
from cockpit.log.growing import Numbers
from cockpit.log.lines import LineReader
from cockpit.log.live import LiveRows
from cockpit.log.notes import Notes
from cockpit.log.parse import parse_object, parse_value
from cockpit.log.record import Arrays, Facts, Histogram1d, Histogram2d, Layer, Value
from cockpit.log.writer import LOG_NAME

RunStatus = Literal["running", "finished", "failed", "interrupted", "stalled"]
Histogram = Histogram1d | Histogram2d

_NOTHING = Column()  # of names that the log does not have


class RunLog:
    """The records of a run, as arrays over the steps.

    Reads everything that is there, also of a run that is being written; :meth:`refresh` reads on.
    Damaged lines are skipped and counted, unknown types, kinds and fields ignored. Steps of an
    attempt that a later attempt made again are left out everywhere; where an attempt has a step
    twice, the later record counts. Times are seconds of training: a resumed run goes on where it
    was. Names that the log does not have give empty arrays. The arrays are read-only. May be used
    from several threads.

    Args:
        path: The run's folder, or the log file itself.
        stalled_after: Seconds without growth after which a run without an end is ``stalled``.
        overview: Read only some thousand records, spread over all of a log of more than 32 MiB.
        read: Whether to read at once; else at the first :meth:`refresh`.

    Attributes:
        path: The log file.

    Raises:
        FileNotFoundError: If there is no log.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        stalled_after: float = 120.0,
        overview: bool = False,
        read: bool = True,
    ) -> None:
        given = Path(path)
        self.path = given / LOG_NAME if given.is_dir() else given
        self._stalled_after = stalled_after
        self._lock = threading.RLock()
        try:
            self._lines = LineReader(self.path, sampled=overview)
        except OSError as error:
            raise FileNotFoundError(
                f"No log at {self.path}. Give the folder of a run (the logdir of its Cockpit), "
                f"which holds {LOG_NAME}."
            ) from error
        self._clear()
        if read:
            self.refresh()

    def refresh(self, seconds: float = math.inf) -> bool:
        """Read what was added since; all over again if the file was truncated or replaced.

        Args:
            seconds: Stop after about so long; the next call goes on.

        Returns:
            Whether anything is new.
        """
        with self._lock:
            change = self._lines.check()
            if change == "none":
                return False
            if change == "replaced":
                self._clear()
            before = self._lines.offset
            for offset, line in self._lines.lines(seconds):
                if line:
                    self._contents.add(line, offset)
            if change == "grown" and self._lines.offset == before:
                return False
            self._contents.settle()
            self._live.grown()
            return True

    def _clear(self) -> None:
        self._contents = Contents(self.path.resolve().parent.name)
        self._live = LiveRows(self._contents)

    @property
    def is_overview(self) -> bool:
        """Whether most records were passed over."""
        return self._lines.passed_over

    @property
    def has_more(self) -> bool:
        """Whether the last :meth:`refresh` stopped before the end, because time was up."""
        return self._lines.has_more

    @property
    def share_read(self) -> float:
        """How much of the file was read, 0 to 1."""
        return self._lines.offset / max(self._lines.size, 1)

    def _latest(self) -> Attempt:
        attempts = self._contents.attempts
        return attempts[-1] if attempts else Attempt(clean_header({}, self._contents.name))

    @property
    def header(self) -> dict[str, Any]:
        """The latest attempt's header; every field of ``docs/log.md`` is there."""
        return self._latest().header

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The model's named parameters, as the latest header lists them."""
        return self._latest().layers

    @property
    def attempts(self) -> int:
        """How often the run was started: number of headers."""
        return self._contents.headers

    @property
    def parts(self) -> list[tuple[dict[str, Any], np.ndarray]]:
        """Each attempt's header, and the tracked steps of it that count, int64, in order."""
        with self._lock:
            attempts, step = self._contents.attempts, self._contents.steps.step.view
            alive = self._live.alive(self._contents.steps)
            rows = spans(attempts, 0, step.size)
            return [(a.header, step[r][alive[r]]) for a, r in zip(attempts, rows, strict=True)]

    @property
    def name(self) -> str:
        """The run's name; that of its folder if the header gives none."""
        return str(self.header["run"])

    @property
    def status(self) -> RunStatus:
        """How the latest attempt stands.

        An end record with an unknown status counts as ``interrupted``.
        """
        end = self._latest().end
        if end is not None:
            status = end.get("status")
            known: dict[Any, RunStatus] = {"finished": "finished", "failed": "failed"}
            return known.get(status, "interrupted") if isinstance(status, str) else "interrupted"
        silent = clock.time() - self._lines.modified
        return "stalled" if silent > self._stalled_after else "running"

    @property
    def end(self) -> dict[str, Any] | None:
        """The latest attempt's end record, if there is one."""
        return self._latest().end

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events, in the order of the log.

        Each has ``step`` (or None), ``time``, ``level``, ``kind``, ``quantity`` (or None),
        ``message`` and ``attempt``. Those at steps that a later attempt made again are left out.
        """
        with self._lock:
            limits = bounds(self._contents.attempts)
            offsets = self._live.offsets()
            return [
                {**event, "time": event["time"] + offsets[index]}
                for index, event in self._contents.events
                if event["step"] is None or event["step"] < limits[index]
            ]

    @property
    def lamps(self) -> list[dict[str, Any]]:
        """What the lamps said, in the order of the log: see ``docs/log.md`` for the fields.

        Each has all of them, and ``attempt``. Those at steps that a later attempt made again are
        left out. Each attempt begins with all lamps dark.
        """
        with self._lock:
            limits = bounds(self._contents.attempts)
            offsets = self._live.offsets()
            return [
                {**lamp, "time": lamp["time"] + offsets[index]}
                for index, lamp in self._contents.lamps
                if lamp["step"] < limits[index]
            ]

    @property
    def skipped_lines(self) -> int:
        """Lines that could not be read: damaged, or longer than 32 MiB."""
        return self._contents.bad_lines + self._lines.too_long

    @property
    def last_step(self) -> int | None:
        """The highest tracked step; None before the first."""
        with self._lock:
            return self._live.last_step(self._contents.steps)

    @property
    def duration(self) -> float:
        """Seconds of training up to the latest record."""
        with self._lock:
            offsets = self._live.offsets()
            return offsets[-1] + self._latest().last_time if offsets else 0.0

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of the quantities that have at least one record that counts."""
        with self._lock:
            contents = self._contents
            rows = [(name, column.rows) for name, column in contents.numbers.items()]
            rows += contents.stored.items()
            live, records = self._live, contents.steps
            return tuple(dict.fromkeys(name for name, r in rows if live.counts(r, records)))

    def series(self, name: str) -> Series:
        """The network-wide values of a scalar or per-layer quantity."""
        with self._lock:
            column = self._contents.numbers.get(name, _NOTHING)
            return self._live.series(column, self._contents.steps)

    def layer_series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The layers' values of a per-layer quantity.

        Returns:
            Steps, int64 [T], the same as those of :meth:`series`; and values, float64 [T, L], in
            the order of :attr:`layers`, NaN where a layer has none. Both are empty (T = 0) if the
            quantity has no layers' values.
        """
        with self._lock:
            column = self._contents.numbers.get(name, _NOTHING)
            if not column.blocks:
                return np.zeros(0, np.int64), np.zeros((0, len(self.layers)))
            names = [[x.name for x in attempt.layers] for attempt in self._contents.attempts]
            return self._live.matrix(column, names)

    def notes(self, name: str) -> Notes:
        """The notes of each value of :meth:`series`; ``{}`` where there are none."""
        with self._lock:
            column = self._contents.numbers.get(name, _NOTHING)
            return Notes(column.notes, self._live.places(column.rows, self._contents.steps))

    @property
    def user_names(self) -> tuple[str, ...]:
        """Names of the numbers that the user logged, in order of appearance."""
        with self._lock:
            live, records = self._live, self._contents.user
            columns = self._contents.measured.items()
            return tuple(name for name, c in columns if live.counts(c.rows, records))

    def user_series(self, name: str) -> Series:
        """What the user logged under ``name``, where it is a number."""
        with self._lock:
            column = self._contents.measured.get(name, _NOTHING)
            return self._live.series(column, self._contents.user)

    @property
    def lr(self) -> tuple[np.ndarray, np.ndarray]:
        """Learning rates: steps, int64 [T], and float64 [T, G], one for each parameter group."""
        with self._lock:
            return self._live.matrix(self._contents.lr, None)

    @property
    def batch_sizes(self) -> Series:
        """Samples in the mini-batch."""
        with self._lock:
            return self._live.series(self._contents.batch_size, self._contents.steps)

    @property
    def overhead(self) -> Series:
        """Seconds spent on tracking per second of the training step itself."""
        with self._lock:
            return self._live.series(self._contents.overhead, self._contents.steps)

    @property
    def overhead_so_far(self) -> Series:
        """The same from the beginning of the run, untracked steps included."""
        with self._lock:
            return self._live.series(self._contents.overhead_so_far, self._contents.steps)

    def histogram_steps(self, name: str) -> np.ndarray:
        """Steps at which a histogram (arrays, facts) of this name was recorded, int64."""
        with self._lock:
            rows = self._contents.stored.get(name, _NOTHING.rows)
            return self._live.steps(rows, self._contents.steps)

    def histogram(self, name: str, step: int | None = None) -> tuple[int, Histogram] | None:
        """The histogram at a step, or the last one before it; read from the file when asked for.

        Args:
            name: Of the quantity.
            step: None: the latest.

        Returns:
            The step it was recorded at, and the histogram; None if there is none.
        """
        at, value = self._value(name, step)
        return (at, value) if isinstance(value, Histogram1d | Histogram2d) else None

    def arrays(self, name: str, step: int | None = None) -> tuple[int, Arrays] | None:
        """As :meth:`histogram`, for quantities that record whole arrays."""
        at, value = self._value(name, step)
        return (at, value) if isinstance(value, Arrays) else None

    def facts(
        self, step: int | None = None, name: str = "Facts"
    ) -> tuple[int, dict[str, Any]] | None:
        """The facts at a step, or the last ones before it, by dotted name (``docs/facts.md``).

        Args:
            step: None: the latest.
            name: Of the quantity.

        Returns:
            The step they were recorded at, and the facts; None if there are none.
        """
        at, value = self._value(name, step)
        return (at, value.facts) if isinstance(value, Facts) else None

    def record(self, step: int | None = None) -> dict[str, Any] | None:
        """The whole step record at a step, or the last one before it, as it stands in the log."""
        with self._lock:
            found = self._line_at(self._live.every(self._contents.steps), step)
            return parse_object(found[1]) if found else None

    def _value(self, name: str, step: int | None) -> tuple[int, Value | None]:
        with self._lock:
            found = self._line_at(self._contents.stored.get(name, _NOTHING.rows), step)
            if found is None:
                return 0, None
            try:
                return found[0], decode_value(parse_value(found[1], name))
            except ValueError:  # the file is damaged there, or was replaced since
                return 0, None

    def _line_at(self, rows: Numbers, step: int | None) -> tuple[int, bytes] | None:
        """Step and line of the last record among ``rows`` that counts, at or before ``step``."""
        records = self._contents.steps
        steps = self._live.steps(rows, records)
        end = steps.size if step is None else int(np.searchsorted(steps, step, side="right"))
        if end == 0:
            return None
        row = int(rows[int(self._live.places(rows, records)[end - 1])])
        line = self._lines.read(int(records.offset[row]), int(records.length[row]))
        return int(steps[end - 1]), line
