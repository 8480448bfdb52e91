"""The gradient vanishes on its way to the first layers; the network as a whole does not show it.

The same convolutional network twice: once with ReLU, once with sigmoid between its layers. A
sigmoid passes on at most a quarter of the gradient that it gets, so that little is left after
five of them. Both see the same images from the same initial weights.

See the upper left picture: over all elements of all samples' gradients, both networks have a peak
at zero and elements on either side of it, and in the bins that the instrument has by default all
but a few hundredths of the area are common to both. (Mind the logarithmic axis: the tails are
those few hundredths.) The lower row has the same elements layer by layer, in bins fifty times as
fine: with sigmoid the convolutions are a needle at zero, while the last layer has its gradients.
A number for the whole network would even accuse the wrong one: it is ReLU that has more elements
near zero, as it switches units off for single samples, and that harms nothing. The upper right
picture shows what comes of it.

For your own training: when a network does not learn at all, look at its gradients layer by layer,
not at their sum. Compare the norms of the first layer's gradient and the last one's. If they
differ by orders of magnitude, change the activation function, the initialization, or put in
normalization or residual connections.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from cockpit import problems
from cockpit.log import RunLog
from cockpit.problems.networks import cnn_3c3d
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
from examples.experiments.gallery.elements import Shares, draw_shares, shares
from examples.experiments.gallery.words import percent, points, times

NUMBER = 3
TITLE = "Vanishing gradients hide in the sum over all layers"
SOURCE = "7.3.2, figure 7.4"

LAYERS = {
    "0.weight": "convolution 1",
    "3.weight": "convolution 2",
    "6.weight": "convolution 3",
    "10.weight": "dense 1",
    "12.weight": "dense 2",
    "14.weight": "dense 3",
}
"""The weights of 3c3d, from the input to the output."""

NEAR, BINS = 1e-3, 100  # half of a bin at zero; bins on either side
ROLES = {"ReLU": "primary", "sigmoid": "secondary"}


class CloseToZero(GradHist1d):
    """The histogram of gradient elements in a narrow range around zero."""

    def __init__(self, schedule: int) -> None:
        super().__init__(schedule, bins=2 * BINS, range=(-BINS * NEAR, BINS * NEAR))


@dataclass(frozen=True)
class Network:
    """What was found of one of the two networks, the runs of all seeds.

    Attributes:
        elements: As the instrument shows them by default, at the last step, and for each layer.
        close: The same near zero, for each of the layers.
        norm: ‖ḡ‖ of the layers at each step, [seeds, T, L].
        loss: Of the mini-batch, [seeds, T].
        accuracy: On test images in the end, [seeds].
    """

    elements: Shares
    close: Shares
    norm: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray


@dataclass(frozen=True)
class Results:
    """Both networks.

    Attributes:
        networks: By their activation function.
    """

    networks: dict[str, Network]


def sigmoid_3c3d(seed: int) -> nn.Sequential:
    """3c3d with a sigmoid in the place of each ReLU."""
    layers = (nn.Sigmoid() if isinstance(x, nn.ReLU) else x for x in cnn_3c3d(seed))
    return nn.Sequential(*layers)


def measure(effort: Effort, runs: Runs) -> Results:
    """Train both networks with several seeds."""
    data, relu = runs.data("fashion-mnist"), problems.get("P4")
    made = {"ReLU": relu, "sigmoid": replace(relu, key="P4-sigmoid", model=sigmoid_3c3d)}
    steps = effort.pick(full=60, quick=8)
    config = [Loss(), GradNorm(), GradHist1d(linear(steps - 1)), CloseToZero(steps - 1)]
    logs = {
        name: [
            runs.train(f"{name}-seed-{seed}", problem, data, steps=steps, seed=seed, config=config,
                       validate_every=steps, validation_samples=effort.pick(
                           full=2000, quick=100),
                       batch_size=effort.pick(full=128, quick=16))
            for seed in range(effort.pick(full=5, quick=1))
        ]
        for name, problem in made.items()
    }  # fmt: skip
    return Results({name: _network(found) for name, found in logs.items()})


def _network(logs: list[RunLog]) -> Network:
    places = [[x.name for x in logs[0].layers].index(name) for name in LAYERS]
    last = int(logs[0].last_step or 0)
    return Network(
        elements=shares(logs, step=last, layers=tuple(LAYERS)),
        close=shares(logs, "CloseToZero", last, tuple(LAYERS)),
        norm=np.stack([log.layer_series("GradNorm")[1][:, places] for log in logs]),
        loss=np.stack([log.series("Loss").value for log in logs]),
        accuracy=np.array([log.user_series("valid_accuracy").value[-1] for log in logs]),
    )


def near_zero(found: np.ndarray) -> np.ndarray:
    """Share of the elements in the two bins that touch zero, [..., bins + 2] -> [...]."""
    middle = found.shape[-1] // 2
    return np.asarray(found[..., middle - 1 : middle + 1].sum(-1))


def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Common area of two histograms of sizes, whatever the sign; [..., bins + 2] -> [...].

    1 if they agree, 0 if apart. Exact zeros lie on one side by convention only.
    """
    sizes = ((each + each[..., ::-1]) / 2 for each in (one, other))
    return np.asarray(np.minimum(*sizes).sum(-1))


def first_to_last(norm: np.ndarray) -> np.ndarray:
    """log₁₀ of the first layer's gradient norm over the last one's, median over the steps.

    Args:
        norm: Shape [seeds, T, L].
    """
    return np.asarray(np.median(np.log10(norm[..., 0] / norm[..., -1]), axis=1))


