"""Networks of dense layers. They end in logits: the softmax belongs to the loss."""

from __future__ import annotations

from torch import nn

from cockpit.problems.networks.initialization import initialize, truncated_normal, zeros


def mlp(seed: int = 0) -> nn.Sequential:
    """A multi-layer perceptron 784-1000-500-100-10 for images of 784 pixels.

    Weights: truncated normal with σ = 0.03; biases 0. Reference: thesis A.1.3, P10.
    """
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 1000),
        nn.ReLU(),
        nn.Linear(1000, 500),
        nn.ReLU(),
        nn.Linear(500, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    return initialize(model, seed, truncated_normal(0.03))


def logistic_regression(seed: int = 0) -> nn.Sequential:
    """Multinomial logistic regression for images of 784 pixels, all zeros at the start.

    Convex, so no random start is needed; ``seed`` has no effect. Reference: thesis A.1.3, P9.
    """
    return initialize(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), seed, zeros)
