"""What is made up of lamps: facts of a healthy run, and lines of lamps that light in sick ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cockpit.lamps import get
from cockpit.log.record import Facts, Value
from cockpit.synthetic.stretch import BATCH_SIZE, Stretch

__all__ = ["DEAD", "SHOWN", "TOO_LARGE", "facts", "lamp_line"]

CLASSES = 10

HEALTHY: dict[str, Any] = {
    "inputs.dtype": "float32", "inputs.shape": [BATCH_SIZE, 1, 28, 28], "inputs.nonfinite": 0,
    "inputs.min": -1.0, "inputs.max": 1.0, "inputs.mean": 0.01, "inputs.std": 0.98,
    "inputs.offset": 0.02, "inputs.same_rows": 0.0, "inputs.repeated": 0.0,
    "targets.dtype": "int64", "targets.shape": [BATCH_SIZE], "targets.nonfinite": 0,
    "targets.min": 0, "targets.max": CLASSES - 1, "targets.counts": [13, 12, 13, 13] + [12, 13] * 3,
    "outputs.dtype": "float32", "outputs.shape": [BATCH_SIZE, CLASSES], "outputs.nonfinite": 0,
    "outputs.min": -4.0, "outputs.max": 5.0, "outputs.sum_to_one": False, "outputs.at_bound": 0.0,
    "outputs.zeros": 0.0, "outputs.spread": 0.8,
    "loss.function": "CrossEntropyLoss", "loss.reduction": "mean", "loss.nonfinite": 0,
    "loss.target_gradient": False,
    "model.training": True, "model.evaluating": [], "model.dropout": 0.0, "model.modules_bn": 0,
    "model.frozen": [], "model.frozen_share": 0.0, "model.without_grad": [],
    "model.zero_weights": [], "model.symmetric": [], "model.linear_chain": [], "model.gain": 0.577,
    "gradient.scale": 1.0, "gradient.cosine": 1.0, "gradient.before": 0.0, "gradient.stepped": 1.0,
    "gradient.zeros": 0.1, "gradient.dtype": "float32",
    "optimizer.without": [], "optimizer.foreign": 0, "optimizer.decay": 0.01,
    "update.sign": 1.0, "update.ratio_max": 2e-3, "update.ratio_min": 5e-4,
    "update.ratio_max_layer": "0.weight", "update.ratio_min_layer": "6.weight",
    "time.waiting": 0.04,
}  # fmt: skip


def facts(one: Stretch) -> Value:
    """The facts of a healthy step, at a stretch of one step."""
    decrease = 0.02 * (1 - float(one.learned[0]))
    return Facts({**HEALTHY, "update.decrease": decrease})


def lamp_line(lamp: str, step: int, state: str = "on", **fields: Any) -> dict[str, Any]:
    """What a log says of a lamp at a step; what is not given is made up.

    Args:
        lamp: Its name.
        step: At which it changes.
        state: ``on``, ``update`` or ``off``.
        fields: Of ``docs/log.md``; without a ``level`` it is the lamp's own.

    Raises:
        UnknownLampError: If there is no such lamp, and no level is given.
    """
    return {
        "step": step,
        "lamp": lamp,
        "state": state,
        "level": fields.get("level") or get(lamp).level,
        "since": step,
        "evidence": f"Made up: 3.2 at step {step} (over 1).",
        "numbers": {"value": 3.2, "threshold": 1.0},
        "layers": [],
        "cause": None,
        "suggestion": None,
        **fields,
    }


def _shown() -> tuple[Mapping[str, Any], ...]:
    """Something of everything: a cause and its consequence, one that goes out, one that grows."""
    rate, input_ = "learning_rate_too_large", "nonfinite_input"
    lower = {"change": "lr", "factor": 1 / 3, "value": None, "layers": []}
    return (
        lamp_line(rate, 60, level="caution", suggestion=lower),
        lamp_line(rate, 80, "update", since=60, suggestion=lower),
        lamp_line(rate, 120, "off", since=60, suggestion=lower),
        lamp_line(input_, 150, layers=["0.weight"]),
        lamp_line(rate, 160, cause=input_, suggestion=lower),
    )


SHOWN = _shown()
"""For a run of 200 steps: a caution that becomes a warning and goes out; a warning that stays, with
a consequence of it."""

_WAITS = "The training waits for its data in {} of its time (over 30%), over {} tracked steps."

TOO_LARGE = (
    lamp_line(
        "loader_bound", 12, level="advisory", since=8, evidence=_WAITS.format("44%", 5),
        numbers={"waiting": 0.44, "threshold": 0.3},
    ),
    lamp_line(
        "loader_bound", 40, "off", level="advisory", since=8, evidence=_WAITS.format("44%", 5),
        numbers={"waiting": 0.44, "threshold": 0.3},
    ),
    lamp_line(
        "learning_rate_too_large", 108, since=100,
        evidence="Median α 0.60 (over -0.1), and a step removes 9.1% of the loss to first order "
        "(over 5%), over the last 8 tracked steps.",
        numbers={"alpha": 0.60, "share": 0.091, "threshold": 0.05},
        suggestion={"change": "lr", "factor": 1 / 3, "value": None, "layers": []},
    ),
    lamp_line(
        "oscillation", 124, level="caution", since=112, cause="learning_rate_too_large",
        evidence="The loss alternates: its lag-1 autocorrelation is -0.57 (below -0.4) over 16 "
        "tracked steps.",
        numbers={"autocorrelation": -0.57, "threshold": -0.4},
    ),
    lamp_line(
        "exploding_gradients", 138, level="caution", since=130, cause="learning_rate_too_large",
        evidence="The gradient is 14 times as long as at the start (over 10), longest in 0.weight.",
        numbers={"ratio": 14.0, "threshold": 10.0}, layers=["0.weight"],
    ),
)  # fmt: skip
"""For a run of 400 steps: a warning with two consequences, and an advisory that goes out."""

DEAD = (
    lamp_line(
        "loader_bound", 32, level="advisory", since=20, evidence=_WAITS.format("41%", 13),
        numbers={"waiting": 0.41, "threshold": 0.3},
    ),
    lamp_line(
        "dead_units", 72, level="caution", since=60,
        evidence="58% of the units of module 3 get no gradient from any sample (over 50%), over 13 "
        "tracked steps.",
        numbers={"dead": 0.58, "threshold": 0.5}, layers=["3.weight", "3.bias"],
    ),
)  # fmt: skip
"""For a run of 400 steps: a caution, and an advisory."""
