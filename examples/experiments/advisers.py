"""Some instruments give advice. Here it is followed, and the outcome compared with hindsight.

CABS suggests a batch size for the learning rate in use; the norm test says when a batch is too
noisy and has to grow. Each chose the batches of a multi-layer perceptron, for as many samples as
runs with fixed batches were given. EarlyStopping says when the gradient is nothing but noise; it
watched models that had 300 samples to train on, all in each batch, and went on for too long.

See above at the left which batches they led to, and beside it the test accuracy: the gray line is
what fixed batches reach, so a dot at its highest point is advice as good as hindsight. See below
at the left what the three gradient tests say of batches that stay small. Beside it hollow dots are
where the validation loss was smallest, green ones where EarlyStopping would have stopped; where
there is no green dot, it never spoke.

For your own training: read advice as a direction, and check it against the loss. Larger batches
make steps that are less noisy, but fewer of them; at a given number of samples that can cost more
than it brings.
"""

from __future__ import annotations

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
from examples.experiments.advice.batch_size import Plan
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

NUMBER = 8
TITLE = "What the advisers say, and what comes of it"
SOURCE = "C.3.2, C.3.3 and C.3.5; the comparison is our own"

PROBLEM, DATA = "P11", "fashion-mnist"
LIMITS = {"NormTest": 0.9, "InnerTest": 0.9, "OrthoTest": 5.67}  # tan 80°; thesis C.3.5
ADVISERS = {"CABS": "primary", "NormTest": "secondary"}
RATES = (0.1, 0.3)
SIZES = (8, 32, 128)
TEST_ROLES = ("secondary", "primary", "tertiary")
SIDE = {"NormTest": "bottom", "OrthoTest": "top"}  # they end at nearly the same height
FIRST = 32  # size of the first batch of runs that follow advice

OVERFITTING = {"P11": "MLP", "P9": "logistic regression"}
FEW = 300  # training samples, all of them in each batch
NEAR, EXCESS = 0.5, 1.05  # thresholds of the claims


@dataclass(frozen=True)
class Following:
    """Runs on the same number of samples with one learning rate.

    Attributes:
        lr: Learning rate.
        fixed: Test accuracy in percent with each of :data:`SIZES`, [sizes, seeds].
        followed: The same of the runs that follow an adviser, by its name, [seeds].
        typical: Mean size of their batches, [seeds].
        course: Samples seen and size of the batch at the steps of the first of these runs, [2, T].
    """

    lr: float
    fixed: np.ndarray
    followed: dict[str, np.ndarray]
    typical: dict[str, np.ndarray]
    course: dict[str, np.ndarray]

    def gain(self, adviser: str) -> np.ndarray:
        """Points above the fixed size that turned out best, [seeds]."""
        return self.followed[adviser] - self.fixed[self.fixed.mean(1).argmax()]

    def gain_at_same_size(self, adviser: str) -> np.ndarray:
        """Points above a fixed batch of the mean size, between those that were tried, [seeds]."""
        at = np.log2(self.typical[adviser])
        fixed = [np.interp(x, np.log2(SIZES), y) for x, y in zip(at, self.fixed.T, strict=True)]
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
    said = {name: np.stack([log.series(name).value for log in logs]) for name in LIMITS}
    return logs[0].series("NormTest").step, said


def _following(lr: float, effort: Effort, runs: Runs) -> Following:
    """Train with fixed batches and with advised ones."""
    problem, data = problems.get(PROBLEM), runs.data(DATA)
    samples = effort.pick(full=30_000, quick=1_000)

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
        {name: _course(found[0]) for name, found in advised.items()},
    )


def _accuracies(logs: list[RunLog]) -> np.ndarray:
    return np.array([100 * log.user_series("valid_accuracy").value[-1] for log in logs])


def _course(log: RunLog) -> np.ndarray:
    return np.stack((log.user_series("samples").value, log.user_series("size").value))


def _typical(log: RunLog) -> float:
    samples = log.user_series("samples")
    return float(samples.value[-1] / (samples.step[-1] + 1))


def _stops(key: str, effort: Effort, runs: Runs) -> list[Stopping]:
    """Train on few samples for so long that the loss on others rises again."""
    steps = effort.pick(full=600, quick=60)
    data = few(runs.data(DATA), FEW)
    every = linear(4)
    return [
        stopping(
            runs.train(
                f"stop-{key}-seed-{seed}", problems.get(key), data, steps=steps, seed=seed, lr=0.1,
                batch_size=FEW,
                config=[Loss(every), EarlyStopping(every)], validate_every=max(2, steps // 40),
                validation_samples=2000,
            )
        )
        for seed in _seeds(effort)
    ]  # fmt: skip


def claims(results: Results) -> list[Claim]:
    """How often the tests ask, and what following is worth against the best choice in hindsight."""
    failed = {name: (said > LIMITS[name]).mean(1) for name, said in results.tests.items()}
    more = interval(failed["NormTest"] - failed["InnerTest"])
    shares = ", ".join(f"{name} {share.mean():.0%}" for name, share in failed.items())
    found = [
        Claim(
            "The norm test asks for larger batches at more steps than the inner product test",
            f"share of steps: {shares}; difference {more}",
            above(more, 0.0),
        )
    ]
    for each in results.following:
        found += [_claim_of_best(each, name) for name in ADVISERS]
        found.append(_claim_of_growth(each))
    return [*found, *(_claim_of_stop(key, runs) for key, runs in results.stops.items())]


def _claim_of_best(each: Following, name: str) -> Claim:
    gain = interval(each.gain(name))
    return Claim(
        f"lr {each.lr:g}: following {name} costs less than {NEAR} points of test accuracy against "
        "the best fixed batch size, on as many samples",
        f"{_points(gain)}, with batches of {each.typical[name].mean():.0f}",
        above(gain, -NEAR),
    )


def _claim_of_growth(each: Following) -> Claim:
    gain = interval(each.gain_at_same_size("NormTest"))
    return Claim(
        f"lr {each.lr:g}: batches that grow by the norm test are better than fixed ones of their "
        "mean size",
        _points(gain),
        above(gain, 0.0),
    )


def _points(gain: Interval) -> str:
    if gain.seeds == 1:
        return f"{gain.mean:+.2g} points (1 seed)"
    return f"{gain.mean:+.2g} points ({gain.low:+.2g} to {gain.high:+.2g}, {gain.seeds} seeds)"


def _claim_of_stop(key: str, runs: list[Stopping]) -> Claim:
    excess = interval([run.excess for run in runs])
    unadvised = sum(run.advised is None for run in runs)
    never = f"; in {unadvised} of {len(runs)} runs it never said stop" if unadvised else ""
    return Claim(
        f"{OVERFITTING[key]}: stopping by EarlyStopping ends within {EXCESS - 1:.0%} of the "
        "smallest validation loss",
        f"{excess} times the smallest, without stopping "
        f"{interval([run.excess_at_end for run in runs])}{never}",
        below(excess, EXCESS),
    )


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
