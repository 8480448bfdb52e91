"""Raw pixels make the same pictures as scaled ones, and quite other gradients.

Image files hold numbers from 0 to 255. Networks, and the learning rates that are usual for them,
expect numbers from 0 to 1. Who forgets to divide by 255 does not see it in the pictures: whatever
shows them stretches them to the range of the screen. Here the same network gets the same images,
once scaled, once raw, from the same initial weights.

See the pictures at the left: no difference. The histograms of gradient elements have a range of
±1 on purpose; what lies beyond is counted in the bars set apart. On scaled images there is next to
nothing in them, on raw ones they tower, at the very first step, in a small network and in a large
one alike. The right column shows what comes of it: at the learning rate that is usual for scaled
images, the loss on raw ones runs away within some steps. A hundred times less suits them, and in
these first steps they then even do better than scaled ones: raw pixels are no worse as such, but
all that one knows of learning rates does not hold for them. Two things that the thesis found are
not so here: its training on raw images went on without a number that is infinite, and its larger
network had fewer elements far out. Its images had colors, and were others.

For your own training: look at the gradient histogram at the first step. Large bars beyond ±1 mean
that your inputs have another scale than your learning rate is meant for. Scale the inputs, and
what is known of learning rates holds again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from cockpit import problems
from cockpit.log import RunLog
from cockpit.problems import Problem, accuracy
from cockpit.problems.data import ImageSet, Samples
from cockpit.problems.data.views import Classified, View
from cockpit.problems.networks import vgg_16
from cockpit.problems.training import Settings, Watch, train
from cockpit.quantities import GradHist1d, GradNorm, Loss
from cockpit.schedules import linear
from examples.experiments.gallery import (
    COLORS,
    Claim,
    Effort,
    Runs,
    above,
    below,
    both,
    interval,
    label,
    main,
    picture,
)
from examples.experiments.gallery.elements import Shares, beyond, draw_shares, shares
from examples.experiments.gallery.runs import tracked
from examples.experiments.gallery.words import percent, points, times

NUMBER = 2
TITLE = "Badly scaled data: the same pictures, other gradients"
SOURCE = "7.3.1 and C.4.1, figures 7.3 and C.3"

WHITE = 255.0
SHOWN = (2, 2)  # rows and columns of images in the figure
SCALES, ROLES = ("pixels 0 to 1", "raw pixels, 0 to 255"), ("primary", "secondary")


@dataclass(frozen=True)
class Brightened:
    """Samples whose inputs are 255 times as large."""

    samples: Samples

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen inputs, multiplied, and their targets."""
        inputs, targets = self.samples.take(chosen)
        return inputs * WHITE, targets


@dataclass(frozen=True)
class Raw(View):
    """What another view shows of images, with pixels from 0 to 255.

    Attributes:
        view: The other one, with pixels from 0 to 1.
    """

    takes = ImageSet

    view: View

    def split(self, data: ImageSet) -> tuple[Samples, Samples]:
        """Training and test samples."""
        train_samples, test_samples = self.view(data)
        return Brightened(train_samples), Brightened(test_samples)


@dataclass(frozen=True)
class FirstStep:
    """The gradient at the first step of one network, on scaled and on raw images.

    Attributes:
        what: The network, in words.
        elements: Histograms, of both scales.
        norm: ‖ḡ‖, [2, seeds].
    """

    what: str
    elements: tuple[Shares, Shares]
    norm: np.ndarray


@dataclass(frozen=True)
class Results:
    """Pictures, gradients, and what learning rates do.

    Attributes:
        pictures: Some images, scaled and raw, [2, n, height, width].
        small: 3c3d.
        large: VGG-16.
        usual: The learning rate that P4 has for scaled images.
        rates: All that were tried with 3c3d, [R].
        loss: Of the mini-batch, [2, R, seeds, T]; not finite where the training broke down.
        accuracy: On test images in the end, [2, R, seeds].
    """

    pictures: np.ndarray
    small: FirstStep
    large: FirstStep
    usual: float
    rates: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray


