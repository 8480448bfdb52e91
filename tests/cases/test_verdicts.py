"""The judge of the cases sees a number that is off, a missing reason and a changed training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cockpit.log import RunLog
from cockpit.log.codec import decode_value, encode_value
from cockpit.log.record import Arrays, Histogram1d, Histogram2d, Value
from tests.cases import loops
from tests.cases.case import Case
from tests.cases.expected import Finished, Wrong
from tests.cases.forms import perceptron
from tests.cases.run import Run
from tests.cases.running import trained, verdicts_of
from tests.cases.verdicts import COLUMNS, CURVATURE_STEP, judge


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("run")
    with torch.random.fork_rng(devices=[]):
        return trained(Case("perceptron", perceptron), folder), folder


def rewritten(folder: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> RunLog:
    """The log with each of its records changed."""
    lines = []
    for line in (folder / "log.jsonl").read_text().splitlines():
        record = json.loads(line)
        change(record)
        lines.append(json.dumps(record))
    (target / "log.jsonl").write_text("\n".join(lines) + "\n")
    return RunLog(target)


def finished(run: Run, log: RunLog) -> Finished:
    return Finished(run.case, log, run.moments, run.ends)


def spoiled(value: Value) -> Value:
    """The value with one number changed a little: the network's, an array's, or a count."""
    if isinstance(value, Arrays):
        first = value.layers[0] * 1.0001
        return replace(value, layers=(first, *value.layers[1:]))
    if isinstance(value, Histogram1d):
        return replace(value, network=replace(value.network, under=value.network.under + 1))
    if isinstance(value, Histogram2d):
        return replace(value, network=value.network + np.eye(*value.network.shape, dtype=int))
    by = 100.0 if value.notes.get("estimate") else 1.01 if "residual" in value.notes else 1.0001
    return replace(value, value=by * value.value)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_number_is_seen(run, name: str, tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        if record.get("step") == CURVATURE_STEP and name in record.get("values", {}):
            values = record["values"]
            if name == "Time":
                values[name]["value"] = 1e9
            else:
                values[name] = encode_value(spoiled(decode_value(values[name])))

    training, folder = run
    with pytest.raises(Wrong, match=name.split()[0]):
        judge(finished(training, rewritten(folder, tmp_path, change)))


def test_a_missing_reason_is_seen(run, tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record.get("values", {}).pop("NormTest", None)

    training, folder = run
    with pytest.raises(Wrong, match="without a reason"):
        judge(finished(training, rewritten(folder, tmp_path, change)))


def test_a_changed_training_is_seen(tmp_path: Path) -> None:
    def loop(run: Run) -> None:
        loops.plain(run)
        if run.cockpit is not None:
            nn.init.zeros_(run.model[0].bias)

    with pytest.raises(Wrong, match="changed the training"):
        verdicts_of(Case("meddling", perceptron, loop=loop), tmp_path)
