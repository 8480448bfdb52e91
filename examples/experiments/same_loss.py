"""Two learning rates make the same loss curve: one is too small, the other too large.

A learning rate that is too small creeps along the valley. One that is too large jumps from wall to
wall, and gets down no faster. Among many learning rates we look for the two, far apart, whose
losses agree best, by the loss alone. First in a valley of two dimensions, four times as steep
across as along, where one can watch the steps; then for logistic regression on pictures, with its
7,850 parameters, where one can't.

See the left pictures: the two losses would not tell you whether to raise the learning rate or to
lower it, though one is somewhat noisier. In the middle of the upper row is what the runs really
do: blue drops to the floor of the valley and creeps along it, purple crosses it again and again.
At the right α says so without a picture of the valley: blue stops short of the lowest point along
its step (α < 0), purple ends up opposite to its start (α near 1). For the real data as well, where
blue is close to 0 in the middle, as its steps differ much among each other. The distance from the
start, below in the middle, tells the two apart, too, but not which of them to slow down.

For your own training: look at α before you change the learning rate. Mostly below 0: raise it.
Mostly near 1: lower it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cockpit import problems
from cockpit.log import RunLog
from cockpit.problems import Problem
from cockpit.problems.data import Pairs, PairSet
from cockpit.problems.data.views import AsDrawn
from cockpit.problems.losses import SampleLoss
from cockpit.problems.networks.small import Point
from cockpit.quantities import Alpha, Distance, Loss, Parameters
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

NUMBER = 1
TITLE = "The same loss curve, and opposite steps"
SOURCE = "7.1, figure 7.1"

CURVATURES = (1.0, 0.25)  # across the valley, and along it
CLOSER = 0.3  # makes the noise so small that one can see the steps
BATCH_SIZE = 512  # large: what is to be seen is the steps' own doing, not that of noise
ALIKE = 0.1  # difference of two losses that are called the same
ROLES = ("primary", "secondary")
SHOWN_ALPHA = (-2.4, 2.6)


@dataclass(frozen=True)
class Pair:
    """Two learning rates on one problem: the runs of all seeds.

    Attributes:
        what: The problem, in words.
        rates: The smaller and the larger learning rate.
        loss: Of the mini-batch, [2, seeds, T].
        alpha: Of the steps, [2, seeds, T]; NaN where there was none, as at the last.
        distance: From the start, [2, seeds, T].
    """

    what: str
    rates: tuple[float, float]
    loss: np.ndarray
    alpha: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Results:
    """Both problems.

    Attributes:
        valley: The one in two dimensions.
        paths: The points there, of the first seed, [2, T, 2].
        images: Logistic regression.
    """

    valley: Pair
    paths: np.ndarray
    images: Pair


class Valley(SampleLoss):
    """ℓₙ = ½ Σ cⱼ (θⱼ − xₙⱼ)², steep across (the first coordinate), flat along."""

    def of_samples(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """ℓₙ of points and targets, both [N, 2]."""
        return 0.5 * (torch.tensor(CURVATURES) * (outputs - targets).square()).sum(1)


def at_the_edge(seed: int = 0) -> Point:
    """A point whose loss comes from both directions alike; ``seed`` has no effect."""
    point = Point(2)
    point.theta.data = torch.tensor([1 / curvature**0.5 for curvature in CURVATURES])
    return point


VALLEY = Problem(
    f"valley {CURVATURES}", "valley", "a valley in two dimensions", "normal-100d", AsDrawn(),
    at_the_edge, Valley, batch_size=BATCH_SIZE, epochs=25, lr=1.0,
)  # fmt: skip


def measure(effort: Effort, runs: Runs) -> Results:
    """Find the two pairs, and train them with several seeds."""
    seeds = effort.pick(full=10, quick=2)
    drawn, images = runs.data("normal-100d"), runs.data("fashion-mnist")
    valley, logs = _pair(
        "valley",
        _trainer(runs, VALLEY, _plane(drawn), steps=25),
        np.linspace(0.1, 1.9, effort.pick(full=37, quick=10)),
        apart=3.0,
        seeds=seeds,
    )
    regression, _ = _pair(
        "logistic regression",
        _trainer(runs, problems.get("P9"), images, effort.pick(full=300, quick=60)),
        np.geomspace(0.02, 0.4, effort.pick(full=25, quick=7)),
        apart=4.0,
        seeds=seeds,
    )
    return Results(valley, np.stack([_path(log) for log in logs]), regression)


def _plane(drawn: PairSet) -> PairSet:
    """The first two of the dimensions, closer together."""

    def cut(pairs: Pairs) -> Pairs:
        points = CLOSER * pairs.inputs[:, :2]
        return Pairs(points, points)

    return PairSet(
        f"normal-2d × {CLOSER}", drawn.title, cut(drawn.train), cut(drawn.test), drawn.found
    )


def _trainer(runs: Runs, problem: Problem, data: Any, steps: int) -> Callable[[float, int], RunLog]:
    """Trains with a learning rate and a seed."""
    config = [Loss(), Alpha(), Distance(), *([Parameters()] if problem is VALLEY else [])]

    def trained(lr: float, seed: int) -> RunLog:
        name = f"{problem.name}-lr-{lr:.3g}-seed-{seed}"
        return runs.train(
            name, problem, data, steps=steps, lr=lr, seed=seed, config=config,
            batch_size=BATCH_SIZE, validate_every=steps, validation_samples=100,
        )  # fmt: skip

    return trained


def _pair(
    what: str,
    trained: Callable[[float, int], RunLog],
    rates: np.ndarray,
    apart: float,
    seeds: int,
) -> tuple[Pair, list[RunLog]]:
    """Look for the pair with seed 0, measure it with others; and the logs of the first of these."""
    rates = np.array([float(f"{rate:.2g}") for rate in rates])
    searched = np.stack([_values(trained(lr, 0), "Loss") for lr in rates])
    chosen = rates[list(closest_pair(searched, rates, apart))]
    logs = [[trained(float(lr), seed) for seed in range(1, seeds + 1)] for lr in chosen]
    arrays = (
        np.stack([[_values(log, name) for log in row] for row in logs])
        for name in ("Loss", "Alpha", "Distance")
    )
    return Pair(what, (float(chosen[0]), float(chosen[1])), *arrays), [row[0] for row in logs]


def closest_pair(losses: np.ndarray, rates: np.ndarray, apart: float) -> tuple[int, int]:
    """The two runs whose losses agree best, of those with learning rates far enough apart.

    Args:
        losses: Shape [runs, T].
        rates: Learning rates, rising, shape [runs].
        apart: At least so many times larger is the one than the other.

    Raises:
        ValueError: If none are so far apart.
    """
    pairs = [
        (difference(losses[i], losses[j]), i, j)
        for i in range(len(rates))
        for j in range(i + 1, len(rates))
        if rates[j] >= apart * rates[i]
    ]
    if not pairs:
        raise ValueError(f"got learning rates {rates}, expected two that are {apart} × apart")
    _, i, j = min(pairs)
    return i, j


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Area between two losses over the area below them, both smoothed: what the eye sees.

    Infinite where a loss is not finite: a run that has diverged is like no other.
    """
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("inf")
    first, second = smoothed(one), smoothed(other)
    return float(2 * np.abs(first - second).mean() / (first + second).mean())


