"""kill -9 at random moments: every record whose call returned is there, and all can go on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cockpit.log import RunLog

KILLS = 40

# For each line it gets, starts a process that opens the log and writes records, large ones too, as
# fast as it can, and tells which were written; then waits for its death.
LAUNCHER = """
import os, sys
import numpy as np
from cockpit.log import LogWriter
from cockpit.log.record import Arrays, Scalar

def write(step):
    large = Arrays((np.random.default_rng(0).standard_normal(20_000),))
    writer = LogWriter(sys.argv[1], {})
    os.write(1, b"%d\\n" % os.getpid())
    while True:
        values = {"Loss": Scalar(step), **({"Parameters": large} if step % 3 else {})}
        writer.step(step, values, time=0.0)
        os.write(1, b"%d\\n" % step)
        step += 1

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        write(int(line))
    os.waitpid(pid, 0)
    os.write(1, b"dead\\n")
"""


def write_until_killed(launcher: subprocess.Popen[str], first: int, seconds: float) -> int:
    """How many records, from ``first`` on, a process said it had written when it was killed."""
    assert launcher.stdin is not None
    assert launcher.stdout is not None
    launcher.stdin.write(f"{first}\n")
    launcher.stdin.flush()
    pid = int(launcher.stdout.readline())
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    told = list(iter(launcher.stdout.readline, "dead\n"))
    assert told == [f"{first + i}\n" for i in range(len(told))]
    return len(told)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
def test_kill_9_loses_at_most_the_record_being_written(tmp_path: Path) -> None:
    rng = random.Random(0)
    log_file = tmp_path / "log.jsonl"
    log_file.touch()
    log = RunLog(log_file)
    torn, ends_torn = 0, False
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as launcher:
        for attempt in range(1, KILLS + 1):
            torn += ends_torn
            written = len(log.series("Loss"))
            told = write_until_killed(launcher, written, rng.uniform(0, 0.015))
            log.refresh()
            recorded = log.series("Loss")
            assert len(recorded) - written - told in (0, 1)  # killed before it could tell
            assert recorded.value.tolist() == list(range(len(recorded)))
            assert (log.attempts, log.skipped_lines) == (attempt, 0)
            repairs = [event for event in log.events if event["kind"] == "repair"]
            assert len(repairs) == torn
            ends_torn = ends_with(log_file) != b"\n"
    assert log.last_step is not None
    assert log.last_step > KILLS
    assert all(isinstance(json.loads(x), dict) for x in log_file.read_bytes().split(b"\n")[:-1])


def ends_with(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read()
