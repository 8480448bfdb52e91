"""P1: a noisy quadratic in 100 dimensions with the spectrum of a neural network.

The loss of a sample x ~ N(0, 0.6² I) is ½ (θ − x)ᵀ Q (θ − x). Its expectation is never below
½ · 0.6² · tr Q = 86.0. Of 1,000 samples the mean has a floor of its own, with a standard deviation
of 1.1: for those drawn here 87.3 in training and 83.5 in the test. That is what training ends at.
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
