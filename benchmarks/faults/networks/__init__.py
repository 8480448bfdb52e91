"""The programs' networks: small kin of those in ``cockpit.problems``, whose parts they use."""

from __future__ import annotations

from benchmarks.faults.networks.convolutional import (
    averaged,
    convolutional,
    depthwise,
    dilated,
    filling,
    plain_residual,
    residual,
    separable,
    series,
    strided,
)
from benchmarks.faults.networks.dense import dense, fine_tuned, of_points, with_skips
from benchmarks.faults.networks.patches import PictureTransformer, mixer
from benchmarks.faults.networks.sequences import (
    Characters,
    Letters,
    Reader,
    Recurrent,
    Transformer,
    Words,
    columns,
    recurrent,
)

__all__ = [
    "Characters", "Letters", "PictureTransformer", "Reader", "Recurrent", "Transformer", "Words",
    "averaged", "columns", "convolutional", "dense", "depthwise", "dilated", "filling",
    "fine_tuned", "mixer", "of_points", "plain_residual", "recurrent", "residual", "separable",
    "series", "strided", "with_skips",
]  # fmt: skip
