"""A program that ends without close(), where the compiled loops use threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cockpit import RunLog
from cockpit.backward import loops

PROGRAM = """
import sys, torch
from torch import nn
from cockpit import Cockpit
from cockpit.backward import kernels

kernels.WORTH_A_THREAD = 1
torch.set_num_threads(2)
model = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 3))
loss_fn, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
cockpit = Cockpit(model, loss_fn, optimizer, logdir=sys.argv[1])
for step in range(4):
    loss = loss_fn(model(torch.randn(8, 20)), torch.randint(0, 3, (8,)))
    with cockpit(step):
        loss.backward()
    if step < 3:
        optimizer.step()
if sys.argv[2] == "error":
    raise KeyError("of the user")
"""


@pytest.mark.parametrize("way", ["end", "error"])
def test_nothing_that_was_computed_is_lost(way: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), way]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ("KeyError: 'of the user'" in done.stderr) == (way == "error"), done.stderr
    log = RunLog(tmp_path)
    assert log.status == "interrupted"
    assert log.series("Loss").step.tolist() == [0, 1, 2, 3]
    assert log.series("Alpha").step.tolist() == [0, 1, 2]
    assert not any(event["kind"] == "fault" for event in log.events)


def test_no_place_for_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither beside the package nor in HOME: then it is compiled in each program."""
    asked = []

    def njit(**options: object):
        asked.append(options["cache"])
        if options["cache"]:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(loops, "njit", njit)
    assert loops._compiled(abs) is abs
    assert asked == [True, False]
