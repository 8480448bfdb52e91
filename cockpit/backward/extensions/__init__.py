"""Rules from (layer input, output gradient) to individual gradients, one file per kind of layer."""

from cockpit.backward.extensions import (
    convolution,
    embedding,
    generic,
    linear,
    normalization,
    recurrent,
)
from cockpit.backward.extensions.base import (
    Chunked,
    Contribution,
    Outer,
    Unsupported,
    contributions,
    rule,
)

__all__ = [
    "Chunked",
    "Contribution",
    "Outer",
    "Unsupported",
    "contributions",
    "convolution",
    "embedding",
    "generic",
    "linear",
    "normalization",
    "recurrent",
    "rule",
]
