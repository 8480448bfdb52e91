"""Starts the processes of a test, and ends them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

DONE = "the job is done"
PROGRAM = "tests.distributed.program"
ROOT = Path(__file__).resolve().parents[2]


def launch(job: str, size: int, folder: Path, timeout: float = 240) -> list[str]:
    """Run a job of ``program`` on several ranks; what each has printed.

    Raises:
        AssertionError: If one fails, or all together take too long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with ExitStack() as ends:
        ranks = [
            subprocess.Popen(
                [sys.executable, "-m", PROGRAM, str(rank), str(size), str(folder), job],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for rank in range(size)
        ]
        for process in ranks:
            ends.enter_context(process)  # waits, and closes the pipe
        for process in ranks:
            ends.callback(process.kill)  # before that
        printed = [process.communicate(timeout=timeout)[0] for process in ranks]
    for rank, text in enumerate(printed):
        # Not the exit status: torch's fully_shard on gloo sometimes aborts when a process ends.
        assert DONE in text, f"rank {rank} of {job}:\n{text}"
    return printed
