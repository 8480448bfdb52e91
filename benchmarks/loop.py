"""A training loop that goes on with and without a cockpit, and how both are compared.

Plain and tracked steps take turns in one process, on one network and the same stream of batches, so
that the machine's mood cancels out. A round compares a window of tracked steps with as many plain
ones; the median over the rounds is told, with the quartiles. The first two tracked steps of a
cockpit do what is done once, or rarely, and are in no window. A plain step is zero_grad, forward,
loss, backward, optimizer step; loading the batch is not in it.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.networks import Workload
from cockpit import Cockpit, CockpitWarning, RunLog
from cockpit.configuration import Configuration
from cockpit.quantities.base import Quantity

Config = Configuration | Iterable[Quantity]
BLOCK = 0.03  # seconds: what is shorter is noise, so a window has as many steps as this takes


@dataclass(frozen=True)
class Effort:
    """How long is measured.

    Attributes:
        name: For the tables.
        seconds: For each cell of a table: no further round begins when they are over.
        least: Rounds that are made in any case.
        most: Rounds at most.
        window: Seconds that a window of plain steps may take; longer ones are computed.
        run: Seconds of a training run for memory or the eigenvalue, of one network.
        warm_up: At most so many training steps before anything is timed.
        memory: The configurations whose memory is measured, each in a process of its own.
        skips: Networks whose eigenvalues are left out, as the reference takes long.
    """

    name: str
    seconds: float
    least: int
    most: int
    window: float
    run: float
    warm_up: int
    memory: tuple[str, ...]
    skips: tuple[str, ...] = ()

    def rounds(self) -> Iterator[int]:
        """Numbers of rounds, as long as there is time for another."""
        began = time.perf_counter()
        for number in range(self.most):
            if number >= self.least and time.perf_counter() - began > self.seconds:
                return
            yield number


SHORT = Effort(
    "short",
    seconds=0.2,
    least=2,
    most=15,
    window=0.2,
    run=0.7,
    warm_up=60,
    memory=("economy", "full"),
    skips=("All-CNN-C", "ResNet-18"),
)
FULL = Effort(
    "full",
    seconds=12,
    least=7,
    most=51,
    window=8,
    run=60,
    warm_up=100,
    memory=("economy", "business", "full"),
)
TINY = Effort(
    "tiny", seconds=0, least=2, most=2, window=0.01, run=0, warm_up=2, memory=("economy",)
)


@dataclass(frozen=True)
class Ratio:
    """Time of tracked steps over that of plain ones.

    Attributes:
        ratio: Median over the rounds.
        low: First quartile.
        high: Third quartile.
        rounds: How many there were.
        recorded: The quantities that were there.
        reasons: Why others were not, as the log says it.
    """

    ratio: float
    low: float
    high: float
    rounds: int
    recorded: frozenset[str]
    reasons: str


class Loop:
    """Trains a network, step by step.

    Attributes:
        plain: Seconds of a plain step, the median of some after the warm-up.
    """

    def __init__(self, workload: Workload, device: str, warm_up: int) -> None:
        self.workload = workload
        self.device = device
        self.model = workload.make().to(device)
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=workload.lr)
        batches = workload.batches()
        self._batches = itertools.chain([next(batches)], batches)  # the data are loaded now
        steps = min(warm_up, workload.warm_up)
        self.plain = statistics.median([self.step() for _ in range(steps)][-10:]) if steps else 0.0

    def step(self, cockpit: Cockpit | None = None, number: int = 0) -> float:
        """Make a step; its seconds."""
        x, y = (tensor.to(self.device) for tensor in next(self._batches))
        self.synchronize()
        began = time.perf_counter()
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.model(x), y)
        if cockpit is None:
            loss.backward()
        else:
            with cockpit(number):
                loss.backward()
        self.optimizer.step()
        self.synchronize()
        return time.perf_counter() - began

    def beside(self, measure: Callable[[Callable[[], Tensor], list[Tensor]], float]) -> float:
        """What a function makes of the coming step's loss, on a twin of the network.

        Args:
            measure: Called with the loss, as a function without arguments, and the parameters.
        """
        batch = next(self._batches)
        self._batches = itertools.chain([batch], self._batches)
        x, y = (tensor.to(self.device) for tensor in batch)
        twin = self.workload.make().to(self.device)
        twin.load_state_dict(self.model.state_dict())
        with torch.random.fork_rng():  # dropout will draw the same in the step
            return measure(lambda: nn.CrossEntropyLoss()(twin(x), y), list(twin.parameters()))

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def cockpit(self, config: Config, folder: Path) -> Cockpit:
        """A cockpit around this loop."""
        return Cockpit(self.model, self.loss_fn, self.optimizer, config, folder)

    def track(self, cockpit: Cockpit, windows: Windows, steps: int) -> float:
        """The seconds of a window of steps in a cockpit.

        A step before it attaches the cockpit, and one after it completes the records and detaches.
        """
        first = windows.open(steps)
        self.step(cockpit, first - 1)
        seconds = sum(self.step(cockpit, number) for number in range(first, first + steps))
        self.step(cockpit, first + steps)
        return seconds

    def compare(self, config: Callable[[Windows], Config], interval: int, effort: Effort) -> Ratio:
        """Tracked against plain.

        Args:
            config: What is tracked, from when.
            interval: Distance of tracked steps.
            effort: How long.
        """
        blocks = max(1, round(BLOCK / (interval * self.plain)))
        steps = interval * min(blocks, 16)
        ratios, windows = [], Windows(interval)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore", CockpitWarning)  # the tables tell what is absent
            with self.cockpit(config(windows), Path(folder)) as cockpit:
                self.track(cockpit, windows, interval + 1)  # what is done once is done
                for _ in effort.rounds():
                    self.step()  # brings back into the caches what plain steps use
                    plain = sum(self.step() for _ in range(steps))
                    ratios.append(self.track(cockpit, windows, steps) / plain)
            names, reasons = recorded(Path(folder))
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return Ratio(middle, low, high, len(ratios), names, reasons)


class Windows:
    """Tracks each ``interval``-th step of the present window, from its first one on.

    Before and after each window there is a step that is in none.
    """

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self._first = self._end = 0

    def open(self, steps: int) -> int:
        """Begin the next window, of so many steps; its first one."""
        self._first = self._end + 1 + bool(self._end)
        self._end = self._first + steps
        return self._first

    def __call__(self, step: int) -> bool:
        """Whether the step is tracked."""
        return self._first <= step < self._end and (step - self._first) % self.interval == 0


def recorded(folder: Path) -> tuple[frozenset[str], str]:
    """What a run's records hold, and why the rest is absent."""
    log = RunLog(folder)
    reasons = [
        event["message"]
        for event in log.events
        if event["kind"] == "absent" or event["level"] == "warning"
    ]
    return frozenset(log.quantities), "; ".join(dict.fromkeys(reasons))


def told(ratio: Ratio) -> dict[str, Any]:
    """A ratio as the tables keep it."""
    return {
        "ratio": ratio.ratio,
        "low": ratio.low,
        "high": ratio.high,
        "rounds": ratio.rounds,
    }
