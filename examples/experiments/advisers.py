"""Some instruments give advice. Here it is followed, and the outcome compared with hindsight.

CABS suggests a batch size for the learning rate in use; the norm test says when a batch is too
noisy and has to grow. Each chose the batches of a multi-layer perceptron, for as many samples as
runs with fixed batches were given. EarlyStopping says when the gradient is nothing but noise; it
watched models that had 300 samples to train on, all in each batch, for a long time.

See above at the left which batches they led to, and beside it the test accuracy: the gray line is
what fixed batches reach, so a dot at its highest point is advice as good as hindsight. See below
at the left what the three gradient tests say of batches that stay small. The square of the norm
test is the sum of the others' squares, so it never asks for less than they do; the question is how
much more. Beside it hollow dots are where the validation loss was smallest, green ones where
EarlyStopping would have stopped; where there is no green dot, it never spoke.

CABS ends at the smallest batches that it may choose: at learning rate 0.3 these lose the network.
The batches that the norm test makes are better than fixed ones of the same mean size, but larger
than is best for so few samples. EarlyStopping speaks late or not at all: logistic regression got
worse for two thousand steps without a word of it.

For your own training: read advice as a direction, and check it against the loss. Larger batches
make steps that are less noisy, but fewer of them; at a given number of samples that can cost more
than it brings. A criterion for stopping that is silent does not say that it is too early.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cockpit import problems, quantities
from cockpit.log import RunLog
from cockpit.quantities import EarlyStopping, Loss
from cockpit.schedules import linear
from examples.experiments.advice import batch_size
from examples.experiments.advice.batch_size import LARGEST, SMALLEST, Plan
from examples.experiments.advice.stopping import Stopping, few, stopping
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
from examples.experiments.gallery.series import stack
from examples.experiments.gallery.words import percent

NUMBER = 8
TITLE = "What the advisers say, and what comes of it"
SOURCE = "C.3.2, C.3.3 and C.3.5; the comparison is our own"

PROBLEM, DATA = "P11", "fashion-mnist"
TAN_80 = 5.67  # limit of Bollapragada et al. (2017); thesis C.3.5 gives 5.84 for it
LIMITS = {"NormTest": batch_size.LIMIT, "InnerTest": 0.9, "OrthoTest": TAN_80}
ADVISERS = {"CABS": "primary", "NormTest": "secondary"}
RATES = (0.1, 0.3)
SIZES = (2, 8, 32, 128, 512)
TEST_ROLES = ("secondary", "primary", "tertiary")
SIDE = {"NormTest": "bottom", "OrthoTest": "top"}  # they end at nearly the same height
FIRST = 32  # size of the first batch of runs that follow advice

OVERFITTING = {"P11": "MLP", "P9": "logistic regression"}
OVERFITTING_STEPS = {"P11": 600, "P9": 3000}
FEW = 300  # training samples, all of them in each batch
MORE, NEAR, EXCESS = 0.5, 0.5, 1.05  # thresholds of the claims


@dataclass(frozen=True)
class Following:
    """Runs on the same number of samples with one learning rate.

    Attributes:
        lr: Learning rate.
        fixed: Test accuracy in percent with each of :data:`SIZES`, [sizes, seeds].
        followed: The same of the runs that follow an adviser, by its name, [seeds].
        typical: Mean size of their batches, [seeds].
        at_limit: Share of their steps with the smallest or largest batch allowed, [seeds].
        course: Samples seen and size of the batch at the steps of the first of these runs, [2, T].
    """

    lr: float
    fixed: np.ndarray
    followed: dict[str, np.ndarray]
    typical: dict[str, np.ndarray]
    at_limit: dict[str, np.ndarray]
    course: dict[str, np.ndarray]

    def gain(self, adviser: str) -> np.ndarray:
        """Points above the fixed size that turned out best, [seeds]."""
        return self.followed[adviser] - self.fixed[self.fixed.mean(1).argmax()]

    def gain_at_same_size(self, adviser: str) -> np.ndarray:
        """Points above a fixed batch of the mean size, [seeds]; NaN outside of those tried."""
        at = np.log2(self.typical[adviser])
        fixed = [
            np.interp(x, np.log2(SIZES), y, left=np.nan, right=np.nan)
            for x, y in zip(at, self.fixed.T, strict=True)
        ]
        return self.followed[adviser] - fixed


@dataclass(frozen=True)
class Results:
    """What was advised, and what became of it.

    Attributes:
        steps: Steps at which the gradient tests were asked, [T].
        tests: What they said, by name, [seeds, T].
        following: The runs that followed advice on batches, for each learning rate.
        stops: Overfitting runs and when to stop them, by problem, one for each seed.
    """

    steps: np.ndarray
    tests: dict[str, np.ndarray]
    following: list[Following]
    stops: dict[str, list[Stopping]]


def measure(effort: Effort, runs: Runs) -> Results:
    """Ask the advisers on runs that don't listen, and let others follow them."""
    return Results(
        *_asked(effort, runs),
        [_following(lr, effort, runs) for lr in RATES],
        {key: _stops(key, effort, runs) for key in OVERFITTING},
    )


