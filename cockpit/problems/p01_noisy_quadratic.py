"""P1: a noisy quadratic in 100 dimensions with the spectrum of a neural network.

The loss of a sample x ~ N(0, 0.6² I) is ½ (θ − x)ᵀ Q (θ − x). Its mean is never below
½ · 0.6² · tr Q = 86.0, up to the noise of 1,000 samples (± 1); that is what training ends at.
"""

from __future__ import annotations

from cockpit.problems.data.views import AsDrawn
from cockpit.problems.losses import NoisyQuadratic
from cockpit.problems.networks import point
from cockpit.problems.problem import Problem

PROBLEM = Problem(
    key="P1",
    name="noisy-quadratic",
    title="noisy quadratic in 100 dimensions, 10 of them steep",
    dataset="normal-100d",
    view=AsDrawn(),
    model=point,
    loss=NoisyQuadratic,
    batch_size=128,
    epochs=100,
    lr=0.01,
    source="thesis A.1.1, P1",
)
