"""A variational autoencoder for small images.

Reference: Kingma and Welling (2014), "Auto-encoding variational Bayes".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cockpit.problems.networks.initialization import initialize, xavier_normal

LATENT = 8
PIXELS = 28 * 28
SLOPE = 0.3
DROPOUT = 0.2


class VariationalAutoencoder(nn.Module):
    """Three convolutions, a latent space of size 8, three deconvolutions, for [N, 1, 28, 28].

    One tensor comes out, so that the loss has one argument: see :meth:`forward`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *_active(nn.Conv2d(1, 64, 4, stride=2, padding=1)),
            *_active(nn.Conv2d(64, 64, 4, stride=2, padding=1)),
            *_active(nn.Conv2d(64, 64, 3, padding=1)),
            nn.Flatten(),
        )
        self.mean = nn.Linear(64 * 7 * 7, LATENT)
        self.log_std = nn.Linear(64 * 7 * 7, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, 24),
            nn.LeakyReLU(SLOPE),
            nn.Linear(24, 7 * 7),
            nn.LeakyReLU(SLOPE),
            nn.Unflatten(1, (1, 7, 7)),
            *_active(nn.ConvTranspose2d(1, 64, 4, stride=2, padding=1)),
            *_active(nn.ConvTranspose2d(64, 64, 3, padding=1)),
            *_active(nn.ConvTranspose2d(64, 64, 3, padding=1)),
            nn.Flatten(),
            nn.Linear(64 * 14 * 14, PIXELS),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pixels in [0, 1] (784), means (8) and log standard deviations (8): [N, 800].

        The code is drawn anew at each call, from the global random numbers.
        """
        hidden = self.encoder(x)
        mean, log_std = self.mean(hidden), self.log_std(hidden)
        code = mean + torch.randn_like(mean) * log_std.exp()
        return torch.cat((self.decoder(code), mean, log_std), dim=1)


def _active(layer: nn.Module) -> tuple[nn.Module, ...]:
    return layer, nn.LeakyReLU(SLOPE), nn.Dropout(DROPOUT)


def variational_autoencoder(seed: int = 0) -> VariationalAutoencoder:
    """Weights: Xavier normal; biases 0."""
    return initialize(VariationalAutoencoder(), seed, xavier_normal)
