"""The training loop: as a user writes it, with a cockpit around the backward pass."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.faults.measures import Measures, accuracy
from benchmarks.faults.setup import Setup
from cockpit import Cockpit
from cockpit.configuration import Configuration
from cockpit.quantities.base import Tier
from cockpit.schedules import Schedule

FIRST = 40
PAIRS = 14
EVALUATIONS = 10


def tracked_steps(steps: int) -> Schedule:
    """The first forty steps, then pairs of neighbours, spread over the rest of the run.

    Whoever looks at a run from its beginning tracks every step; pairs are for what is compared
    with the step before. Runs of eighty steps or fewer are tracked all the time.
    """
    if steps <= FIRST + 2 * PAIRS:
        return Schedule(lambda step: True, f"all of {steps}")
    starts = (FIRST + round(number * (steps - 2 - FIRST) / (PAIRS - 1)) for number in range(PAIRS))
    chosen = frozenset(range(FIRST)).union(*({start, start + 1} for start in starts))
    return Schedule(chosen.__contains__, f"first {FIRST}, then {PAIRS} pairs over {steps}")


def evaluated_steps(steps: int) -> set[int]:
    """Ten of them, the last one among them."""
    return {round((number + 1) * steps / EVALUATIONS) - 1 for number in range(EVALUATIONS)}


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        history: Step, loss and accuracy on the validation data, of each evaluation.
        error: What ended it early; empty: nothing did.
        seconds: It took.
    """

    history: list[tuple[int, float, float | None]] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0


def train(setup: Setup, folder: Path, tier: Tier = "economy", **about: Any) -> Outcome:
    """Train, recorded in ``folder``: the log, and beside it what the baselines need.

    An error of the program ends the run, and is part of how it ended.
    """
    outcome, began = Outcome(), time.perf_counter()
    torch.manual_seed(setup.seed)
    model, loss_fn = setup.model, setup.loss_fn
    model.train(setup.training)
    optimizer = setup.optimizer.make(setup.parameters(model))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: setup.schedule(step / setup.steps)
    )
    tracked, evaluated = tracked_steps(setup.steps), evaluated_steps(setup.steps)
    measures = Measures(model, tracked, setup.program.task.classes)
    cockpit = Cockpit(
        model,
        loss_fn,
        optimizer,
        config=Configuration(tier, tracked),
        logdir=folder,
        seed=setup.seed,
        lamps=False,  # they are looked at afterwards, as often as they change
        planned_steps=setup.steps,
        about=about,
    )
    try:
        with cockpit:
            for step, (inputs, targets) in zip(range(setup.steps), setup.batches(), strict=False):
                with measures.step(step, inputs, targets):
                    outputs, loss = backward(setup, cockpit, optimizer, step, inputs, targets)
                for act in setup.before_step:
                    act(model)
                optimizer.step()
                scheduler.step()
                measures.after(outputs, targets, loss)
                if step in evaluated:
                    outcome.history.append((step, *validate(setup, step, cockpit)))
    except (RuntimeError, ValueError, IndexError) as error:
        outcome.error = f"{type(error).__name__}: {error}"
    measures.write(folder)
    outcome.seconds = time.perf_counter() - began
    return outcome


def backward(
    setup: Setup,
    cockpit: Cockpit,
    optimizer: torch.optim.Optimizer,
    step: int,
    inputs: Tensor,
    targets: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gradients of a step, in micro-batches if the program has them; the last outputs and loss."""
    if setup.zero_grad:
        optimizer.zero_grad()
    parts = setup.program.parts
    for part, answers in zip(inputs.chunk(parts), targets.chunk(parts), strict=True):
        outputs = setup.model(part)
        loss = setup.loss_fn(outputs, answers)
        with cockpit(step):
            setup.differentiate(loss / parts if parts > 1 else loss).backward()
    return outputs.detach(), loss.detach()


def validate(setup: Setup, step: int, cockpit: Cockpit) -> tuple[float, float | None]:
    """Loss and accuracy on the validation data, as the loss should be; recorded."""
    loss, share = evaluate(setup)
    values = {"valid_loss": loss} | ({} if share is None else {"valid_accuracy": share})
    cockpit.log(step, **values)
    return loss, share


def evaluate(setup: Setup) -> tuple[float, float | None]:
    """Loss and accuracy of the model as it is now; its mode is put back."""
    model, task = setup.model, setup.program.task
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        outputs = model(setup.valid.inputs).float()
    for module, training in was_training.items():
        module.training = training
    targets, loss_fn = setup.valid.targets, task.loss()
    if task.classes is None:
        outputs, targets = outputs.flatten(), targets.flatten()
        return finite(loss_fn(outputs[: len(targets)], targets)), None
    return finite(loss_fn(outputs, targets)), accuracy(outputs, targets)


def finite(loss: Tensor) -> float:
    """As a number, ∞ instead of NaN: the worst."""
    number = loss.item()
    return math.inf if math.isnan(number) else number
