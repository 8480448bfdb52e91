"""What tracking costs, measured while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

__all__ = ["Stopwatch"]


class Stopwatch:
    """Splits the time of the loop into training and tracking.

    Attributes:
        began: Unix time at which the run began.
        tracking: Seconds of tracking since the present step began.
        plain: Seconds of the last step without its tracking; ``None`` before there is one.
        completed: Seconds of training and of tracking of the last complete step.
    """

    def __init__(self) -> None:
        self.began = time.time()
        self._origin = time.perf_counter()
        self._step_began: float | None = None
        self.completed: tuple[float, float] | None = None
        self._running: float | None = None  # since when tracking runs
        self._depth = 0  # of the contexts that measure
        self._measuring = _Between(self._start, self._stop)
        self.tracking = 0.0
        self.plain: float | None = None
        self._total_tracking = 0.0
        self._total_plain = 0.0
        self._ever = 0.0  # seconds of tracking, before the first step as well

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._origin

    def next_step(self) -> None:
        """A step begins where the step before ends: at the entry of the context."""
        now = time.perf_counter()
        if self._step_began is not None:
            self.plain = max(0.0, now - self._step_began - self.tracking)
            self._total_plain += self.plain
            self._total_tracking += self.tracking
            self.completed = self.plain, self.tracking
        self._step_began, self.tracking = now, 0.0

    def measure(self) -> AbstractContextManager[None]:
        """Count what runs inside as tracking."""
        return self._measuring

    def _start(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._running = time.perf_counter()

    def _stop(self) -> None:
        self._depth -= 1
        if self._depth == 0 and self._running is not None:
            took = time.perf_counter() - self._running
            self.tracking += took
            self._ever += took
            self._running = None

    def leave_out(self, seconds: float) -> None:
        """Count the last seconds neither as training nor as tracking: they pass once in a run."""
        self._ever += seconds
        if self._running is not None:
            self._running += seconds
        if self._step_began is not None:
            self._step_began += seconds

    @property
    def so_far(self) -> float:
        """Seconds of tracking since the present step began, up to this moment."""
        running = 0.0 if self._running is None else time.perf_counter() - self._running
        return self.tracking + running

    def trained(self) -> float:
        """Seconds that were no tracking, since some moment: stands still while tracking runs."""
        now = time.perf_counter() if self._running is None else self._running
        return now - self._ever

    @property
    def overhead(self) -> float:
        """Tracking relative to training, over all steps so far: 0.1 means 10 % more time."""
        return self._total_tracking / self._total_plain if self._total_plain > 0 else 0.0


class _Between(AbstractContextManager[None]):
    """Calls something at its entry and at its end; may be entered again inside itself.

    It runs at each step, and costs a fifth of what a generator does.
    """

    def __init__(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._before, self._after = before, after

    def __enter__(self) -> None:
        self._before()

    def __exit__(self, *_: object) -> None:
        self._after()
