"""Two runs end with the same loss, one of them in a flatter place.

A line through the origin is fitted to 100 points; its slope is the product of two weights. All
pairs with the right product lie on a curve on which the loss is lowest, sharp at its ends and
flat in its middle. Gradient descent on all 100 points stops where it first meets the curve. With
95 of the 100 in each batch the gradient never quite vanishes there, and its noise drives the
weights along the curve to where it is flatter.

See the left picture: both losses fall within ten steps and then stay, the noise aside. See the
right one: the largest eigenvalue of the Hessian stays with gradient descent, and falls with the
batches of 95 as long as the training lasts.

For your own training: that the loss stands still does not mean that nothing happens any more.
λ_max still moves, and where it falls, going on may be worth it. A smaller batch can be a
regularizer of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from cockpit import problems
from cockpit.log import RunLog
from cockpit.quantities import HessMaxEV, Loss
from cockpit.schedules import linear
from examples.experiments.gallery import (
    COLORS,
    Claim,
    Effort,
    Interval,
    Runs,
    above,
    below,
    both,
    interval,
    label,
    main,
    picture,
)

NUMBER = 6
TITLE = "The loss stands still, the curvature does not"
SOURCE = "C.4.2, figure C.4"

SAMPLES, SUBSET, LR = 100, 95, 0.1
POINTS = 200  # tracked steps of a run
SMOOTHED = 10  # tracked steps
SETTLED = 0.1  # share of the run after which the loss stands still


@dataclass(frozen=True)
class Results:
    """Losses and largest eigenvalues, the runs of all seeds.

    Attributes:
        steps: Tracked steps, [T].
        sgd_loss: Of the mini-batch, [seeds, T].
        sgd_max_ev: λ_max, [seeds, T].
        gd_loss: Of all samples, [seeds, T].
        gd_max_ev: λ_max, [seeds, T].
    """

    steps: np.ndarray
    sgd_loss: np.ndarray
    sgd_max_ev: np.ndarray
    gd_loss: np.ndarray
    gd_max_ev: np.ndarray


def measure(effort: Effort, runs: Runs) -> Results:
    """Train with both batch sizes, from the same start, in several orders of the data."""
    problem, data = problems.get("P13"), runs.data("noisy-line")
    steps = effort.pick(full=10_000, quick=100)
    seeds = effort.pick(full=10, quick=2)
    every = max(1, steps // POINTS)
    config = [Loss(linear(every)), HessMaxEV(linear(every))]

    def curves(batch_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logs = [
            runs.train(
                f"batch-{batch_size}-seed-{seed}", problem, data, steps=steps, seed=seed, lr=LR,
                batch_size=batch_size, config=config, validate_every=steps,
            )
            for seed in range(seeds)
        ]  # fmt: skip
        return logs[0].series("Loss").step, _stack(logs, "Loss"), _stack(logs, "HessMaxEV")

    at, sgd_loss, sgd_max_ev = curves(SUBSET)
    _, gd_loss, gd_max_ev = curves(SAMPLES)
    return Results(at, sgd_loss, sgd_max_ev, gd_loss, gd_max_ev)


def _stack(logs: list[RunLog], name: str) -> np.ndarray:
    return np.stack([log.series(name).value for log in logs])


def claims(results: Results) -> list[Claim]:
    """How far λ_max falls after the loss has settled, with either batch size."""
    sgd, gd = _fall(results.sgd_max_ev), _fall(results.gd_max_ev)
    loss = interval(_ends(results.sgd_loss)[1] / _ends(results.gd_loss)[1], "log")
    last = [interval(_ends(x)[1]) for x in (results.sgd_max_ev, results.gd_max_ev)]
    close = above(loss, 0.98), below(loss, 1.02)
    return [
        Claim(
            "With batches of 95, λ_max falls by more than 2 % after the loss has settled",
            f"{sgd.mean:+.1%} ({sgd.low:+.1%} to {sgd.high:+.1%}, {sgd.seeds} seeds), to {last[0]}",
            below(sgd, -0.02),
        ),
        Claim(
            "With all 100 samples it changes by less than 0.1 %",
            f"by {abs(gd.mean):.2%} ({gd.seeds} orders), stays at {last[1].mean:.3g}",
            None if abs(gd.mean) < 1e-3 and gd.seeds < 3 else abs(gd.mean) < 1e-3,
        ),
        Claim(
            "The losses at the end differ by less than 2 %",
            f"ratio {loss}",
            both(*close),
        ),
    ]


def _ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over the tracked tenth after the loss has settled, and over the last tenth; [seeds].

    Means, as batches of 95 differ in their curvature.
    """
    points = values.shape[1]
    tenth, begin = max(1, points // 10), int(SETTLED * points)
    return values[:, begin : begin + tenth].mean(1), values[:, -tenth:].mean(1)


def _fall(max_ev: np.ndarray) -> Interval:
    first, last = _ends(max_ev)
    return interval(last / first - 1)


def _smoothed(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and the mean over the seeds and over SMOOTHED tracked steps; without the first."""
    width = min(SMOOTHED, len(steps) - 1)
    weights = np.full(width, 1 / width)
    middle = np.convolve(steps[1:], weights, mode="valid")
    return middle, np.convolve(values[:, 1:].mean(0), weights, mode="valid")


def draw(results: Results) -> Figure:
    """Loss at the left, λ_max at the right: the first agrees, the second does not."""
    with picture(2) as (figure, axes):
        left, right = axes[0]
        shown = ((left, results.sgd_loss, results.gd_loss),
                 (right, results.sgd_max_ev, results.gd_max_ev))  # fmt: skip
        for ax, sgd, gd in shown:
            ax.plot(results.steps, sgd.T, color=COLORS["secondary"], linewidth=0.4, alpha=0.2)
            ax.plot(*_smoothed(results.steps, sgd), color=COLORS["secondary"], linewidth=1.6)
            ax.plot(results.steps, gd.mean(0), color=COLORS["primary"], linewidth=1.6)
            ax.set_xlabel("step")
        left.set(title="The loss settles at once …", ylabel="loss of the mini-batch", yscale="log")
        right.set(title="… but noise goes on to a flatter place", ylabel="λ_max of the Hessian")
        end = results.steps[-1]
        for max_ev, role, words in (
            (results.gd_max_ev, "primary", f"all {SAMPLES} samples"),
            (results.sgd_max_ev, "secondary", f"batches of {SUBSET}"),
        ):
            last = _ends(max_ev)[1].mean()
            label(right, end * 1.02, last, f"{words}\n{last:.2f}", role)
    return figure


if __name__ == "__main__":
    sys.exit(main(only="implicit_regularization"))
