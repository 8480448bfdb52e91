"""A long log in seconds: lines as the writer makes them, from random numbers in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cockpit.log import LogWriter
from tests.synthetic import make_header, make_layers

SCALARS = ("Alpha", "CABS", "EarlyStopping", "TICTrace")
PER_LAYER = ("Distance", "GradNorm", "InnerTest", "MeanGSNR", "NormTest", "OrthoTest", "UpdateSize")
NAMES = (*SCALARS, *PER_LAYER)
BLOCK = 5_000
STEP_S = 0.021
SPIKE = 1000.0


def write_long_log(
    folder: Path, steps: int, *, layers: int = 2, names: Sequence[str] = NAMES, spike: int = -1
) -> Path:
    """A log of ``steps`` steps with Loss and Time, without an end record.

    Args:
        folder: Of the run.
        steps: How many.
        layers: Named parameters.
        names: Quantities beside Loss and Time.
        spike: The one step at which the loss is ``SPIKE``.
    """
    LogWriter(folder, make_header(make_layers(layers), ["Loss", "Time", *names])).close()
    line = _template(layers, names)
    numbers = sum(1 if name in SCALARS else 1 + layers for name in names)
    rng = np.random.default_rng(0)
    with (folder / "log.jsonl").open("ab", buffering=1 << 20) as log:
        for first in range(0, steps, BLOCK):
            step = np.arange(first, min(first + BLOCK, steps))
            progress = (step / steps)[:, None]
            noise = np.exp(0.2 * rng.standard_normal((len(step), 1 + numbers)))
            values = (0.3 + 2 * np.exp(-3 * progress)) * noise
            values[step == spike, 0] = SPIKE
            rows = zip(step.tolist(), values.tolist(), strict=True)
            log.writelines(line % (s, STEP_S * s, STEP_S * s, *v) for s, v in rows)
    return folder


def _template(layers: int, names: Sequence[str]) -> bytes:
    """A step's line with places for step, time (twice), and the values of all quantities."""
    scalar = '"%s":{"kind":"scalar","value":%%.9g}'
    per_layer = f'"%s":{{"kind":"per_layer","value":%%.9g,"layers":[{",".join(["%%.7g"] * layers)}]}}'
    values = ",".join((scalar if n in SCALARS else per_layer) % n for n in names)
    return (
        '{"type":"step","step":%d,"time":%.3f,"batch_size":128,"lr":[0.05],'
        '"overhead":{"step_s":0.012,"tracking_s":0.009},"values":{'
        '"Time":{"kind":"scalar","value":%.3f},"Loss":{"kind":"scalar","value":%.9g},'
        f"{values}}}}}\n"
    ).encode()
