from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from cockpit.problems import get
from cockpit.problems.data import load
from cockpit.problems.data.draws import NOISE
from cockpit.problems.losses import EvidenceBound, NoisyQuadratic, hessian


def test_the_quadratics_spectrum_is_that_of_the_thesis() -> None:
    Q = hessian()
    torch.testing.assert_close(Q, Q.T)
    eigenvalues, vectors = torch.linalg.eigh(Q)
    assert (eigenvalues[:90] > 0).all()
    assert (eigenvalues[:90] < 1).all()
    assert (eigenvalues[90:] > 30).all()
    assert (eigenvalues[90:] < 60).all()
    # Rotated: no eigenvector lies along an axis.
    assert vectors.abs().max() < 0.6
    assert torch.equal(Q, hessian())


def test_the_quadratics_loss_and_gradient_are_as_defined() -> None:
    Q = hessian().float()
    theta, x = torch.randn(100, requires_grad=True), torch.randn(3, 100)
    loss = NoisyQuadratic()(theta.expand(3, 100), x)
    expected = sum(0.5 * (theta - n) @ Q @ (theta - n) for n in x) / 3
    torch.testing.assert_close(loss, expected)
    (grad,) = torch.autograd.grad(loss, theta)
    torch.testing.assert_close(grad, Q @ (theta - x.mean(0)), rtol=1e-4, atol=1e-4)


def test_what_cannot_be_trained_away_is_what_the_thesis_reports() -> None:
    """½ σ² tr Q = 86; the thesis has a loss of about 87."""
    floor = 0.5 * NOISE**2 * hessian().trace().item()
    assert floor == pytest.approx(85.97, abs=0.01)
    train, _ = get("P1").view(load("normal-100d"))
    inputs, targets = train.take(torch.arange(len(train)))
    at_minimum = targets.mean(0).expand_as(inputs)
    # The standard error of the mean over 1,000 samples: σ⁴ tr(Q²) / 2 is a sample's variance.
    error = NOISE**2 * math.sqrt(hessian().square().sum().item() / 2 / len(train))
    assert NoisyQuadratic()(at_minimum, targets).item() == pytest.approx(floor, abs=3 * error)


def test_the_evidence_bound_is_squared_error_plus_divergence() -> None:
    torch.manual_seed(0)
    images, made = torch.rand(3, 1, 4, 4), torch.rand(3, 16)
    mean, log_std = torch.randn(3, 8), torch.randn(3, 8)
    outputs = torch.cat((made, mean, log_std), dim=1)
    divergence = kl_divergence(Normal(mean, log_std.exp()), Normal(0.0, 1.0)).sum(1)
    expected = (made - images.flatten(1)).square().sum(1) + divergence
    torch.testing.assert_close(EvidenceBound("none")(outputs, images), expected)
    torch.testing.assert_close(EvidenceBound("sum")(outputs, images), expected.sum())
    torch.testing.assert_close(EvidenceBound()(outputs, images), expected.mean())
