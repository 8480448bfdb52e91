"""What the log costs: size of a record, time to write one, time to load a run.

The records are those of a real network: 3c3d (D = 895,210), batch size 128, on scikit-learn's
digits scaled up to 3 x 32 x 32, at the start and after some training.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.func import functional_call, grad, vmap

from cockpit.log import LogWriter, RunLog
from cockpit.log.codec import encode_value
from cockpit.log.record import (
    Bins,
    Counts1d,
    Histogram1d,
    Histogram2d,
    Layer,
    PerLayer,
    Scalar,
    Value,
)
from cockpit.problems.networks import cnn_3c3d

N = 128
BINS = Bins(-1.0, 1.0, 40)
SIDE = BINS.count + 2
SCALARS = ("Loss", "Time", "Alpha", "CABS", "EarlyStopping", "TICTrace", "HessMaxEV")
PER_LAYER = (
    "Distance", "UpdateSize", "GradNorm", "NormTest", "InnerTest", "OrthoTest",
    "MeanGSNR", "HessTrace", "TICDiag",
)  # fmt: skip
ECONOMY = (*SCALARS[:3], *PER_LAYER[:6], "GradHist1d")


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16 - 0.3
    images = nn.functional.interpolate(images, size=32, mode="bilinear")
    return images.expand(-1, 3, -1, -1).contiguous(), torch.tensor(bunch.target)


def train(model: nn.Module, steps: int) -> None:
    x, y = digits()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for _ in range(steps):
        batch = torch.randint(len(x), (N,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()


def bin_index(values: np.ndarray) -> np.ndarray:
    """0: below, 1 to 40: the bins, 41: above."""
    scaled = np.floor((values - BINS.low) * (BINS.count / (BINS.high - BINS.low)))
    return np.clip(scaled, -1, BINS.count).astype(np.int64) + 1


def histograms(model: nn.Module, scale: float) -> tuple[Histogram1d, Histogram2d]:
    """Both histograms of all individual gradients of one batch, its images times ``scale``."""
    x, y = digits()
    x = x * scale
    named = {k: v.detach() for k, v in model.named_parameters()}

    def loss(params: dict[str, torch.Tensor], xi: torch.Tensor, yi: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(functional_call(model, params, (xi[None],)), yi[None])

    joint = {name: np.zeros(SIDE * SIDE, dtype=np.int64) for name in named}
    zeros = dict.fromkeys(named, 0)
    rows = {name: bin_index(p.numpy().ravel()) * SIDE for name, p in named.items()}
    for start in range(0, N, 8):
        chunk = slice(start, start + 8)
        for name, g in vmap(grad(loss), (None, 0, 0))(named, x[chunk], y[chunk]).items():
            for one in g.flatten(1).numpy():
                cell = rows[name] + bin_index(one)
                joint[name] += np.bincount(cell, minlength=SIDE * SIDE)
                zeros[name] += int((one == 0).sum())
    blocks = [joint[name].reshape(SIDE, SIDE) for name in named]
    flat = [b.sum(axis=0) for b in blocks]
    layers = [
        Counts1d(c[1:-1], int(c[0]), int(c[-1]), z)
        for c, z in zip(flat, zeros.values(), strict=True)
    ]
    c = np.sum(flat, axis=0)
    network = Counts1d(c[1:-1], int(c[0]), int(c[-1]), sum(zeros.values()))
    return (
        Histogram1d(BINS, network, tuple(layers)),
        Histogram2d(BINS, BINS, np.sum(blocks, axis=0), tuple(blocks)),
    )


def full_record(model: nn.Module, rng: np.random.Generator, scale: float = 1.0) -> dict[str, Value]:
    count = len(list(model.parameters()))
    values: dict[str, Value] = {name: Scalar(float(rng.lognormal())) for name in SCALARS}
    values["HessMaxEV"] = Scalar(12.3456789, {"method": "lanczos", "products": 11})
    for name in PER_LAYER:
        values[name] = PerLayer(float(rng.lognormal()), tuple(rng.lognormal(size=count).tolist()))
    values["GradHist1d"], values["GradHist2d"] = histograms(model, scale)
    return values


def header(model: nn.Module) -> dict[str, Any]:
    layers = [Layer(n, tuple(p.shape), n, "Module") for n, p in model.named_parameters()]
    return {"layers": layers, "config": {"name": "economy"}}


def line_size(folder: Path, model: nn.Module, values: dict[str, Value]) -> int:
    writer = LogWriter(folder, header(model))
    before = writer.path.stat().st_size
    writer.step(12345, values, time=123.456789, batch_size=N, lr=[0.01])
    writer.close()
    return writer.path.stat().st_size - before


def sizes(folder: Path, model: nn.Module, values: dict[str, Value]) -> dict[str, int]:
    economy = {name: values[name] for name in ECONOMY}
    return {
        "full record, bytes": line_size(folder / "full", model, values),
        "economy record, bytes": line_size(folder / "economy", model, economy),
        "GradHist1d, bytes": len(json.dumps(encode_value(values["GradHist1d"]))),
        "GradHist2d, bytes": len(json.dumps(encode_value(values["GradHist2d"]))),
    }


def write_time(folder: Path, model: nn.Module, values: dict[str, Value], count: int) -> float:
    """Median microseconds to write a record."""
    writer = LogWriter(folder, header(model))
    took = []
    for step in range(count):
        begin = time.perf_counter()
        writer.step(step, values, time=0.1 * step, batch_size=N, lr=[0.01])
        took.append(time.perf_counter() - begin)
    writer.close()
    return statistics.median(took) * 1e6


def repeated(log: Path, count: int) -> None:
    """Bring a log to ``count`` step records by repeating its own, renumbered."""
    lines = log.read_bytes().splitlines(keepends=True)
    start = b'{"type":"step","step":'
    tails = [line[line.index(b",", len(start)) :] for line in lines if line.startswith(start)]
    with log.open("ab") as file:
        for step, tail in zip(range(len(tails), count), itertools.cycle(tails), strict=False):
            file.write(start + str(step).encode() + tail)


LOAD = """
import sys, time
import psutil
from cockpit.log import RunLog
process = psutil.Process()
before, begin, cpu = process.memory_info().rss, time.perf_counter(), time.process_time()
log = RunLog(sys.argv[1])
print(time.perf_counter() - begin, time.process_time() - cpu)
print((process.memory_info().rss - before) / 2**20)
"""


def load(log: Path) -> dict[str, float]:
    """Costs of reading, each time in a fresh process; then of what a live page does."""
    command = [sys.executable, "-c", LOAD, str(log)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
    took, cpu, memory = zip(*(map(float, run.stdout.split()) for run in runs), strict=True)
    run = RunLog(log)
    with log.open("ab") as file:
        file.write(log.open("rb").readlines()[-1].replace(b'"step":', b'"step":9', 1))
    begin = time.perf_counter()
    run.refresh()
    refreshed = time.perf_counter()
    run.series("Loss")
    asked = time.perf_counter()
    run.histogram("GradHist1d")
    end = time.perf_counter()
    return {
        "size, MB": round(log.stat().st_size / 1e6),
        "load, s": round(min(took), 2),
        "load, s of processor time": round(min(cpu), 2),
        "memory, MiB": round(max(memory)),
        "refresh after one record, ms": round((refreshed - begin) * 1e3, 2),
        "then a series, ms": round((asked - refreshed) * 1e3, 2),
        "then a histogram, ms": round((end - asked) * 1e3, 2),
    }


def measure(records: int) -> dict[str, Any]:
    """Sizes and times.

    Args:
        records: Of the run that is loaded.
    """
    torch.manual_seed(0)
    model, rng = cnn_3c3d(), np.random.default_rng(0)
    results: dict[str, Any] = {"D": sum(p.numel() for p in model.parameters())}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results["at the start"] = sizes(folder / "start", model, full_record(model, rng))
        for steps in (5, 95):
            train(model, steps)
            values = full_record(model, rng)
            results[f"{steps} steps later"] = sizes(folder / str(steps), model, values)
        wide = full_record(model, rng, scale=255.0)
        results["images not normalized (times 255)"] = sizes(folder / "wide", model, wide)
        economy = {name: values[name] for name in ECONOMY}
        results["writing, us (median)"] = {
            "economy": round(write_time(folder / "e", model, economy, 1000)),
            "full": round(write_time(folder / "f", model, values, 200)),
        }
        repeated(folder / "e" / "log.jsonl", records)
        results[f"loading {records:,} economy records"] = load(folder / "e" / "log.jsonl")
    return results
