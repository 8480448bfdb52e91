"""P2: a variational autoencoder on MNIST."""

from __future__ import annotations

from cockpit.problems.data.views import Reconstructed
from cockpit.problems.losses import EvidenceBound
from cockpit.problems.networks import variational_autoencoder
from cockpit.problems.problem import Problem

PROBLEM = Problem(
    key="P2",
    name="vae-mnist",
    title="variational autoencoder on MNIST",
    dataset="mnist",
    view=Reconstructed((1, 28, 28)),
    model=variational_autoencoder,
    loss=EvidenceBound,
    batch_size=64,
    epochs=50,
    lr=0.001,
    source="thesis A.1.1, P2",
)
