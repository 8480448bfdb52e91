"""Training loops as people write them, around a run that may or may not have a cockpit."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from cockpit import Cockpit

if TYPE_CHECKING:
    from tests.cases.case import Batch, Case

__all__ = ["Moment", "Run", "plain", "plain_name"]

WRAPPERS = ("_orig_mod.", "module.")  # of torch.compile, and of what holds a model


@dataclass(frozen=True)
class Moment:
    """What a reference needs to know of one step.

    Attributes:
        model: A copy of the model at θ(t).
        batch: The mini-batch.
        rates: The learning rate of each parameter, by name.
    """

    model: nn.Module
    batch: Batch
    rates: dict[str, float]


@dataclass
class Run:
    """One training of a case; with ``cockpit=None`` the same training without instruments.

    Attributes:
        twin: A copy of the model that no cockpit has seen; what changes the model's structure
            changes it, too.
        rank: Of this process, where several train.
        output: What the model returned last.
        moments: θ(0), θ(1), …, each with its mini-batch, and the end.
        ends: What the optimizer left of the model in steps after which something else changed it.
    """

    case: Case
    model: nn.Module
    twin: nn.Module
    optimizer: Any
    batches: list[Batch]
    cockpit: Cockpit | None
    rank: int = 0
    output: Any = None
    moments: list[Moment] = field(default_factory=list)
    ends: dict[int, nn.Module] = field(default_factory=dict)

    def begin(self, step: int) -> Batch:
        """This rank's mini-batch of a step; its random numbers are the same in every run."""
        batch = self.batches[step]
        self.moments.append(Moment(self.snapshot(), batch, self.rates()))
        torch.manual_seed(step)
        return self.case.share(batch, self.rank)

    def end(self) -> None:
        """After the last step."""
        self.moments.append(Moment(self.snapshot(), self.batches[-1], {}))

    def rates(self) -> dict[str, float]:
        """The learning rates at present."""
        optimizers = self.optimizer if isinstance(self.optimizer, list) else [self.optimizer]
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        rate_of = {id(p): float(group["lr"]) for group in groups for p in group["params"]}
        named = self.model.named_parameters()
        return {plain_name(name): rate_of[id(p)] for name, p in named if id(p) in rate_of}

    def snapshot(self) -> nn.Module:
        """The twin, in double precision, in the state of the model."""
        twin = copy.deepcopy(self.twin).double()
        state = {plain_name(k): _whole(v) for k, v in self.model.state_dict().items()}
        twin.load_state_dict(state)
        modules = dict(twin.named_modules())
        for name, module in self.model.named_modules():
            if plain_name(name) in modules:
                modules[plain_name(name)].training = module.training
        parameters = dict(twin.named_parameters())
        for name, p in self.model.named_parameters():
            parameters[plain_name(name)].requires_grad_(p.requires_grad)
        return twin

    def loss(self, batch: Batch) -> Tensor:
        """The loss of the loop."""
        low = self.case.autocast
        with torch.autocast("cpu", low) if low else nullcontext():
            self.output = self.case.predict(self.model, batch.x)
            return self.case.total(self.model, self.output, batch.y)

    def tracked(self, step: int, loss: Tensor, batch: Batch) -> AbstractContextManager[None]:
        """The cockpit's context, with what this case's loop tells it."""
        if self.cockpit is None:
            return nullcontext()
        told: dict[str, Any] = {}
        case = self.case
        if not isinstance(case.loss, nn.Module) or case.penalty is not None:
            told["loss"] = loss
        if case.tells:
            told["losses"] = case.each_loss(self.output, batch.y)
        return self.cockpit(step, **told)


def plain_name(name: str) -> str:
    """As the model inside of all wrappers has it."""
    while name.startswith(WRAPPERS):
        name = name.partition(".")[2]
    return name


def _whole(value: Tensor) -> Tensor:
    """A tensor that is cut over the ranks, put together."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def plain(run: Run) -> None:
    """The loop of the README."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()


def accumulating(run: Run) -> None:
    """Micro-batches of two samples; the context around each backward pass."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        for start in range(0, len(batch), 2):
            part = batch.part(start, start + 2)
            loss = run.loss(part)
            with run.tracked(step, loss, part):
                (loss * 2 / len(batch)).backward()
        run.optimizer.step()


def accumulating_apart(run: Run) -> None:
    """Micro-batches of two samples; the ranks' gradients meet in the last backward pass only."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        for start in range(0, len(batch), 2):
            part = batch.part(start, start + 2)
            last = start + 2 >= len(batch)
            with nullcontext() if last else run.model.no_sync():
                loss = run.loss(part)
                with run.tracked(step, loss, part):
                    (loss * 2 / len(batch)).backward()
        run.optimizer.step()


