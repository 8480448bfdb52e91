"""A made-up run that goes on as long as one looks: records at a steady rate."""

from __future__ import annotations

import itertools
import os
import threading
import time as clock

from cockpit.log import LogWriter
from cockpit.log.record import Layer
from cockpit.log.writer import Status
from cockpit.synthetic.course import Course
from cockpit.synthetic.measured import measured, user_interval
from cockpit.synthetic.stretch import BATCH_SIZE
from cockpit.synthetic.training import Training

LEARNS_FOR_S = 600.0  # a run without an end has come this far after as many seconds


def keep_writing(
    path: str | os.PathLike[str],
    *,
    rate: float = 10.0,
    seconds: float | None = None,
    layers: int | tuple[Layer, ...] = 6,
    names: tuple[str, ...] | None = None,
    seed: int = 0,
    stop: threading.Event | None = None,
) -> int:
    """Write the records of a run as they would come, until time is over or it is stopped.

    Args:
        path: Folder of the run.
        rate: Steps a second; where writing cannot keep up, as many as it can.
        seconds: How long; without end if None.
        layers: Named parameters, or how many.
        names: Of the quantities, all but whole arrays if None.
        seed: Of all random numbers.
        stop: Ends the run, as interrupted, when it is set; so does Ctrl-C.

    Returns:
        How many steps were written.

    Raises:
        ValueError: If the rate is not positive.
    """
    from cockpit.synthetic.kinds import ALL_BUT_ARRAYS
    from cockpit.synthetic.layers import make_layers

    if not rate > 0:
        raise ValueError(f"rate must be positive, got {rate}.")
    made = make_layers(layers) if isinstance(layers, int) else layers
    course = Course(max(round(rate * (seconds or LEARNS_FOR_S)), 1), seed)
    training = Training(course, made, names or ALL_BUT_ARRAYS)
    stop = stop or threading.Event()
    began = clock.monotonic()
    writer = LogWriter(path, training.header(clock.time()))
    status: Status = "finished"
    step = 0
    try:
        for step in itertools.count():
            due = step / rate
            if seconds is not None and due >= seconds:
                break
            if stop.wait(max(0.0, began + due - clock.monotonic())):
                status = "interrupted"
                break
            _write_step(writer, training, step, began)
    except KeyboardInterrupt:
        status = "interrupted"
    writer.end(status, time=clock.monotonic() - began, steps=step)
    writer.close()
    return step


def _write_step(writer: LogWriter, training: Training, step: int, began: float) -> None:
    begin = clock.monotonic()
    values = training.values(step)
    course = training.course
    spent = clock.monotonic() - begin
    writer.step(
        step,
        values,
        time=clock.monotonic() - began,
        batch_size=BATCH_SIZE,
        lr=[course.lr],
        overhead={"step_s": 4 * spent, "tracking_s": spent},
    )
    if step % user_interval(course) == 0:
        writer.user(step, measured(course, step), time=clock.monotonic() - began)