def measure(effort: Effort, runs: Runs) -> Results:
    """3c3d with several learning rates, and the first step of VGG-16."""
    data, small = runs.data("fashion-mnist"), problems.get("P4")
    rates = small.lr * np.array(effort.pick(full=[1e-3, 1e-2, 0.1, 1.0, 10.0], quick=[1e-2, 1.0]))
    logs = [
        [_trained(runs, problem, data, float(lr), effort) for lr in rates]
        for problem in _both(small)
    ]
    usual = int(np.argmin(np.abs(rates - small.lr)))
    first = (logs[0][usual], logs[1][usual])
    size = effort.pick(full=224, quick=32)
    return Results(
        np.stack([_pictures(problem, data) for problem in _both(small)]),
        _first_step("3c3d, 32 × 32 pixels", first),
        _first_step(f"VGG-16, {size} × {size} pixels", _large(runs, data, size, effort)),
        small.lr,
        rates,
        np.array([[[x.series("Loss").value for x in each] for each in of] for of in logs]),
        np.array([[[_accuracy(x) for x in each] for each in of] for of in logs]),
    )


def _both(problem: Problem) -> tuple[Problem, Problem]:
    """The problem on scaled and on raw images."""
    return problem, replace(problem, key=f"{problem.key}-raw", view=Raw(problem.view))


def _trained(
    runs: Runs, problem: Problem, data: ImageSet, lr: float, effort: Effort
) -> list[RunLog]:
    """3c3d with a learning rate, all seeds."""
    steps = effort.pick(full=50, quick=6)
    return [
        runs.train(f"{problem.key}-lr-{lr:.3g}-seed-{seed}", problem, data, steps=steps, lr=lr,
                   seed=seed, config=[Loss(), GradNorm(linear(steps)), GradHist1d(linear(steps))],
                   batch_size=effort.pick(full=128, quick=16), validate_every=steps,
                   validation_samples=effort.pick(full=1000, quick=100))
        for seed in range(effort.pick(full=3, quick=1))
    ]  # fmt: skip


def _large(
    runs: Runs, data: ImageSet, size: int, effort: Effort
) -> tuple[list[RunLog], list[RunLog]]:
    """One step of VGG-16 on enlarged images, scaled and raw; all seeds."""
    width = effort.pick(full=64, quick=8)
    problem = Problem(
        key=f"VGG-16-{size}-{width}",
        name="vgg-16",
        title=f"VGG-16 on images of {size} × {size} pixels",
        dataset="fashion-mnist",
        view=Classified((3, size, size)),
        model=partial(vgg_16, size=size, classes=10, width=width),
        loss=nn.CrossEntropyLoss,
        batch_size=8,
        epochs=1,
        lr=0.01,
        metric=accuracy,
    )
    seeds = range(effort.pick(full=3, quick=1))
    scaled, raw = ([_one_step(runs, each, data, seed) for seed in seeds] for each in _both(problem))
    return scaled, raw


def _one_step(runs: Runs, problem: Problem, data: ImageSet, seed: int) -> RunLog:
    """The log of a single step; no checkpoint is kept, which would be half a gigabyte."""

    def settings(folder: Path) -> Settings:
        config = [Loss(), GradNorm(), GradHist1d()]
        return Settings(1, folder, seed=seed, config=config, validation_samples=problem.batch_size)

    def make(folder: Path, watch: Watch) -> None:
        train(problem, data, settings(folder), watch)

    how = settings(Path())
    recipe = {**how.recipe(problem, data), "steps": 1, **tracked(how)}
    return runs.log(f"{problem.key}-seed-{seed}", recipe, make)


