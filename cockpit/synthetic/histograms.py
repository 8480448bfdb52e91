"""Made-up histograms and arrays, one step at a time."""

from __future__ import annotations

import math

import numpy as np

from cockpit.log.record import Arrays, Bins, Counts1d, Histogram1d, Histogram2d, Value
from cockpit.synthetic.stretch import BATCH_SIZE, Stretch

BINS = Bins(-1.0, 1.0, 40)
ZEROS = 0.3  # share of gradient elements that are exactly zero


def shares(scale: float, bins: Bins) -> np.ndarray:
    """Shares of a normal distribution below, in each bin, and above; shape [count + 2]."""
    edges = bins.edges() / (max(scale, 1e-12) * math.sqrt(2))
    below = np.array([0.5 * (1 + math.erf(e)) for e in edges])
    return np.concatenate(([below[0]], np.diff(below), [1 - below[-1]]))


def gradient_histogram(one: Stretch) -> Value:
    """Counts of all individual gradient elements at a stretch of one step."""
    layers = []
    scales = one.gradient_scale[0] * one.depth_scale
    for layer, scale in zip(one.layers, scales.tolist(), strict=True):
        elements = layer.size * BATCH_SIZE
        if not math.isfinite(scale):
            layers.append(Counts1d(np.zeros(BINS.count, np.int64), 0, 0, 0, elements))
            continue
        counts = one.rng.poisson(elements * (1 - ZEROS) * shares(scale, BINS))
        zeros = int(ZEROS * elements)
        counts[1 + BINS.count // 2] += zeros
        layers.append(Counts1d(counts[1:-1], int(counts[0]), int(counts[-1]), zeros))
    empty = Counts1d(np.zeros(BINS.count, np.int64), 0, 0, 0)
    return Histogram1d(BINS, sum(layers, start=empty), tuple(layers))


def joint_histogram(one: Stretch) -> Value:
    """Counts of (parameter, gradient element) pairs at a stretch of one step."""
    layers = []
    scales = one.gradient_scale[0] * one.depth_scale
    for i, (layer, scale) in enumerate(zip(one.layers, scales.tolist(), strict=True)):
        pairs = layer.size * BATCH_SIZE if math.isfinite(scale) else 0
        theta = shares(0.08 + 0.25 / (1 + i), BINS)
        gradient = shares(scale if pairs else 1.0, BINS)
        layers.append(one.rng.poisson(pairs * np.outer(theta, gradient)))
    shape = (BINS.count + 2, BINS.count + 2)
    network = sum(layers, start=np.zeros(shape, np.int64))
    return Histogram2d(BINS, BINS, network, tuple(layers))


def parameters(one: Stretch) -> Value:
    """All parameters at a stretch of one step."""
    drawn = ((0.1 * one.rng.standard_normal(x.size)).astype(np.float32) for x in one.layers)
    return Arrays(tuple(drawn))
