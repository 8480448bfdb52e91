"""A long log in seconds: real lines, of which only step, time and loss differ from line to line.

All else repeats after ``BODIES`` lines, so that a million steps need no million texts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cockpit.log import LogWriter
from cockpit.log.codec import encode_value
from tests.synthetic import make_header, make_layers, make_values

SCALARS = (
    "Alpha", "CABS", "Distance", "EarlyStopping", "GradNorm", "InnerTest", "MeanGSNR", "NormTest",
    "OrthoTest", "TICTrace", "UpdateSize",
)  # fmt: skip
BODIES = 499
STEP_S = 0.021


def write_long_log(
    folder: Path, steps: int, *, layers: int = 2, names: Sequence[str] = SCALARS, spike: int = -1
) -> Path:
    """A log of ``steps`` steps, without an end record.

    Args:
        folder: Of the run.
        steps: How many.
        layers: Named parameters.
        names: Quantities beside Loss and Time.
        spike: The one step at which the loss is 1,000.
    """
    made = make_layers(layers)
    LogWriter(folder, make_header(made, ["Loss", "Time", *names])).close()
    bodies = [_body(i, made, names) for i in range(BODIES)]
    with (folder / "log.jsonl").open("ab", buffering=1 << 20) as log:
        for step in range(steps):
            loss = 1000.0 if step == spike else 0.3 + 2 * math.exp(-3 * step / steps)
            log.write(
                b'{"type":"step","step":%d,"time":%.3f,"batch_size":128,"lr":[0.05],'
                b'"overhead":{"step_s":0.012,"tracking_s":0.009},"values":{"Loss":{"kind":"scalar",'
                b'"value":%.7f},"Time":{"kind":"scalar","value":%.3f},%b}}\n'
                % (step, STEP_S * step, loss, STEP_S * step, bodies[step % BODIES])
            )
    return folder


def _body(index: int, layers: tuple, names: Sequence[str]) -> bytes:
    """What a line says of all quantities but loss and time."""
    values = make_values(100 * index, layers, names, steps=100 * BODIES)
    return msgspec.json.encode({n: encode_value(v) for n, v in values.items()})[1:-1]
