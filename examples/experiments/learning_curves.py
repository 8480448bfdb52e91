"""Do the test problems learn what they should?

An experiment is worth as much as the problems it stands on. Four of them were trained by SGD with
nothing else in mind, and evaluated on all test samples again and again: a noisy quadratic, logistic
regression, a multi-layer perceptron and a convolutional network.

See where each curve ends, and how closely the seeds agree. The dotted line is what is known of the
problem. For the quadratic it is the loss at the best point that the training samples know of: the
noise of the test samples alone. In expectation it is 86, and the thesis has about 87 in the end;
the thousand samples that are drawn here happen to have 83.5. For the convolutional network it is
what the thesis reports after a hundred epochs of SGD; a tenth of them was run here, with momentum
to get as far in that time. For the other two the line is our own demand.

For your own training: before you debug a network, know what its task can give. A result below that
is a bug to look for; one above it is, too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cockpit import problems
from cockpit.problems import Problem
from cockpit.problems.data import Batches, Samples
from cockpit.quantities import Loss
from cockpit.schedules import linear
from examples.experiments.gallery import (
    COLORS,
    Claim,
    Effort,
    Runs,
    above,
    below,
    interval,
    label,
    main,
    picture,
)

NUMBER = 9
TITLE = "The test problems learn what they should"
SOURCE = "A.1.1 and A.1.3"

EVALUATIONS = 12


@dataclass(frozen=True)
class Task:
    """A problem, and what should come of it.

    Attributes:
        problem: Its key.
        data: What is put under it.
        title: For the figure.
        steps: Of a run in the full form.
        quick: Of a run in the quick form.
        lr: Learning rate.
        optimizer: One of ``cockpit train``.
        known: Test accuracy in percent that is known of it; None: the least test loss is
            calculated.
        slack: How far a result may be off: points below, or, of a loss, percent above.
    """

    problem: str
    data: str
    title: str
    steps: int
    quick: int
    lr: float
    known: float | None
    slack: float
    optimizer: str = "sgd"


TASKS = (
    Task("P1", "normal-100d", "noisy quadratic", 700, 100, 0.01, None, 1),
    Task("P9", "fashion-mnist", "logistic regression", 9360, 100, 0.05, 84, 1),
    Task("P11", "fashion-mnist", "multi-layer perceptron", 9360, 40, 0.1, 89, 1),
    Task("P3", "fashion-mnist", "convolutional network", 4680, 12, 0.02, 92, 1, "momentum"),
)


@dataclass(frozen=True)
class Curve:
    """The evaluations of a problem's runs.

    Attributes:
        task: What was trained.
        epochs: When it was evaluated, in passes over the training samples, [E].
        score: Test accuracy in percent, or test loss, [seeds, E].
        known: What is known of the result.
        is_loss: Whether it is a loss.
    """

    task: Task
    epochs: np.ndarray
    score: np.ndarray
    known: float
    is_loss: bool


def measure(effort: Effort, runs: Runs) -> list[Curve]:
    """Train each problem from several seeds."""
    return [_curve(task, effort, runs) for task in TASKS]


def _curve(task: Task, effort: Effort, runs: Runs) -> Curve:
    problem, data = problems.get(task.problem), runs.data(task.data)
    steps = effort.pick(full=task.steps, quick=task.quick)
    every = -(-steps // EVALUATIONS)
    logs = [
        runs.train(
            f"{task.problem}-seed-{seed}", problem, data, steps=steps, lr=task.lr, seed=seed,
            optimizer=task.optimizer, config=[Loss(linear(every))], validate_every=every,
            validation_samples=effort.pick(full=None, quick=200),
        )
        for seed in range(effort.pick(full=3, quick=1))
    ]  # fmt: skip
    is_loss = problem.metric is None
    name, scale = ("valid_loss", 1) if is_loss else ("valid_accuracy", 100)
    found = [log.user_series(name) for log in logs]
    train, test = problem.view(data)
    epochs = (found[0].step + 1) / len(Batches(train, problem.batch_size))
    known = least_loss(problem, train, test) if task.known is None else task.known
    return Curve(task, epochs, scale * np.stack([each.value for each in found]), known, is_loss)


def least_loss(problem: Problem, train: Samples, test: Samples) -> float:
    """Test loss of the quadratic at the mean of the training samples, where its loss is least."""
    (seen, _), (_, targets) = (each.take(torch.arange(len(each))) for each in (train, test))
    return problem.loss()(seen.mean(0, keepdim=True).expand_as(targets), targets).item()


def claims(results: Sequence[Curve]) -> list[Claim]:
    """Each ends near what is known of it."""
    return [_claim(curve) for curve in results]


def _claim(curve: Curve) -> Claim:
    task, found = curve.task, interval(curve.score[:, -1])
    after = f"after {curve.epochs[-1]:.0f} epochs"
    if curve.is_loss:
        return Claim(
            f"{task.problem}, {task.title}: the test loss ends less than {task.slack:g} % above "
            f"the least one, {curve.known:.1f} on these samples",
            f"{found}, {after}",
            below(found, curve.known * (1 + task.slack / 100)),
        )
    least = curve.known - task.slack
    return Claim(
        f"{task.problem}, {task.title}: the test accuracy ends above {least:g} %",
        f"{found} %, {after}",
        above(found, least),
    )


def draw(results: Sequence[Curve]) -> Figure:
    """A panel for each problem: all seeds, and what is known of the result."""
    with picture(2, 2, height=5) as (figure, axes):
        for ax, curve in zip(axes.flat, results, strict=True):
            _draw(ax, curve)
    return figure


def _draw(ax: Axes, curve: Curve) -> None:
    shown = slice(1, None)  # the first evaluation would set the scale
    role = "secondary" if curve.is_loss else "primary"
    ax.plot(
        curve.epochs[shown], curve.score[:, shown].T, color=COLORS[role], linewidth=1, alpha=0.5
    )
    ax.plot(curve.epochs[shown], curve.score.mean(0)[shown], color=COLORS[role], linewidth=1.8)
    ax.axhline(curve.known, color=COLORS["muted"], linewidth=0.9, linestyle=":")
    what = "test loss" if curve.is_loss else "test accuracy in %"
    ax.set(title=curve.task.title, xlabel="epoch", ylabel=what)
    ax.margins(0.04, 0.14)
    ends = f"{curve.score[:, -1].mean():.1f} in the end"
    height = 0.92 if curve.is_loss else 0.08
    label(ax, 0.97, height, ends, role, ha="right", transform=ax.transAxes)


if __name__ == "__main__":
    sys.exit(main(only="learning_curves"))
