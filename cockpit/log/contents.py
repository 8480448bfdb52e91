"""What the lines of a log add up to: attempts, columns and events, filled line by line."""

from __future__ import annotations

import math
from typing import Any

from cockpit.log.attempts import Attempt, clean_header, schema_caution
from cockpit.log.columns import Column, Records, to_float
from cockpit.log.growing import Numbers
from cockpit.log.lamp_lines import clean_lamp
from cockpit.log.parse import (
    STORED_KINDS,
    StepLine,
    as_dict,
    as_float,
    as_int,
    parse_line,
)

LEVELS = ("info", "caution", "warning")


class Contents:
    """Everything a reader keeps of a log.

    Args:
        name: Name of the run, if no header gives one.

    Attributes:
        name: As given.
        attempts: One for each header; an unnamed one first if records come before any.
        headers: Number of headers.
        steps, user: The common columns of step records and of the user's records.
        numbers: Columns of the scalars and per-layer values, by quantity.
        stored: Rows of the records that hold a histogram, arrays or facts, by quantity.
        measured: Columns of what the user measured, by name.
        lr, batch_size, overhead, overhead_so_far: What else a step's record says.
        events: Index of the attempt, and the event.
        lamps: Index of the attempt, and what was said of a lamp.
        bad_lines: Damaged lines.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.attempts: list[Attempt] = []
        self.headers = 0
        self.steps, self.user = Records(), Records()
        self.numbers: dict[str, Column] = {}
        self.stored: dict[str, Numbers] = {}
        self.measured: dict[str, Column] = {}
        self.lr, self.batch_size = Column(), Column()
        self.overhead, self.overhead_so_far = Column(), Column()
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.lamps: list[tuple[int, dict[str, Any]]] = []
        self.bad_lines = 0

    @property
    def attempt(self) -> Attempt:
        """The present attempt; an unnamed one where the header is missing."""
        if not self.attempts:
            self.attempts.append(Attempt(clean_header({}, self.name)))
        return self.attempts[-1]

    def add(self, line: bytes, offset: int) -> None:
        """Take in one line, which lies at ``offset`` in the file."""
        record = parse_line(line)
        if isinstance(record, StepLine):
            self._add_step(record, offset, len(line))
        elif record is None:
            self.bad_lines += 1
        elif record["type"] == "header":
            self._add_header(record)
        elif record["type"] == "user":
            self._add_user(record, offset, len(line))
        elif record["type"] == "event":
            self._add_event(record)
        elif record["type"] == "lamp":
            self._add_lamp(record)
        elif record["type"] == "end":
            self.attempt.saw(to_float(as_float(record.get("time"))))
            self.attempt.end = record

    def settle(self) -> None:
        """Move what was added to where it need not stay in memory."""
        columns = [self.lr, self.batch_size, self.overhead, self.overhead_so_far]
        columns += [*self.numbers.values(), *self.measured.values()]
        parts: list[Records | Column] = [self.steps, self.user, *columns]
        for part in parts:
            for numbers in part.numbers():
                numbers.settle()
        for rows in self.stored.values():
            rows.settle()

    def _add_header(self, record: dict[str, Any]) -> None:
        header = clean_header(record, self.name)
        self.attempts.append(Attempt(header, (len(self.steps), len(self.user))))
        self.headers += 1
        if message := schema_caution(header):
            self._add_event({"level": "caution", "kind": "schema", "message": message})

    def _add_step(self, line: StepLine, offset: int, length: int) -> None:
        attempt = self.attempt
        if attempt.first_step is None:
            attempt.first_step = line.step
        row = self.steps.add(line.step, line.time, offset, length)
        attempt.saw(self.steps.time[row])
        index = len(self.attempts) - 1
        for name, value in line.values.items():
            kind = value.kind
            if kind == "per_layer" or (kind == "scalar" and value.value is not None):
                column = self.numbers.get(name)
                if column is None:
                    column = self.numbers[name] = Column()
                column.add(row, value, index)
            elif kind in STORED_KINDS:
                self.stored.setdefault(name, Numbers("q")).add(row)
        if line.lr:
            self.lr.add_row(row, line.lr, index)
        if line.batch_size is not None:
            self.batch_size.add_number(row, line.batch_size)
        if (overhead := line.overhead) is not None:
            step = to_float(overhead.step_s)
            share = to_float(overhead.tracking_s) / step if step > 0 else math.nan
            self.overhead.add_number(row, share)
            run = to_float(overhead.run)
            self.overhead_so_far.add_number(row, share if math.isnan(run) else run)

    def _add_user(self, record: dict[str, Any], offset: int, length: int) -> None:
        step, time = as_int(record.get("step")), to_float(as_float(record.get("time")))
        if step is None:
            self.bad_lines += 1
            return
        self.attempt.saw(time)
        row = self.user.add(step, time, offset, length)
        for name, value in as_dict(record.get("values")).items():
            number = as_float(int(value) if isinstance(value, bool) else value)
            if number is not None:
                self.measured.setdefault(name, Column()).add_number(row, number)

    def _add_event(self, record: dict[str, Any]) -> None:
        time = to_float(as_float(record.get("time")))
        self.attempt.saw(time)
        level, quantity = record.get("level"), record.get("quantity")
        event = {
            "step": as_int(record.get("step")),
            "time": time if math.isfinite(time) else 0.0,
            "level": level if level in LEVELS else "info",
            "kind": str(record.get("kind", "")),
            "quantity": quantity if isinstance(quantity, str) else None,
            "message": str(record.get("message", "")),
            "attempt": self.attempt.header["attempt"],
        }
        self.events.append((len(self.attempts) - 1, event))

    def _add_lamp(self, record: dict[str, Any]) -> None:
        lamp = clean_lamp(record)
        if lamp is not None:
            attempt = self.attempt
            attempt.saw(lamp["time"])
            index = len(self.attempts) - 1
            self.lamps.append((index, {**lamp, "attempt": attempt.header["attempt"]}))
