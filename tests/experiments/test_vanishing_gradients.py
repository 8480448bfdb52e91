"""ReLU against sigmoid: what is claimed and drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cockpit.log.record import Bins
from examples.experiments import vanishing_gradients as experiment
from examples.experiments.gallery import Runs
from examples.experiments.gallery.elements import Shares
from tests.experiments.measuring import measured

SEEDS, T, L = 4, 10, len(experiment.LAYERS)


def histogram(near: float, bins: int) -> np.ndarray:
    """A share in the two bins at zero, the rest over the others; [bins + 2]."""
    found = np.full(bins + 2, (1 - near) / bins)
    found[bins // 2 : bins // 2 + 2] = near / 2
    return found


def network(
    first: float, whole: float, ratio: float, accuracy: float, seeds: int = SEEDS
) -> experiment.Network:
    """Shares near zero of the first layer and of the whole, ratio of norms, accuracy."""
    close = 2 * experiment.BINS
    layers = np.stack([histogram(near, close) for near in (first, *[0.1] * (L - 2), 1e-3)])

    def all_seeds(values: np.ndarray) -> np.ndarray:
        return np.stack([values] * seeds)

    norm = np.ones((seeds, T, L))
    norm[..., 0] = ratio
    return experiment.Network(
        Shares(Bins(-1, 1, 40), all_seeds(histogram(0.9, 40)), all_seeds(np.ones((L, 42)) / 42)),
        Shares(Bins(-0.1, 0.1, close), all_seeds(histogram(whole, close)), all_seeds(layers)),
        norm, np.linspace(2, 1, T) * np.ones((seeds, 1)), np.full(seeds, accuracy),
    )  # fmt: skip


def results(sigmoid: experiment.Network, seeds: int = SEEDS) -> experiment.Results:
    relu = network(first=0.1, whole=0.7, ratio=1.0, accuracy=0.6, seeds=seeds)
    return experiment.Results({"ReLU": relu, "sigmoid": sigmoid})


SICK = network(first=0.999, whole=0.4, ratio=1e-3, accuracy=0.1)


def verdicts(found: experiment.Results) -> list[bool | None]:
    return [claim.holds for claim in experiment.claims(found)]


def test_claims_hold_or_fail_with_the_numbers() -> None:
    assert verdicts(results(SICK)) == [True] * 5
    healthy = network(first=0.2, whole=0.8, ratio=0.5, accuracy=0.55)
    assert verdicts(results(healthy)) == [True, False, False, False, False]
    other = Shares(SICK.elements.bins, SICK.elements.network[:, ::-1].copy(), SICK.elements.layers)
    other.network[:] = np.eye(42)[0]
    assert verdicts(results(replace(SICK, elements=other)))[0] is False


def test_too_few_seeds_decide_nothing() -> None:
    few = network(first=0.999, whole=0.4, ratio=1e-3, accuracy=0.1, seeds=2)
    assert verdicts(results(few, seeds=2)) == [None] * 5


def test_shares_near_zero_and_overlaps() -> None:
    found = np.array([[0.1, 0.2, 0.3, 0.25, 0.05, 0.1]])
    assert experiment.near_zero(found) == pytest.approx([0.55])
    assert experiment.overlap(found, found) == pytest.approx([1.0])
    assert experiment.overlap(np.eye(6)[0], np.eye(6)[1]) == 0
    assert experiment.overlap(np.eye(6)[0], np.eye(6)[5]) == 1
    norm = np.array([[[1e-3, 1.0], [1e-3, 1.0], [1.0, 1.0]]])
    assert experiment.first_to_last(norm) == pytest.approx([-3.0])


def test_only_the_activations_are_other() -> None:
    relu, sigmoid = experiment.cnn_3c3d(3), experiment.sigmoid_3c3d(3)
    for one, two in zip(relu.parameters(), sigmoid.parameters(), strict=True):
        assert torch.equal(one, two)
    kinds = [type(layer) for layer in sigmoid]
    assert nn.ReLU not in kinds
    assert kinds.count(nn.Sigmoid) == [type(layer) for layer in relu].count(nn.ReLU) == 5


def test_the_figure_has_every_layer() -> None:
    figure = experiment.draw(results(SICK))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[2:] == list(experiment.LAYERS.values())
    first = figure.axes[2].patches
    drawn = [patch.get_data().values for patch in first if len(patch.get_data().values) > 1]
    assert any(np.allclose(values, SICK.close.layers[0, 0, 1:-1]) for values in drawn)
    assert "60%" in "".join(text.get_text() for text in figure.axes[1].texts)


def test_it_is_measured(tmp_path: Path) -> None:
    found = measured(experiment, Runs(tmp_path))
    relu, sigmoid = found.networks["ReLU"], found.networks["sigmoid"]
    assert relu.norm.shape == (1, 8, L)
    assert relu.close.layers.shape == (1, L, 2 * experiment.BINS + 2)
    assert experiment.near_zero(sigmoid.close.layers[:, 0]) > 0.99
    assert (experiment.first_to_last(relu.norm) - experiment.first_to_last(sigmoid.norm)) > 1
    assert np.allclose(relu.close.network.sum(), 1)
