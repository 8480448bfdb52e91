"""The counting loops against values whose bins are known."""

from __future__ import annotations

import numpy as np
import torch

from tests.references import count_1d, count_2d, grad_hist_1d, grad_hist_2d


def test_edges_belong_to_the_bin_above() -> None:
    values = np.array([-1.0, -0.75, -0.5, 0.0, 0.0, 0.5, 0.999, 1.0, 7.0, -1.5])
    counted = count_1d(values, 4, (-1.0, 1.0))
    assert counted.counts.tolist() == [2, 1, 2, 2]
    assert (counted.under, counted.over, counted.zeros) == (1, 2, 2)
    assert counted.near_edges == 4  # -1, -0.5, 0.5, 1; exact zeros are safe


def test_joint_counts_and_marginals() -> None:
    x, y = np.array([-2.0, 0.1, 0.1, 3.0]), np.array([0.1, -0.1, 0.2, 9.0])
    counts = count_2d(x, y, (2, 2), ((-1.0, 1.0), (-1.0, 1.0)))
    expected = np.zeros((4, 4), dtype=int)
    expected[0, 2] = expected[2, 1] = expected[2, 2] = expected[3, 3] = 1
    assert counts.tolist() == expected.tolist()


def test_every_element_is_counted_once() -> None:
    torch.manual_seed(0)
    theta = {"a": torch.randn(3, 2), "b": torch.randn(4)}
    gradients = {name: 2 * torch.randn(5, *p.shape) for name, p in theta.items()}
    network, layers = grad_hist_1d(gradients, bins=7)
    joint, joint_layers = grad_hist_2d(theta, gradients, bins=(3, 7))
    assert network.counts.sum() + network.under + network.over == 5 * 10
    assert sum(part.counts for part in layers.values()).tolist() == network.counts.tolist()
    assert joint.sum() == 5 * 10
    marginal = joint.sum(axis=0)
    assert marginal.tolist() == [network.under, *network.counts, network.over]
    assert joint_layers["b"].sum(axis=1).sum() == 5 * 4
