"""What a training loop holds."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cockpit.backward.compiled import why_unseen
from cockpit.backward.context import further_extensions
from cockpit.backward.engine import BackwardEngine
from cockpit.backward.passes import own_arithmetic
from cockpit.backward.stats import Absent
from cockpit.backward.user_passes import inside_backward
from cockpit.budget import Budget, checked_budget
from cockpit.configuration import Configuration, resolve
from cockpit.distributed import Ranks, hint_of_others, ranks_of, unwrapped, why_untracked
from cockpit.header import checked_steps, describe_run
from cockpit.lamp_watch import LampWatch, OnLamp, choose_lamps, describe_lamps
from cockpit.lamps import Episode, Lamp
from cockpit.lamps.advice import Advice, advice
from cockpit.log import LogWriter, SilentWriter
from cockpit.losses import LossProbe, checked_reduction
from cockpit.open_step import OpenStep
from cockpit.optimizers import Optimizers
from cockpit.passage import Passage
from cockpit.quantities.base import Quantity, Tier
from cockpit.step_numbers import StepNumbers
from cockpit.timing import Stopwatch
from cockpit.tracker import Status, Tracker

__all__ = ["Cockpit"]


class Cockpit:
    """Instruments for a training loop.

    ::

        cockpit = Cockpit(model, loss_fn, optimizer, config="economy", logdir="runs/first")
        for step, (x, y) in enumerate(loader):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            with cockpit(step):
                loss.backward()
            optimizer.step()
        cockpit.close()

    Args:
        model: The model that is trained. In DistributedDataParallel, each rank makes a cockpit
            and enters it at the same steps; rank 0 writes one record of the global batch.
        loss_fn: The loss function. As an ``nn.Module`` with a ``reduction`` it tells loss and
            individual losses by itself; otherwise, or where it is not the whole objective, pass
            ``loss=`` (and ``losses=``) at each step.
        optimizer: The optimizer, or several.
        config: ``economy``, ``business``, ``full``, a :class:`Configuration`, or a list of
            quantities.
        logdir: Folder of this run. A folder that holds a run already is resumed: a new attempt.
        strict: Raise what goes wrong in tracking, instead of warning and switching it off.
        reduction: ``mean`` or ``sum``, where the loss function doesn't say; default ``mean``.
        seed: Of the cockpit's own random generator; the global ones are never touched.
        budget: Share of the training time that tracking may cost over any minute: 0.1 for 10 %.
            Tracked steps are spaced accordingly, dense at first; schedules still hold.
        ui: Open the live page beside the training.
        about: What the log's header says of the run besides, e.g. ``{"data": "CIFAR-10"}``.
        lamps: Which lamps look after the run: all, none, or those of these names.
        silence: Names of lamps to leave out.
        on_lamp: Called with each :class:`~cockpit.lamps.Change` of a lamp, where no step is under
            way. If it raises, it is switched off.
        planned_steps: How many steps the run shall have, from step 0 on; some lamps need it.

    Attributes:
        logdir: Folder of this run.

    Raises:
        TypeError: If an argument is not of the kind it has to be.
        ValueError: If the configuration, the reduction, the budget or the choice of lamps makes no
            sense, or the model has lazy parameters that have no shape yet.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: Callable[..., Tensor] | None = None,
        optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer] | None = None,
        config: Tier | Configuration | Iterable[Quantity] = "economy",
        logdir: str | Path = "runs/cockpit",
        *,
        strict: bool = False,
        reduction: Literal["mean", "sum"] | None = None,
        seed: int = 0,
        budget: float | None = None,
        ui: bool = False,
        about: Mapping[str, Any] | None = None,
        lamps: bool | Iterable[str | Lamp] = True,
        silence: Iterable[str] = (),
        on_lamp: OnLamp | None = None,
        planned_steps: int | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model is an nn.Module; got {type(model).__name__}.")
        lazy = [name for name, p in model.named_parameters() if is_lazy(p)]
        if lazy:
            raise ValueError(
                f"the parameter {lazy[0]} has no shape yet (a lazy module). Run one batch through "
                "the model before Cockpit(...) is made, as before the optimizer is."
            )
        ranks, model = ranks_of(model), unwrapped(model)
        quantities, description = resolve(config)
        if checked_budget(budget) is not None:
            description["budget"] = budget
        chosen = choose_lamps(lamps, silence, on_lamp)
        probe = LossProbe(loss_fn)
        self._reduction = checked_reduction(reduction, probe.reduction)
        self._optimizers = Optimizers(optimizer, model)
        self._stopwatch = Stopwatch()
        self._engine = BackwardEngine(model, probe, seed, ranks)
        self._engine.facts.param_groups = self._optimizers.groups
        self._engine.facts.use_clock(self._stopwatch.trained)
        self.logdir = Path(logdir)
        header = describe_run(model, quantities, self._optimizers, description, self._reduction)
        header["planned_steps"] = checked_steps(planned_steps)
        header["lamps"] = describe_lamps(chosen)
        header["environment"]["ranks"] = ranks.size
        header |= {"about": dict(about)} if about else {}
        header |= {"silenced": sorted(chosen.silenced)} if chosen and chosen.silenced else {}
        writer = _writer(ranks, self.logdir, {**header, "time": self._stopwatch.began})
        self._layers = tuple(layer.name for layer in header["layers"])
        self._tracker = Tracker(
            quantities,
            self._engine,
            writer,
            self._stopwatch,
            strict,
            None if budget is None else Budget(budget, quantities),
        )
        if chosen is not None and isinstance(writer, LogWriter):
            self._tracker.lamps = LampWatch(chosen, self._tracker, writer)
        self._open: OpenStep | None = None
        self._passage: Passage | None = None
        self._numbers = StepNumbers()
        self._missed_one = False
        self._always_attached = False
        self._takes_turns = False
        self._closed = False
        self._optimizers.around_step(
            _call_weakly(self, "_before_optimizer"), _call_weakly(self, "_after_optimizer")
        )
        self._at_exit = _call_weakly(self, "_close_at_exit")
        atexit.register(self._at_exit)
        self._meet_others()
        if ui and ranks.leads:
            from cockpit.dashboard import start_background

            print(f"Cockpit: {start_background(self.logdir.parent)}")

    @contextmanager
    def __call__(
        self,
        step: int,
        *extensions: Any,
        loss: Tensor | None = None,
        losses: Tensor | None = None,
        batch_size: int | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Iterator[None]:
        """Wrap the backward pass of a step, or the passes that add up to its gradient.

        With gradient accumulation, enter it once for each micro-batch, with the same number, or
        once around all of them. What is recorded refers to the mean over all their samples.

        Args:
            step: The step's number; counts optimizer steps.
            *extensions: Further BackPACK extensions to run in the same pass.
            loss: The loss, where ``loss_fn`` is no module or not the whole objective; of a
                micro-batch its mean, before it is divided by the number of micro-batches.
            losses: Individual losses of the same objective, shape [N], where they can't be found
                out.
            batch_size: N, where the model's first argument doesn't tell.
            info: The same by name (``loss``, ``individual_losses``, ``batch_size``), and
                whatever a quantity of yours wants to see.
        """
        info = dict(info or {})
        info.pop("optimizer", None)
        loss = info.pop("loss", None) if loss is None else loss
        losses = info.pop("individual_losses", None) if losses is None else losses
        batch_size = info.pop("batch_size", None) if batch_size is None else batch_size
        passage = self._passage = self._enter(step, loss, losses, batch_size, info)
        with ExitStack() as stack:
            if extensions:
                stack.enter_context(further_extensions(self._engine.capture, extensions))
            if passage is not None:
                stack.enter_context(passage.running())
            try:
                yield
            except BaseException:
                self._open = self._passage = None
                self._engine.forget()
                raise
        self._leave(step, passage)

    def log(self, step: int, **values: Any) -> None:
        """Record what you measure: ``cockpit.log(step, epoch=3, valid_loss=0.4)``.

        Args:
            step: The step it belongs to.
            **values: Numbers, strings or 0-d tensors.
        """
        plain = {
            name: value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
            for name, value in values.items()
        }
        self._tracker.user(step, plain)

    def create_graph(self, step: int) -> bool:
        """Whether ``loss.backward(create_graph=…)`` has to be true at this step: never.

        Second-order quantities are computed on a graph of their own.
        """
        return False

    @property
    def latest(self) -> dict[str, float]:
        """The latest network-wide value of each quantity, by name."""
        return dict(self._tracker.latest)

    @property
    def lamps(self) -> tuple[Episode, ...]:
        """The lamps that are lit: warnings first, then the oldest first.

        One that another one explains has the other's name as ``cause``. With several processes
        the leading one alone has lamps.
        """
        watch = self._tracker.lamps
        return () if watch is None else tuple(watch.board.lit)

    def advice(self) -> list[Advice]:
        """What to change, as the lit lamps suggest it, for a program; the most pressing first."""
        watch = self._tracker.lamps
        return [] if watch is None else advice(watch.board)

    @property
    def overhead(self) -> float:
        """Time of tracking relative to the time of training so far: 0.1 means 10 % more."""
        return self._stopwatch.overhead

    def close(self, status: Status = "finished", message: str = "") -> None:
        """Write what is left, and the end of the run. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        if status != "finished":
            self._engine.ranks.leave(message or status)
            self._open = self._open if self._engine.ranks.size == 1 else None
        self._settle(moved=self._optimizers.any_stepped)
        self._engine.detach()
        self._optimizers.release()
        tracker = self._tracker
        tracker.abandon()
        try:
            self._say_lamps()
        finally:
            tracker.end(status, message)
            self._engine.ranks.leave("its cockpit is closed")

    def __enter__(self) -> Cockpit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        elif isinstance(error, KeyboardInterrupt):
            self.close("interrupted")
        else:
            self.close("failed", f"{type(error).__name__}: {error}")

    def _meet_others(self) -> None:
        """Make sure that all ranks have a cockpit, and see the first forward pass."""
        tracker = self._tracker
        model = self._engine.model
        problem = why_untracked(model) or why_unseen(model)
        if problem:
            tracker.off = True
            tracker.caution("absent", f"nothing can be tracked: {problem}", None)
            return
        try:
            self._engine.ranks.meet("made")
            self._engine.attach(tracker.requests(tracker.agenda.quantities))
        except Absent as reason:
            text = f"each rank needs a cockpit of its own to track the global batch: {reason}"
            tracker.fault(RuntimeError(text), None)

    def _enter(
        self,
        step: int,
        loss: Tensor | None,
        losses: Tensor | None,
        batch_size: int | None,
        details: dict[str, Any],
    ) -> Passage | None:
        """Begin a step or go on with it; ``None`` where nothing is tracked."""
        if self._closed:
            raise RuntimeError("This cockpit is closed. Make a new one to go on.")
        with self._stopwatch.measure(), own_arithmetic():
            goes_on = step == self._numbers.last and not self._optimizers.any_stepped
            try:
                opened = self._go_on(step) if goes_on else self._next_step(step)
                if opened is None:
                    return None
                opened.info["details"] |= details
                return Passage(self._tracker, opened, loss, losses, batch_size)
            except Exception as error:
                self._open = None
                self._tracker.fault(error, step)
                return None

    def _next_step(self, step: int) -> OpenStep | None:
        """Settle the last step and begin this one; ``None`` where it is not tracked."""
        tracker = self._tracker
        self._settle(moved=True)
        self._takes_turns = self._takes_turns or step == self._numbers.last
        if self._takes_turns:  # perhaps objectives take turns, as in adversarial training
            text = "the context is entered with one number for several steps of the optimizers"
            tracker.skip_following(text, step)
        tracker.next_step()
        self._optimizers.begin_step()
        self._numbers.take(step)
        due = tracker.due(step)
        if not (due or tracker.following) or not self._attached(step):
            return None
        self._open = tracker.open(
            f"{self._numbers.restarts}.{step}",
            due,
            {
                "step": step,
                "reduction": self._reduction,
                "layers": self._layers,
                "details": {},
                **self._optimizers.describe_step(),
            },
        )
        return self._open

    def _go_on(self, step: int) -> OpenStep | None:
        """The step that is open, if a further backward pass adds to its gradient."""
        opened = self._open
        if opened is None or not self._attached(step):
            return None
        reason = opened.why_no_part()
        if reason:
            self._tracker.event("info", "parts", f"{reason}; the first is tracked", step=step)
        return None if reason else opened

    def _attached(self, step: int) -> bool:
        """Whether the forward pass of this backward pass was seen."""
        if self._engine.capture.attached:
            return True
        self._always_attached, self._missed_one = self._missed_one, True
        self._open = None
        self._tracker.abandon()
        text = "a tracked step came unforeseen, and is left out: the steps' numbers are irregular"
        self._tracker.event("info", "unforeseen", text, step=step)
        return False

    def _leave(self, step: int, passage: Passage | None) -> None:
        """The backward passes are over, or those of a part of the step."""
        self._passage = None
        with self._stopwatch.measure(), own_arithmetic():
            if passage is not None:
                self._finish(passage)
            self._engine.forget()
            self._prepare()
        self._say_lamps()

    def _prepare(self) -> None:
        """Attach to the next forward pass if its step is tracked, else stay out of its way."""
        try:
            self._attach_or_detach()
        except Exception as error:  # of a schedule of the user's, for one
            self._tracker.fault(error, self._numbers.last)

    def _attach_or_detach(self) -> None:
        tracker = self._tracker
        due = tracker.due_at_any(self._numbers.coming())
        unknown = self._numbers.are_unknown or self._always_attached
        waiting = self._open is not None and any(q.follows_up for q in self._open.due)
        waiting = waiting or tracker.following
        if due or waiting or (unknown and not tracker.off):
            self._engine.attach(tracker.requests(due))
        elif self._open is None or not self._optimizers.can_tell:
            self._engine.detach()  # else the step may go on, with further micro-batches

    def _finish(self, passage: Passage) -> None:
        try:
            passage.finish()
        except Exception as error:
            self._open = None
            self._tracker.fault(error, passage.opened.info["step"])

    def _before_optimizer(self, optimizer: Any) -> None:
        if inside_backward():
            return
        with self._stopwatch.measure(), own_arithmetic():
            if self._passage is not None:
                self._finish(self._passage)  # the optimizer steps inside the context
            if self._open is not None:
                self._engine.facts.before_update(optimizer)

    def _after_optimizer(self, optimizer: Any) -> None:
        if inside_backward():
            return
        self._engine.facts.after_update(optimizer, watched=self._engine.capture.attached)
        opened = self._open
        if opened is None or not opened.parts:
            return
        if not self._optimizers.stepped(opened.trained):
            return
        with self._stopwatch.measure():
            self._settle(moved=True)
            self._prepare()
        self._say_lamps()

    def _settle(self, moved: bool) -> None:
        opened, self._open = self._open, None
        if opened is None or opened.void or self._tracker.off:
            return
        try:
            with own_arithmetic():
                self._tracker.settle(opened, moved)
        except Absent as reason:
            self._tracker.abandon()
            if opened.parts:  # else it is said already
                self._say_absent(reason, opened.info["step"])
        except Exception as error:
            self._tracker.fault(error, opened.info["step"])

    def _say_absent(self, reason: Absent, step: int) -> None:
        self._tracker.caution("absent", f"nothing can be tracked: {reason}", step)

    def _say_lamps(self) -> None:
        if self._tracker.lamps is not None:
            self._tracker.lamps.say()

    def _close_at_exit(self) -> None:
        self.close("interrupted", "the program ended without close()")


def _writer(ranks: Ranks, logdir: Path, header: Mapping[str, Any]) -> LogWriter | SilentWriter:
    """Of the log, on the one rank that writes it."""
    if not ranks.leads:
        return SilentWriter(logdir)
    try:
        return LogWriter(logdir, header)
    except BlockingIOError as busy:
        raise BlockingIOError(f"{busy}{hint_of_others(ranks)}") from None


def _call_weakly(owner: Cockpit, method: str) -> Callable[..., None]:
    """Calls a method as long as its owner lives, without keeping it alive."""
    reference = weakref.ref(owner)

    def call(*args: Any) -> None:
        alive = reference()
        if alive is not None:
            getattr(alive, method)(*args)

    return call