def signed(value: float) -> str:
    """With its sign, as a figure has it."""
    return f"{value:+.2f}".replace("-", "−")


def smoothed(values: np.ndarray) -> np.ndarray:
    """Running mean over a twentieth of the values, shape [T − width + 1]."""
    width = max(1, len(values) // 20)
    return np.convolve(values, np.full(width, 1 / width), mode="valid")


def _values(log: RunLog, name: str) -> np.ndarray:
    """A quantity at every step, [T]; NaN where it is absent."""
    series = log.series(name)
    values = np.full(int(log.last_step or 0) + 1, np.nan)
    values[series.step] = series.value
    return values


def _path(log: RunLog) -> np.ndarray:
    """The points at each step, [T, 2]."""
    found = [log.arrays("Parameters", int(step)) for step in log.series("Loss").step]
    return np.array([each[1].layers[0] for each in found if each is not None])


def claims(results: Results) -> list[Claim]:
    """For each problem: the losses agree, the medians of α have opposite signs."""
    return [claim for pair in (results.valley, results.images) for claim in _of_pair(pair)]


def _of_pair(pair: Pair) -> Sequence[Claim]:
    apart = interval([difference(*losses) for losses in pair.loss.swapaxes(0, 1)])
    small, large = (interval(np.nanmedian(alphas, axis=1)) for alphas in pair.alpha)
    rates = [f"learning rate {rate:g}" for rate in pair.rates]
    return (
        Claim(
            f"{pair.what}: the losses with {rates[0]} and {pair.rates[1]:g}, as running means over "
            f"a twentieth of the steps, differ by less than {100 * ALIKE:.0f} %",
            f"{apart.mean:.1%} of the area below them ({apart.low:.1%} to {apart.high:.1%}, "
            f"{apart.seeds} seeds)",
            below(apart, ALIKE),
        ),
        Claim(f"{pair.what}: the median of α is below 0 with {rates[0]}",
              f"{small}; {spread(pair.alpha[0])}", below(small, 0)),
        Claim(f"{pair.what}: the median of α is above 0 with {rates[1]}",
              f"{large}; {spread(pair.alpha[1])}", above(large, 0)),
    )  # fmt: skip


def spread(alphas: np.ndarray) -> str:
    """Quartiles of α over all steps of all seeds, and the share of steps below 0, in words."""
    found = alphas[np.isfinite(alphas)]
    low, high = np.quantile(found, (0.25, 0.75))
    return f"quartiles {low:.2f} and {high:.2f}, below 0 at {(found < 0).mean():.0%} of the steps"


def draw(results: Results) -> Figure:
    """Two rows of loss, path (or distance) and α."""
    with picture(3, 2, width=8.2, height=4.6) as (figure, axes):
        for row, pair in zip(axes, (results.valley, results.images), strict=True):
            _draw_loss(row[0], pair)
            _draw_alpha(row[2], pair)
        _draw_paths(axes[0, 1], results)
        _draw_distance(axes[1, 1], results.images)
        axes[0, 0].set_title("The same loss …")
        axes[0, 1].set_title("… two ways to be slow …")
        axes[0, 2].set_title("… and α tells which")
    return figure


def _draw_loss(ax: Axes, pair: Pair) -> None:
    for losses, role, width in zip(pair.loss, ROLES, (3.0, 1.2), strict=True):
        ax.plot(losses.mean(0), color=COLORS[role], linewidth=width)
    ax.set(xlabel="step", ylabel=f"loss, {pair.what}", ylim=(0, None))


def _draw_paths(ax: Axes, results: Results) -> None:
    low, high = results.paths.min((0, 1)) - 0.15, results.paths.max((0, 1)) + 0.15
    sides = (np.linspace(start, end, 80) for start, end in zip(low, high, strict=True))
    across, along = np.meshgrid(*sides)
    heights = 0.5 * (CURVATURES[0] * across**2 + CURVATURES[1] * along**2)
    ax.contour(across, along, heights, 9, colors=COLORS["muted"], linewidths=0.4)
    for path, role in zip(results.paths, ROLES, strict=True):
        ax.plot(*path.T, "-o", color=COLORS[role], linewidth=1, markersize=2.5)
    for rate, role, height in zip(results.valley.rates, ROLES, (0.95, 0.87), strict=True):
        label(ax, 0.02, height, f"learning rate {rate:g}", role, transform=ax.transAxes,
              backgroundcolor="white")  # fmt: skip
    ax.set(xlabel="across the valley", ylabel="along the valley")


def _draw_distance(ax: Axes, pair: Pair) -> None:
    for distances, role, rate in zip(pair.distance, ROLES, pair.rates, strict=True):
        mean = distances.mean(0)
        ax.plot(mean, color=COLORS[role], linewidth=1.4)
        label(ax, len(mean), 0.85 * mean[len(mean) // 2], f"learning rate {rate:g}", role,
              ha="right")  # fmt: skip
    ax.set(xlabel="step", ylabel="distance from the start", ylim=(0, None))


def _draw_alpha(ax: Axes, pair: Pair) -> None:
    bins = np.linspace(*SHOWN_ALPHA, 41)
    tops = []
    for alphas, role in zip(pair.alpha, ROLES, strict=True):
        values = np.clip(alphas[np.isfinite(alphas)], *SHOWN_ALPHA)
        counts, *_ = ax.hist(
            values, bins, weights=np.full(values.size, 1 / values.size), color=COLORS[role],
            alpha=0.55,
        )  # fmt: skip
        tops.append((np.median(values), counts.max(), role))
    height = max(top for _, top, _ in tops)
    for (median, _, role), side in zip(tops, ("right", "left"), strict=True):
        ax.axvline(median, color=COLORS[role], linewidth=1.2)
        shift = -0.08 if side == "right" else 0.08
        label(ax, median + shift, 1.12 * height, f"median {signed(median)}", role, ha=side)
    ax.axvline(0, color=COLORS["quaternary"], linewidth=0.8, linestyle=":")
    ax.set(xlabel="α of a step; 0: bottom of the valley", ylabel="share of the steps",
           ylim=(0, 1.2 * height))  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(only="same_loss"))
