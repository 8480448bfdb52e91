"""Small logs whose every number is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Layer, PerLayer, Scalar, Value

LAYERS = (
    Layer("0.weight", (4, 3), "0", "Linear"),
    Layer("0.bias", (4,), "0", "Linear"),
    Layer("2.weight", (2, 4), "2", "Linear"),
)
KINDS = {
    "Scalar": "scalar",
    "PerLayer": "per_layer",
    "Histogram1d": "histogram1d",
    "Histogram2d": "histogram2d",
    "Arrays": "arrays",
    "Facts": "facts",
}


def write_log(
    folder: Path,
    values: Mapping[str, Sequence[Any]] | None = None,
    *,
    user: Mapping[str, Mapping[int, Any]] | None = None,
    lr: Sequence[Sequence[float]] | None = None,
    batch_size: int | None = 32,
    optimizer: Mapping[str, Any] | None = None,
    overhead: Mapping[str, float] | None = None,
    steps: Sequence[int] | None = None,
    layers: Sequence[Layer] = LAYERS,
) -> RunLog:
    """Write a run from lists of values, one entry per step, and read it back.

    A number stands for a Scalar, ``None`` for no value at that step; lists may end early.
    """
    values = {name: [_value(v) for v in given] for name, given in (values or {}).items()}
    count = max([len(given) for given in values.values()] + [len(lr or ())])
    kinds = {
        name: {"kind": next((KINDS[type(v).__name__] for v in given if v is not None), "")}
        for name, given in values.items()
    }
    header = {
        "time": 0.0,
        "layers": tuple(layers),
        "quantities": kinds,
        "optimizer": optimizer or {"name": "SGD", "groups": [{"lr": 0.1}]},
    }
    writer = LogWriter(folder, header)
    for i in range(count):
        present = {n: given[i] for n, given in values.items() if i < len(given)}
        record = {n: value for n, value in present.items() if value is not None}
        writer.step(
            steps[i] if steps else i, record, time=0.5 * (i + 1), batch_size=batch_size,
            lr=list(lr[i]) if lr else None, overhead=overhead,
        )  # fmt: skip
    for name, logged in (user or {}).items():
        for step, value in logged.items():
            writer.user(step, {name: value}, time=0.5 * (step + 1))
    writer.end("finished", time=0.5 * (count + 1), steps=count)
    writer.close()
    return RunLog(folder)


def _value(given: Any) -> Value | None:
    return Scalar(float(given)) if isinstance(given, int | float) else given


def per_layer(network: float, *layers: float | None, **notes: Any) -> PerLayer:
    """A per-layer value."""
    return PerLayer(network, tuple(layers), notes)