def _pictures(problem: Problem, data: ImageSet) -> np.ndarray:
    """The first test images as the network gets them, one channel, [n, height, width]."""
    _, test = problem.view(data)
    images, _ = test.take(torch.arange(SHOWN[0] * SHOWN[1]))
    return images[:, 0].numpy()


def _first_step(what: str, logs: Sequence[list[RunLog]]) -> FirstStep:
    norms = [[log.series("GradNorm").value[0] for log in each] for each in logs]
    return FirstStep(what, (shares(logs[0]), shares(logs[1])), np.array(norms))


def _accuracy(log: RunLog) -> float:
    return float(log.user_series("valid_accuracy").value[-1])


def grey_levels(images: np.ndarray) -> np.ndarray:
    """Images as a screen shows them, stretched from black to white: 0 to 255."""
    low, high = images.min(), images.max()
    return np.asarray(np.rint((images - low) / (high - low) * WHITE))


def best_rates(results: Results) -> np.ndarray:
    """The learning rates that lead to the highest accuracy, [2, seeds]."""
    return np.asarray(results.rates[results.accuracy.argmax(axis=1)])


def claims(results: Results) -> list[Claim]:
    """The pictures agree; the gradients, and the learning rates that suit, do not."""
    return [_same_pictures(results), *_other_gradients(results), *_other_training(results)]


def _same_pictures(results: Results) -> Claim:
    scaled, raw = (grey_levels(images) for images in results.pictures)
    apart = np.abs(scaled - raw).max()
    return Claim(
        "Stretched to the range of the screen, scaled and raw pictures differ in no pixel by as "
        "much as one of 256 levels of grey",
        f"largest difference {apart:.0f} levels",
        bool(apart < 1),
    )


def _other_gradients(results: Results) -> list[Claim]:
    found = []
    for each in (results.small, results.large):
        scaled, raw = (
            interval(beyond(elements.network), within=(0, 1)) for elements in each.elements
        )
        verdicts = below(scaled, 1e-3), above(raw, 1e-2)
        found.append(Claim(
            f"{each.what}: beyond ±1 lie more than 1 % of the gradient elements on raw pixels, "
            "less than 0.1 % on scaled ones, at the first step",
            f"{percent(raw)} and {percent(scaled)}",
            both(*verdicts),
        ))  # fmt: skip
    small, large = (np.log10(x.norm[1] / x.norm[0]) for x in (results.small, results.large))
    share = [beyond(x.elements[1].network) for x in (results.small, results.large)]
    less, fewer = interval(large - small), interval(share[1] - share[0])
    return [
        *found,
        Claim(
            "The large network suffers less: its gradient grows by a smaller factor",
            f"{10 ** large.mean():.0f} ×, against {10 ** small.mean():.0f} × in 3c3d; "
            f"ratio {times(less)}",
            below(less, 0.0),
        ),
        Claim(
            "The large network suffers less: fewer of its elements lie beyond ±1 on raw pixels",
            f"{share[1].mean():.1%}, against {share[0].mean():.1%} in 3c3d; "
            f"difference {percent(fewer)}",
            below(fewer, 0.0),
        ),
    ]


def _other_training(results: Results) -> list[Claim]:
    usual = int(np.argmin(np.abs(results.rates - results.usual)))
    scaled, raw = results.accuracy[:, usual]
    loss, steps = results.loss[1, usual], results.loss.shape[-1]
    lost, broken = interval(scaled - raw), int((~np.isfinite(loss)).any(axis=1).sum())
    ratio = interval(np.log10(best_rates(results)[0] / best_rates(results)[1]))
    seeds = len(loss)
    return [
        Claim(
            f"3c3d at its usual learning rate {results.usual:g}: the test accuracy after {steps} "
            "steps is more than 20 points lower on raw pixels",
            f"{points(lost)}: {raw.mean():.0%} against {scaled.mean():.0%}",
            above(lost, 0.2),
        ),
        Claim(
            "That is no obvious failure: the loss stays finite",
            f"not finite in {broken} of {seeds} runs",
            None if seeds < 3 and not broken else not broken,
        ),
        Claim(
            "The best learning rate on raw pixels is more than 10 × smaller",
            f"{times(ratio)}, of rates that lie 10 × apart",
            above(ratio, 1.0),
        ),
    ]


