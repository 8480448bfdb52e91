"""One way through ``with cockpit(step):`` and the backward passes that run inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from cockpit.backward.passes import own_arithmetic
from cockpit.backward.stats import Absent
from cockpit.losses import why_untrackable
from cockpit.open_step import OpenStep, StepPart
from cockpit.tracker import Tracker

__all__ = ["Passage"]


class Passage:
    """Turns the backward passes that run inside the context into parts of a step.

    The first one's loss is known when the context is entered; where the user computes further ones
    inside, each call of the loss function begins another.

    Args:
        tracker: Begins and finishes the parts.
        opened: The step.
        loss: The loss, if the user passed it.
        losses: Individual losses, shape [N], if the user passed them.
        batch_size: N, if the user passed it.
    """

    def __init__(
        self,
        tracker: Tracker,
        opened: OpenStep,
        loss: Tensor | None,
        losses: Tensor | None,
        batch_size: int | None,
    ) -> None:
        self.opened = opened
        self._tracker = tracker
        self._engine = tracker.engine
        self._loss, self._losses, self._batch_size = loss, losses, batch_size
        self._candidates: list[StepPart] = []
        self._problem = ""
        self._any_finished = False
        self._over = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """The context of the user's backward passes."""
        with self._engine.watching(self._on_loss):
            yield

    def begin(self) -> None:
        """Begin a part with the last forward pass, if it tells enough.

        It is a candidate: which loss will be differentiated is not known yet.
        """
        engine, loss = self._engine, self._loss
        if loss is None:
            loss = engine.probe.loss
        elif isinstance(loss, Tensor) and not engine.probe.is_of(loss):
            engine.probe.forget()  # another objective than the loss function's own
        size = engine.capture.batch_size if self._batch_size is None else self._batch_size
        self._problem = why_untrackable(loss, size)
        if self._problem or loss is None or size is None:
            self._tracker.decline(self.opened, self._problem)
            return
        losses, self._losses = self._losses, None
        engine.probe.given = losses
        losses = engine.probe.individual(size) if losses is None else losses.detach().flatten()
        with torch.enable_grad():
            part = self._tracker.begin(self.opened, loss, losses, size)
        for other in self._candidates:
            other.backward.calls = part.backward.calls  # only one will be differentiated
        self._candidates.append(part)

    def finish(self, time: float) -> None:
        """The backward passes are over; further calls do nothing.

        Args:
            time: Seconds since the run began.
        """
        if self._over:
            return
        self._over = True
        self.opened.info["time"] = time
        self._finish_part()

    def _finish_part(self) -> None:
        """Finish the candidate that has been differentiated."""
        candidates, self._candidates = self._candidates, []
        found = [part for part in candidates if part.backward.differentiated]
        if not found and self._any_finished:
            return  # a loss that was only looked at
        try:
            if candidates:
                self._tracker.finish(self.opened, (found or candidates)[0])
                self._any_finished = True
            elif self._problem:
                self._leave_out(self._problem)
        except Absent as reason:
            self._leave_out(str(reason))

    def _leave_out(self, reason: str) -> None:
        what = "a further backward pass of the step is left out"
        if not self.opened.parts:
            what = "nothing can be tracked"
            self.opened.problem = reason
            self._tracker.abandon()
        self._tracker.caution("absent", f"{what}: {reason}", self.opened.info["step"])

    def _on_loss(self) -> None:
        """The loss function was called inside the context."""
        if self._over or self._loss is not None:
            return
        tracker = self._tracker
        with tracker.stopwatch.measure(), own_arithmetic():
            try:
                if any(part.backward.differentiated for part in self._candidates):
                    self._finish_part()
                self.begin()
            except Absent as reason:
                self._over = True
                self._leave_out(str(reason))
            except Exception as error:
                self._over = True
                tracker.fault(error, self.opened.info["step"])
