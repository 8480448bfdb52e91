from __future__ import annotations

import pytest
import torch
from torch import nn

from cockpit.problems import networks

SIZES = {
    # Thesis, figure C.5 for the first three.
    networks.cnn_2c2d: ((1, 28, 28), 3_274_634),
    networks.cnn_3c3d: ((3, 32, 32), 895_210),
    networks.mlp: ((1, 28, 28), 1_336_610),
    networks.logistic_regression: ((1, 28, 28), 7_850),
}
NETWORKS = [pytest.param(make, id=make.__name__) for make in SIZES]


@pytest.mark.parametrize("make", NETWORKS)
def test_number_of_parameters_is_that_of_the_thesis(make) -> None:
    assert sum(parameter.numel() for parameter in make().parameters()) == SIZES[make][1]


@pytest.mark.parametrize("make", NETWORKS)
def test_logits_of_ten_classes_come_out(make) -> None:
    assert make()(torch.zeros(2, *SIZES[make][0])).shape == (2, 10)


@pytest.mark.parametrize("make", NETWORKS)
def test_a_seed_gives_the_same_network_and_draws_no_global_number_of_ours(make) -> None:
    torch.manual_seed(1)
    first = make(3)
    torch.manual_seed(2)
    second, other = make(3), make(4)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
    if make is not networks.logistic_regression:
        assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_initialization_of_each_network() -> None:
    logistic = networks.logistic_regression()
    assert all(not parameter.any() for parameter in logistic.parameters())

    weight = networks.mlp()[1].weight
    assert weight.abs().max() <= 0.06
    # A normal cut off at two standard deviations keeps 0.880 of its own.
    assert weight.std().item() == pytest.approx(0.880 * 0.03, rel=0.01)

    dense = networks.cnn_2c2d()[7]
    assert dense.weight.std().item() == pytest.approx(0.880 * 0.05, rel=0.01)
    assert torch.equal(dense.bias, torch.full_like(dense.bias, 0.05))

    dense = networks.cnn_3c3d()[10]
    assert dense.weight.std().item() == pytest.approx((2 / (1152 + 512)) ** 0.5, rel=0.01)
    assert not dense.bias.any()


def test_poolings_of_3c3d_pad_at_the_lower_right_edge_only() -> None:
    pooling = networks.cnn_3c3d()[2]
    assert isinstance(pooling, nn.MaxPool2d)
    image = torch.arange(36.0).reshape(1, 1, 6, 6)
    padded = nn.functional.pad(image, (0, 1, 0, 1), value=-torch.inf)
    assert torch.equal(pooling(image), nn.functional.max_pool2d(padded, 3, 2))
