"""Logs with lamp lines, for tests of what shows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Facts, Scalar, Value
from tests.synthetic import make_header, make_layers

__all__ = ["Watched", "watched"]

NAMES = ("Loss", "Alpha", "NormTest")


class Watched:
    """The log of a run that lamps watch, written line by line.

    Args:
        folder: Of the run.
        header: What its header says besides.
    """

    def __init__(self, folder: Path, **header: Any) -> None:
        layers = make_layers(2)
        about = make_header(layers, NAMES)
        about["quantities"]["Facts"] = {"kind": "facts", "tier": "economy"}
        self.writer = LogWriter(folder, {**about, "lamps": True, **header})
        self.next = 0

    def steps(self, count: int, facts: dict[str, Any] | None = None) -> None:
        """Append steps, with these facts."""
        for step in range(self.next, self.next + count):
            values: dict[str, Value] = {name: Scalar(1.0 + 1 / (1 + step)) for name in NAMES}
            if facts is not None:
                values["Facts"] = Facts(facts)
            self.writer.step(step, values, time=0.1 * step, batch_size=8, lr=[0.1])
        self.next += count

    def lamp(self, name: str, state: str = "on", **fields: Any) -> None:
        """Append a line about a lamp at the last step."""
        step = self.next - 1
        said = {
            "lamp": name, "state": state, "level": "caution", "since": step, "evidence": "",
            "numbers": {}, "layers": [], "cause": None, "suggestion": None, **fields,
        }  # fmt: skip
        self.writer.lamp(step, said, time=0.1 * step)

    @property
    def log(self) -> RunLog:
        """What is there so far."""
        return RunLog(self.writer.path)


@contextmanager
def watched(folder: Path, **header: Any) -> Iterator[Watched]:
    """A run that lamps watch; closed in the end, without an end record."""
    run = Watched(folder, **header)
    try:
        yield run
    finally:
        run.writer.close()
