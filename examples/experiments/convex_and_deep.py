"""In convex problems gradients fade as training goes on. Do they in networks?

Two convex problems, a noisy quadratic and logistic regression, and two networks, a multi-layer
perceptron and a convolutional one, each trained with plain SGD at its usual learning rate: images
for eight epochs (the convolutional network for four), the quadratic's few samples for hundreds.
Two numbers are followed, relative to where they began: the length of the gradient that one trains
with, and the norm test, which is how far the single samples' gradients scatter around it, as a
multiple of its length.

See the left picture: the blue curves fall, the quadratic's to the level of its noise. The purple
ones rise first; the MLP's gradient ends several times as long as it began, the convolutional
network's somewhat shorter, although the loss fell to a small part in both. The thesis saw it grow
in its network, as the MLP's does; the convolutional one's only does not fade. At the right is what
the thesis saw shrink in a network, opposed to convex problems. In these it grows, most where the
gradient fades most. But it shrinks in neither network: while the convolutional one's gradient rises
it dips to half, and comes back.

For your own training: do not wait for the gradient to vanish. Within the first epochs it stays or
grows in a network that trains well. Should it fade while the training loss is still high, look for
layers that get no gradient. A network that fits all of its data is another matter: there it fades
in the end, as here in the convex problems.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cockpit import problems
from cockpit.problems.data import DataSet
from cockpit.quantities import GradNorm, Loss, NormTest
from cockpit.schedules import logarithmic
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
from examples.experiments.gallery.series import stack

NUMBER = 7
TITLE = "Gradients fade in convex problems, and stay in networks"
SOURCE = "C.6, figures C.12 and 7.2"

POINTS = 120  # tracked steps of a run, dense at first
FADED = 0.5  # of the first gradient norm
WORDS = {
    "P1": "noisy quadratic",
    "P9": "logistic regression",
    "P11": "MLP",
    "P3": "convolutional network",
}
CONVEX = ("P1", "P9")
SIDE = {"P9": "bottom", "P11": "top"}  # of their labels, which end close together


@dataclass(frozen=True)
class Course:
    """What was followed on one problem: the runs of all seeds.

    Attributes:
        steps: Tracked steps, [T].
        loss: Of the mini-batch, [seeds, T].
        norm: ‖ḡ‖, [seeds, T].
        test: The norm test, which is the scatter over √(N − 1) ‖ḡ‖, [seeds, T].
        batch_size: N.
    """

    steps: np.ndarray
    loss: np.ndarray
    norm: np.ndarray
    test: np.ndarray
    batch_size: int

    @property
    def scatter(self) -> np.ndarray:
        """Root mean square of ‖gₙ − ḡ‖, [seeds, T]."""
        return self.test * self.norm * math.sqrt(self.batch_size - 1)


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
    loss, norm, test = (stack(logs, name) for name in ("Loss", "GradNorm", "NormTest"))
    size = int(logs[0].batch_sizes.value[0])
    return Course(logs[0].series("GradNorm").step, loss, norm, test, size)


def growth(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The median over the last half of the steps, relative to the first value; [seeds].

    Args:
        values: Shape [seeds, T].
        steps: Shape [T].
    """
    return np.asarray(np.median(values[:, steps >= steps[-1] / 2], axis=1) / values[:, 0])


def claims(results: Results) -> list[Claim]:
    """Gradients fade and scatter more in convex problems; in networks it goes the other way."""
    return [claim for key, course in results.items() for claim in _claims(key, course)]


def _claims(key: str, course: Course) -> list[Claim]:
    """Of one problem; the scatter itself is our own number, the thesis has the tests."""
    norm, test, scatter, loss = (
        interval(growth(values, course.steps), "log")
        for values in (course.norm, course.test, course.scatter, course.loss)
    )
    name, more = f"{key}, {WORDS[key]}", f"{test} ×; the scatter itself {scatter} ×"
    if key in CONVEX:
        words = f"the gradient norm falls below {FADED:g} × its first value", "grow more scattered"
        holds = below(norm, FADED), above(test, 1.0)
    else:
        words = "the gradient norm ends above its first value", "become less scattered"
        holds = above(norm, 1.0), below(test, 1.0)
    return [
        Claim(f"{name}: {words[0]}", f"{norm} ×, with the loss at {loss} ×", holds[0]),
        Claim(f"{name}: single gradients {words[1]} relative to it (norm test)", more, holds[1]),
    ]


def draw(results: Results) -> Figure:
    """Gradient norm at the left, norm test at the right; convex in blue, deep in purple."""
    with picture(2, width=8.2, height=3.2, sharex=True) as (figure, axes):
        left, right = axes[0]
        _draw(left, {key: (course.steps, course.norm) for key, course in results.items()})
        _draw(right, {key: (course.steps, course.test) for key, course in results.items()})
        left.set(
            title="The gradient: faded in convex problems only",
            ylabel="‖ḡ‖, relative to the first step",
        )
        right.set(
            title="The samples' scatter relative to it",
            ylabel="norm test, relative to the first step",
        )
    return figure


def _draw(ax: Axes, curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    longest = max(steps[-1] + 1 for steps, _ in curves.values())
    for key, (steps, values) in curves.items():
        role = "primary" if key in CONVEX else "secondary"
        relative = np.exp(np.log(values / values[:, :1]).mean(0))
        dashed = key in ("P9", "P3")
        ax.plot(steps + 1, relative, color=COLORS[role], linewidth=1.4,
                linestyle="--" if dashed else "-")  # fmt: skip
        end = float(np.median(relative[-10:]))
        label(ax, longest * 1.1, end, WORDS[key], role, va=SIDE.get(key, "center"))
    ax.axhline(1, color=COLORS["muted"], linewidth=0.7, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="step")


if __name__ == "__main__":
    sys.exit(main(only="convex_and_deep"))
