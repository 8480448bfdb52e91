"""The programs' networks: small kin of those in ``cockpit.problems``, whose parts they use."""

from __future__ import annotations

from benchmarks.faults.networks.convolutional import (
    averaged,
    convolutional,
    plain_residual,
    residual,
    separable,
    series,
    strided,
)
from benchmarks.faults.networks.dense import dense, fine_tuned, with_skips
from benchmarks.faults.networks.patches import PictureTransformer, mixer
from benchmarks.faults.networks.sequences import (
    CharacterGRU,
    Letters,
    Reader,
    Recurrent,
    Transformer,
    Words,
    recurrent,
)

__all__ = [
    "CharacterGRU", "Letters", "PictureTransformer", "Reader", "Recurrent", "Transformer", "Words",
    "averaged", "convolutional", "dense", "fine_tuned", "mixer", "plain_residual", "recurrent",
    "residual", "separable", "series", "strided", "with_skips",
]  # fmt: skip
