"""Published rules, rebuilt from their descriptions, over the same runs."""

from __future__ import annotations

from benchmarks.faults.baselines import autotrainer, sagemaker
from benchmarks.faults.baselines.rule import Alarm, Evidence

__all__ = ["BASELINES", "Alarm", "Evidence"]

BASELINES = {
    "AUTOTRAINER": (autotrainer.alarms, autotrainer.MEANS),
    "SageMaker Debugger": (sagemaker.alarms, sagemaker.MEANS),
    "SageMaker's quieter rules": (sagemaker.quieter, sagemaker.QUIETER),
}
"""By name: the alarms of a run, and which lamps say the same as each rule."""
