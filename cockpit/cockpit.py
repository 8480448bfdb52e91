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

from cockpit.backward.context import further_extensions
from cockpit.backward.engine import BackwardEngine
from cockpit.backward.stats import Absent
from cockpit.configuration import Configuration, resolve
from cockpit.header import describe_run
from cockpit.log import LogWriter
from cockpit.losses import LossProbe, checked_reduction, why_untrackable
from cockpit.optimizers import Optimizers
from cockpit.quantities.base import Quantity, Tier
from cockpit.timing import Stopwatch
from cockpit.tracker import OpenStep, Tracker

__all__ = ["Cockpit"]

Status = Literal["finished", "failed", "interrupted"]


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
        model: The model that is trained.
        loss_fn: The loss function. As an ``nn.Module`` with a ``reduction`` it tells loss and
            individual losses by itself; otherwise pass ``loss=`` (and ``losses=``) at each step.
        optimizer: The optimizer, or several.
        config: ``economy``, ``business``, ``full``, a :class:`Configuration`, or a list of
            quantities.
        logdir: Folder of this run. A folder that holds a run already is resumed: a new attempt.
        strict: Raise what goes wrong in tracking, instead of warning and switching it off.
        reduction: ``mean`` or ``sum``, where the loss function doesn't say; default ``mean``.
        seed: Of the cockpit's own random generator; the global ones are never touched.
        ui: Open the live page beside the training.

    Attributes:
        logdir: Folder of this run.

    Raises:
        TypeError: If an argument is not of the kind it has to be.
        ValueError: If the configuration or the reduction is unknown.
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
        ui: bool = False,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model is an nn.Module; got {type(model).__name__}.")
        quantities, description = resolve(config)
        probe = LossProbe(loss_fn)
        self._reduction = checked_reduction(reduction, probe.reduction)
        self._optimizers = Optimizers(optimizer, model)
        self._stopwatch = Stopwatch()
        self._engine = BackwardEngine(model, probe, seed)
        self.logdir = Path(logdir)
        header = describe_run(model, quantities, self._optimizers, description, self._reduction)
        writer = LogWriter(self.logdir, {**header, "time": self._stopwatch.began})
        self._tracker = Tracker(quantities, self._engine, writer, self._stopwatch, strict)
        self._open: OpenStep | None = None
        self._last_step: int | None = None
        self._stride = 1
        self._always_attached = False
        self._closed = False
        self._optimizers.after_step(_call_weakly(self, "_after_optimizer"))
        self._at_exit = _call_weakly(self, "_close_at_exit")
        atexit.register(self._at_exit)
        self._engine.attach(self._tracker.requests(quantities))
        if ui:
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
        """Wrap the backward pass of a step.

        Args:
            step: The step's number; counts optimizer steps.
            *extensions: Further BackPACK extensions to run in the same pass.
            loss: The loss, where ``loss_fn`` is no module.
            losses: Individual losses, shape [N], where they can't be found out.
            batch_size: N, where the model's first argument doesn't tell.
            info: The same by name (``loss``, ``individual_losses``, ``batch_size``), and
                whatever a quantity of yours wants to see.
        """
        info = dict(info or {})
        info.pop("optimizer", None)
        loss = info.pop("loss", None) if loss is None else loss
        losses = info.pop("individual_losses", None) if losses is None else losses
        batch_size = info.pop("batch_size", None) if batch_size is None else batch_size
        opened = self._enter(step, loss, losses, batch_size, info)
        with ExitStack() as stack:
            if extensions:
                stack.enter_context(further_extensions(self._engine.capture, extensions))
            if opened is not None:
                stack.enter_context(opened.backward.collect(self._engine))
                stack.enter_context(self._engine.exact_hessian.quiet())
            try:
                yield
            except BaseException:
                self._engine.forget()
                raise
        self._leave(step, opened)

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
        tracker = self._tracker
        tracker.write(lambda: tracker.writer.user(step, plain, time=self._stopwatch.elapsed()))

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
    def overhead(self) -> float:
        """Time of tracking relative to the time of training so far: 0.1 means 10 % more."""
        return self._stopwatch.overhead

    def close(self, status: Status = "finished", message: str = "") -> None:
        """Write what is left, and the end of the run. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        self._settle(moved=self._open is not None and self._optimizers.stepped)
        self._engine.detach()
        self._optimizers.release()
        tracker = self._tracker
        tracker.abandon()
        tracker.write(
            lambda: tracker.writer.end(
                status, time=self._stopwatch.elapsed(), steps=tracker.steps, message=message
            )
        )
        tracker.writer.close()

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

    def _enter(
        self,
        step: int,
        loss: Tensor | None,
        losses: Tensor | None,
        batch_size: int | None,
        details: dict[str, Any],
    ) -> OpenStep | None:
        """Begin a step; ``None`` where nothing is tracked."""
        if self._closed:
            raise RuntimeError("This cockpit is closed. Make a new one to go on.")
        if self._open is not None and step == self._last_step and not self._optimizers.stepped:
            self._tracker.caution(
                "accumulation", "several backward passes in one step: the first is tracked", step
            )
            return None
        with self._stopwatch.measure(), torch.no_grad():
            self._settle(moved=True)
            if self._tracker.following and self._optimizers.stepped_on:
                self._tracker.skip_following(step)
            self._stopwatch.next_step()
            self._optimizers.begin_step()
            due = self._tracker.due(step)
            opened = None
            if due or self._tracker.following:
                try:
                    opened = self._open_step(step, due, loss, losses, batch_size, details)
                except Exception as error:
                    self._tracker.fault(error, step)
            if self._last_step is not None and step > self._last_step:
                self._stride = step - self._last_step
            self._last_step = step
            return opened

    def _open_step(
        self,
        step: int,
        due: list[Quantity],
        loss: Tensor | None,
        losses: Tensor | None,
        batch_size: int | None,
        details: dict[str, Any],
    ) -> OpenStep | None:
        engine, tracker = self._engine, self._tracker
        if not engine.capture.attached:
            self._always_attached = True
            tracker.abandon()
            tracker.event(
                "info",
                "unforeseen",
                "a tracked step came unforeseen; from now on all are seen",
                step=step,
            )
            return None
        if loss is None:
            loss = engine.probe.loss
        elif isinstance(loss, Tensor) and not engine.probe.is_of(loss):
            engine.probe.forget()  # another objective than the loss function's own
        size = engine.capture.batch_size if batch_size is None else batch_size
        problem = why_untrackable(loss, size)
        if problem or loss is None or size is None:
            tracker.abandon()
            tracker.caution("absent", f"nothing can be tracked: {problem}", step)
            return None
        losses = engine.probe.individual(size) if losses is None else losses.detach().flatten()
        known = {
            "step": step,
            "loss": float(loss) / (size if self._reduction == "sum" else 1),
            "batch_size": size,
            "individual_losses": losses,
            "reduction": self._reduction,
            "layers": tuple(n for n, _ in engine.model.named_parameters()),
            "details": details,
            **self._optimizers.describe_step(),
        }
        with torch.enable_grad():
            return tracker.open(due, loss, known)

    def _leave(self, step: int, opened: OpenStep | None) -> None:
        """The backward pass is over."""
        with self._stopwatch.measure(), torch.no_grad():
            if opened is not None:
                try:
                    opened.info["time"] = self._stopwatch.elapsed()
                    self._tracker.finish(opened)
                    self._open = opened
                except Absent as reason:
                    self._tracker.abandon()
                    self._tracker.caution("absent", f"nothing can be tracked: {reason}", step)
                except Exception as error:
                    self._tracker.fault(error, step)
            self._engine.forget()
            self._prepare(step + self._stride)

    def _prepare(self, next_step: int) -> None:
        """Attach to the next forward pass if its step is tracked, else stay out of its way."""
        due = self._tracker.due(next_step)
        waiting = self._open is not None and any(q.follows_up for q in self._open.due)
        if due or waiting or (self._always_attached and not self._tracker.off):
            self._engine.attach(self._tracker.requests(due))
        else:
            self._engine.detach()

    def _after_optimizer(self) -> None:
        if self._open is not None and self._optimizers.stepped:
            with self._stopwatch.measure():
                self._settle(moved=True)

    def _settle(self, moved: bool) -> None:
        opened, self._open = self._open, None
        if opened is None:
            return
        try:
            with torch.no_grad():
                self._tracker.settle(opened, moved)
        except Exception as error:
            self._tracker.fault(error, opened.info["step"])

    def _close_at_exit(self) -> None:
        self.close("interrupted", "the program ended without close()")


def _call_weakly(owner: Cockpit, method: str) -> Callable[..., None]:
    """Calls a method as long as its owner lives, without keeping it alive."""
    reference = weakref.ref(owner)

    def call(*_: Any) -> None:
        alive = reference()
        if alive is not None:
            getattr(alive, method)()

    return call
