"""In convex problems gradients fade as training goes on. In deep networks they don't.

Two convex problems, a noisy quadratic and logistic regression, and two deep ones, a multi-layer
perceptron and a convolutional network, each trained with plain SGD at its usual learning rate.
Two numbers are followed, both relative to where they began: the length of the gradient that one
trains with, and the scatter of the single samples' gradients around it.

See the left picture: the blue curves fall, the purple ones rise first, and stay near where they
began or far above it although the loss falls. The quadratic's gradient ends at the level of its
noise. The right picture has the scatter: in the quadratic it is always the same, as the noise of
its data does not depend on where one is; in logistic regression the samples agree more and more.
In the perceptron they disagree the more, the longer one trains. The convolutional network is no
such clear case: there the scatter rises at first, and its last claim is the one to watch.

For your own training: do not wait for the gradient to vanish. That it stays large, or grows, is
how healthy networks behave; that it fades is rather a sign of layers that get no gradient than of
success.
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
from cockpit.problems.data import DataSet
from cockpit.quantities import GradNorm, Loss, NormTest
from cockpit.schedules import logarithmic
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

NUMBER = 7
TITLE = "Convex problems come to rest, networks do not"
SOURCE = "C.6, figures C.12 and 7.2"

POINTS = 120  # tracked steps of a run, dense at first
WORDS = {
    "P1": "noisy quadratic",
    "P9": "logistic regression",
    "P11": "perceptron",
    "P3": "convolutional network",
}
CONVEX = ("P1", "P9")


@dataclass(frozen=True)
class Course:
    """What was followed on one problem: the runs of all seeds.

    Attributes:
        steps: Tracked steps, [T].
        loss: Of the mini-batch, [seeds, T].
        norm: ‖ḡ‖, [seeds, T].
        scatter: Root mean square of ‖gₙ − ḡ‖, [seeds, T].
    """

    steps: np.ndarray
    loss: np.ndarray
    norm: np.ndarray
    scatter: np.ndarray


Results = dict[str, Course]
"""By the key of the problem."""


def measure(effort: Effort, runs: Runs) -> Results:
    """Train each problem with several seeds."""
    drawn, images = runs.data("normal-100d"), runs.data("fashion-mnist")
    lengths = effort.pick(
        full={"P1": 4000, "P9": 4000, "P11": 4000, "P3": 2000},
        quick={"P1": 300, "P9": 200, "P11": 30, "P3": 8},
    )
    seeds = range(effort.pick(full=3, quick=1))
    return {
        key: _course(runs, key, drawn if key == "P1" else images, steps, seeds)
        for key, steps in lengths.items()
    }


def _course(runs: Runs, key: str, data: DataSet, steps: int, seeds: range) -> Course:
    schedule = logarithmic(0, math.log10(steps), POINTS)
    config = [Loss(schedule), GradNorm(schedule), NormTest(schedule)]
    logs = [
        runs.train(f"{key}-seed-{seed}", problems.get(key), data, steps=steps, seed=seed,
                   config=config, validate_every=max(1, steps // 4), validation_samples=500)
        for seed in seeds
    ]  # fmt: skip
    norm, test = _stack(logs, "GradNorm"), _stack(logs, "NormTest")
    # The norm test is the scatter over √(N − 1) ‖ḡ‖.
    scatter = test * norm * math.sqrt(logs[0].batch_sizes.value[0] - 1)
    return Course(logs[0].series("GradNorm").step, _stack(logs, "Loss"), norm, scatter)


def _stack(logs: list[RunLog], name: str) -> np.ndarray:
    return np.stack([log.series(name).value for log in logs])


def growth(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The median over the last half of the steps, relative to the first value; [seeds].

    Args:
        values: Shape [seeds, T].
        steps: Shape [T].
    """
    return np.asarray(np.median(values[:, steps >= steps[-1] / 2], axis=1) / values[:, 0])


def claims(results: Results) -> list[Claim]:
    """Gradient norms fall in convex problems, and not in deep ones; scatter grows in the latter."""
    found = []
    for key, course in results.items():
        norm = interval(growth(course.norm, course.steps))
        scatter = interval(growth(course.scatter, course.steps))
        if key in CONVEX:
            found.append(_claim(key, "gradient falls below half of", norm, below(norm, 0.5)))
            text = "scatter of the samples does not grow beyond 1.2 ×"
            found.append(_claim(key, text, scatter, below(scatter, 1.2)))
        else:
            found.append(_claim(key, "gradient stays above half of", norm, above(norm, 0.5)))
            text = "scatter of the samples grows beyond 2 ×"
            found.append(_claim(key, text, scatter, above(scatter, 2.0)))
    return found


def _claim(key: str, text: str, ratio: Interval, holds: bool | None) -> Claim:
    return Claim(f"{key}, {WORDS[key]}: the {text} its first value", f"{ratio} ×", holds)


def draw(results: Results) -> Figure:
    """Gradient norm at the left, scatter at the right; convex in blue, deep in purple."""
    with picture(2, width=8.2, height=3.2, sharex=True) as (figure, axes):
        left, right = axes[0]
        _draw(left, {key: (course.steps, course.norm) for key, course in results.items()})
        _draw(right, {key: (course.steps, course.scatter) for key, course in results.items()})
        left.set(
            title="The gradient fades only in convex problems",
            ylabel="‖ḡ‖, relative to the first step",
        )
        right.set(
            title="The samples' scatter grows in no convex problem",
            ylabel="scatter, relative to the first step",
        )
    return figure


def _draw(ax: Axes, curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for key, (steps, values) in curves.items():
        role = "primary" if key in CONVEX else "secondary"
        relative = np.exp(np.log(values / values[:, :1]).mean(0))
        dashed = key in ("P9", "P3")
        ax.plot(steps + 1, relative, color=COLORS[role], linewidth=1.4,
                linestyle="--" if dashed else "-")  # fmt: skip
        label(ax, (steps[-1] + 1) * 1.1, np.median(relative[-10:]), WORDS[key], role)
    ax.axhline(1, color=COLORS["muted"], linewidth=0.7, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="step")


if __name__ == "__main__":
    sys.exit(main(only="convex_and_deep"))