def _seeds(effort: Effort) -> range:
    return range(effort.pick(full=3, quick=1))


def _asked(effort: Effort, runs: Runs) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What the gradient tests say of batches that nobody enlarges."""
    steps = effort.pick(full=450, quick=30)
    tests = [getattr(quantities, name)(linear(5)) for name in LIMITS]
    logs = [
        runs.train(
            f"asked-seed-{seed}", problems.get(PROBLEM), runs.data(DATA), steps=steps, seed=seed,
            batch_size=FIRST, config=[Loss(linear(5)), *tests], validate_every=steps,
        )
        for seed in _seeds(effort)
    ]  # fmt: skip
    said = {name: stack(logs, name) for name in LIMITS}
    return logs[0].series("NormTest").step, said


def _following(lr: float, effort: Effort, runs: Runs) -> Following:
    """Train with fixed batches and with advised ones."""
    problem, data = problems.get(PROBLEM), runs.data(DATA)
    samples = effort.pick(full=15_000, quick=300)

    def logs(advice: str, size: int) -> list[RunLog]:
        plans = [Plan(samples, lr, size, advice, seed) for seed in _seeds(effort)]
        return [
            runs.log(
                f"{advice}-{size}-lr-{lr:g}-seed-{plan.seed}",
                plan.recipe(problem, data),
                partial(batch_size.train, problem, data, plan),
            )
            for plan in plans
        ]

    advised = {name: logs(name, FIRST) for name in ADVISERS}
    return Following(
        lr,
        np.stack([_accuracies(logs("fixed", size)) for size in SIZES]),
        {name: _accuracies(found) for name, found in advised.items()},
        {name: np.array([_typical(log) for log in found]) for name, found in advised.items()},
        {name: np.array([_at_limit(log) for log in found]) for name, found in advised.items()},
        {name: _course(found[0]) for name, found in advised.items()},
    )


def _accuracies(logs: list[RunLog]) -> np.ndarray:
    return np.array([100 * log.user_series("valid_accuracy").value[-1] for log in logs])


def _course(log: RunLog) -> np.ndarray:
    return np.stack((log.user_series("samples").value, log.user_series("size").value))


def _typical(log: RunLog) -> float:
    samples = log.user_series("samples")
    return float(samples.value[-1] / (samples.step[-1] + 1))


def _at_limit(log: RunLog) -> float:
    sizes = log.user_series("size").value[:-1]  # the last batch is what is left over
    return float(((sizes <= SMALLEST) | (sizes >= LARGEST)).mean())


def _stops(key: str, effort: Effort, runs: Runs) -> list[Stopping]:
    """Train on few samples for so long that the loss on others rises again."""
    steps = effort.pick(full=OVERFITTING_STEPS[key], quick=60)
    data, every = runs.data(DATA), linear(4)
    return [
        stopping(
            runs.train(
                f"stop-{key}-seed-{seed}", problems.get(key), few(data, FEW, seed), steps=steps,
                seed=seed, lr=0.1, batch_size=FEW,
                config=[Loss(every), EarlyStopping(every)], validate_every=max(2, steps // 40),
                validation_samples=2000,
            )
        )
        for seed in _seeds(effort)
    ]  # fmt: skip


def claims(results: Results) -> list[Claim]:
    """How often the tests ask, and what following is worth against the best choice in hindsight."""
    found = [_claim_of_tests(results.tests)]
    for each in results.following:
        found += [_claim_of_best(each, name) for name in ADVISERS]
        found.append(_claim_of_growth(each))
    for key, runs in results.stops.items():
        found += _claims_of_stop(OVERFITTING[key], runs)
    return found


def _claim_of_tests(tests: dict[str, np.ndarray]) -> Claim:
    """Against the rule of Bollapragada et al. (2017): to ask where one of the two does."""
    asked = {name: said > LIMITS[name] for name, said in tests.items()}
    alone = asked["NormTest"] & ~(asked["InnerTest"] | asked["OrthoTest"])
    often = asked["NormTest"].mean(1)
    shares = ", ".join(f"{name} {share.mean():.0%}" for name, share in asked.items())
    text = (
        f"At more than {MORE:.0%} of the steps at which the norm test asks for larger batches, "
        "neither the inner product nor the orthogonality test does"
    )
    if not often.all():
        return Claim(text, f"not in every run does it ask; share of steps: {shares}", None)
    share = interval(alone.mean(1) / often, within=(0, 1))
    return Claim(text, f"{percent(share)}; share of all steps: {shares}", above(share, MORE))


def _claim_of_best(each: Following, name: str) -> Claim:
    gain = interval(each.gain(name))
    best = SIZES[each.fixed.mean(1).argmax()]
    typical, limit = each.typical[name].mean(), each.at_limit[name].mean()
    return Claim(
        f"lr {each.lr:g}: following {name} costs less than {NEAR} points of test accuracy against "
        "the best fixed batch size, on as many samples",
        f"{_points(gain)} against batches of {best}; its own are of {typical:.3g} on average, with "
        f"{limit:.0%} of the steps at the smallest or largest size allowed",
        above(gain, -NEAR),
    )


def _claim_of_growth(each: Following) -> Claim:
    text = (
        f"lr {each.lr:g}: batches that grow by the norm test are better than fixed ones of their "
        "mean size"
    )
    gains = each.gain_at_same_size("NormTest")
    if not np.isfinite(gains).all():
        return Claim(text, f"their mean size lies outside of {SIZES[0]} to {SIZES[-1]}", None)
    gain = interval(gains)
    return Claim(text, _points(gain), above(gain, 0.0))


def _points(gain: Interval) -> str:
    if gain.seeds == 1:
        return f"{gain.mean:+.2g} points (1 seed)"
    return f"{gain.mean:+.2g} points ({gain.low:+.2g} to {gain.high:+.2g}, {gain.seeds} seeds)"


def _claims_of_stop(title: str, runs: list[Stopping]) -> list[Claim]:
    """Whether it speaks at all; and where it does, what following it would have cost."""
    costs = [run.excess for run in runs if run.excess is not None]
    spoke = len(costs) == len(runs)
    without = interval([run.excess_at_end for run in runs], "log", (1, math.inf))
    cost = interval(costs, "log", (1, math.inf)) if costs else None
    return [
        Claim(
            f"{title}: EarlyStopping says stop before the end of every run",
            f"in {len(costs)} of {len(runs)} runs",
            spoke if len(runs) >= ENOUGH_SEEDS else None,
        ),
        Claim(
            f"{title}: where it says stop, the validation loss is within {EXCESS - 1:.0%} of the "
            "smallest",
            f"{cost or 'it never spoke'}, as multiple of the smallest; without stopping {without}",
            None if cost is None else below(cost, EXCESS),
        ),
    ]


def draw(results: Results) -> Figure:
    """Advice on batches above, advice on stopping below."""
    with picture(3, 2, height=5.0) as (figure, axes):
        _draw_sizes(axes[0, 0], results.following)
        for ax, each in zip(axes[0, 1:], results.following, strict=True):
            _draw_following(ax, each)
        _draw_tests(axes[1, 0], results)
        for ax, (key, runs) in zip(axes[1, 1:], results.stops.items(), strict=True):
            _draw_stops(ax, OVERFITTING[key], runs)
    return figure


def _draw_sizes(ax: Axes, following: list[Following]) -> None:
    """Dashed: the smaller learning rate. The last batch is what is left over."""
    for name, role in ADVISERS.items():
        for each, dashes in zip(following, ("--", "-"), strict=True):
            samples, sizes = each.course[name][:, :-1]
            ax.plot(samples / 1000, sizes, dashes, color=COLORS[role], linewidth=1.2)
        label(ax, samples[-1] / 1000, sizes[-1], f" {name}", role)
    small, large = (f"{each.lr:g}" for each in following)
    label(ax, 0.02, 0.97, f"dashed lr {small}, solid lr {large}", "muted",
          transform=ax.transAxes)  # fmt: skip
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter(lambda size, _: f"{size:.0f}")
    ax.set(title="The batches they lead to", xlabel="thousand samples", ylabel="samples per step")
    ax.margins(x=0.02, y=0.12)


def _draw_following(ax: Axes, each: Following) -> None:
    """Fixed sizes as a gray line to beat, advised ones as dots at their mean size."""
    ax.plot(SIZES, each.fixed, ".", color=COLORS["muted"], markersize=3)
    ax.plot(SIZES, each.fixed.mean(1), color=COLORS["muted"])
    label(ax, SIZES[-1], each.fixed.mean(1)[-1], "fixed ", "muted", ha="right", va="bottom")
    for name, role in ADVISERS.items():
        x, y = each.typical[name], each.followed[name]
        ax.plot(x, y, ".", color=COLORS[role], markersize=3)
        ax.plot(x.mean(), y.mean(), "o", color=COLORS[role], markersize=6)
        label(ax, x.mean(), y.mean(), f"  {name}", role)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda size, _: f"{size:.0f}")
    ax.set(title=f"Followed at lr {each.lr:g}", xlabel="samples per step, mean",
           ylabel="test accuracy in %")  # fmt: skip


def _draw_tests(ax: Axes, results: Results) -> None:
    """The tests of the first seed's run, and the limit that norm and inner product test share."""
    for (name, said), role in zip(results.tests.items(), TEST_ROLES, strict=True):
        ax.plot(results.steps, said[0], color=COLORS[role], linewidth=1)
        end = float(np.median(said[0, -10:]))
        label(ax, results.steps[-1], end, f" {name}", role, va=SIDE.get(name, "center"))
    limit = LIMITS["NormTest"]
    ax.axhline(limit, color=COLORS["quaternary"], linewidth=0.8, linestyle="--")
    white = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    label(ax, 0, limit + 0.07, "enlarge above", "quaternary", bbox=white)
    ax.set(title=f"What the tests say of batches of {FIRST}", xlabel="step", ylabel="test")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)


def _draw_stops(ax: Axes, title: str, runs: list[Stopping]) -> None:
    """Validation losses; hollow: the smallest, filled: where the advice stops."""
    for run in runs:
        first = run is runs[0]
        ax.plot(run.valid_steps, run.valid_loss, color=COLORS["muted"],
                linewidth=1.2 if first else 0.5, alpha=1 if first else 0.5)  # fmt: skip
        lowest = run.valid_loss.argmin()
        ax.plot(run.valid_steps[lowest], run.valid_loss[lowest], "o", color=COLORS["muted"],
                markerfacecolor="white", markersize=4)  # fmt: skip
        if run.advised is not None:
            loss = np.interp(run.advised, run.valid_steps, run.valid_loss)
            ax.plot(run.advised, loss, "o", color=COLORS["tertiary"], markersize=5)
    ax.set(title=f"When to stop: {title}", xlabel="step", ylabel="validation loss")
    spoke = any(run.advised is not None for run in runs)
    words = "green: EarlyStopping says stop" if spoke else "EarlyStopping never says stop"
    role = "tertiary" if spoke else "muted"
    label(ax, 0.98, 0.95, words, role, ha="right", transform=ax.transAxes)


if __name__ == "__main__":
    sys.exit(main(only="advisers"))
