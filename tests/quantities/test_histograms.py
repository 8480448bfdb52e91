"""GradHist1d and GradHist2d count every element of every individual gradient, as C.12 and C.13."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cockpit import quantities
from cockpit.log import RunLog
from cockpit.log.record import Counts1d, Histogram1d, Histogram2d
from tests import references
from tests.quantities import training
from tests.quantities.cases import GRID, Case
from tests.quantities.training import Trained, train

# Gradients beyond the range on both sides.
BEYOND = Case(network="cnn", scale=30.0, batch_sizes=(6, 6, 2), reduction="sum")
CASES = [
    *GRID,
    BEYOND,
    Case(scale=30.0, dtype=torch.float32),
    Case(network="cnn", frozen=("0.weight", "6.bias")),
    Case(batch_sizes=(1, 1)),
]
# Elements this close to an edge may round to its other side.
NEAR = {torch.float64: 1e-12, torch.float32: 1e-5}


def _histograms(trained: Trained, name: str, step: int):
    found, histogram = trained.log.histogram(name, step)
    assert found == step
    return histogram


def _assert_counts(measured: Counts1d, expected, total: int) -> None:
    assert measured.counts.sum() + measured.under + measured.over == total
    assert measured.nonfinite == 0
    # What single precision rounds to zero, the reference sees next to the edge at zero.
    assert expected.zeros <= measured.zeros <= expected.zeros + expected.near_edges
    difference = np.abs(np.asarray(measured.counts) - expected.counts).sum()
    difference += abs(measured.under - expected.under) + abs(measured.over - expected.over)
    assert difference <= 2 * expected.near_edges


@pytest.mark.parametrize("case", CASES, ids=str)
def test_grad_hist_1d(trained, case: Case) -> None:
    run = trained(case)
    for step in run.steps:
        gradients = run.gradients(step)
        histogram = _histograms(run, "GradHist1d", step)
        network, layers = references.grad_hist_1d(gradients, tolerance=NEAR[case.dtype])
        assert (histogram.bins.low, histogram.bins.high, histogram.bins.count) == (-1.0, 1.0, 40)
        total = sum(g.numel() for g in gradients.values())
        _assert_counts(histogram.network, network, total)
        for layer, counted in zip(run.log.layers, histogram.layers, strict=True):
            if layer.name in case.frozen:
                assert counted is None
            else:
                _assert_counts(counted, layers[layer.name], gradients[layer.name].numel())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_grad_hist_2d(trained, case: Case) -> None:
    run = trained(case)
    for step in run.steps:
        gradients = run.gradients(step)
        histogram = _histograms(run, "GradHist2d", step)
        network, layers = references.grad_hist_2d(run.states[step], gradients)
        flat, by_layer = references.grad_hist_1d(gradients, tolerance=NEAR[case.dtype])
        assert np.abs(histogram.network - network).sum() <= 2 * flat.near_edges
        for layer, counts in zip(run.log.layers, histogram.layers, strict=True):
            if layer.name in case.frozen:
                assert counts is None
            else:
                difference = np.abs(counts - layers[layer.name]).sum()
                assert difference <= 2 * by_layer[layer.name].near_edges


def test_beyond_the_range_is_counted(trained) -> None:
    network = _histograms(trained(BEYOND), "GradHist1d", 0).network
    assert network.under > 0
    assert network.over > 0


def test_zeros_are_counted(trained) -> None:
    assert _histograms(trained(Case()), "GradHist1d", 0).network.zeros > 0


def test_marginals_of_the_joint_histogram_are_the_histograms(trained) -> None:
    run = trained(Case(network="cnn"))
    joint, flat = (_histograms(run, name, 1) for name in ("GradHist2d", "GradHist1d"))
    marginal = joint.network.sum(axis=0)
    assert marginal[1:-1].tolist() == flat.network.counts.tolist()
    assert (marginal[0], marginal[-1]) == (flat.network.under, flat.network.over)
    theta = torch.cat([p.flatten() for p in run.states[1].values()]).numpy()
    parameters = references.count_1d(theta, 40, (-1.0, 1.0))
    assert joint.network.sum(axis=1)[1:-1].tolist() == (6 * parameters.counts).tolist()


@pytest.mark.parametrize("layer", [nn.Linear(1, 1, bias=False), nn.Conv1d(1, 1, 1, bias=False)])
def test_edges_belong_to_the_bin_above(tmp_path: Path, layer: nn.Module) -> None:
    nn.init.zeros_(layer.weight)
    gradients = torch.tensor([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0])
    x = torch.ones(6, 1, *layer.weight.shape[2:])
    y = (-gradients / 2).view_as(x)  # the gradient of (wx − y)² at w = 0 is −2y, without rounding
    chosen = [
        quantities.GradHist1d(bins=4),
        quantities.GradHist2d(bins=(1, 4)),
    ]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.0)
    training.run(
        layer,
        nn.MSELoss(),
        optimizer,
        [(x, y)],
        config=chosen,
        logdir=tmp_path,
        strict=True,
    )
    log = RunLog(tmp_path)
    _, flat = log.histogram("GradHist1d", 0)
    assert flat.network.counts.tolist() == [1, 1, 1, 1]
    assert (flat.network.under, flat.network.over, flat.network.zeros) == (1, 1, 1)
    _, joint = log.histogram("GradHist2d", 0)
    assert joint.network[1].tolist() == [1] * 6


def test_chosen_bins(tmp_path: Path) -> None:
    chosen = [
        quantities.GradHist1d(bins=7, range=(-0.03, 0.1)),
        quantities.GradHist2d(bins=(3, 5), range=((-0.2, 0.3), (-0.05, 0.02))),
    ]
    run = train(Case(), chosen, tmp_path, strict=True)
    gradients = run.gradients(2)
    flat = _histograms(run, "GradHist1d", 2)
    joint = _histograms(run, "GradHist2d", 2)
    assert isinstance(flat, Histogram1d)
    assert isinstance(joint, Histogram2d)
    expected, _ = references.grad_hist_1d(gradients, 7, (-0.03, 0.1))
    _assert_counts(flat.network, expected, 6 * 64)
    bounds = ((-0.2, 0.3), (-0.05, 0.02))
    network, _ = references.grad_hist_2d(run.states[2], gradients, (3, 5), bounds)
    assert joint.network.tolist() == network.tolist()