def accumulating_inside(run: Run) -> None:
    """The same with one context around all of them."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        with run.tracked(step, None, batch):
            for start in range(0, len(batch), 2):
                loss = run.loss(batch.part(start, start + 2))
                (loss * 2 / len(batch)).backward()
        run.optimizer.step()


def accumulating_unevenly(run: Run) -> None:
    """Micro-batches of one and three samples, each weighed by its size."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        for part in (batch.part(0, 1), batch.part(1, len(batch))):
            loss = run.loss(part)
            with run.tracked(step, loss, part):
                (loss * len(part) / len(batch)).backward()
        run.optimizer.step()


def clipping(run: Run) -> None:
    """Gradients are clipped to a tenth or so before the step."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), 0.05)
        run.optimizer.step()


def zeroing_in_place(run: Run) -> None:
    """Gradients stay allocated."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad(set_to_none=False)
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()


def zeroing_late(run: Run) -> None:
    """``model.zero_grad()`` after the step, and the forward pass inside the context."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward(retain_graph=True)
        run.optimizer.step()
        run.model.zero_grad()


def validating(run: Run) -> None:
    """Other forward passes in between, some with gradients; the mode changes and comes back."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()
        run.model.eval()
        with torch.no_grad():
            run.loss(batch.part(0, 1))
        run.model.train()
        run.loss(batch.part(0, 3))


def skipping(run: Run) -> None:
    """The optimizer does not step after the first backward pass."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        if step != 0:
            run.optimizer.step()


def several_optimizers(run: Run) -> None:
    """Each has a part of the parameters."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        for optimizer in run.optimizer:
            optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        for optimizer in run.optimizer:
            optimizer.step()


def with_closure(run: Run) -> None:
    """The optimizer evaluates the loss as often as it likes."""
    for step in range(len(run.batches)):
        batch = run.begin(step)

        def closure(step: int = step, batch: Batch = batch) -> Tensor:
            run.optimizer.zero_grad()
            loss = run.loss(batch)
            with run.tracked(step, loss, batch):
                loss.backward()
            return loss

        run.optimizer.step(closure)


def sharpness_aware(run: Run) -> None:
    """Foret et al. (2020): the gradient at θ + ρ ḡ/‖ḡ‖ is applied at θ."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        parameters = [p for p in run.model.parameters() if p.grad is not None]
        with torch.no_grad():
            norm = torch.stack([p.grad.norm() for p in parameters]).norm()
            steps = [0.5 * p.grad / norm for p in parameters]
            torch._foreach_add_(parameters, steps)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        with torch.no_grad():
            torch._foreach_sub_(parameters, steps)
        run.optimizer.step()


def scheduled(run: Run) -> None:
    """A learning rate that is three times as large at each step."""
    scheduler = torch.optim.lr_scheduler.ExponentialLR(run.optimizer, 3.0)
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()
        scheduler.step()


def changing(change: Callable[[nn.Module], list[nn.Parameter]]) -> Callable[[Run], None]:
    """A loop that changes the model before the last step; new parameters join the optimizer."""

    def loop(run: Run) -> None:
        for step in range(len(run.batches)):
            if step == 2:
                run.ends[step - 1] = run.snapshot()
                change(run.twin)
                new = change(run.model)
                if new:
                    run.optimizer.add_param_group({"params": new})
            batch = run.begin(step)
            run.optimizer.zero_grad()
            loss = run.loss(batch)
            with run.tracked(step, loss, batch):
                loss.backward()
            run.optimizer.step()

    return loop


def scaled(run: Run) -> None:
    """``GradScaler``: the scaled gradients of step 0 overflow, and that step is skipped."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, backoff_factor=2.0**-10)
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            scaler.scale(loss).backward()
        scaler.step(run.optimizer)
        scaler.update()


def clamping(run: Run) -> None:
    """The weights are clamped after the step (Arjovsky et al., 2017)."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()
        run.ends[step] = run.snapshot()
        with torch.no_grad():
            for p in run.model.parameters():
                p.clamp_(-0.3, 0.3)


def copying(run: Run) -> None:
    """Copies of the model, by ``deepcopy`` and ``pickle``, are used in between."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.loss(batch)
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()
        for other in (copy.deepcopy(run.model), pickle.loads(pickle.dumps(run.model))):
            run.case.loss(run.case.predict(other, batch.x), batch.y).backward()


def loss_inside(run: Run) -> None:
    """The model is given the labels and returns its loss."""
    for step in range(len(run.batches)):
        batch = run.begin(step)
        run.optimizer.zero_grad()
        loss = run.model(**batch.x, labels=batch.y).loss
        with run.tracked(step, loss, batch):
            loss.backward()
        run.optimizer.step()
