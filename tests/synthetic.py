"""Synthetic runs, written through LogWriter: what a real run's log looks like, in no time.

>>> write_run("runs/first", steps=200, layers=6)              # all quantities
>>> write_run("runs/bad", diverge_at=120)                     # NaN a few steps later
>>> write_run("runs/long", steps=100_000, quantities=("Loss", "Alpha"))
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from cockpit.log import LogWriter
from cockpit.log.record import (
    Arrays,
    Bins,
    Counts1d,
    Histogram1d,
    Histogram2d,
    Layer,
    PerLayer,
    Scalar,
    Value,
)

START = 1_763_790_000.0  # unix time of the first header
STEP_S, TRACKING_S = 0.012, 0.009
BATCH_SIZE = 128
STEPS_PER_EPOCH = 50
BINS = Bins(-1.0, 1.0, 40)


@dataclass
class Moment:
    """The state of the made-up training at one step."""

    step: int
    progress: float  # 0 at the start, 1 at the end
    layers: tuple[Layer, ...]
    rng: np.random.Generator
    blowup: float  # 1 while all is well, then growing, then inf once, then NaN

    def noisy(self, value: float, scale: float = 0.05) -> float:
        return float(value * np.exp(scale * self.rng.standard_normal()) * self.blowup)

    @property
    def gradient_scale(self) -> float:
        """Typical size of an individual gradient element."""
        return 0.03 * math.exp(-1.5 * self.progress) + 0.005


def make_layers(count: int) -> tuple[Layer, ...]:
    """``count`` named parameters: two convolutions, then linear layers, weights and biases."""
    layers = []
    width = 1
    for i in range(count):
        module, kind = str(3 * (i // 2)), "Conv2d" if i < 4 else "Linear"
        out = 16 * min(i // 2 + 1, 4)
        shape = (out, width, 5, 5) if kind == "Conv2d" else (out, width)
        if i % 2 == 0:
            layers.append(Layer(f"{module}.weight", shape, module, kind))
            width = out
        else:
            layers.append(Layer(f"{module}.bias", (width,), module, kind))
    return tuple(layers)


def _loss(m: Moment) -> Value:
    return Scalar(m.noisy(2.05 * math.exp(-4 * m.progress) + 0.25, 0.08))


def _time(m: Moment) -> Value:
    return Scalar(m.step * (STEP_S + TRACKING_S))


def _alpha(m: Moment) -> Value:
    if m.rng.random() < 0.06:
        return Scalar(-1.0, {"concave": True})
    return Scalar(float(0.1 + 0.35 * m.rng.standard_normal()) * m.blowup)


def _per_layer(value: Callable[[Moment], float], notes: dict[str, Any] | None = None) -> Any:
    """A quantity whose squares add up over the layers, deeper layers with smaller values."""

    def make(m: Moment) -> Value:
        depth = np.arange(len(m.layers)) / max(len(m.layers), 1)
        share = np.exp(-1.5 * depth + 0.1 * m.rng.standard_normal(len(m.layers)))
        network = m.noisy(value(m))
        layers = network * share / np.sqrt(np.sum(share**2))
        return PerLayer(network, tuple(layers.tolist()), dict(notes or {}))

    return make


def _max_ev(m: Moment) -> Value:
    notes = {"method": "lanczos", "products": int(m.rng.integers(8, 20)), "residual": 2.5e-4}
    return Scalar(m.noisy(4 + 30 * m.progress * math.exp(-2 * m.progress), 0.15), notes)


def _sgd_only(value: Callable[[Moment], float]) -> Any:
    def make(m: Moment) -> Value:
        return Scalar(value(m), {"assumption": "outside: momentum"})

    return make


def _stopping(m: Moment) -> float:
    return -0.8 + 0.9 * m.progress + 0.05 * float(m.rng.standard_normal()) * m.blowup


def _bin_shares(scale: float, bins: Bins) -> np.ndarray:
    """Shares of a normal distribution below, in each bin, and above; shape [count + 2]."""
    edges = bins.edges() / (scale * math.sqrt(2))
    below = np.array([0.5 * (1 + math.erf(e)) for e in edges])
    return np.concatenate(([below[0]], np.diff(below), [1 - below[-1]]))


def _gradient_counts(m: Moment, layer: Layer, index: int) -> np.ndarray:
    elements = layer.size * BATCH_SIZE
    scale = 4 * m.gradient_scale / (1 + 0.3 * index)
    return m.rng.poisson(elements * 0.7 * _bin_shares(scale, BINS))


def _hist1d(m: Moment) -> Value:
    layers, nonfinite = [], 0 if math.isfinite(m.blowup) else 1
    for i, layer in enumerate(m.layers):
        counts = _gradient_counts(m, layer, i)
        zeros = int(0.3 * layer.size * BATCH_SIZE)
        counts[1 + BINS.count // 2] += zeros
        under, over = int(counts[0]), int(counts[-1])
        layers.append(Counts1d(counts[1:-1], under, over, zeros, nonfinite * layer.size))
    network = Counts1d(
        np.sum([c.counts for c in layers], axis=0, dtype=np.int64),
        *(sum(getattr(c, n) for c in layers) for n in ("under", "over", "zeros", "nonfinite")),
    )
    return Histogram1d(BINS, network, tuple(layers))


def _hist2d(m: Moment) -> Value:
    layers = []
    for i, layer in enumerate(m.layers):
        theta = _bin_shares(0.08 + 0.25 / (1 + i), BINS)
        gradient = _bin_shares(4 * m.gradient_scale / (1 + 0.3 * i), BINS)
        layers.append(m.rng.poisson(layer.size * BATCH_SIZE * np.outer(theta, gradient)))
    return Histogram2d(BINS, BINS, np.sum(layers, axis=0, dtype=np.int64), tuple(layers))


def _parameters(m: Moment) -> Value:
    return Arrays(tuple((0.1 * m.rng.standard_normal(x.size)).astype(np.float32) for x in m.layers))


_MC = {"curvature": "ggn_mc", "samples": 1}

# name: (tier, every how many steps, kind, how it is made)
QUANTITIES: dict[str, tuple[str, int, str, Callable[[Moment], Value]]] = {
    "Loss": ("economy", 1, "scalar", _loss),
    "Distance": ("economy", 1, "per_layer", _per_layer(lambda m: 0.05 * math.sqrt(m.step))),
    "UpdateSize": (
        "economy", 1, "per_layer", _per_layer(lambda m: 0.09 * math.exp(-m.progress)),
    ),
    "GradNorm": (
        "economy", 1, "per_layer", _per_layer(lambda m: 1.8 * math.exp(-2 * m.progress) + 0.2),
    ),
    "Time": ("economy", 1, "scalar", _time),
    "Alpha": ("economy", 1, "scalar", _alpha),
    "NormTest": ("economy", 1, "per_layer", _per_layer(lambda m: 0.35 + 0.9 * m.progress)),
    "InnerTest": ("economy", 1, "per_layer", _per_layer(lambda m: 0.25 + 0.5 * m.progress)),
    "OrthoTest": ("economy", 1, "per_layer", _per_layer(lambda m: 0.3 + 0.8 * m.progress)),
    "GradHist1d": ("economy", 1, "histogram1d", _hist1d),
    "CABS": ("on_request", 1, "scalar", _sgd_only(lambda m: m.noisy(30 + 400 * m.progress, 0.2))),
    "EarlyStopping": ("on_request", 1, "scalar", _sgd_only(_stopping)),
    "MeanGSNR": (
        "on_request", 1, "per_layer", _per_layer(lambda m: 0.3 * math.exp(-2 * m.progress) + 0.01),
    ),
    "HessTrace": ("business", 4, "per_layer", _per_layer(lambda m: 60 + 500 * m.progress, _MC)),
    "TICDiag": (
        "business", 4, "per_layer", _per_layer(lambda m: 20 + 70 * m.progress, {
            "curvature": "ggn_mc", "epsilon": 1e-7,
        }),
    ),
    "TICTrace": ("on_request", 4, "scalar", lambda m: Scalar(m.noisy(0.9 + m.progress, 0.2))),
    "HessMaxEV": ("full", 10, "scalar", _max_ev),
    "GradHist2d": ("full", 10, "histogram2d", _hist2d),
    "Parameters": ("on_request", 50, "arrays", _parameters),
}  # fmt: skip


def make_header(
    layers: tuple[Layer, ...], names: Iterable[str], time: float = START
) -> dict[str, Any]:
    quantities = {
        name: {
            "kind": QUANTITIES[name][2],
            "tier": QUANTITIES[name][0],
            "schedule": f"linear({QUANTITIES[name][1]})",
            "parameters": {},
        }
        for name in names
    }
    return {
        "time": time,
        "config": {"name": "full"},
        "environment": {"python": "3.11.2", "torch": "2.13.0", "cockpit": "0.1.0", "device": "cpu"},
        "reduction": "mean",
        "optimizer": {"name": "SGD", "groups": [{"lr": 0.05, "momentum": 0.9}]},
        "quantities": quantities,
        "layers": layers,
    }


def make_values(
    step: int,
    layers: tuple[Layer, ...],
    names: Iterable[str],
    *,
    steps: int = 200,
    seed: int = 0,
    diverge_at: int | None = None,
) -> dict[str, Value]:
    """The values of the quantities that are due at ``step``."""
    since = -1 if diverge_at is None else step - diverge_at
    blowup = 1.0 if since < 0 else 4.0 ** (since + 1) if since < 8 else math.inf
    blowup = math.nan if since > 8 else blowup
    values = {}
    for name in names:
        _, interval, _, make = QUANTITIES[name]
        if step % interval == 0:
            rng = np.random.default_rng((seed, step, crc32(name.encode())))
            with np.errstate(invalid="ignore"):
                values[name] = make(Moment(step, step / steps, layers, rng, blowup))
    return values


def write_run(
    path: str | os.PathLike[str],
    steps: int = 200,
    layers: int = 6,
    seed: int = 0,
    diverge_at: int | None = None,
    resume_at: int | None = None,
    torn: bool = False,
    quantities: Iterable[str] | None = None,
) -> Path:
    """Write the log of a made-up run into the folder ``path``.

    Args:
        path: Folder of the run.
        steps: Tracked steps, from 0.
        layers: Named parameters.
        seed: Of all its random numbers; each value depends on seed, step and name only.
        diverge_at: From this step on the values explode; eight steps later they are ±Inf,
            then NaN.
        resume_at: The first attempt dies, without an end record, about 20 steps after this step;
            a second one starts at this step, with other random numbers, an hour later.
        torn: The last record is cut in the middle, and there is no end record.
        quantities: Names, all nineteen if None.

    Returns:
        The folder.
    """
    names = tuple(QUANTITIES) if quantities is None else tuple(quantities)
    made = make_layers(layers)
    first: dict[str, Any] = {"steps": steps, "seed": seed, "diverge_at": diverge_at}
    if resume_at is None:
        _write_attempt(path, range(steps), made, names, START, ends=not torn, **first)
    else:
        dies_at = min(resume_at + 20, steps)
        _write_attempt(path, range(dies_at), made, names, START, ends=False, **first)
        later = {**first, "seed": seed + 1_000}
        rest = range(resume_at, steps)
        _write_attempt(path, rest, made, names, START + 3600, ends=not torn, **later)
    log = Path(path) / "log.jsonl"
    if torn:
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2])
    return Path(path)


def _write_attempt(
    path: str | os.PathLike[str],
    tracked: range,
    layers: tuple[Layer, ...],
    names: tuple[str, ...],
    started: float,
    *,
    ends: bool,
    steps: int,
    seed: int,
    diverge_at: int | None,
) -> None:
    writer = LogWriter(path, make_header(layers, names, started))
    time = 0.0
    for i, step in enumerate(tracked):
        time = 0.5 + (i + 1) * (STEP_S + TRACKING_S)
        values = make_values(step, layers, names, steps=steps, seed=seed, diverge_at=diverge_at)
        overhead = {"step_s": STEP_S, "tracking_s": TRACKING_S}
        lr = [0.05 if step < steps / 2 else 0.005]
        writer.step(step, values, time=time, batch_size=BATCH_SIZE, lr=lr, overhead=overhead)
        if diverge_at is not None and step == diverge_at + 8:
            message = "The loss is not finite."
            writer.event("warning", "nonfinite", message, step=step, quantity="Loss", time=time)
        if step % 20 == 0:
            writer.user(step, _measured(step, steps), time=time)
    if ends:
        writer.end("finished", time=time + 0.1, steps=len(tracked))
    writer.close()


def _measured(step: int, steps: int) -> dict[str, Any]:
    progress = step / steps
    return {
        "epoch": step // STEPS_PER_EPOCH,
        "train_accuracy": 1 - 0.9 * math.exp(-4 * progress),
        "valid_accuracy": 0.97 - 0.87 * math.exp(-3.5 * progress),
        "valid_loss": 2.0 * math.exp(-3.5 * progress) + 0.35,
    }
