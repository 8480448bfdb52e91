"""Data that is drawn from known distributions: the same at each call.

It belongs to the definition of its problem, so its seed is fixed here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cockpit.problems.data.sets import Pairs, PairSet
from cockpit.problems.data.sources import Made

DIMENSIONS = 100
NOISE = 0.6  # standard deviation of the quadratic's data
QUADRATIC_SAMPLES = 1000
REGRESSION_SAMPLES = 100
SLOPE = 1.4

_SEED = 42


def quadratic() -> PairSet:
    """X ~ N(0, σ² I) in 100 dimensions with σ = 0.6, 1000 for training and 1000 for testing.

    The minimum of the noisy quadratic is drawn around zero; x is input and target in one.
    """
    generator = torch.Generator().manual_seed(_SEED)
    train, test = (
        NOISE * torch.randn(QUADRATIC_SAMPLES, DIMENSIONS, generator=generator) for _ in range(2)
    )
    return PairSet("normal-100d", "normal draws in 100 dimensions", Pairs(train, train),
                   Pairs(test, test), f"a draw with seed {_SEED}")  # fmt: skip


def regression(seed: int = _SEED) -> PairSet:
    """Y = 1.4 x + ε with x, ε ~ N(0, 1): 100 pairs for training, 100 for testing; shape [n, 1].

    Reference: thesis C.4.2.
    """
    generator = torch.Generator().manual_seed(seed)
    train, test = (_noisy_line(generator) for _ in range(2))
    return PairSet("noisy-line", "a noisy line", train, test, f"a draw with seed {seed}")


def _noisy_line(generator: torch.Generator) -> Pairs:
    def draw() -> Tensor:
        return torch.randn(REGRESSION_SAMPLES, 1, generator=generator)

    inputs = draw()
    return Pairs(inputs, SLOPE * inputs + draw())


SOURCES = (
    Made("normal-100d", "normal draws in 100 dimensions", PairSet, quadratic),
    Made("noisy-line", "a noisy line", PairSet, regression),
)
