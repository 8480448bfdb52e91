"""A long log in seconds: lines as the writer makes them, from random numbers in blocks."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

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
    per_layer = (
        f'"%s":{{"kind":"per_layer","value":%%.9g,"layers":[{",".join(["%%.7g"] * layers)}]}}'
    )
    texts = [scalar % "Time", scalar % "Loss"]
    texts += [(scalar if name in SCALARS else per_layer) % name for name in names]
    return (
        '{"type":"step","step":%d,"time":%.3f,"batch_size":128,"lr":[0.05],'
        f'"overhead":{{"step_s":0.012,"tracking_s":0.009}},"values":{{{",".join(texts)}}}}}\n'
    ).encode()


def append_steps(folder: Path, count: int) -> int:
    """Repeat the last line at the following steps; returns the last step."""
    with (folder / "log.jsonl").open("rb+") as log:
        log.seek(-4096, os.SEEK_END)
        line = log.read().splitlines(keepends=True)[-1]
        step = int(re.search(rb'"step":(\d+)', line).group(1))  # type: ignore[union-attr]
        for i in range(1, count + 1):
            log.write(line.replace(b'"step":%d' % step, b'"step":%d' % (step + i), 1))
    return step + count


def wait_read(page: Page) -> None:
    """Wait until the server has read all of the log, and the page shows it."""
    page.wait_for_function(
        "() => document.getElementById('fact-read').textContent === ''", timeout=300_000
    )
    page.wait_for_function(
        "() => [...cockpit.cards.values()].every(c => !c.present || !c.visible || c.token[0])"
    )


def heap_mb(page: Page) -> float:
    """What the page's scripts hold in memory, in megabytes."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize") / 1e6
