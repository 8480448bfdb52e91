"""Alpha on parabolas whose minimum is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.references import Observation, alpha, observe


def _on_parabola(tau: float, w: tuple[float, float, float], noise: float) -> Observation:
    """Four samples whose mean lies on w₁ + w₂τ + w₃τ²."""
    scatter = noise * np.array([1.0, -1.0, 2.0, -2.0])
    value, slope = w[0] + w[1] * tau + w[2] * tau**2, w[1] + 2 * w[2] * tau
    return Observation(value + scatter, slope + 3 * scatter)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("expected", [-0.9, 0.0, 1.0, 5.0])
def test_exact_parabola(expected: float, noise: float) -> None:
    minimum, length = 0.8, 0.8 * (1 + expected)
    w = (2.0, -2 * minimum, 1.0)
    found, concave = alpha(_on_parabola(0.0, w, noise), _on_parabola(length, w, noise), length)
    assert found == pytest.approx(expected, abs=1e-9)
    assert not concave


def test_uphill_is_below_minus_one() -> None:
    w = (1.0, 2.0, 1.0)  # minimum at τ = −1
    found, concave = alpha(_on_parabola(0.0, w, 0.1), _on_parabola(0.5, w, 0.1), 0.5)
    assert found == pytest.approx(-1.5)
    assert not concave


def test_concave() -> None:
    w = (1.0, -2.0, -1.0)
    start, end = _on_parabola(0.0, w, 0.1), _on_parabola(0.5, w, 0.1)
    assert alpha(start, end, 0.5) == (-1.0, True)


def test_precise_observations_weigh_more() -> None:
    # Slopes say minimum at 1, losses say flat; the more certain pair of slopes decides.
    def observation(loss: float, slope: float, loss_noise: float, slope_noise: float):
        scatter = np.array([1.0, -1.0])
        return Observation(loss + loss_noise * scatter, slope + slope_noise * scatter)

    start = observation(1.0, -2.0, 1e3, 1e-3)
    end = observation(1.0, 2.0, 1e3, 1e-3)
    assert alpha(start, end, 2.0)[0] == pytest.approx(1.0)
    tilted = observation(5.0, 2.0, 1e3, 1e-3)
    assert alpha(start, tilted, 2.0)[0] == pytest.approx(1.0, abs=1e-5)
    assert abs(alpha(start, tilted, 2.0, equal_weights=True)[0] - 1.0) > 0.1


def test_one_sample_falls_back_to_equal_weights() -> None:
    start = Observation(np.array([1.0]), np.array([-2.0]))
    end = Observation(np.array([0.0]), np.array([0.0]))
    assert alpha(start, end, 1.0)[0] == pytest.approx(0.0)


def test_slope_is_the_derivative_along_the_step() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1).double()
    x, y = torch.randn(4, 3).double(), torch.randn(4, 1).double()
    step = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    length = math.sqrt(sum(float(s.square().sum()) for s in step.values()))
    here = observe(model, nn.MSELoss(), x, y, step)
    h = 1e-6
    with torch.no_grad():
        for name, p in model.named_parameters():
            p += h * step[name] / length
    there = observe(model, nn.MSELoss(), x, y, step)
    np.testing.assert_allclose((there.losses - here.losses) / h, here.slopes, rtol=1e-4, atol=1e-4)
