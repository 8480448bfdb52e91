"""Is it best to step into the minimum, or past it?

α says where a step ends on the parabola that is fitted along it: −1 at its start, 0 in the
minimum, 1 as high on the other side. Textbook advice is to end at 0. Is it good advice? Several
problems were trained with plain SGD over a grid of learning rates; the median α is that of all
steps of a run.

Follow each curve from its small dots to its large ones: the learning rate grows, and α with it as
long as training is stable. Filled dots are the good learning rates, whose result comes within a
point of the best. Where they stand right of the line at 0, training is best when its typical step
overshoots. The thesis found this for networks, and that a simple problem behaves otherwise: the
small perceptron on digits, here in purple. Two convex problems go with it, as what is simple.

For your own training: an α far below 0 throughout is a reason to raise the learning rate. An α a
little above 0 is no reason to lower it. There is no one best α, though: it depends on the problem,
and on how long you train, as a larger rate is ahead in a short run.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cockpit import problems
from cockpit.log import RunLog
from cockpit.quantities import Alpha, Loss
from cockpit.schedules import linear
from examples.experiments.gallery import (
    COLORS,
    Claim,
    Effort,
    Interval,
    Runs,
    above,
    below,
    interval,
    label,
    main,
    picture,
)
from examples.experiments.gallery.claim import ENOUGH_SEEDS

NUMBER = 4
TITLE = "Do the best learning rates overshoot?"
SOURCE = "7.3.3, figure 7.5"


@dataclass(frozen=True)
class Contest:
    """A problem, and the learning rates that compete on it.

    Attributes:
        problem: Its key.
        data: What is put under it.
        title: For the figure.
        deep: Whether the claim of the thesis is about it; else it is a simple one.
        rates: Learning rates, from far too small to far too large.
        steps: Of a run in the full form.
        quick: Of a run in the quick form; 0: left out there.
        every: Steps from one α to the next.
    """

    problem: str
    data: str
    title: str
    deep: bool
    rates: tuple[float, ...]
    steps: int
    quick: int
    every: int


CONTESTS = (
    Contest("P4", "fashion-mnist", "3c3d", True, (0.01, 0.03, 0.1, 0.2, 0.4), 150, 0, 3),
    Contest("P11", "fashion-mnist", "MLP", True, (0.01, 0.03, 0.1, 0.2, 0.4, 0.8), 500, 0, 4),
    Contest("P10", "digits", "MLP on digits", False, (0.01, 0.03, 0.1, 0.2, 0.4, 0.8), 300, 60, 3),
    Contest(
        "P9", "fashion-mnist", "logistic regression", False,
        (0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8), 1500, 60, 5,
    ),
    Contest(
        "P1", "normal-100d", "noisy quadratic", False,
        (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03), 1500, 60, 5,
    ),
)  # fmt: skip
ACCURACY_SLACK = 1.0  # points below the best that are still good
LOSS_SLACK = 0.01  # the same for a loss, relative
APART = 0.2


@dataclass(frozen=True)
class Course:
    """What the runs on a problem came to.

    Attributes:
        title: Of the problem.
        deep: Whether it is one of the deep networks.
        rates: Learning rates, [rates].
        alpha: Median α of each run, [rates, seeds]; NaN if it has none.
        score: Test accuracy in percent, or test loss, [rates, seeds]; NaN if it diverged.
        is_loss: Whether the score is a loss.
    """

    title: str
    deep: bool
    rates: np.ndarray
    alpha: np.ndarray
    score: np.ndarray
    is_loss: bool

    @property
    def best(self) -> int:
        """Index of the learning rate with the best mean score; a diverged run rules it out."""
        means = self.score.mean(1)
        return int(np.nanargmin(means) if self.is_loss else np.nanargmax(means))

    @property
    def good(self) -> np.ndarray:
        """Which learning rates have a mean score near the best, bool [rates]."""
        means = self.score.mean(1)
        if self.is_loss:
            return means <= means[self.best] * (1 + LOSS_SLACK)
        return means >= means[self.best] - ACCURACY_SLACK

    def alpha_at(self, rate: int) -> Interval:
        """Median α at one of the learning rates, over the seeds."""
        return interval(self.alpha[rate])


def measure(effort: Effort, runs: Runs) -> list[Course]:
    """Train each problem with each of its learning rates, from several seeds."""
    short = tuple(contest for contest in CONTESTS if contest.quick)
    contests = effort.pick(full=CONTESTS, quick=short)
    return [_course(contest, effort, runs) for contest in contests]


def _course(contest: Contest, effort: Effort, runs: Runs) -> Course:
    problem, data = problems.get(contest.problem), runs.data(contest.data)
    seeds = effort.pick(full=3, quick=1)
    steps = effort.pick(full=contest.steps, quick=contest.quick)
    config = [Loss(linear(contest.every)), Alpha(linear(contest.every))]
    rates = contest.rates
    logs = [
        [
            runs.train(
                f"{contest.problem}-lr-{lr:g}-seed-{seed}", problem, data, steps=steps, lr=lr,
                seed=seed, config=config, validate_every=steps, validation_samples=5000,
            )
            for seed in range(seeds)
        ]
        for lr in rates
    ]  # fmt: skip
    is_loss = problem.metric is None
    alpha = np.array([[_median_alpha(log) for log in row] for row in logs])
    score = np.array([[_score(log, is_loss) for log in row] for row in logs])
    return Course(contest.title, contest.deep, np.array(rates), alpha, score, is_loss)


def _median_alpha(log: RunLog) -> float:
    values = log.series("Alpha").value
    values = values[~np.isnan(values)]
    return float(np.median(values)) if values.size else math.nan


def _score(log: RunLog, is_loss: bool) -> float:
    """The last evaluation; NaN if its loss is no number."""
    loss = log.user_series("valid_loss").value[-1]
    if not math.isfinite(loss):
        return math.nan
    return float(loss) if is_loss else 100 * float(log.user_series("valid_accuracy").value[-1])


def claims(results: list[Course]) -> list[Claim]:
    """Where the good learning rates of each problem stand, and whether all agree on the best."""
    return [*(_claim(course) for course in results), _claim_of_difference(results)]


def _claim(course: Course) -> Claim:
    good = np.flatnonzero(course.good)
    intervals = [course.alpha_at(index) for index in good]
    lowest = min(range(len(good)), key=lambda index: intervals[index].mean)
    slack = f"{LOSS_SLACK:.0%}" if course.is_loss else "a point"
    found = f"lowest median α of these {intervals[lowest]}, at lr {course.rates[good[lowest]]:g}"
    if course.deep:
        text = f"{course.title}: all learning rates within {slack} of the best have a median α > 0"
        return Claim(text, found, above(intervals[lowest], 0.0))
    text = f"{course.title}: a learning rate within {slack} of the best has a median α < 0"
    return Claim(text, found, below(intervals[lowest], 0.0))


def _claim_of_difference(results: list[Course]) -> Claim:
    at_best = sorted((c.alpha_at(c.best) for c in results), key=lambda found: found.mean)
    low, high = at_best[0], at_best[-1]
    holds = None
    if min(low.seeds, high.seeds) >= ENOUGH_SEEDS:
        apart = high.low - low.high > APART
        holds = True if apart else (None if high.high - low.low > APART else False)
    return Claim(
        f"The best runs' median α differs between problems by more than {APART}",
        f"from {low} to {high}",
        holds,
    )


def draw(results: list[Course]) -> Figure:
    """Score against median α, a panel for each problem; and the best of each, side by side."""
    columns = 2 if len(results) < 4 else 3
    rows = -(-(len(results) + 1) // columns)
    with picture(columns, rows, height=2.6 * rows) as (figure, axes):
        for ax, course in zip(axes.flat, results, strict=False):
            _draw_course(ax, course)
        _draw_best(axes.flat[len(results)], results)
        for ax in axes.flat[len(results) + 1 :]:
            ax.set_visible(False)
    return figure


def _draw_course(ax: Axes, course: Course) -> None:
    """Filled dots: good; their size grows with the learning rate."""
    color = COLORS["primary" if course.deep else "secondary"]
    x, y = course.alpha.mean(1), course.score.mean(1)
    ax.axvline(0, color=COLORS["muted"], linewidth=0.8, linestyle=":")
    ax.plot(x, y, color=color, linewidth=0.8, alpha=0.5)
    ax.plot(course.alpha.ravel(), course.score.ravel(), ".", color=color, markersize=2, alpha=0.4)
    sizes = np.linspace(14, 90, len(course.rates))
    fills = [color if good else "white" for good in course.good]
    ax.scatter(x, y, sizes, c=fills, edgecolors=color, linewidths=1, zorder=3)
    for index in {0, course.best, int(np.flatnonzero(np.isfinite(y))[-1])}:
        ax.annotate(
            f"lr {course.rates[index]:g}", (x[index], y[index]), (0, -9),
            textcoords="offset points", ha="center", va="center", fontsize=6.5, color=color,
        )  # fmt: skip
    what = "test loss" if course.is_loss else "test accuracy in %"
    ax.set(title=course.title, xlabel="median α", ylabel=what)
    ax.margins(0.12, 0.16)


def _draw_best(ax: Axes, results: list[Course]) -> None:
    """Median α of the best learning rate of each problem, with its interval over the seeds."""
    ax.axvline(0, color=COLORS["muted"], linewidth=0.8, linestyle=":")
    for row, course in enumerate(results):
        found, role = course.alpha_at(course.best), "primary" if course.deep else "secondary"
        ends = [found.low, found.high] if found.seeds > 1 else [found.mean, found.mean]
        ax.plot(ends, [row, row], color=COLORS[role], linewidth=2)
        ax.plot(found.mean, row, "o", color=COLORS[role], markersize=5)
        label(ax, found.mean, row - 0.32, course.title, role, ha="center")
    ax.set(title="The best learning rates", xlabel="median α", yticks=[])
    ax.set_ylim(len(results) - 0.5, -0.8)
    ax.spines["left"].set_visible(False)


if __name__ == "__main__":
    sys.exit(main(only="learning_rates"))
