"""The whole cockpit, on All-CNN-C with a cyclical learning rate.

All instruments at once, as `cockpit plot` draws them, of a network of nine convolutions. The
learning rate goes up and down in cycles. Tracked are steps spaced evenly in the logarithm of
their number, and that is how the horizontal axes run: the first twenty steps or so take half of
each picture, as much happens to the network early.

See the learning rate first (at the right): it stays at its lowest value for the first part of
the axis. Then compare loss, gradient norm and distance with the largest eigenvalue of the Hessian
there. The thesis saw the first three wait, as if training were stuck, while the curvature already
fell; and later training succeeded. Each part of that is a claim of its own here, on another data
set and within a few hundred steps; the table says which of them hold.

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

import cockpit
from cockpit import Cockpit, Configuration, problems
from cockpit.configuration import resolve
from cockpit.instruments import View
from cockpit.log import RunLog
from cockpit.problems import Problem, accuracy, evaluate_all, parameter_groups
from cockpit.problems.data import Batches, DataSet
from cockpit.problems.networks import all_cnn_c
from cockpit.problems.training import Watch
from cockpit.quantities import Distance, GradNorm, HessMaxEV, Loss
from cockpit.schedules import Schedule, logarithmic
from examples.experiments.gallery import Claim, Effort, Runs, above, below, interval, main
from examples.experiments.gallery.claim import both

NUMBER = 5
TITLE = "The whole cockpit"
SOURCE = "7.4, figure 7.2"

# λ_max begins near 100, where steps diverge from 2 / λ_max = 0.02 on: a quarter of that is safe
# from the start, and the problem's own rate as soon as λ_max has fallen below 40.
LOWEST, HIGHEST = 0.005, 0.05
CALM, FALL, NEARBY, LEARNED = 0.1, 0.3, 0.1, 30.0  # thresholds of the claims
METRIC_EVERY = 5

LONG = {"steps": 450, "period": 130, "early": 60, "batch_size": 16, "points": 40,
        "test_samples": 500}  # fmt: skip
SHORT = {"steps": 10, "period": 4, "early": 4, "batch_size": 2, "points": 4, "test_samples": 10}


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
        return [kind(self.schedule) for kind in (Loss, GradNorm, Distance, HessMaxEV)]


@dataclass(frozen=True)
class Results:
    """The run to be shown, and numbers of all seeds; shapes are [seeds].

    Attributes:
        shown: Log of the run with all instruments.
        early: Steps of the early phase.
        loss: Of the end of the early phase over that of its beginning.
        max_ev: The same of λ_max.
        norm: The same of the gradient norm.
        distance: From the start at the end of the early phase, over that at the end of training.
        accuracy: On test samples at the end, in percent.
    """

    shown: RunLog
    early: int
    loss: np.ndarray
    max_ev: np.ndarray
    norm: np.ndarray
    distance: np.ndarray
    accuracy: np.ndarray


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
    logs = []
    for seed in range(seeds):
        plan = Plan(**effort.pick(full=LONG, quick=SHORT), seed=seed, everything=seed == 0)
        make = partial(_train, problem, data, plan)
        logs.append(runs.log(f"all-cnn-c-seed-{seed}", _recipe(problem, data, plan), make))
    loss, max_ev, norm = (
        np.array([_change(log, name, plan.early) for log in logs])
        for name in ("Loss", "HessMaxEV", "GradNorm")
    )
    distance = np.array([_way(log, plan.early) for log in logs])
    final = np.array([100 * log.user_series("valid_accuracy").value[-1] for log in logs])
    return Results(logs[0], plan.early, loss, max_ev, norm, distance, final)


def _recipe(problem: Problem, data: DataSet, plan: Plan) -> dict[str, Any]:
    about = {"problem": problem.key, "data": data.name, "l2": problem.l2}
    tracked = [type(each).__name__ for each in resolve(plan.config)[0]]
    return {**about, "rates": [LOWEST, HIGHEST], "tracked": tracked, **vars(plan)}


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


def _way(log: RunLog, early: int) -> float:
    """How far the network came in the early phase, as a part of how far in the end."""
    series = log.series("Distance")
    return float(series.value[series.step < early][-1] / series.value[-1])


def claims(results: Results) -> list[Claim]:
    """That the early phase looks stuck but for the curvature, and that training succeeds."""
    loss, norm, max_ev, distance = (
        interval(values, "log")
        for values in (results.loss, results.norm, results.max_ev, results.distance)
    )
    accuracy = interval(results.accuracy, within=(0, 100))
    first = f"Over the first {results.early} steps"
    return [
        Claim(
            f"{first} the loss changes by less than {CALM:.0%}",
            f"to {loss} times its value",
            both(above(loss, 1 - CALM), below(loss, 1 + CALM)),
        ),
        Claim(
            f"{first} the gradient norm changes by less than λ_max is to fall, {FALL:.0%}",
            f"to {norm} times its value",
            both(above(norm, 1 - FALL), below(norm, 1 + FALL)),
        ),
        Claim(
            f"{first} the network goes less than {NEARBY:.0%} as far as in the whole training",
            f"{distance} of that distance",
            below(distance, NEARBY),
        ),
        Claim(
            f"{first} λ_max falls by more than {FALL:.0%}",
            f"to {max_ev} times its value",
            below(max_ev, 1 - FALL),
        ),
        Claim(
            f"Later training succeeds: more than {LEARNED:g} % test accuracy at the end, where "
            "chance has 10 %",
            f"{accuracy} %",
            above(accuracy, LEARNED),
        ),
    ]


def draw(results: Results) -> Figure:
    """The full view, with a logarithmic axis of steps."""
    return cockpit.plot(results.shown, view=View(x_scale="log"))


if __name__ == "__main__":
    sys.exit(main(only="showcase"))
