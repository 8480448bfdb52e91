"""First-order references against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.references import (
    cabs,
    distance,
    early_stopping,
    grad_norm,
    inner_test,
    mean_gsnr,
    norm_test,
    ortho_test,
    update_size,
)

# Two samples at right angles: ḡ = (½, ½), ‖ḡ‖² = ½.
RIGHT_ANGLE = {"w": torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)}


def _random() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(6, *shape, generator=generator, dtype=torch.float64)
        for name, shape in {"weight": (3, 2), "bias": (3,)}.items()
    }


def test_right_angle() -> None:
    assert grad_norm(RIGHT_ANGLE).network == pytest.approx(math.sqrt(0.5))
    assert norm_test(RIGHT_ANGLE).network == pytest.approx(1.0)
    assert inner_test(RIGHT_ANGLE).network == pytest.approx(0.0)
    assert ortho_test(RIGHT_ANGLE).network == pytest.approx(1.0)
    # Each element: ḡ_j² = ¼, biased variance ¼, unbiased variance ½.
    assert mean_gsnr(RIGHT_ANGLE).network == pytest.approx(1.0)
    assert early_stopping(RIGHT_ANGLE) == (pytest.approx(1.0 - 2 * 0.5), 0)
    # (1/N) Σ ‖g_n − ḡ‖² = ½.
    assert cabs(RIGHT_ANGLE, 0.25, {"w": 0.1}) == pytest.approx(0.1 * 0.5 / 0.25)
    assert cabs(RIGHT_ANGLE, 0.25, {"w": 0.1}, "sum") == pytest.approx(0.2 * 0.5 / 0.25)


def test_expanded_forms_of_the_thesis_agree() -> None:
    gradients = _random()
    g = torch.cat([v.flatten(1) for v in gradients.values()], dim=1)
    n, mean = g.shape[0], g.mean(0)
    sq, dots = g.square().sum(1), g @ mean
    norm = (sq.sum() / (mean @ mean) - n) / (n * (n - 1))  # C.20
    inner = ((dots**2).sum() / (mean @ mean) ** 2 - n) / (n * (n - 1))  # C.26
    ortho = (sq / (mean @ mean) - dots**2 / (mean @ mean) ** 2).sum() / (n * (n - 1))  # C.33
    assert norm_test(gradients).network ** 2 == pytest.approx(float(norm))
    assert inner_test(gradients).network ** 2 == pytest.approx(float(inner))
    assert ortho_test(gradients).network ** 2 == pytest.approx(float(ortho))
    ratio = mean**2 / ((g**2).sum(0) - n * mean**2)
    assert early_stopping(gradients)[0] == pytest.approx(1 - n * (n - 1) * float(ratio.mean()))
    gsnr = mean**2 / ((g**2).mean(0) - mean**2)  # C.40
    assert mean_gsnr(gradients).network == pytest.approx(float(gsnr.mean()))


def test_norm_test_is_the_hypotenuse() -> None:
    gradients = _random()
    norm, inner, ortho = (t(gradients) for t in (norm_test, inner_test, ortho_test))
    assert norm.network == pytest.approx(math.hypot(inner.network, ortho.network))
    for name in gradients:
        assert norm.layers[name] == pytest.approx(
            math.hypot(inner.layers[name], ortho.layers[name])
        )


def test_no_signal() -> None:
    opposite = {"noise": torch.tensor([[1.0, -2.0], [-1.0, 2.0]]), "dead": torch.zeros(2, 3)}
    result = norm_test(opposite)
    assert result.network == result.layers["noise"] == math.inf
    assert math.isnan(result.layers["dead"])
    for test in (inner_test, ortho_test):
        assert math.isnan(test(opposite).network)


def test_dead_elements_are_left_out() -> None:
    dead = {"w": torch.cat([RIGHT_ANGLE["w"], torch.zeros(2, 3)], dim=1), "d": torch.zeros(2, 1)}
    assert mean_gsnr(dead).network == pytest.approx(1.0)
    assert mean_gsnr(dead).excluded == 4
    assert math.isnan(mean_gsnr(dead).layers["d"])
    assert early_stopping(dead) == (pytest.approx(0.0), 4)


def test_certain_elements_are_left_out() -> None:
    certain = {"w": torch.tensor([[2.0, 1.0], [2.0, 0.0]])}
    assert mean_gsnr(certain).network == pytest.approx(1.0)
    assert mean_gsnr(certain).excluded == 1
    assert early_stopping(certain) == (pytest.approx(0.0), 1)


def test_lengths() -> None:
    left = {"a": torch.tensor([3.0, 4.0]), "b": torch.tensor([12.0])}
    zero = {name: torch.zeros_like(v) for name, v in left.items()}
    for moved in (distance(left, zero), update_size(zero, left)):
        assert moved.network == pytest.approx(13.0)
        assert moved.layers == pytest.approx({"a": 5.0, "b": 12.0})