def draw(results: Results) -> Figure:
    """Pictures at the left, gradients in the middle, learning rates and losses at the right."""
    with picture(3, 2, width=9.4, height=5, width_ratios=(1, 2.1, 1.6)) as (figure, axes):
        for ax, images, scale, role in zip(
            axes[:, 0], results.pictures, SCALES, ROLES, strict=True
        ):
            _draw_pictures(ax, images)
            ax.set_title(scale, color=COLORS[role])
        for ax, each in zip(axes[:, 1], (results.small, results.large), strict=True):
            _draw_elements(ax, each)
        _draw_rates(axes[0, 2], results)
        _draw_loss(axes[1, 2], results)
    return figure


def _draw_pictures(ax: Axes, images: np.ndarray) -> None:
    rows, columns = SHOWN
    tiled = np.vstack([np.hstack(images[i * columns : (i + 1) * columns]) for i in range(rows)])
    ax.imshow(tiled, cmap="gray")
    ax.set_axis_off()


def _draw_elements(ax: Axes, each: FirstStep) -> None:
    for elements, role in zip(each.elements, ROLES, strict=True):
        draw_shares(ax, elements.bins, elements.network.mean(0), role)
    raw = beyond(each.elements[1].network).mean()
    ax.set_title(each.what)
    label(ax, 0.97, 0.93, f"{raw:.0%} beyond ±1", ROLES[1], ha="right", transform=ax.transAxes)
    ax.set(xlabel="gradient element at the first step", ylabel="share of all elements")


def _draw_rates(ax: Axes, results: Results) -> None:
    middle = np.median(np.log10(results.rates))
    for accuracies, scale, role in zip(results.accuracy, SCALES, ROLES, strict=True):
        ax.plot(results.rates, accuracies, "o", color=COLORS[role], markersize=2.5, alpha=0.5)
        mean = accuracies.mean(1)
        ax.plot(results.rates, mean, color=COLORS[role], linewidth=1.4)
        top = int(mean.argmax())
        side = "left" if np.log10(results.rates[top]) < middle else "right"
        label(ax, results.rates[top], accuracies[top].max() + 0.07, scale, role, ha=side)
    ax.axvline(results.usual, color=COLORS["muted"], linewidth=0.8, linestyle=":")
    ax.set(xscale="log", ylim=(0, 1), xlabel="learning rate (dotted: the usual one)")
    ax.set(ylabel="test accuracy", title="Raw pixels want another learning rate")
    ax.set_xticks(results.rates)
    ax.minorticks_off()


def _draw_loss(ax: Axes, results: Results) -> None:
    usual = int(np.argmin(np.abs(results.rates - results.usual)))
    for losses, role in zip(results.loss[:, usual], ROLES, strict=True):
        shown = np.where(np.isfinite(losses), losses, np.nan)
        ax.plot(shown.T, color=COLORS[role], linewidth=1.2)
    first, last = results.loss[:, usual, :, 0].mean(1), results.loss.shape[-1] - 1
    label(ax, last, 2 * first[0], SCALES[0], ROLES[0], ha="right", va="bottom")
    lost = not np.isfinite(results.loss[1, usual]).all()
    words = "raw: runs away within some steps" if lost else SCALES[1]
    label(ax, 0.1 * last, 10 * first[1], words, ROLES[1])
    ax.set(yscale="log", ylim=(0.1, 1e5), xlim=(-0.03 * last, 1.02 * last), xlabel="step")
    ax.set(ylabel="loss", title=f"The usual learning rate, {results.usual:g}")


if __name__ == "__main__":
    sys.exit(main(only="badly_scaled_data"))
