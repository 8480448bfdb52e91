"""Train a problem with a cockpit around it, as `cockpit train` and `cockpit demo` do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cockpit.cockpit import Cockpit
from cockpit.configuration import Configuration
from cockpit.problems import checkpoint
from cockpit.problems.checkpoint import Checkpoint
from cockpit.problems.data import Batches, DataSet, Samples
from cockpit.problems.optimizers import OPTIMIZERS, learning_rate, make_optimizer
from cockpit.problems.problem import Problem, Score, evaluate_all, parameter_groups
from cockpit.quantities.base import Quantity, Tier

__all__ = ["OPTIMIZERS", "Outcome", "Settings", "Stop", "Watch", "make_optimizer", "train"]

Watch = Callable[[int, Cockpit], None]
"""Called after each step with its number and the cockpit."""

Stop = Callable[[], bool]
"""Asked after each step: whether to end here."""

METRIC_EVERY = 10
SMALLEST_EVALUATION = 100  # samples at once; fewer would only take longer


@dataclass(frozen=True)
class Settings:
    """How to train; what is None is the problem's own.

    Attributes:
        steps: Number of optimizer steps.
        logdir: Folder of the run.
        optimizer: One of :data:`OPTIMIZERS`.
        lr: Learning rate.
        batch_size: Samples per step.
        config: What is tracked, see ``Cockpit``.
        budget: What tracking may cost, see ``Cockpit``.
        seed: Of the network, the order of the data, and all random numbers.
        device: Where to train.
        validate_every: Steps from one evaluation on test samples to the next.
        validation_samples: How many of them; None: all.
        save: Whether checkpoints are written, at each evaluation and at the end.
        plan: What a checkpoint says besides, of how to go on.
    """

    steps: int
    logdir: Path
    optimizer: str = "sgd"
    lr: float | None = None
    batch_size: int | None = None
    config: Tier | Configuration | Iterable[Quantity] = "economy"
    budget: float | None = None
    seed: int = 0
    device: str = "cpu"
    validate_every: int = 50
    validation_samples: int | None = 1000
    save: bool = False
    plan: dict[str, Any] = field(default_factory=dict)

    def recipe(self, problem: Problem, data: DataSet) -> dict[str, Any]:
        """What decides the course of the run, as plain values."""
        return {
            "problem": problem.key,
            "data": data.name,
            "optimizer": self.optimizer,
            "lr": learning_rate(self.optimizer, self.lr, problem.lr),
            "batch_size": self.batch_size or problem.batch_size,
            "l2": problem.l2,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        steps: How many steps the run has.
        score: Of the last evaluation on test samples; None if there was none.
        stopped: Whether it was ended early.
    """

    steps: int
    score: Score | None
    stopped: bool


class _Run:
    """A model on its way: what a step changes, and how a step is made."""

    def __init__(self, problem: Problem, data: DataSet, settings: Settings) -> None:
        self.problem, self.settings = problem, settings
        self.recipe = settings.recipe(problem, data)
        train, self.test = problem.view(data)
        self.batches = Batches(
            train, self.recipe["batch_size"], seed=settings.seed, device=settings.device
        )
        # Dropout and the like draw from the global generator.
        torch.manual_seed(settings.seed)
        self.model = problem.model(settings.seed).to(settings.device)
        self.loss = problem.loss().to(settings.device)
        groups = parameter_groups(self.model, problem.l2)
        self.optimizer = make_optimizer(settings.optimizer, groups, settings.lr, problem.lr)

    def step(self, step: int, inputs: Tensor, targets: Tensor, cockpit: Cockpit) -> Tensor:
        """One step of the optimizer; returns the outputs."""
        self.optimizer.zero_grad()
        outputs = self.model(inputs)
        loss = self.loss(outputs, targets)
        with cockpit(step):
            loss.backward()
        self.optimizer.step()
        return outputs.detach()

    def log_metric(
        self, step: int, epoch: int, outputs: Tensor, targets: Tensor, cockpit: Cockpit
    ) -> None:
        """Record the epoch, and the metric of the batch."""
        metric = self.problem.metric
        values = {} if metric is None else {f"train_{metric.__name__}": metric(outputs, targets)}
        cockpit.log(step, epoch=epoch, **values)

    def validate(self, step: int, cockpit: Cockpit) -> Score:
        """Evaluate on test samples, and record it."""
        samples: Samples = self.test
        size = max(self.recipe["batch_size"], SMALLEST_EVALUATION)
        limit = self.settings.validation_samples
        score = evaluate_all(self.problem, self.model, samples, size, limit)
        metric = self.problem.metric
        values = {} if metric is None else {f"valid_{metric.__name__}": score.metric}
        cockpit.log(step, valid_loss=score.loss, **values)
        return score

    def save(self, step: int) -> None:
        """Write a checkpoint, from which the run goes on at this step."""
        if self.settings.save:
            plan = self.settings.plan
            now = checkpoint.take(step, self.recipe, self.model, self.optimizer, plan)
            checkpoint.save(now, self.settings.logdir)


def train(
    problem: Problem,
    data: DataSet,
    settings: Settings,
    watch: Watch,
    *,
    stop: Stop = lambda: False,
    resumed: Checkpoint | None = None,
) -> Outcome:
    """Train ``problem`` on ``data``, recorded in ``settings.logdir``.

    The global random numbers are set to the seed. The batch's metric is recorded every 10 steps.

    Args:
        problem: What to train.
        data: On what; of the kind that the problem takes.
        settings: How.
        watch: Told after each step.
        stop: Asked after each step.
        resumed: Where the run goes on; the steps from there on are bit for bit those of a run that
            was never interrupted.

    Raises:
        ValueError: If a setting cannot be, or is another than that of the run to be resumed.
    """
    run = _Run(problem, data, settings)
    first = 0 if resumed is None else _checked(resumed, run.recipe, settings.steps).step
    score = None
    with Cockpit(
        run.model,
        run.loss,
        run.optimizer,
        config=settings.config,
        logdir=settings.logdir,
        seed=settings.seed,
        budget=settings.budget,
        about={**run.recipe, "data": data.title, "found": data.found, "title": problem.title},
        planned_steps=settings.steps,
    ) as cockpit:
        # Not earlier: distances are measured from where the cockpit found the model.
        if resumed is not None:
            checkpoint.restore(resumed, run.model, run.optimizer)
        batches = run.batches.take(settings.steps, first)
        for step, (epoch, inputs, targets) in enumerate(batches, first):
            outputs = run.step(step, inputs, targets, cockpit)
            stopped = stop()
            if step % METRIC_EVERY == 0:
                run.log_metric(step, epoch, outputs, targets, cockpit)
            if step % settings.validate_every == 0 or step == settings.steps - 1:
                score = run.validate(step, cockpit)
                run.save(step + 1)
            watch(step, cockpit)
            if stopped:
                run.save(step + 1)
                cockpit.close("interrupted")
                return Outcome(step + 1, score, stopped=True)
    return Outcome(settings.steps, score, stopped=False)


def _checked(found: Checkpoint, recipe: dict[str, Any], steps: int) -> Checkpoint:
    """The checkpoint, if it is one of this run."""
    for key, value in recipe.items():
        if found.recipe.get(key) != value:
            raise ValueError(
                f"got {key} {value!r}, but the run to be resumed has {found.recipe.get(key)!r}"
            )
    if found.step >= steps:
        raise ValueError(f"the run has {found.step} steps already; give it more than {steps}")
    return found