def claims(results: Results) -> list[Claim]:
    """The network as a whole shows no difference, its layers do, and so does the training."""
    relu, sigmoid = results.networks["ReLU"], results.networks["sigmoid"]
    alike = interval(overlap(relu.elements.network, sigmoid.elements.network), within=(0, 1))
    whole = interval(near_zero(sigmoid.close.network) - near_zero(relu.close.network))
    first = [interval(near_zero(x.close.layers[:, 0]), within=(0, 1)) for x in (relu, sigmoid)]
    ratio = [interval(first_to_last(x.norm)) for x in (relu, sigmoid)]
    apart = interval(first_to_last(relu.norm) - first_to_last(sigmoid.norm))
    gain = interval(relu.accuracy - sigmoid.accuracy)
    last = interval(near_zero(sigmoid.close.layers[:, -1]), within=(0, 1))
    degenerate = below(first[0], 0.5), above(first[1], 0.99), below(last, 0.01)
    return [
        Claim(
            "The whole networks' histograms of |gradient element|, in the instrument's bins of "
            "0.05, have more than 95 % of their area in common",
            f"{percent(alike)}; layers, which are no better told apart in these bins: "
            f"{listed(overlap(relu.elements.layers, sigmoid.elements.layers))}",
            above(alike, 0.95),
        ),
        Claim(
            f"Over the whole network, sigmoid does not have the larger share of elements below "
            f"{NEAR:g}",
            f"{near_zero(sigmoid.close.network).mean():.0%} with sigmoid, "
            f"{near_zero(relu.close.network).mean():.0%} with ReLU; difference {percent(whole)}",
            below(whole, 0.0),
        ),
        Claim(
            f"With sigmoid, more than 99 % of the elements are below {NEAR:g} in the first "
            "convolution, less than 1 % in the last layer; with ReLU, less than half in the first",
            f"layer by layer {listed(near_zero(sigmoid.close.layers))} with sigmoid, "
            f"{listed(near_zero(relu.close.layers))} with ReLU",
            both(*degenerate),
        ),
        Claim(
            "The first layer's gradient norm, relative to the last one's, is more than 100 × "
            "smaller with sigmoid than with ReLU",
            f"{times(apart)}; {10 ** ratio[1].mean:.2g} with sigmoid, {10 ** ratio[0].mean:.2g} "
            "with ReLU (medians over the steps)",
            above(apart, 2.0),
        ),
        Claim(
            f"After {relu.loss.shape[1]} steps, the test accuracy with ReLU is more than 20 points "
            "higher",
            f"{points(gain)}: {relu.accuracy.mean():.0%} against {sigmoid.accuracy.mean():.0%}",
            above(gain, 0.2),
        ),
    ]


def listed(found: np.ndarray) -> str:
    """Shares of the layers, [seeds, L], as percent from the input to the output."""
    return ", ".join(f"{share:.0%}" for share in found.mean(0))


def draw(results: Results) -> Figure:
    """The whole network and the loss above, the layers below."""
    with picture(6, 2, width=9.2, height=4.8, height_ratios=(1.2, 1)) as (figure, axes):
        whole, loss = axes[0, 0], axes[0, 3]
        grid = whole.get_gridspec()
        whole.set_subplotspec(grid[0, :3])
        loss.set_subplotspec(grid[0, 3:])
        for ax in (*axes[0, 1:3], *axes[0, 4:]):
            ax.remove()
        _draw_whole(whole, results)
        _draw_loss(loss, results)
        for place, (ax, name) in enumerate(zip(axes[1], LAYERS.values(), strict=True)):
            _draw_layer(ax, results, place)
            ax.set_title(name, fontweight="normal")
        heading = "Layer by layer: with sigmoid, nothing reaches the first layers"
        axes[1, 0].text(0, 1.17, heading, transform=axes[1, 0].transAxes, fontweight="bold",
                        fontsize=8.4, in_layout=False)  # fmt: skip
        figure.get_layout_engine().set(hspace=0.14)
    return figure


def _draw_whole(ax: Axes, results: Results) -> None:
    for name, found in results.networks.items():
        draw_shares(ax, found.elements.bins, found.elements.network.mean(0), ROLES[name])
    for name, y in zip(results.networks, (0.92, 0.83), strict=True):
        label(ax, 0.03, y, name, ROLES[name], transform=ax.transAxes)
    ax.set(xlabel="gradient element", ylabel="share of all elements")
    ax.set_title("The whole network: a peak at zero in both")


def _draw_loss(ax: Axes, results: Results) -> None:
    for name, found in results.networks.items():
        mean = found.loss.mean(0)
        ax.plot(found.loss.T, color=COLORS[ROLES[name]], linewidth=0.5, alpha=0.4)
        ax.plot(mean, color=COLORS[ROLES[name]], linewidth=1.6)
        text = f"{name}: {found.accuracy.mean():.0%} of test images right"
        x, y, side = (0.03, 0.2, "left") if name == "ReLU" else (0.97, 0.92, "right")
        label(ax, x, y, text, ROLES[name], ha=side, transform=ax.transAxes)
    ax.set(xlabel="step", ylabel="loss", title="One learns, one does not")


def _draw_layer(ax: Axes, results: Results, place: int) -> None:
    for name, found in results.networks.items():
        values = found.close.layers[:, place].mean(0)
        draw_shares(ax, found.close.bins, values, ROLES[name], linewidth=0.9)
    ax.set_xlabel("gradient element")
    if place:
        ax.tick_params(labelleft=False)
    else:
        ax.set_ylabel("share of the layer's")


if __name__ == "__main__":
    sys.exit(main(only="vanishing_gradients"))
