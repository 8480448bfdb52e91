from __future__ import annotations

import math
from unittest.mock import patch

import pytest
import torch
from torch import nn

from cockpit.problems import networks
from cockpit.problems.networks import vgg
from cockpit.problems.networks.residual import WideBlock

# The input, the output for two samples, and the number of parameters.
SIZES = {
    # Thesis, figure C.5 for the first three.
    networks.cnn_2c2d: ((1, 28, 28), (2, 10), 3_274_634),
    networks.cnn_3c3d: ((3, 32, 32), (2, 10), 895_210),
    networks.mlp: ((1, 28, 28), (2, 10), 1_336_610),
    networks.logistic_regression: ((1, 28, 28), (2, 10), 7_850),
    networks.all_cnn_c: ((3, 32, 32), (2, 100), 1_387_108),
    networks.wide_resnet_16_4: ((3, 32, 32), (2, 10), 2_748_890),
    networks.variational_autoencoder: ((1, 28, 28), (2, 784 + 16), 10_065_473),
    networks.point: ((100,), (2, 100), 100),
    networks.two_parameters: ((1,), (2, 1), 2),
}
NETWORKS = [pytest.param(make, id=make.__name__) for make in SIZES]
FIXED = (networks.logistic_regression, networks.point, networks.two_parameters)


@pytest.mark.parametrize("make", NETWORKS)
def test_shape_of_the_output_and_number_of_parameters(make) -> None:
    taken, given, size = SIZES[make]
    model = make()
    assert sum(parameter.numel() for parameter in model.parameters()) == size
    assert model(torch.zeros(2, *taken)).shape == given


def test_a_vgg_16_fits_its_images() -> None:
    small = networks.vgg_16(size=70, classes=7, width=4)
    assert small(torch.zeros(2, 3, 70, 70)).shape == (2, 7)
    layers = [m for m in small if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 16
    assert [layer.weight.shape[0] for layer in layers[::3]] == [4, 8, 16, 32, 32, 7]
    with pytest.raises(ValueError, match="31 pixels"):
        networks.vgg_16(size=31)


def test_a_vgg_16_has_the_size_of_the_original() -> None:
    with torch.device("meta"), patch.object(vgg, "initialize", lambda model, *_: model):
        model = networks.vgg_16()
    assert sum(parameter.numel() for parameter in model.parameters()) == 138_357_544


def test_a_character_lstm_foresees_each_character_from_those_before() -> None:
    model = networks.character_lstm(codes=7, width=5)
    size = 7 * 5 + 2 * (2 * 20 * 5 + 2 * 20) + 5 * 7 + 7
    assert sum(parameter.numel() for parameter in model.parameters()) == size
    text = torch.randint(7, (2, 9))
    changed = text.clone()
    changed[:, 4] = (text[:, 4] + 1) % 7
    before, after = model(text), model(changed)
    assert before.shape == (2, 7, 9)
    torch.testing.assert_close(before[..., :4], after[..., :4])
    assert not torch.allclose(before[..., 4], after[..., 4])


@pytest.mark.parametrize("make", [*NETWORKS, networks.character_lstm])
def test_a_seed_gives_the_same_network_and_draws_no_global_number_of_ours(make) -> None:
    torch.manual_seed(1)
    first = make(3)
    torch.manual_seed(2)
    second, other = make(3), make(4)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
    if make not in FIXED:
        assert any(
            not torch.equal(one, two)
            for one, two in zip(first.parameters(), other.parameters(), strict=True)
        )


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

    convolution = networks.all_cnn_c()[3]
    assert convolution.weight.std().item() == pytest.approx(math.sqrt(2 / (96 * 9)), rel=0.01)

    recurrent = networks.character_lstm().lstm.weight_hh_l1
    assert recurrent.abs().max().item() == pytest.approx(1 / math.sqrt(128), rel=0.01)

    assert networks.point()(torch.zeros(1, 100)).tolist() == [[1.0] * 100]
    slope = networks.two_parameters()(torch.ones(1, 1)).item()
    assert slope == pytest.approx(0.1 * 1.7)


def test_poolings_of_3c3d_pad_at_the_lower_right_edge_only() -> None:
    pooling = networks.cnn_3c3d()[2]
    assert isinstance(pooling, nn.MaxPool2d)
    image = torch.arange(36.0).reshape(1, 1, 6, 6)
    padded = nn.functional.pad(image, (0, 1, 0, 1), value=-torch.inf)
    assert torch.equal(pooling(image), nn.functional.max_pool2d(padded, 3, 2))


def test_all_cnn_c_has_no_dropout_if_none_is_wanted() -> None:
    with_dropout, without = networks.all_cnn_c(), networks.all_cnn_c(dropout=False)
    rates = [layer.p for layer in with_dropout if isinstance(layer, nn.Dropout)]
    assert rates == [0.2, 0.5, 0.5]
    assert not any(isinstance(layer, nn.Dropout) for layer in without)


def test_a_wide_resnet_has_sixteen_layers_and_keeps_what_its_blocks_do_not_change() -> None:
    model = networks.wide_resnet_16_4()
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    shortcuts = [m.shortcut for m in model if isinstance(m, WideBlock) and m.shortcut]
    # The sixteen of its name count the shortcuts, of which there are three, and no dense layer.
    assert (len(layers), len(shortcuts)) == (17, 3)

    block = model[2]
    nn.init.zeros_(block.conv2.weight)
    image = torch.rand(2, 64, 8, 8)
    assert torch.equal(block(image), image)


def test_the_code_of_the_autoencoder_is_drawn_around_its_mean() -> None:
    model = networks.variational_autoencoder().eval()
    nn.init.zeros_(model.mean.weight)
    nn.init.zeros_(model.log_std.weight)
    images = torch.rand(1, 1, 28, 28)
    torch.manual_seed(0)
    first, second = model(images), model(images)
    assert not torch.equal(first[:, :784], second[:, :784])
    nn.init.constant_(model.log_std.bias, -100.0)
    assert torch.equal(model(images), model(images))
    assert 0 <= first[:, :784].min() <= first[:, :784].max() <= 1
