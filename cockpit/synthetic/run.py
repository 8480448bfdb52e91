"""Writes the log of a whole made-up run."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from cockpit.log import LOG_NAME, LogWriter
from cockpit.log.record import Layer
from cockpit.synthetic.course import USUAL_LR, Course
from cockpit.synthetic.layers import make_layers
from cockpit.synthetic.lines import block_lines, time_of
from cockpit.synthetic.measured import measured, user_interval
from cockpit.synthetic.training import BLOCK, START, Training

LOST = 20  # steps that an attempt makes beyond the one at which the next one starts
PAUSE_S = 3600.0  # between two attempts


def write_run(
    path: str | os.PathLike[str],
    steps: int = 200,
    layers: int | tuple[Layer, ...] = 6,
    seed: int = 0,
    diverge_at: int | None = None,
    resume_at: int | None = None,
    torn: bool = False,
    quantities: Iterable[str] | None = None,
    *,
    lr: float = USUAL_LR,
    nan_at: int | None = None,
    spike_at: int | None = None,
    fade: float = -1.5,
    every: Mapping[str, int] | None = None,
    ends: bool = True,
    silent_for: float = 0.0,
    lamps: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write the log of a made-up run into the folder ``path``.

    Args:
        path: Folder of the run.
        steps: Tracked steps, from 0.
        layers: Named parameters, or how many.
        seed: Of all its random numbers.
        diverge_at: From this step on the values explode; eight steps later they are ±Inf,
            then NaN.
        resume_at: The first attempt dies, without an end record, about 20 steps after this step;
            a second one starts at this step, with other random numbers, an hour later.
        torn: The last record is cut in the middle, and there is no end record.
        quantities: Names, all nineteen if None.
        lr: Learning rate.
        nan_at: All values are NaN at this step, and only there.
        spike_at: All values are a thousand times as large at this step, and only there.
        fade: Logarithm of the ratio of gradients at the output to those at the input.
        every: Intervals of quantities, in steps, where they are not the usual ones.
        ends: Whether there is an end record.
        silent_for: The file was last changed this many seconds ago.
        lamps: Lines of lamps, each after the record of its ``step``; see
            :func:`~cockpit.synthetic.lamps.lamp_line`.

    Returns:
        The folder.

    Raises:
        KeyError: If a quantity has no recipe.
    """
    made = make_layers(layers) if isinstance(layers, int) else layers
    names = None if quantities is None else tuple(quantities)
    course = Course(steps, seed, lr, diverge_at, nan_at, spike_at, fade)
    training = Training(course, made, names, every)
    ends, said = ends and not torn, tuple(lamps)
    if resume_at is None:
        _write_attempt(path, training, range(steps), START, ends, said)
    else:
        first = range(min(resume_at + LOST, steps))
        _write_attempt(path, training, first, START, False, said)
        later = Training(replace(course, seed=seed + 1_000), made, names, every)
        rest = range(resume_at, steps)
        _write_attempt(path, later, rest, START + PAUSE_S, ends, said)
    log = Path(path) / LOG_NAME
    if torn:
        with log.open("rb+") as file:
            file.truncate(log.stat().st_size - len(_last_line(log)) // 2)
    if silent_for:
        then = clock.time() - silent_for
        os.utime(log, (then, then))
    return Path(path)


def _write_attempt(
    path: str | os.PathLike[str],
    training: Training,
    steps: range,
    started: float,
    ends: bool,
    lamps: tuple[Mapping[str, Any], ...],
) -> None:
    """Header, records and end of one attempt."""
    course = training.course
    writer = LogWriter(path, training.header(started))
    with writer.path.open("ab", buffering=0) as file:
        for start, stop in pairwise([steps.start, *_cuts(course, steps, lamps)]):
            file.write(block_lines(training, range(start, stop), steps.start))
            time = time_of(stop - 1 - steps.start)
            if stop - 1 == course.first_nonfinite:
                message = "The loss is not finite."
                writer.event("warning", "nonfinite", message, step=stop - 1, quantity="Loss",
                             time=time)  # fmt: skip
            if (stop - 1) % user_interval(course) == 0:
                writer.user(stop - 1, measured(course, stop - 1), time=time)
            for lamp in lamps:
                if lamp["step"] == stop - 1:
                    fields = {name: value for name, value in lamp.items() if name != "step"}
                    writer.lamp(stop - 1, fields, time=time)
    if ends:
        writer.end("finished", time=round(time_of(len(steps) - 1) + 0.1, 6), steps=len(steps))
    writer.close()


def _cuts(course: Course, steps: range, lamps: tuple[Mapping[str, Any], ...]) -> list[int]:
    """Where the writing of steps pauses: after a block, and where another record follows."""
    after = [*range(0, steps.stop, user_interval(course)), *(lamp["step"] for lamp in lamps)]
    if course.first_nonfinite is not None:
        after.append(course.first_nonfinite)
    cuts = {step + 1 for step in after} | {*range(0, steps.stop, BLOCK), steps.stop}
    return sorted(cut for cut in cuts if steps.start < cut <= steps.stop)


def _last_line(log: Path) -> bytes:
    """The last line of a file, with its line break."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        reach, end = 1 << 16, file.tell()
        while True:
            file.seek(max(0, end - reach))
            lines = file.read().splitlines(keepends=True)
            if len(lines) > 1 or reach >= end:
                return lines[-1]
            reach *= 8
