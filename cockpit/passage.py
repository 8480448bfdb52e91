"""One way through ``with cockpit(step):`` and the backward passes that run inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from cockpit.backward.objective import MORE, relation
from cockpit.backward.passes import own_arithmetic
from cockpit.backward.stats import Absent
from cockpit.backward.user_passes import UserPass
from cockpit.losses import why_untrackable
from cockpit.open_step import OpenStep, StepPart
from cockpit.tracker import Tracker

__all__ = ["Passage"]

PASS_IT = "Pass the loss that you call backward() on as loss=… to cockpit(step)"
NOT_DIFFERENTIATED = (
    "the loss was not differentiated inside the context. Pass the loss that you call backward() "
    "on, or that it is computed from, as loss=…"
)
WRONG_LOSSES = (
    "losses=… must have one number for each sample, shape [{}]; got {}. They are not used"
)
CHANGED = (
    "the loss was changed in place after the loss function had returned it (loss /= 4): write "
    f"loss = loss / 4. Or: {PASS_IT[0].lower()}{PASS_IT[1:]}"
)
NO_GRADIENT = "the backward pass gave no parameter a gradient"


class Passage:
    """Turns the backward passes that run inside the context into parts of a step.

    When one begins, it is known from which tensor. That is the loss that the user has passed, or a
    value of the loss function, or a multiple of one of these; passes that concern neither the loss
    nor the model are passed over, and so are those that add to no gradient
    (``torch.autograd.grad``).

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
        self._part: StepPart | None = None
        self._of: Tensor | None = None  # the loss of this part
        self._problem = ""
        self._any_finished = False
        self._counts = False  # whether the present pass belongs to the part
        self._over = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """The context of the user's backward passes."""
        with self._engine.watching(self):
            yield

    def before(self, begun: UserPass) -> None:
        """A backward pass is about to run."""
        self._counts = False
        if self._over or not begun.accumulates:
            return
        tracker, step = self._tracker, self.opened.info["step"]
        with tracker.stopwatch.measure(), own_arithmetic():
            try:
                self._counts = self._meet(begun)
            except Absent as reason:
                self._finish_part()
                self._over = True
                self._leave_out(str(reason))
            except Exception as error:
                self._over = True
                tracker.fault(error, step)

    def during(self) -> None:
        """Others have had their own passes: what hooks see now is this one."""
        if self._counts and self._part is not None:
            self._engine.receive(self._part.backward)

    def after(self) -> None:
        """It is over."""
        self._engine.receive(None)
        if self._counts and self._part is not None:
            with self._tracker.stopwatch.measure(), own_arithmetic():
                self._engine.facts.pass_returns(self._part.backward)

    def finish(self) -> None:
        """The backward passes are over; further calls do nothing."""
        if self._over:
            return
        self._over = True
        self._finish_part()
        if not self._any_finished:
            self._leave_out(self._problem or self._why_untrackable() or NOT_DIFFERENTIATED)

    def _meet(self, begun: UserPass) -> bool:
        """Begin a part with this pass, or go on with the one that it adds to; whether it counts."""
        found = self._objective(begun)
        if found is None:
            return False
        loss, root, grad = found
        if self._part is None or loss is not self._of:
            self._finish_part()
            reason = self.opened.why_no_part() if self._any_finished else ""
            if reason:
                self._over = True
                text = f"{reason}; the first is tracked"
                self._tracker.event("info", "parts", text, step=self.opened.info["step"])
                return False
            self._begin(loss)
        if self._part is not None:
            self._part.backward.begins_from(root, grad)
        return True

    def _objective(self, begun: UserPass) -> tuple[Tensor, Tensor, Tensor | None] | None:
        """The loss that a pass is of, and where it begins with what gradient.

        ``None`` where it gives the model nothing.

        Raises:
            Absent: If it is of none that is known.
        """
        found = []
        for root, grad in begun.roots:
            if not isinstance(root, Tensor):
                raise Absent("it begins at an edge of the graph, not at a loss")
            if self._engine.concerns(root):
                found.append((root, grad, *self._known_in(root)))
        if not found:
            return None
        root, grad, loss, how = found[0]
        if not how:
            raise Absent(self._why_untrackable() or NOT_DIFFERENTIATED)
        if loss is None or len(found) > 1 or (how == "beside" and self._loss is not None):
            raise Absent(MORE)
        if how == "through":
            return loss, root, grad
        if not self._engine.is_in_scale(root, grad, loss):
            raise Absent(MORE)
        self._engine.probe.forget()
        return root, root, grad  # the loss with a further term, in its scale: the objective itself

    def _known_in(self, root: Tensor) -> tuple[Tensor | None, str]:
        """A loss that is known and that ``root`` depends on, and how; see :func:`relation`.

        Raises:
            Absent: If it can't be tracked.
        """
        probe, trained = self._engine.probe, self._engine.trained
        if self._of is not None and root is self._of:
            return root, "through"
        if self._loss is not None:
            problem = self._why_untrackable()
            if problem:
                raise Absent(problem)
            return self._loss, relation(root, self._loss, trained)
        for call in reversed(probe.calls):
            how = relation(root, call.loss, trained)
            if how:
                probe.select(call)
                if call.is_changed:
                    raise Absent(CHANGED)
                return call.loss, how
        return None, ""

    def _why_untrackable(self) -> str:
        """Why the loss that is known tells too little; empty if it tells enough."""
        loss = self._engine.probe.loss if self._loss is None else self._loss
        return why_untrackable(loss, self._size(loss))

    def _size(self, loss: Tensor | None) -> int | None:
        if self._batch_size is not None:
            return self._batch_size
        return self._engine.capture.size_behind(loss)

    def _begin(self, loss: Tensor) -> None:
        """Begin a part.

        Raises:
            Absent: If too little is known of it.
        """
        engine, told = self._engine, self._loss is not None
        if told and not engine.probe.is_of(loss):
            engine.probe.forget()  # another objective than the loss function's own
        size = self._size(loss)
        problem = why_untrackable(loss, size)
        if problem or size is None:
            raise Absent(problem)
        given, self._losses = self._losses, None
        if given is not None and given.numel() != size:
            text = WRONG_LOSSES.format(size, list(given.shape))
            self._tracker.caution("absent", text, self.opened.info["step"])
            given = None
        losses = engine.individual_losses(loss, given, size)
        with torch.enable_grad():
            self._part = self._tracker.begin(self.opened, loss, losses, size, told)
        self._of = loss

    def _finish_part(self) -> None:
        """Finish the part that has been differentiated."""
        part, self._part = self._part, None
        if part is None:
            return
        try:
            self.opened.info["time"] = self._tracker.stopwatch.elapsed()
            if self._tracker.finish(self.opened, part):
                self._any_finished = True
            else:
                self._problem = NO_GRADIENT
        except Absent as reason:
            self._any_finished = True
            self._leave_out(str(reason))

    def _leave_out(self, reason: str) -> None:
        what = "a further backward pass of the step is left out"
        if not self.opened.parts:
            what = "nothing can be tracked"
            self.opened.problem = reason
            self._tracker.decline(self.opened, reason)
            self._tracker.abandon()
        self._tracker.caution("absent", f"{what}: {reason}", self.opened.info["step"])
