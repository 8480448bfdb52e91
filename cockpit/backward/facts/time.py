"""How long the loop waits for its data: the time that passes before the model begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cockpit.backward.facts.group import Found, Group, Seen, Settled

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass

__all__ = ["Time", "WaitingClock"]


class WaitingClock:
    """Splits the time between two optimizer steps into waiting and the rest.

    The loop waits from the end of a step (or of a micro-batch) until the model's forward pass
    begins. Where the model computes on an accelerator, Python runs ahead of it: what Python sees of
    a step is then not what the step takes. There, waiting is compared with a step that was not
    tracked, and counts only from a moment at which the accelerator had nothing left to do.
    """

    def __init__(self) -> None:
        self._began: float | None = None  # when the optimizer's last step was over
        self._idle: float | None = None  # since when the model has had nothing to do
        self._waited: float | None = None
        self._drained = False
        self._plain: float | None = None  # seconds of the last step that was not tracked

    def step_over(self, now: float, tracked: bool) -> None:
        """The optimizer has stepped.

        Args:
            now: Seconds; the clock stands still while Cockpit computes.
            tracked: Whether Cockpit looks at this step (and waits for its numbers).
        """
        if not tracked and self._began is not None:
            self._plain = now - self._began
        self._began = self._idle = now
        self._waited, self._drained = None, tracked

    def part_over(self, now: float) -> None:
        """A backward pass is over; a further micro-batch may follow."""
        if self._began is not None:
            self._idle = now

    def forward_begins(self, now: float) -> None:
        """The model begins a forward pass that may be differentiated."""
        if self._idle is not None:
            self._waited = (self._waited or 0.0) + now - self._idle
            self._idle = None

    def forget(self) -> None:
        """The loop does something else meanwhile, such as an evaluation."""
        self._began = self._idle = self._waited = None

    def share(self, now: float, runs_ahead: bool) -> float | None:
        """Share of the step so far that was spent waiting; ``None`` if it is not known.

        Args:
            now: When the optimizer has stepped.
            runs_ahead: Whether Python does not wait for the model to be computed.
        """
        if self._began is None or self._waited is None:
            return None
        whole: float | None = now - self._began
        if runs_ahead:
            whole = self._plain if self._drained else None
        if whole is None or whole <= 0:
            return None
        return min(1.0, self._waited / whole)


class Time(Group):
    """Facts of where the time goes."""

    name: ClassVar[str] = "time"

    def __init__(self) -> None:
        self._clock = WaitingClock()
        self._tracked = self._runs_ahead = False
        self._share: float | None = None

    def evaluation_begins(self) -> None:
        """The time since the last step is not for data alone."""
        self._clock.forget()

    def forward_begins(self) -> None:
        """The data are there."""
        self._clock.forward_begins(self.now())

    def before_backward(self, seen: Seen) -> Found:
        """The step is tracked."""
        self._tracked, self._share = True, None
        self._runs_ahead = any(p.device.type != "cpu" for p in seen.parameters.values())
        return {}

    def pass_returns(self, part: BackwardPass) -> Found:
        """A further micro-batch may have to be waited for."""
        self._clock.part_over(self.now())
        return {}

    def after_update(self, optimizer: Any, watched: bool) -> None:
        """The step is over; several optimizers end it several times."""
        now = self.now()
        if self._tracked and self._share is None:
            self._share = self._clock.share(now, self._runs_ahead)
        self._clock.step_over(now, self._tracked)
        self._tracked = False

    def settled(self, step: Settled) -> Found:
        """What was waited for this step."""
        share, self._share = self._share, None
        return {"time.waiting": share}
