"""What is made up of lamps: facts of a healthy run, and lamps that light in sick ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cockpit.log.codec import jsonable
from cockpit.log.record import Facts, Value
from cockpit.synthetic.stretch import BATCH_SIZE, Stretch

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
    "model.zero_weights": [], "model.symmetric": [], "model.linear_chain": [],
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


@dataclass(frozen=True)
class Lit:
    """A lamp that lights in a made-up run.

    Attributes:
        lamp: Its name.
        level: warning, caution or advisory.
        since: The first step of the readings that light it.
        step: The step at which it lights.
        evidence: What it says.
        numbers: The same by name.
        layers: Those it names.
        cause: Name of the lamp that explains it.
        until: The step at which it goes out; None: it stays.
        suggestion: What a program would change.
    """

    lamp: str
    level: str
    since: int
    step: int
    evidence: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    layers: Sequence[str] = ()
    cause: str | None = None
    until: int | None = None
    suggestion: Mapping[str, Any] | None = None

    def records(self) -> list[dict[str, Any]]:
        """Its lines of the log, without their times: the two that there are."""
        about = {
            "lamp": self.lamp,
            "level": self.level,
            "since": self.since,
            "evidence": self.evidence,
            "numbers": jsonable(self.numbers),
            "layers": list(self.layers),
            "cause": self.cause,
            "suggestion": None if self.suggestion is None else jsonable(self.suggestion),
        }
        on = {"type": "lamp", "step": self.step, "state": "on", **about}
        return [on] if self.until is None else [on, {**on, "step": self.until, "state": "off"}]


TOO_LARGE = (
    Lit(
        "loader_bound", "advisory", 8, 12,
        "The training waits for its data in 44 % of its time (over 30 %), at steps 8 to 12.",
        {"waiting": 0.44, "threshold": 0.3}, until=40,
    ),
    Lit(
        "learning_rate_too_large", "warning", 100, 108,
        "Median α 0.62 (over −0.1), and a step removes 9.1 % of the loss to first order "
        "(over 5 %), over the last 8 tracked steps.",
        {"alpha": 0.62, "share": 0.091, "threshold": 0.05},
        suggestion={"change": "lr", "factor": 1 / 3, "value": None, "layers": []},
    ),
    Lit(
        "oscillation", "caution", 112, 124,
        "The loss alternates: its lag-1 autocorrelation is −0.57 (below −0.4) over 16 steps.",
        {"autocorrelation": -0.57, "threshold": -0.4}, cause="learning_rate_too_large",
    ),
    Lit(
        "exploding_gradients", "caution", 130, 138,
        "The gradient's norm is 14 times its median at the start (over 10), largest in 0.weight.",
        {"ratio": 14.0, "threshold": 10.0}, ["0.weight"], cause="learning_rate_too_large",
    ),
)  # fmt: skip
DEAD = (
    Lit(
        "dead_units", "caution", 60, 72,
        "58 % of the units of 3 get no gradient from any sample (over 50 %), at steps 60 to 72.",
        {"dead": 0.58, "threshold": 0.5}, ["3.weight", "3.bias"],
    ),
    Lit(
        "loader_bound", "advisory", 20, 32,
        "The training waits for its data in 41 % of its time (over 30 %), at steps 20 to 32.",
        {"waiting": 0.41, "threshold": 0.3},
    ),
)  # fmt: skip
