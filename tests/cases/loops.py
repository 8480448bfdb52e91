"""Training loops as people write them: that of the README, but for what each says."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tests.cases.run import Run

if TYPE_CHECKING:
    from tests.cases.case import Batch

__all__ = ["loop", "plain"]

Part = Callable[[Run, int, "Batch"], None]  # of a step


def nothing(*_: object) -> None:
    """What a loop leaves out."""


def zero(run: Run, step: int, batch: Batch) -> None:
    for optimizer in run.optimizers:
        optimizer.zero_grad()


def differentiate(
    run: Run, step: int, batch: Batch, backward: Callable[[Tensor], None] = Tensor.backward
) -> None:
    loss = run.loss(batch)
    with run.tracked(step, loss, batch):
        backward(loss)


def update(run: Run, step: int, batch: Batch) -> None:
    for optimizer in run.optimizers:
        optimizer.step()


def loop(
    before: Callable[[Run, int], None] = nothing,
    zero: Part = zero,
    differentiate: Part = differentiate,
    update: Part = update,
    after: Part = nothing,
) -> Callable[[Run], None]:
    """A training loop that does a part of each step in its own way."""

    def train(run: Run) -> None:
        for step in range(len(run.batches)):
            before(run, step)
            batch = run.begin(step)
            for part in (zero, differentiate, update, after):
                part(run, step, batch)

    return train


plain = loop()


def weighed(batch: Batch, part: Batch) -> Callable[[Tensor], None]:
    """The backward pass of a micro-batch's mean loss."""
    return lambda loss: (loss * len(part) / len(batch)).backward()


def in_twos(batch: Batch) -> list[Batch]:
    return [batch.part(start, start + 2) for start in range(0, len(batch), 2)]


def unevenly(batch: Batch) -> list[Batch]:
    return [batch.part(0, 1), batch.part(1, len(batch))]


def accumulating_by(cut: Callable[[Batch], list[Batch]]) -> Callable[[Run], None]:
    """Micro-batches; the context around each backward pass."""

    def passes(run: Run, step: int, batch: Batch) -> None:
        for part in cut(batch):
            differentiate(run, step, part, weighed(batch, part))

    return loop(differentiate=passes)


accumulating = accumulating_by(in_twos)
accumulating_unevenly = accumulating_by(unevenly)


def passes_inside(run: Run, step: int, batch: Batch) -> None:
    """One context around all micro-batches."""
    with run.tracked(step, None, batch):
        for part in in_twos(batch):
            weighed(batch, part)(run.loss(part))


def passes_apart(run: Run, step: int, batch: Batch) -> None:
    """The ranks' gradients meet in the last backward pass only."""
    *first, last = in_twos(batch)
    with run.model.no_sync():
        for part in first:
            differentiate(run, step, part, weighed(batch, part))
    differentiate(run, step, last, weighed(batch, last))


accumulating_inside = loop(differentiate=passes_inside)
accumulating_apart = loop(differentiate=passes_apart)


def update_clipped(run: Run, step: int, batch: Batch) -> None:
    """Gradients are clipped to a tenth or so before the step."""
    nn.utils.clip_grad_norm_(run.model.parameters(), 0.05)
    update(run, step, batch)


clipping = loop(update=update_clipped)


def zero_in_place(run: Run, step: int, batch: Batch) -> None:
    """Gradients stay allocated."""
    run.optimizer.zero_grad(set_to_none=False)


zeroing_in_place = loop(zero=zero_in_place)

# ``model.zero_grad()`` after the step, and a graph that is kept.
zeroing_late = loop(
    zero=nothing,
    differentiate=partial(differentiate, backward=partial(Tensor.backward, retain_graph=True)),
    after=lambda run, step, batch: run.model.zero_grad(),
)


def validate(run: Run, step: int, batch: Batch) -> None:
    """Other forward passes, some with gradients; the mode changes and comes back."""
    run.model.eval()
    with torch.no_grad():
        run.loss(batch.part(0, 1))
    run.model.train()
    run.loss(batch.part(0, 3))


validating = loop(after=validate)


def update_but_the_first(run: Run, step: int, batch: Batch) -> None:
    """The optimizer does not step after the first backward pass."""
    if step != 0:
        update(run, step, batch)


skipping = loop(update=update_but_the_first)


def update_by_closure(run: Run, step: int, batch: Batch) -> None:
    """The optimizer evaluates the loss as often as it likes."""

    def closure() -> Tensor:
        losses: list[Tensor] = []

        def backward(loss: Tensor) -> None:
            losses.append(loss)
            loss.backward()

        zero(run, step, batch)
        differentiate(run, step, batch, backward)
        return losses[0]

    run.optimizer.step(closure)


with_closure = loop(zero=nothing, differentiate=nothing, update=update_by_closure)


def differentiate_twice(run: Run, step: int, batch: Batch) -> None:
    """Foret et al. (2020): the gradient at θ + ρ ḡ/‖ḡ‖ is applied at θ."""
    differentiate(run, step, batch)
    parameters = [p for p in run.model.parameters() if p.grad is not None]
    with torch.no_grad():
        norm = torch.stack([p.grad.norm() for p in parameters]).norm()
        steps = [0.5 * p.grad / norm for p in parameters]
        torch._foreach_add_(parameters, steps)
    zero(run, step, batch)
    differentiate(run, step, batch)
    with torch.no_grad():
        torch._foreach_sub_(parameters, steps)


sharpness_aware = loop(differentiate=differentiate_twice)


def scheduled(run: Run) -> None:
    """A learning rate that is three times as large at each step."""
    scheduler = torch.optim.lr_scheduler.ExponentialLR(run.optimizer, 3.0)
    loop(after=lambda *_: scheduler.step())(run)


def changing(change: Callable[[nn.Module], list[nn.Parameter]]) -> Callable[[Run], None]:
    """A loop that changes the model before the last step; new parameters join the optimizer."""

    def before(run: Run, step: int) -> None:
        if step != 2:
            return
        run.ends[step - 1] = run.snapshot()
        change(run.twin)
        new = change(run.model)
        if new:
            run.optimizer.add_param_group({"params": new})

    return loop(before)


def scaled(run: Run) -> None:
    """``GradScaler``: the scaled gradients of step 0 overflow, and that step is skipped."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, backoff_factor=2.0**-10)

    def step_scaled(run: Run, step: int, batch: Batch) -> None:
        scaler.step(run.optimizer)
        scaler.update()

    backward = partial(differentiate, backward=lambda loss: scaler.scale(loss).backward())
    loop(differentiate=backward, update=step_scaled)(run)


def clamp(run: Run, step: int, batch: Batch) -> None:
    """The weights are clamped after the step (Arjovsky et al., 2017)."""
    run.ends[step] = run.snapshot()
    with torch.no_grad():
        for p in run.model.parameters():
            p.clamp_(-0.3, 0.3)


clamping = loop(after=clamp)


def use_copies(run: Run, step: int, batch: Batch) -> None:
    """Copies of the model, by ``deepcopy`` and ``pickle``, are used in between."""
    for other in (copy.deepcopy(run.model), pickle.loads(pickle.dumps(run.model))):
        run.case.loss(run.case.predict(other, batch.x), batch.y).backward()


copying = loop(after=use_copies)


def differentiate_inner_loss(run: Run, step: int, batch: Batch) -> None:
    """The model is given the labels and returns its loss."""
    loss = run.model(**batch.x, labels=batch.y).loss
    with run.tracked(step, loss, batch):
        loss.backward()


loss_inside = loop(differentiate=differentiate_inner_loss)
