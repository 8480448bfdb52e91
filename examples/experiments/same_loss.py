"""Two learning rates make the same loss curve: one is too small, the other too large.

A learning rate that is too small creeps down one side of the valley. One that is too large jumps
from side to side, and comes down no faster. Among many learning rates we look for the two far
apart whose losses agree best, by the loss alone. First with two weights whose product is fitted
to the slope of a line, where one can watch the steps; then in a network with one hidden layer of
100 units, where one can't.

See the left pictures: the two losses would not tell you whether to raise the learning rate or to
lower it. In the middle of the upper row is what the runs really do: blue walks down the slope,
purple crosses the valley again and again. At the right α says so, without a picture of the
valley, and in the network as well: blue stops short of the bottom (α < 0), purple ends up on the
other side (α > 0). The distance from the start, below in the middle, tells the two apart, too, but
not which is which.

For your own training: look at α before you change the learning rate. Mostly below 0: raise it.
Mostly far above 0: lower it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from cockpit import problems
from cockpit.log import RunLog
from cockpit.problems.networks.initialization import initialize, xavier_normal
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

ALIKE = 0.1  # mean difference of two losses that are called the same
ROLES = ("primary", "secondary")
SHOWN_ALPHA = (-1.5, 2.5)


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
        valley: The one with two weights.
        paths: The weights there, of the first seed, [2, T, 2].
        points: The inputs and targets that are fitted there, [2, n].
        network: The one with a hidden layer.
    """

    valley: Pair
    paths: np.ndarray
    points: np.ndarray
    network: Pair


def hidden_layer(seed: int) -> nn.Sequential:
    """A network 784-100-10."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    return initialize(model, seed, xavier_normal)


def measure(effort: Effort, runs: Runs) -> Results:
    """Find the two pairs, and train them with several seeds."""
    seeds = effort.pick(full=10, quick=3, tiny=1)
    line, images = runs.data("noisy-line"), runs.data("fashion-mnist")
    valley, logs = _pair(
        "two weights",
        _trainer(runs, problems.get("P13"), line, 24),
        np.geomspace(0.05, 0.35, effort.pick(full=24, quick=12, tiny=2)),
        apart=1.8,
        seeds=seeds,
    )
    small = replace(problems.get("P11"), key="P11-small", model=hidden_layer)
    network, _ = _pair(
        "a network on Fashion-MNIST",
        _trainer(runs, small, images, effort.pick(full=400, quick=150, tiny=12)),
        np.geomspace(0.01, 1.0, effort.pick(full=17, quick=9, tiny=2)),
        apart=5.0,
        seeds=seeds,
    )
    points = np.stack([each.flatten().numpy() for each in (line.train.inputs, line.train.targets)])
    return Results(valley, np.stack([_path(log) for log in logs]), points, network)


def _trainer(runs: Runs, problem: Any, data: Any, steps: int) -> Callable[[float, int], RunLog]:
    """Trains with a learning rate and a seed."""
    config = [Loss(), Alpha(), Distance(), *([Parameters()] if problem.key == "P13" else [])]

    def trained(lr: float, seed: int) -> RunLog:
        name = f"{problem.key}-lr-{lr:.3g}-seed-{seed}"
        return runs.train(name, problem, data, steps=steps, lr=lr, seed=seed, config=config,
                          validate_every=steps, validation_samples=100)  # fmt: skip

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
    """Mean of |log(one / other)| over the steps; both are smoothed. About the relative difference.

    Infinite where a loss is not finite: a run that has diverged is like no other.
    """
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("inf")
    return float(np.abs(np.log(smoothed(one) / smoothed(other))).mean())


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
    """The weights at each step, [T, 2]."""
    found = [log.arrays("Parameters", int(step)) for step in log.series("Loss").step]
    return np.array([[float(w[0]) for w in each[1].layers] for each in found if each])


def claims(results: Results) -> list[Claim]:
    """For each problem: the losses agree, the medians of α have opposite signs."""
    return [claim for pair in (results.valley, results.network) for claim in _of_pair(pair)]


def _of_pair(pair: Pair) -> Sequence[Claim]:
    apart = interval([difference(*losses) for losses in pair.loss.swapaxes(0, 1)])
    small, large = (interval(np.nanmedian(alphas, axis=1)) for alphas in pair.alpha)
    rates = [f"learning rate {rate:g}" for rate in pair.rates]
    return (
        Claim(
            f"{pair.what}: the losses with {rates[0]} and {pair.rates[1]:g} differ by less than "
            f"{ALIKE:.0%} on average",
            f"{apart.mean:.1%} ({apart.low:.1%} to {apart.high:.1%}, {apart.seeds} seeds)",
            below(apart, ALIKE),
        ),
        Claim(f"{pair.what}: the median of α is below 0 with {rates[0]}",
              str(small), below(small, 0)),
        Claim(f"{pair.what}: the median of α is above 0 with {rates[1]}",
              str(large), above(large, 0)),
    )  # fmt: skip


def draw(results: Results) -> Figure:
    """Two rows of loss, path (or distance) and α."""
    with picture(3, 2, width=8.2, height=4.6) as (figure, axes):
        for row, pair in zip(axes, (results.valley, results.network), strict=True):
            _draw_loss(row[0], pair)
            _draw_alpha(row[2], pair)
        _draw_paths(axes[0, 1], results)
        _draw_distance(axes[1, 1], results.network)
        axes[0, 0].set_title("The loss: no difference …")
        axes[0, 1].set_title("… but what the steps do is,")
        axes[0, 2].set_title("and α says so")
    return figure


def _draw_loss(ax: Axes, pair: Pair) -> None:
    for losses, role, width in zip(pair.loss, ROLES, (3.0, 1.2), strict=True):
        ax.plot(losses.mean(0), color=COLORS[role], linewidth=width)
    ax.set(xlabel="step", ylabel=f"loss, {pair.what}", ylim=(0, None))


def _draw_paths(ax: Axes, results: Results) -> None:
    x, y = results.points
    low, high = results.paths.min((0, 1)) - 0.15, results.paths.max((0, 1)) + 0.15
    first, second = np.meshgrid(*(np.linspace(a, b, 60) for a, b in zip(low, high, strict=True)))
    heights = ((first * second)[..., None] * x - y) ** 2
    ax.contour(first, second, heights.mean(-1), 8, colors=COLORS["muted"], linewidths=0.4)
    for path, role in zip(results.paths, ROLES, strict=True):
        ax.plot(*path.T, "-o", color=COLORS[role], linewidth=1, markersize=2.5)
    ax.set(xlabel="first weight", ylabel="second weight")


def _draw_distance(ax: Axes, pair: Pair) -> None:
    for distances, role, rate in zip(pair.distance, ROLES, pair.rates, strict=True):
        mean = distances.mean(0)
        ax.plot(mean, color=COLORS[role], linewidth=1.4)
        label(ax, len(mean) * 0.97, mean[-1] * 0.8, f"learning rate {rate:g}", role, ha="right")
    ax.set(xlabel="step", ylabel="distance from the start", ylim=(0, None))


def _draw_alpha(ax: Axes, pair: Pair) -> None:
    bins = np.linspace(*SHOWN_ALPHA, 33)
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
        label(ax, median + shift, 1.12 * height, f"median {median:+.2f}", role, ha=side)
    ax.axvline(0, color=COLORS["quaternary"], linewidth=0.8, linestyle=":")
    ax.set(xlabel="α of a step; 0: bottom of the valley", ylabel="share of the steps",
           ylim=(0, 1.2 * height))  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(only="same_loss"))
