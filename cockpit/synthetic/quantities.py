"""What is made up of each quantity: one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cockpit.log.record import Value
from cockpit.synthetic.histograms import gradient_histogram, joint_histogram, parameters
from cockpit.synthetic.lamps import facts
from cockpit.synthetic.stretch import Column, Stretch

STEP_S, TRACKING_S = 0.012, 0.009
CONCAVE = 0.06  # share of steps
Curve = Callable[[Stretch], np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How a quantity is made up.

    Attributes:
        tier: As the header says it.
        interval: Every how many steps it is recorded.
        kind: Of its values.
        column: Numbers for many steps at once.
        value: Or, for what is no number, the value for a stretch of one step.
    """

    tier: str
    interval: int
    kind: str
    column: Callable[[Stretch], Column] | None = None
    value: Callable[[Stretch], Value] | None = None


def _scalar(curve: Curve, notes: dict[str, Any] | None = None) -> Callable[[Stretch], Column]:
    return lambda s: Column(curve(s), None, dict(notes or {}))


def _per_layer(curve: Curve, notes: dict[str, Any] | None = None) -> Callable[[Stretch], Column]:
    """A quantity whose squares add up over the layers."""

    def make(s: Stretch) -> Column:
        share = s.depth_scale * np.exp(0.1 * s.normal(len(s.layers)))
        share = share / np.sqrt((share**2).sum(axis=1, keepdims=True))
        network = s.noisy(curve(s))
        return Column(network, network[:, None] * share, dict(notes or {}))

    return make


def _loss(s: Stretch) -> np.ndarray:
    floor = 0.25 * max(s.course.relative_lr, 1.0) ** 0.4
    return s.noisy(2.05 * np.exp(-4 * s.learned) + floor, 0.08)


def _alpha(s: Stretch) -> Column:
    center = min(max(0.1 + 0.75 * math.log10(s.course.relative_lr), -0.95), 1.4)
    spread = 0.35 * s.course.pace
    values = (center + spread * s.normal()) * s.trouble
    concave = (s.rng.random(len(s.steps)) < CONCAVE) & (s.trouble == 1)
    notes = [{"concave": True} if c else {} for c in concave.tolist()]
    return Column(np.where(concave, -1.0, values), None, notes)


def _max_ev(s: Stretch) -> Column:
    curve = (4 + 30 * s.learned * np.exp(-2 * s.learned)) * s.course.relative_lr**-0.3
    products = s.rng.integers(8, 20, len(s.steps)).tolist()
    notes = [{"method": "lanczos", "products": n, "residual": 2.5e-4} for n in products]
    return Column(s.noisy(curve, 0.15), None, notes)


def _stopping(s: Stretch) -> np.ndarray:
    return np.asarray(-0.8 + 0.9 * s.progress + 0.05 * s.normal() * s.trouble)


def _far(s: Stretch) -> np.ndarray:
    return np.asarray(0.05 * np.sqrt(s.steps) * s.course.relative_lr**0.8)


_MC = {"curvature": "ggn_mc", "samples": 1}
_SGD = {"assumption": "outside: momentum"}
_DIAGONAL = {"curvature": "ggn_mc", "epsilon": 1e-7}

QUANTITIES: dict[str, Recipe] = {
    "Loss": Recipe("economy", 1, "scalar", _scalar(_loss)),
    "Distance": Recipe("economy", 1, "per_layer", _per_layer(_far)),
    "UpdateSize": Recipe("economy", 1, "per_layer", _per_layer(
        lambda s: 0.09 * np.exp(-s.learned) * s.course.relative_lr)),
    "GradNorm": Recipe("economy", 1, "per_layer", _per_layer(
        lambda s: 1.8 * np.exp(-2 * s.learned) + 0.2)),
    "Time": Recipe("economy", 1, "scalar", _scalar(lambda s: s.steps * (STEP_S + TRACKING_S))),
    "Alpha": Recipe("economy", 1, "scalar", _alpha),
    "NormTest": Recipe("economy", 1, "per_layer", _per_layer(lambda s: 0.35 + 0.9 * s.progress)),
    "InnerTest": Recipe("economy", 1, "per_layer", _per_layer(lambda s: 0.25 + 0.5 * s.progress)),
    "OrthoTest": Recipe("economy", 1, "per_layer", _per_layer(lambda s: 0.3 + 0.8 * s.progress)),
    "GradHist1d": Recipe("economy", 1, "histogram1d", value=gradient_histogram),
    "CABS": Recipe("on_request", 1, "scalar", _scalar(
        lambda s: s.noisy(30 + 400 * s.progress, 0.2), _SGD)),
    "EarlyStopping": Recipe("on_request", 1, "scalar", _scalar(_stopping, _SGD)),
    "MeanGSNR": Recipe("on_request", 1, "per_layer", _per_layer(
        lambda s: 0.3 * np.exp(-2 * s.progress) + 0.01)),
    "HessTrace": Recipe("business", 4, "per_layer", _per_layer(
        lambda s: 60 + 500 * s.learned, _MC)),
    "TICDiag": Recipe("business", 4, "per_layer", _per_layer(
        lambda s: 20 + 70 * s.progress, _DIAGONAL)),
    "TICTrace": Recipe("on_request", 4, "scalar", _scalar(
        lambda s: s.noisy(0.9 + s.progress, 0.2))),
    "HessMaxEV": Recipe("full", 10, "scalar", _max_ev),
    "GradHist2d": Recipe("full", 10, "histogram2d", value=joint_histogram),
    "Parameters": Recipe("on_request", 50, "arrays", value=parameters),
}  # fmt: skip

# Written where they are asked for: quantities that no instrument shows.
UNSHOWN: dict[str, Recipe] = {"Facts": Recipe("economy", 1, "facts", value=facts)}
