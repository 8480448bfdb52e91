"""A training loop in which an adviser chooses the size of the next batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cockpit import Cockpit
from cockpit.problems import Problem, evaluate_all, parameter_groups
from cockpit.problems.data import DataSet, Samples
from cockpit.problems.training import Watch
from cockpit.quantities import CABS, Loss, NormTest
from cockpit.schedules import linear

EVERY = 4  # steps from one piece of advice to the next
SMALLEST, LARGEST = 2, 1024  # sizes that advice may lead to
LIMIT = 0.9  # of the norm test, by Byrd et al. (2012)
MEMORY = 0.9  # of the running mean of what CABS suggests
TEST_SAMPLES = 5000
RULES = {"every": EVERY, "sizes": [SMALLEST, LARGEST], "limit": LIMIT, "memory": MEMORY,
         "test_samples": TEST_SAMPLES}  # fmt: skip

Advice = Callable[[Mapping[str, float], float], float]
"""The next size, from the values of the batch and the size before."""


def new(latest: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """What was found since: a value that is the same to the last digit is of an older batch."""
    return {name: value for name, value in latest.items() if value != before.get(name)}


def by_cabs(latest: Mapping[str, float], size: float) -> float:
    """What CABS suggests, as a running mean: single suggestions are noisy."""
    suggested = latest.get("CABS", math.nan)
    if not math.isfinite(suggested):
        return size
    return _within(MEMORY * size + (1 - MEMORY) * suggested)


def by_norm_test(latest: Mapping[str, float], size: float) -> float:
    """Enlarged where the norm test fails, to where it would just pass; never made smaller."""
    radius = latest.get("NormTest", math.nan)
    if not LIMIT < radius < math.inf:
        return size
    return _within(size * (radius / LIMIT) ** 2)


def fixed(latest: Mapping[str, float], size: float) -> float:
    """No advice."""
    return size


def _within(size: float) -> float:
    return min(max(size, SMALLEST), LARGEST)


ADVICE: dict[str, Advice] = {"fixed": fixed, "CABS": by_cabs, "NormTest": by_norm_test}


@dataclass(frozen=True)
class Plan:
    """How to train, and for how long.

    Attributes:
        samples: Number of samples to train on, repeated ones included.
        lr: Learning rate of plain SGD.
        size: Of the first batch.
        advice: Whose: a key of :data:`ADVICE`.
        seed: Of the network and the order of the data.
    """

    samples: int
    lr: float
    size: int
    advice: str
    seed: int

    def recipe(self, problem: Problem, data: DataSet) -> dict[str, Any]:
        """All that decides the course of the run."""
        about = {"problem": problem.key, "l2": problem.l2, "data": data.name, **RULES}
        return {**about, "steps": self.most_steps, **vars(self)}

    @property
    def most_steps(self) -> int:
        """The run has no more steps than this."""
        smallest = self.size if self.advice == "fixed" else min(self.size, SMALLEST)
        return -(-self.samples // smallest)


class _Stream:
    """Samples in a random order, over and over, in batches of any size."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self._samples = samples
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.zeros(0, dtype=torch.int64)

    def take(self, size: int) -> tuple[Tensor, Tensor]:
        while len(self._order) < size:
            again = torch.randperm(len(self._samples), generator=self._generator)
            self._order = torch.cat((self._order, again))
        chosen, self._order = self._order[:size], self._order[size:]
        return self._samples.take(chosen)


def train(problem: Problem, data: DataSet, plan: Plan, folder: Path, watch: Watch) -> None:
    """Train on as many samples as planned; the log has ``samples`` and their ``size`` besides."""
    torch.manual_seed(plan.seed)
    samples, test = problem.view(data)
    model, loss_fn = problem.model(plan.seed), problem.loss()
    optimizer = torch.optim.SGD(parameter_groups(model, problem.l2), lr=plan.lr)
    stream, advice = _Stream(samples, plan.seed), ADVICE[plan.advice]
    used, step, size, before = 0, 0, float(plan.size), dict[str, float]()
    with Cockpit(model, loss_fn, optimizer, config=_tracked(plan), logdir=folder) as cockpit:
        while used < plan.samples:
            inputs, targets = stream.take(min(round(size), plan.samples - used))
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            with cockpit(step):
                loss.backward()
            optimizer.step()
            used += len(inputs)
            cockpit.log(step, samples=used, size=len(inputs))
            if step % EVERY == 0:
                size = advice(new(cockpit.latest, before), size)
                before = cockpit.latest
            watch(step, cockpit)
            step += 1
        score = evaluate_all(problem, model, test, 500, limit=TEST_SAMPLES)
        cockpit.log(step - 1, valid_loss=score.loss, valid_accuracy=score.metric)


def _tracked(plan: Plan) -> list[Any]:
    adviser = {"fixed": [], "CABS": [CABS(linear(EVERY))], "NormTest": [NormTest(linear(EVERY))]}
    return [Loss(linear(EVERY)), *adviser[plan.advice]]
