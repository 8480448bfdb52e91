"""Computes quantities from step to step, and hands complete records to the log.

The state of one step: *opened* (its backward passes run), *finished* (the gradient is there),
*settled* (the update is known, so all but the quantities that need the next step are computed),
*complete* (those too; written).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from cockpit.agenda import Agenda
from cockpit.backward import statistics as st
from cockpit.backward.compiled import named_parameters
from cockpit.backward.engine import BackwardEngine
from cockpit.backward.evaluate import Direction
from cockpit.backward.questions import FIRST_ORDER
from cockpit.backward.stats import Absent, BackwardStats
from cockpit.budget import Budget, by_group
from cockpit.cautions import warn
from cockpit.distributed import Agreement, Local, RanksApart, agree
from cockpit.linalg import widened
from cockpit.log import LogWriter, SilentWriter
from cockpit.log.record import Arrays, Value
from cockpit.open_step import OpenStep, StepPart, same_elements, some_elements
from cockpit.quantities.base import Quantity
from cockpit.step import StepInfo
from cockpit.timing import Stopwatch

if TYPE_CHECKING:
    from cockpit.lamp_watch import LampWatch

__all__ = ["Tracker"]


Level = Literal["info", "caution", "warning"]
Status = Literal["finished", "failed", "interrupted"]


@dataclass
class Record:
    """A record on its way to the log."""

    step: int
    values: dict[str, Value]
    extra: dict[str, Any]


class Tracker:
    """Runs the quantities of one cockpit.

    Args:
        quantities: With their schedules.
        engine: Serves their requests.
        writer: Takes the records.
        stopwatch: Counts the cost.
        strict: Raise what goes wrong in a quantity, instead of switching it off.
        budget: What tracking may cost; ``None``: whatever it does.

    Attributes:
        lamps: Sees what is written, on the one rank that writes; ``None``: there are none.
    """

    def __init__(
        self,
        quantities: list[Quantity],
        engine: BackwardEngine,
        writer: LogWriter | SilentWriter,
        stopwatch: Stopwatch,
        strict: bool,
        budget: Budget | None = None,
    ) -> None:
        self.agenda = Agenda(quantities)
        self.budget = budget
        self.engine = engine
        self.writer = writer
        self.stopwatch = stopwatch
        self.strict = strict
        self.initial = {name: p.detach().clone() for name, p in named_parameters(engine.model)}
        self.latest: dict[str, float] = {}
        self.steps = 0
        self.off = False
        self.lamps: LampWatch | None = None
        self._writing = True
        self._following: list[Quantity] = []
        self._record: Record | None = None
        self._previous_update: dict[str, Direction] | None = None
        self._end: dict[str, Tensor] = {}  # some elements of the parameters where it led
        self._said: set[tuple[str | None, str]] = set()

    def due(self, step: int, ahead: int = 0) -> list[Quantity]:
        """The quantities that are tracked at a step, so many steps ahead of the present one."""
        if self.off:
            return []
        budget, due = self.budget, self.agenda.due(step)
        return due if budget is None else [q for q in due if budget.allows(q, ahead)]

    def due_at_any(self, steps: range) -> list[Quantity]:
        """The quantities that are tracked if the next step is one of these."""
        if len(steps) == 1:
            return self.due(steps[0], ahead=1)
        found = {q.name: q for step in steps for q in self.due(step, ahead=1)}
        return [q for q in self.agenda.quantities if q.name in found]

    @property
    def following(self) -> bool:
        """Whether a quantity of the last step waits for the next one."""
        return bool(self._following)

    def requests(self, due: list[Quantity]) -> frozenset[st.Statistic]:
        """What the next backward pass must yield, for these and for the waiting quantities."""
        return self.agenda.requests(due, self._following)

    def open(self, place: str, due: list[Quantity], info: dict[str, Any]) -> OpenStep:
        """Begin a tracked step."""
        if self.budget is not None:
            self.budget.begin(due)
        return OpenStep(place, info, due, self._following, self.requests(due))

    def begin(
        self, opened: OpenStep, loss: Tensor, losses: Tensor | None, batch_size: int, told: bool
    ) -> StepPart:
        """Begin a part of the step: serve what needs the graph of its forward pass."""
        for probe in (self.engine.capture, self.engine.probe):
            fault, probe.fault = probe.fault, None
            if fault is not None:
                raise fault
        requests, reduction = opened.requests, opened.info["reduction"]
        if opened.begun:  # eigenvalues of several matrices don't add up
            requests = frozenset(r for r in requests if not isinstance(r, st.MaxEigenvalue))
        if opened.parts:  # and the facts of the first part are those of the step
            requests -= {st.StepFacts()}
        opened.begun = True
        try:
            backward = self.engine.begin(
                requests, loss, batch_size, reduction, opened.place, losses
            )
        except RanksApart:
            opened.void = True
            raise
        mean = float(loss.detach()) / (batch_size if reduction == "sum" else 1)
        return StepPart(backward, mean, losses, told)

    def finish(self, opened: OpenStep, part: StepPart) -> bool:
        """The backward pass is over: take the gradient and the parameters, before they change.

        Returns:
            Whether the pass gave any parameter a gradient; else it is no part.

        Raises:
            Absent: If the part can't be tracked, with the reason.
        """
        self.engine.finish(part.backward, part.told)
        if part.backward.parameters and not part.backward.stats.grad:
            return False
        if not opened.parts:
            opened.before = {n: p.detach().clone() for n, p in part.backward.parameters.items()}
            self._meet_new_parameters(opened)
            if opened.completing and not same_elements(some_elements(opened.before), self._end):
                text = "it needs the context at two steps in a row; the parameters changed between"
                self.skip_following(text, opened.info["step"])
                opened.completing = []
        opened.parts.append(part)
        return True

    def _meet_new_parameters(self, opened: OpenStep) -> None:
        """Parameters that were added or replaced: where they are now, they began.

        Those that were moved to another device began where they began.
        """
        for name, now in opened.before.items():
            start = self.initial.get(name)
            if start is None or start.shape != now.shape or start.is_meta:
                self.initial[name] = now
            elif start.device != now.device:
                self.initial[name] = start.to(now.device)
        unknown = [name for name in opened.before if name not in opened.info["layers"]]
        if unknown:
            text = (
                f"{unknown[0]} was added to the model after the run began: it counts in the "
                "network's values and has none of its own"
            )
            self.event("info", "layers", text, step=opened.info["step"])

    def settle(self, opened: OpenStep, moved: bool) -> None:
        """The update is there: compute.

        Args:
            opened: The step.
            moved: Whether the optimizer has had its turn.
        """
        agreed = self._agree(opened, moved)
        if self.budget is not None:
            self.budget.adopt(agreed.plan)
        info, stats = self.engine.ranks.together(lambda: self._gathered(opened, moved, agreed))
        self._say_what_is_left_out(stats, info.step)
        self._complete_previous(opened.completing, info, stats)
        self._compute(opened.due, info, stats)
        self._previous_update = None
        if self._following and info.update is not None:
            self._previous_update = {**info.update, **stats.update_products}
        named = dict(named_parameters(self.engine.model))
        self._end = some_elements(named) if self._following else {}

    def _gathered(
        self, opened: OpenStep, moved: bool, agreed: Agreement
    ) -> tuple[StepInfo, BackwardStats]:
        """The step and its statistics, of all ranks."""
        passes, update = opened.passes, None
        if moved and any(isinstance(r, st.Update) for r in opened.requests):
            parameters = passes[0].parameters
            before = {n: widened(p) for n, p in opened.before.items()}
            update = {n: widened(p.detach()) - before[n] for n, p in parameters.items()}
        self._compare_weights(opened)
        info = StepInfo(
            parameters=opened.before,
            initial=self.initial,
            update=update,
            **opened.info,
            **opened.losses(agreed, self.engine.ranks),
        )
        return info, self.engine.answer(passes, info, self._previous_update, agreed.share)

    def _say_what_is_left_out(self, stats: BackwardStats, step: int) -> None:
        for what, error in stats.left_out.items():
            if isinstance(error, Absent):
                self.event("info", "absent", f"no {what}: {error}", step=step)
            elif self.strict:
                raise error
            else:
                text = f"no {what}: {type(error).__name__}: {error}"
                self.event("info", "fault", text, step=step)

    def _agree(self, opened: OpenStep, moved: bool) -> Agreement:
        """What the ranks agree on, if all can track this step.

        Raises:
            Absent: If one can't, or is not there.
        """
        losses = opened.individual_losses
        local = Local(
            problem="" if opened.parts else opened.problem,
            size=sum(part.backward.batch_size for part in opened.parts),
            loss=opened.loss,
            has_losses=losses is not None,
            moved=moved,
            requests=_in_words(opened.requests),
            plan=self._plan(opened),
        )
        return agree(self.engine.ranks, opened.place, local)

    def next_step(self) -> None:
        """A step of the loop is over, and the next one begins."""
        self.stopwatch.next_step()
        costs, self.engine.costs = self.engine.costs, {}
        if self.budget is not None and self.stopwatch.completed is not None:
            self.budget.step_done(*self.stopwatch.completed, by_group(costs))

    def _plan(self, opened: OpenStep) -> dict[str, int]:
        """When what is tracked at this step is tracked next, as this rank would have it."""
        if self.budget is None:
            return {}
        spent, parts = self.stopwatch.so_far, by_group(self.engine.costs)
        return self.budget.plan(opened.due, spent, parts)

    def _compare_weights(self, opened: OpenStep) -> None:
        weights = [part.weight for part in opened.passes]
        if max(weights) - min(weights) > 1e-3 * max(map(abs, weights)):
            text = (
                "the samples of the backward passes of a step have different weights in the "
                "gradient; what is recorded refers to their plain mean"
            )
            self.event("info", "accumulation", text, step=opened.info["step"])

    def abandon(self) -> None:
        """Write what is complete of a record that waits, and let go of everything."""
        self._following, self._previous_update = [], None
        self._flush()

    def decline(self, opened: OpenStep, problem: str) -> None:
        """Tell the ranks that find an eigenvalue before their backward pass not to wait for us."""
        ranks = self.engine.ranks
        if opened.begun or ranks.size == 1:
            return
        opened.begun = True
        for request in sorted(opened.requests, key=repr):
            if isinstance(request, st.MaxEigenvalue):
                try:
                    ranks.agree(f"{opened.place}/{request}", problem)
                except RanksApart:
                    opened.void = True
                except Absent:
                    pass  # they know now

    def skip_following(self, reason: str, step: int) -> None:
        """What waited for the next step is lost: this one does not begin where that one led."""
        for quantity in self._following:
            self.event("info", "absent", reason, step=step, quantity=quantity.name)
        self.abandon()

    def event(
        self,
        level: Level,
        kind: str,
        message: str,
        *,
        step: int | None,
        quantity: str | None = None,
    ) -> None:
        """Record something once for each quantity and text."""
        if (quantity, message) in self._said:
            return
        self._said.add((quantity, message))
        time = self.stopwatch.elapsed()
        self.write(
            lambda: self.writer.event(level, kind, message, step=step, quantity=quantity, time=time)
        )

    def caution(self, kind: str, message: str, step: int | None) -> None:
        """Record something that the user should know now, and warn; once for each text."""
        if (None, message) not in self._said:
            self.event("caution", kind, message, step=step)
            if self.engine.ranks.leads:  # one rank says it for all
                warn(message)

    def end(self, status: Status, message: str) -> None:
        """Write how the run ended; nothing can be written after that."""
        time = self.stopwatch.elapsed()
        self.write(lambda: self.writer.end(status, time=time, steps=self.steps, message=message))
        self.writer.close()

    def write(self, function: Callable[[], None]) -> None:
        """Write to the log; a fault of the disk ends the log, not the training."""
        if not self._writing:
            return
        try:
            function()
        except OSError as error:
            self._writing = False
            if self.strict:
                raise
            warn(
                f"can't write {self.writer.path}: {error}. The training goes on; nothing more of "
                "it is recorded"
            )

    def fault(self, error: Exception, step: int | None) -> None:
        """Something other than a single quantity went wrong: stop tracking, say so once."""
        self.engine.ranks.leave(f"{type(error).__name__}: {error}")
        if self.strict:
            raise error
        self.off = True
        with suppress(Exception):
            self.abandon()  # what is complete of the step before is still true
        self.engine.detach()
        text = f"tracking is switched off: {type(error).__name__}: {error}"
        self.caution("fault", text, step)

    def _complete_previous(
        self, completing: list[Quantity], info: StepInfo, stats: BackwardStats
    ) -> None:
        record = self._record
        for quantity in completing:
            value = self._guarded(quantity, partial(quantity.complete, info, stats), info.step)
            if isinstance(value, Value) and record is not None:
                record.values[quantity.name] = _marked(value, quantity.requires_next(), stats)
        # By now the step of this record is complete, and so is what it cost.
        self._flush(self.stopwatch.completed)

    def _compute(self, due: list[Quantity], info: StepInfo, stats: BackwardStats) -> None:
        values: dict[str, Value] = {}
        self._following = []
        for quantity in due:
            value = self._guarded(quantity, partial(quantity.compute, info, stats), info.step)
            if isinstance(value, Value):
                values[quantity.name] = _marked(value, quantity.requires(), stats)
            elif value is None and quantity.follows_up:
                self._following.append(quantity)
        if not due:
            return
        extra = {"time": info.time, "batch_size": info.batch_size, "lr": list(info.learning_rates)}
        self._record = Record(info.step, values, extra)
        if not self._following:
            plain = self.stopwatch.plain
            self._flush(None if plain is None else (plain, self.stopwatch.tracking))

    def _flush(self, cost: tuple[float, float] | None = None) -> None:
        record, self._record = self._record, None
        if record is None:
            return
        overhead = None
        if cost is not None:
            run = self.stopwatch.overhead
            overhead = {"step_s": cost[0], "tracking_s": cost[1], "run": run}
        try:
            line = self._write_step(record, overhead)
        except ValueError as error:  # too large for the log: by its arrays, if it has any
            large = [name for name, value in record.values.items() if isinstance(value, Arrays)]
            if self.strict or not large:
                raise
            for name in large:
                del record.values[name]
                self._switch_off(name, error, record.step)
            line = self._write_step(record, overhead)
        self.steps += 1
        for name, value in record.values.items():
            number = getattr(value, "value", None)
            if number is not None:
                self.latest[name] = number
        if self.lamps is not None and line is not None:
            self.lamps.take(line)

    def _guarded(
        self, quantity: Quantity, function: Callable[[], Value | None], step: int
    ) -> Value | Absent | Exception | None:
        """A quantity's value, or why there is none: absence is recorded, a fault switches off."""
        try:
            return function()
        except Absent as reason:
            self.event("info", "absent", str(reason), step=step, quantity=quantity.name)
            return reason
        except Exception as error:
            if self.strict:
                raise
            self._switch_off(quantity.name, error, step)
            return error

    def _switch_off(self, name: str, error: Exception, step: int) -> None:
        self.agenda = self.agenda.without(name)
        text = f"{name} is switched off: {type(error).__name__}: {error}"
        self.event("caution", "fault", text, step=step, quantity=name)
        warn(text)

    def user(self, step: int, values: Mapping[str, Any]) -> None:
        """Record what the training loop has measured."""
        line = self.writer.user_line(step, values, time=self.stopwatch.elapsed())
        self._append(line)
        if self.lamps is not None and line is not None:
            self.lamps.take(line)

    def _write_step(self, record: Record, overhead: dict[str, float] | None) -> bytes | None:
        """Write a record; its line, ``None`` where another rank writes."""
        writer, extra = self.writer, record.extra
        line = writer.step_line(record.step, record.values, overhead=overhead, **extra)
        self._append(line)
        return line

    def _append(self, line: bytes | None) -> None:
        if line is not None:
            self.write(lambda: self.writer.append(line))


@functools.cache
def _in_words(requests: frozenset[st.Statistic]) -> tuple[str, ...]:
    """Requests as all ranks write them."""
    return tuple(sorted(map(repr, requests)))


def _marked(value: Value, requests: frozenset[st.Statistic], stats: BackwardStats) -> Value:
    """Say in a value what the backward pass says of the answers that it was made from."""
    notes: dict[str, Any] = {}
    for request in requests:
        notes |= stats.notes.get(request, {})
    if stats.coupled and any(isinstance(r, FIRST_ORDER) for r in requests):
        notes["individual"] = "contribution"
    return type(value)(**{**vars(value), "notes": {**value.notes, **notes}}) if notes else value
