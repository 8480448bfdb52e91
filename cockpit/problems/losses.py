"""Losses that torch does not bring along.

Each has a ``reduction``, so that Cockpit can see the losses of single samples.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from cockpit.problems.networks.variational import LATENT

Reduction = Literal["mean", "sum", "none"]

DIMENSIONS = 100
_SEED = 42


class SampleLoss(nn.Module):
    """A loss that is known for each sample, and reduced over these.

    Args:
        reduction: ``mean``, ``sum`` or ``none`` over the samples.
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    @abstractmethod
    def of_samples(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """ℓₙ, shape [N]."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch: a number, or [N] without a reduction."""
        losses = self.of_samples(outputs, targets)
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()


class EvidenceBound(SampleLoss):
    """What a variational autoencoder minimizes: squared error of the pixels, plus divergence.

    ℓₙ = Σ (x̂ − x)² + ½ Σ (μ² + σ² − 1 − 2 log σ), the second sum being the Kullback-Leibler
    divergence of the code's distribution from N(0, I).

    Reference: Kingma and Welling (2014), appendix B; the thesis does not give the first sum.
    """

    def of_samples(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """ℓₙ of outputs [N, pixels + 16] as the network makes them, and images [N, ...]."""
        pixels = outputs.shape[1] - 2 * LATENT
        made, mean, log_std = outputs.split((pixels, LATENT, LATENT), dim=1)
        error = (made - targets.flatten(1)).square().sum(1)
        divergence = (mean.square() + (2 * log_std).exp() - 1 - 2 * log_std).sum(1) / 2
        return error + divergence


class NoisyQuadratic(SampleLoss):
    """ℓₙ = ½ (θ − xₙ)ᵀ Q (θ − xₙ), with the matrix of :func:`hessian`.

    With x ~ N(0, σ² I) the expected loss is ½ θᵀ Q θ + ½ σ² tr Q: the second part cannot be
    trained away.
    """

    Q: Tensor

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("Q", hessian().float())

    def of_samples(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """ℓₙ of outputs θ [N, 100] and targets x [N, 100]."""
        apart = outputs - targets
        return ((apart @ self.Q) * apart).sum(1) / 2


def hessian() -> Tensor:
    """Q of the noisy quadratic: always the same, float64 [100, 100]; its trace is 477.6.

    90 eigenvalues are drawn from [0, 1] and 10 from [30, 60]; the eigenvectors are a random
    rotation (the QR decomposition of a normal matrix, its signs fixed: Haar measure).

    Reference: thesis A.1.1, P1.
    """
    drawn = np.random.RandomState(_SEED)  # its numbers are the same in each version of NumPy
    eigenvalues = np.concatenate((drawn.uniform(0, 1, 90), drawn.uniform(30, 60, 10)))
    rotation, triangle = np.linalg.qr(drawn.normal(size=(DIMENSIONS, DIMENSIONS)))
    rotation *= np.sign(np.diagonal(triangle))
    return torch.from_numpy((rotation * eigenvalues) @ rotation.T)
