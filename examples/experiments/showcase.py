"""The whole cockpit, on All-CNN-C with a cyclical learning rate.

All instruments at once, as `cockpit plot` draws them, of a network of nine convolutions. The
learning rate goes up and down in cycles. Tracked are steps spaced evenly in the logarithm of
their number, and that is how the horizontal axes run: the first hundred steps take half of each
picture, which is their due, as most of what happens to the network happens early.

See the learning rate first (left, below): it stays near its lowest value for the first part of
the axis. Then compare loss, gradient norm and distance with the largest eigenvalue of the Hessian
there: the curvature already moves a lot while the others seem to wait. Later on the cycles show in
one instrument after the other, most clearly in the size of the updates.

For your own training: track densely at the start and sparsely later (`schedule=logarithmic()`),
and look at the curvature before you call a run stuck.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy import stats

import cockpit
from cockpit import Cockpit, Configuration, problems
from cockpit.instruments import View
from cockpit.log import RunLog
from cockpit.problems import Problem, accuracy, evaluate_all, parameter_groups
from cockpit.problems.data import Batches, DataSet
from cockpit.problems.networks import all_cnn_c
from cockpit.problems.training import Watch
from cockpit.quantities import HessMaxEV, Loss, UpdateSize
from cockpit.schedules import Schedule, logarithmic
from examples.experiments.gallery import Claim, Effort, Runs, above, below, interval, main

NUMBER = 5
TITLE = "The whole cockpit"
SOURCE = "7.4, figure 7.2"

LOWEST, HIGHEST = 0.01, 0.1  # learning rates of a cycle
CALM, FALL, TOGETHER = 0.1, 0.3, 0.5  # thresholds of the claims
METRIC_EVERY = 5


@dataclass(frozen=True)
class Plan:
    """How long, and what is tracked.

    Attributes:
        steps: Number of steps.
        period: Steps of a cycle of the learning rate.
        early: Steps before the first cycle, with the lowest learning rate.
        batch_size: Samples per step.
        points: Tracked steps, about.
        test_samples: On how many test samples it is evaluated, four times.
        seed: Of network and data.
        everything: Whether all instruments are tracked, or only what the claims need.
    """

    steps: int
    period: int
    early: int
    batch_size: int
    points: int
    test_samples: int
    seed: int
    everything: bool

    @property
    def schedule(self) -> Schedule:
        """Spaced evenly in the logarithm of the step."""
        return logarithmic(end=float(np.log10(self.steps - 1)), points=self.points)

    @property
    def config(self) -> Any:
        """What the cockpit tracks."""
        if self.everything:
            return Configuration("full", self.schedule)
        return [kind(self.schedule) for kind in (Loss, HessMaxEV, UpdateSize)]


@dataclass(frozen=True)
class Results:
    """The run to be shown, and numbers of all seeds; shapes are [seeds].

    Attributes:
        shown: Log of the run with all instruments.
        early: Steps of the early phase.
        loss: Of the end of the early phase over that of its beginning.
        max_ev: The same of λ_max.
        together: Rank correlation of the size of the updates with the learning rate.
    """

    shown: RunLog
    early: int
    loss: np.ndarray
    max_ev: np.ndarray
    together: np.ndarray


def cyclic(step: int, early: int, period: int) -> float:
    """The learning rate: at its lowest early, then up to the highest and down in each period."""
    if step < early:
        return LOWEST
    place = (step - early) % period / period
    return LOWEST + (HIGHEST - LOWEST) * (1 - abs(2 * place - 1))


def measure(effort: Effort, runs: Runs) -> Results:
    """Train from several seeds; the first one has all instruments."""
    # The data has ten classes, so that ninety of a hundred outputs would only learn to be silent.
    network = partial(all_cnn_c, classes=10)
    problem = dataclasses.replace(problems.get("P6"), key="P6 with 10 classes", model=network)
    data = runs.data("fashion-mnist")
    seeds = effort.pick(full=3, quick=1)
    sizes = effort.pick(
        full={
            "steps": 300,
            "period": 130,
            "early": 40,
            "batch_size": 16,
            "points": 40,
            "test_samples": 300,
        },
        quick={
            "steps": 16,
            "period": 6,
            "early": 4,
            "batch_size": 2,
            "points": 6,
            "test_samples": 20,
        },
    )
    logs = []
    for seed in range(seeds):
        plan = Plan(**sizes, seed=seed, everything=seed == 0)
        recipe = {"problem": problem.key, "data": data.name, **vars(plan)}
        make = partial(_train, problem, data, plan)
        logs.append(runs.log(f"all-cnn-c-seed-{seed}", recipe, make))
    loss, max_ev = (np.array([_change(log, name, plan.early) for log in logs])
                    for name in ("Loss", "HessMaxEV"))  # fmt: skip
    return Results(
        logs[0], plan.early, loss, max_ev, np.array([_together(x, plan.early) for x in logs])
    )


def _train(problem: Problem, data: DataSet, plan: Plan, folder: Path, watch: Watch) -> None:
    """The usual loop, with a learning rate for each step."""
    torch.manual_seed(plan.seed)
    train, test = problem.view(data)
    model, loss_fn = problem.model(plan.seed), problem.loss()
    optimizer = torch.optim.SGD(parameter_groups(model, problem.l2), lr=LOWEST)
    batches = Batches(train, plan.batch_size, seed=plan.seed).take(plan.steps)
    about = {"title": problem.title, "data": data.title}
    with Cockpit(
        model, loss_fn, optimizer, config=plan.config, logdir=folder, about=about
    ) as instruments:
        for step, (epoch, inputs, targets) in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = cyclic(step, plan.early, plan.period)
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            with instruments(step):
                loss.backward()
            optimizer.step()
            if step % METRIC_EVERY == 0:
                instruments.log(step, epoch=epoch, train_accuracy=accuracy(outputs, targets))
            if step % (plan.steps // 3) == 0 or step == plan.steps - 1:
                score = evaluate_all(problem, model, test, 100, limit=plan.test_samples)
                instruments.log(step, valid_loss=score.loss, valid_accuracy=score.metric)
            watch(step, instruments)


def _change(log: RunLog, name: str, early: int) -> float:
    """Mean of the last third of the tracked early steps over that of the first third."""
    series = log.series(name)
    values = series.value[series.step < early]
    third = max(1, len(values) // 3)
    return float(values[-third:].mean() / values[:third].mean())


def _together(log: RunLog, early: int) -> float:
    """Rank correlation of update size and learning rate at the tracked steps of the cycles."""
    steps, rates = log.lr
    sizes = log.series("UpdateSize")
    shared, at_rate, at_size = np.intersect1d(steps, sizes.step, return_indices=True)
    cycles = shared >= early
    rate, size = rates[at_rate[cycles], 0], sizes.value[at_size[cycles]]
    return float(stats.spearmanr(rate, size).statistic)


def claims(results: Results) -> list[Claim]:
    """What the early phase shows, and that the cycles can be seen."""
    loss, max_ev, together = map(interval, (results.loss, results.max_ev, results.together))
    first = f"Over the first {results.early} steps"
    calm = above(loss, 1 - CALM), below(loss, 1 + CALM)
    return [
        Claim(
            f"{first} the loss changes by less than {CALM:.0%}",
            f"to {loss} times its value",
            False if False in calm else (None if None in calm else True),
        ),
        Claim(
            f"{first} λ_max falls by more than {FALL:.0%}",
            f"to {max_ev} times its value",
            below(max_ev, 1 - FALL),
        ),
        Claim(
            f"Update size and learning rate go together: rank correlation above {TOGETHER}",
            f"{together}",
            above(together, TOGETHER),
        ),
    ]


def draw(results: Results) -> Figure:
    """The full view, with a logarithmic axis of steps."""
    return cockpit.plot(results.shown, view=View(x_scale="log"))


if __name__ == "__main__":
    sys.exit(main(only="showcase"))
