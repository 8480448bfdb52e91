"""Writes a run's log: one JSON line a record, on the disk's side of the process at once."""

from __future__ import annotations

import mmap
import os
import threading
import time as clock
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import msgspec

from cockpit.log.codec import LAYER_DIGITS, encode_value, jsonable, number
from cockpit.log.lock import try_lock
from cockpit.log.parse import MAX_LINE
from cockpit.log.record import SCHEMA_VERSION, Layer, Value

LOG_NAME = "log.jsonl"
Level = Literal["info", "caution", "warning"]
Status = Literal["finished", "failed", "interrupted"]

_HEADER_START = b'{"type":"header"'
_TIME_DIGITS = 6  # after the point: microseconds
_WRITERS: weakref.WeakSet[LogWriter] = weakref.WeakSet()


class LogWriter:
    """Appends the records of one attempt of a run to ``run_dir/log.jsonl``.

    Every record is one line, handed to the operating system whole by one call: if the process is
    killed at any moment, at most the record being written is lost. Opening repairs the torn line
    that such a death may leave, and says so in an event.

    Args:
        run_dir: Folder of the run; made if missing.
        header: What the header says (see ``docs/log.md``); ``layers`` may hold
            :class:`~cockpit.log.record.Layer` or dictionaries. Schema, attempt, and, where
            missing, the run's name and the time are filled in.

    Attributes:
        path: The log file.
        attempt: 1 for a new run, one more for each time the run was resumed.
        header: What this attempt's header says, as it stands in the log.
        locked: False where the file system knows no locks.

    Raises:
        BlockingIOError: If the log is open for writing elsewhere.
        ValueError: If a file of the log's name is there that is no log.
    """

    def __init__(self, run_dir: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
        folder = Path(run_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / LOG_NAME
        self._mutex = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._fd: int | None = _open(self.path)
        try:
            self.locked = try_lock(self._fd)
            torn, last = _repair(self._fd, self.path)
            self.attempt = last + 1
            self.header = _header(header, folder, self.attempt)
            self._write(self.header)
            self._report_opening(torn)
        except BlockingIOError:
            self.close()
            raise BlockingIOError(
                f"{self.path} is being written by another Cockpit, in this process or another. "
                "Close that one, or give this one a logdir of its own."
            ) from None
        except BaseException:
            self.close()
            raise
        _WRITERS.add(self)

    def step(self, step: int, values: Mapping[str, Value], **beside: Any) -> None:
        """Write the record of a tracked step; see :meth:`step_line` for the arguments.

        Raises:
            TypeError, ValueError, OSError: As :meth:`step_line` and :meth:`append` do. In all these
                cases nothing of the record is written.
        """
        self.append(self.step_line(step, values, **beside))

    def step_line(
        self,
        step: int,
        values: Mapping[str, Value],
        *,
        time: float,
        batch_size: int | None = None,
        lr: Sequence[float] | None = None,
        overhead: Mapping[str, float] | None = None,
    ) -> bytes:
        """The record of a tracked step, as :meth:`append` takes it.

        Args:
            step: Number of the step.
            values: What was measured, by name of the quantity.
            time: Seconds since the header's time.
            batch_size: Samples in the mini-batch.
            lr: Learning rate of each parameter group.
            overhead: ``{"step_s": ..., "tracking_s": ...}``, seconds.

        Raises:
            TypeError: If a value is not of the log's classes.
            ValueError: If the record is larger than 32 MiB, or counts do not fit their bins.
        """
        record: dict[str, Any] = {"type": "step", "step": int(step), "time": _seconds(time)}
        if batch_size is not None:
            record["batch_size"] = int(batch_size)
        if lr is not None:
            record["lr"] = [number(x) for x in lr]
        if overhead is not None:
            record["overhead"] = {k: number(v, LAYER_DIGITS) for k, v in overhead.items()}
        record["values"] = {name: encode_value(value) for name, value in values.items()}
        return self._line(record)

    def user(self, step: int, values: Mapping[str, Any], *, time: float) -> None:
        """Write what the user measured at a step; anything JSON can hold, else as text."""
        self.append(self.user_line(step, values, time=time))

    def user_line(self, step: int, values: Mapping[str, Any], *, time: float) -> bytes:
        """What the user measured at a step, as :meth:`append` takes it."""
        return self._line(
            {"type": "user", "step": int(step), "time": _seconds(time), "values": jsonable(values)}
        )

    def lamp(self, step: int, fields: Mapping[str, Any], *, time: float) -> None:
        """Write what changes of a lamp at a step.

        Args:
            step: The tracked step.
            fields: What it says, as ``docs/log.md`` lists it.
            time: Seconds since the header's time.
        """
        head = {"type": "lamp", "step": int(step), "time": _seconds(time)}
        self._write({**head, **jsonable(fields)})

    def event(
        self,
        level: Level,
        kind: str,
        message: str,
        *,
        step: int | None = None,
        quantity: str | None = None,
        time: float,
    ) -> None:
        """Write that something happened which a reader of the run should know."""
        self._write(
            {
                "type": "event",
                "step": None if step is None else int(step),
                "time": _seconds(time),
                "level": level,
                "kind": kind,
                "quantity": quantity,
                "message": jsonable(message),
            }
        )

    def end(self, status: Status, *, time: float, steps: int, message: str = "") -> None:
        """Write how the run ended, after how many steps."""
        self._write(
            {
                "type": "end",
                "status": status,
                "time": _seconds(time),
                "steps": int(steps),
                "message": jsonable(message),
            }
        )

    def close(self) -> None:
        """Close the file and release the lock; may be called again."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _report_opening(self, torn: int) -> None:
        if torn:
            message = f"Removed a torn record of {torn} bytes at the end of the log."
            self.event("caution", "repair", message, time=0.0)
        if not self.locked:
            message = "The file system knows no locks: never write this run from two processes."
            self.event("caution", "unlocked", message, time=0.0)

    def append(self, line: bytes) -> None:
        """Write a record that is made already.

        Raises:
            ValueError: If the writer is closed.
            OSError: If the disk is full; then nothing of it is written.
        """
        with self._mutex:
            if self._fd is None:
                raise ValueError(f"The log {self.path} is closed. Open a new LogWriter to resume.")
            _append(self._fd, line)

    def _write(self, record: dict[str, Any]) -> None:
        self.append(self._line(record))

    def _line(self, record: dict[str, Any]) -> bytes:
        line = self._encoder.encode(record) + b"\n"
        if len(line) > MAX_LINE:
            raise ValueError(
                f"A record of {len(line) / 2**20:.0f} MiB; a log takes {MAX_LINE >> 20} MiB. Leave "
                "out what is so large (Parameters of a big model), or log less at once."
            )
        return line


def _append(fd: int, line: bytes) -> None:
    """One write of the whole line; if the disk takes only a part, the part is taken back."""
    start = os.fstat(fd).st_size
    written = 0
    try:
        while written < len(line):
            written += os.write(fd, line[written:])
    except BaseException:
        if written:
            os.ftruncate(fd, start)
        raise


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)


def _repair(fd: int, path: Path) -> tuple[int, int]:
    """Cut off what follows the last full line.

    Returns:
        How many bytes that were, and the last attempt in the log (0 if there is none).
    """
    size = os.fstat(fd).st_size
    if size == 0:
        return 0, 0
    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as content:
        end = content.rfind(b"\n") + 1
        attempt = _last_attempt(content)
        start = content[: len(_HEADER_START)]
    is_torn_header = end == 0 and _HEADER_START.startswith(start)
    if attempt == 0 and not is_torn_header:
        raise ValueError(
            f"{path} is not a log of Cockpit: it starts with {start!r}, expected a header. "
            "Give another logdir, or move that file away."
        )
    if end < size:
        os.ftruncate(fd, end)
    return size - end, attempt


def _last_attempt(content: mmap.mmap) -> int:
    """The highest attempt of the headers in the log, 0 if there is none."""
    last = 0
    found = content.find(b'"header"')
    while found >= 0:
        start = content.rfind(b"\n", 0, found) + 1
        end = content.find(b"\n", found)
        if end < 0:
            break
        last = max(last, _attempt_of(content[start:end]))
        found = content.find(b'"header"', end)
    return last


def _attempt_of(line: bytes) -> int:
    try:
        record = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return 0
    if not isinstance(record, dict) or record.get("type") != "header":
        return 0
    attempt = record.get("attempt")
    return attempt if isinstance(attempt, int) else 1


def _header(given: Mapping[str, Any], folder: Path, attempt: int) -> dict[str, Any]:
    header = {"run": folder.resolve().name, "time": clock.time(), **given}
    layers = [asdict(x) if isinstance(x, Layer) else x for x in header.get("layers", ())]
    first = {"type": "header", "schema": SCHEMA_VERSION, "run": header["run"], "attempt": attempt}
    rest = {key: value for key, value in header.items() if key not in first}
    return {**jsonable({**first, **rest}), "layers": jsonable(layers)}


def _seconds(time: float) -> float | str:
    time = float(time)
    return round(time, _TIME_DIGITS) if abs(time) < 1e12 else number(time)


def _close_in_child() -> None:
    """A forked child (a worker of a DataLoader) must neither write nor keep the lock alive."""
    for writer in list(_WRITERS):
        writer.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
