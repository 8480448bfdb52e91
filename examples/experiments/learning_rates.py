"""Is it best to step into the minimum, or past it?

α says where a step ends on the parabola that is fitted along it: −1 at its start, 0 in the
minimum, 1 as high on the other side. Textbook advice is to end at 0. Is it good advice? Several
problems were trained with plain SGD over a grid of learning rates; the median α is that of a run's
tracked steps, every third to fifth of them.

Follow each curve from its small dots to its large ones: the learning rate grows, and α with it as
long as training is stable. Filled dots are the good learning rates, whose result can't be told from
the best one's. Where they stand right of the line at 0, training is best when its typical step
overshoots. The thesis found this for its four networks, and the best α of the simplest, the MLP on
MNIST, closer to 0. Here three of them are in blue, on data that was at hand: the same MLP of four
layers on Fashion-MNIST and, for MNIST, on scikit-learn's small digits, and 3c3d, with Fashion-MNIST
for CIFAR-10. The fourth, the same on SVHN, is left out. The convex problems in purple and what is
claimed of them are our own: if overshooting were a matter of networks, they should not need it.
But they do, if less far: their best α is above 0, too.

The runs are short, the thesis's go on for tens of epochs; the table has their lengths. In a short
run a larger rate is ahead, and α with it.

For your own training: an α far below 0 throughout is a reason to raise the learning rate. An α a
little above 0 is no reason to lower it. There is no one best α, though: it depends on the problem,
and on how long you train.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from cockpit import problems
from cockpit.log import RunLog
from cockpit.problems.data import PairSet
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
from examples.experiments.gallery.claim import ENOUGH_SEEDS, LEVEL, both

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
        deep: Whether it is a network, as in the thesis; else a convex problem of our own.
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
    Contest("P10", "digits", "MLP on digits", True, (0.01, 0.03, 0.1, 0.2, 0.4, 0.8), 300, 24, 3),
    Contest(
        "P9", "fashion-mnist", "logistic regression", False,
        (0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8), 1500, 60, 5,
    ),
    Contest(
        "P1", "normal-100d", "noisy quadratic", False,
        (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03), 1500, 60, 5,
    ),
)  # fmt: skip
SIMPLEST = "MLP on digits"
EVALUATED = 5000  # test samples at most
ERRORS = 2.0  # standard errors of an accuracy below the best that are still good
LOSS_SLACK = 2.0  # a loss may be as much above the lowest possible, in multiples of the best one
APART = 0.2


@dataclass(frozen=True)
class Course:
    """What the runs on a problem came to.

    Attributes:
        title: Of the problem.
        deep: Whether it is a network.
        rates: Learning rates, [rates].
        quartiles: Of each run's α, [rates, seeds, 3]; NaN if it has none.
        score: Test accuracy in percent, or test loss, [rates, seeds]; NaN if it diverged.
        floor: The lowest loss that the test samples allow; None if the score is an accuracy.
        tested: Number of test samples.
        steps: Of each run.
        epochs: The same in passes over the training samples.
    """

    title: str
    deep: bool
    rates: np.ndarray
    quartiles: np.ndarray
    score: np.ndarray
    floor: float | None
    tested: int
    steps: int
    epochs: float

    @property
    def alpha(self) -> np.ndarray:
        """Median α of each run, [rates, seeds]."""
        return self.quartiles[..., 1]

    @property
    def best(self) -> int:
        """Index of the learning rate with the best mean score; a diverged run rules it out."""
        means = self.score.mean(1)
        return int(np.nanargmax(means) if self.floor is None else np.nanargmin(means))

    @property
    def bound(self) -> float:
        """Mean score that is still good."""
        best = float(self.score.mean(1)[self.best])
        if self.floor is not None:
            return self.floor + LOSS_SLACK * (best - self.floor)
        return best - ERRORS * math.sqrt(best * (100 - best) / self.tested)

    @property
    def good(self) -> np.ndarray:
        """Which learning rates have a mean score near the best, bool [rates]."""
        means = self.score.mean(1)
        return means >= self.bound if self.floor is None else means <= self.bound

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
    evaluated = effort.pick(full=EVALUATED, quick=200)
    config = [Loss(linear(contest.every)), Alpha(linear(contest.every))]
    rates = contest.rates
    logs = [
        [
            runs.train(
                f"{contest.problem}-lr-{lr:g}-seed-{seed}", problem, data, steps=steps, lr=lr,
                seed=seed, config=config, validate_every=steps, validation_samples=evaluated,
            )
            for seed in range(seeds)
        ]
        for lr in rates
    ]  # fmt: skip
    quartiles = np.array([[_quartiles(log) for log in row] for row in logs])
    floor = _floor(data) if problem.metric is None else None
    score = np.array([[_score(log, floor is not None) for log in row] for row in logs])
    train, test = problem.view(data)
    epochs = steps * problem.batch_size / len(train)
    tested = min(evaluated, len(test))
    return Course(
        contest.title, contest.deep, np.array(rates), quartiles, score, floor, tested, steps, epochs
    )


def _quartiles(log: RunLog) -> np.ndarray:
    values = log.series("Alpha").value
    values = values[~np.isnan(values)]
    return np.percentile(values, (25, 50, 75)) if values.size else np.full(3, math.nan)


def _floor(data: PairSet) -> float:
    """The lowest mean loss of the quadratic on the test samples, which is at their mean."""
    samples = data.test.targets
    best = samples.mean(0, keepdim=True).expand_as(samples)
    return float(problems.get("P1").loss()(best, samples))


def _score(log: RunLog, is_loss: bool) -> float:
    """The last evaluation; NaN if its loss is no number."""
    loss = log.user_series("valid_loss").value[-1]
    if not math.isfinite(loss):
        return math.nan
    return float(loss) if is_loss else 100 * float(log.user_series("valid_accuracy").value[-1])


def claims(results: list[Course]) -> list[Claim]:
    """Where the good learning rates of each problem stand, and whether all agree on the best."""
    found = [_claim(course) if course.deep else _claim_of_convex(course) for course in results]
    simplest = [course for course in results if course.title == SIMPLEST]
    others = [course for course in results if course.deep and course.title != SIMPLEST]
    if simplest and others:
        found.append(_claim_of_simplest(simplest[0], others))
    return [*found, _claim_of_difference(results)] if len(results) > 1 else found


def _claim(course: Course) -> Claim:
    good = np.flatnonzero(course.good)
    at = [course.alpha_at(index) for index in good]
    rates = "; ".join(f"lr {course.rates[i]:g}: {a}" for i, a in zip(good, at, strict=True))
    text = (
        f"{course.title}: all learning rates within {ERRORS:g} standard errors of the best test "
        "accuracy have a median α > 0"
    )
    return Claim(text, f"{rates}; {_run(course)}", both(*(above(a, 0.0) for a in at)))


def _claim_of_convex(course: Course) -> Claim:
    at, rate = course.alpha_at(course.best), course.rates[course.best]
    text = f"{course.title} (our own claim): the best learning rate has a median α < 0"
    return Claim(text, f"lr {rate:g}: {at}; {_run(course)}", below(at, 0.0))


def _run(course: Course) -> str:
    """Quartiles of α at the best learning rate, and how long was trained."""
    low, middle, high = course.quartiles[course.best].mean(0)
    length = f"{course.steps:,} steps, {course.epochs:.3g} epochs"
    return f"quartiles at the best rate {low:.2f}, {middle:.2f}, {high:.2f}; {length}"


def _claim_of_simplest(simplest: Course, others: list[Course]) -> Claim:
    """Seeds are paired only to get an interval of the difference."""
    at = simplest.alpha[simplest.best]
    less = [interval(at - each.alpha[each.best]) for each in others]
    names = [each.title for each in others]
    return Claim(
        f"The best run's median α is smaller on the simplest network problem, {SIMPLEST}, than "
        f"with {' and '.join(names)}",
        "; ".join(f"{found} against {name}" for found, name in zip(less, names, strict=True)),
        both(*(below(found, 0.0) for found in less)),
    )


def _claim_of_difference(results: list[Course]) -> Claim:
    """By Tukey's test, whose intervals allow for picking the two that are furthest apart."""
    samples = [course.alpha[course.best] for course in results]
    order = sorted(results, key=lambda course: course.alpha[course.best].mean())
    ends = " to ".join(f"{c.alpha_at(c.best)} ({c.title})" for c in (order[0], order[-1]))
    holds = None
    if min(map(len, samples)) >= ENOUGH_SEEDS:
        found = stats.tukey_hsd(*samples).confidence_interval(LEVEL)
        apart = bool((found.low > APART).any())
        holds = True if apart else (None if (found.high > APART).any() else False)
    return Claim(
        f"The best runs' median α differs between problems by more than {APART}", ends, holds
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
            f"lr {course.rates[index]:g}", (x[index], y[index]), (0, -12),
            textcoords="offset points", ha="center", va="center", fontsize=6.5, color=color,
        )  # fmt: skip
    what = "test accuracy in %" if course.floor is None else "test loss"
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
