"""Where a run would have been stopped, and what that would have cost."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from cockpit.log import RunLog
from cockpit.problems.data import ImageSet, Labeled

WINDOW = 10  # tracked steps of the running mean: single ones are noisy


def few(data: ImageSet, samples: int, seed: int) -> ImageSet:
    """The same data with few training samples, drawn by a seed: so few that a network overfits."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(data.train), generator=generator)[:samples]
    train = Labeled(data.train.images[chosen], data.train.labels[chosen])
    return dataclasses.replace(
        data, name=f"{data.name}, {samples} samples by seed {seed}", train=train
    )


@dataclass(frozen=True)
class Stopping:
    """A run that went on to its end, and the advice to stop that it was given.

    Attributes:
        steps: Tracked steps, [T].
        criterion: Running mean of ``EarlyStopping``, [T].
        valid_steps: Steps of the evaluations, [V].
        valid_loss: Loss on samples that are not trained on, [V].
        advised: Step at which to stop; None: never advised.
    """

    steps: np.ndarray
    criterion: np.ndarray
    valid_steps: np.ndarray
    valid_loss: np.ndarray
    advised: int | None

    @property
    def excess(self) -> float | None:
        """Loss where the advice stops, over the smallest one; None: never advised."""
        return None if self.advised is None else self._relative(self.advised)

    @property
    def excess_at_end(self) -> float:
        """Loss at the end over the smallest one: the cost of no advice."""
        return self._relative(self.valid_steps[-1])

    def _relative(self, step: float) -> float:
        loss = np.interp(step, self.valid_steps, self.valid_loss)
        return float(loss / self.valid_loss.min())


def stopping(log: RunLog) -> Stopping:
    """What the criterion would have done on a run."""
    found, valid = log.series("EarlyStopping"), log.user_series("valid_loss")
    mean = running_mean(found.value)
    return Stopping(found.step, mean, valid.step, valid.value, first_advice(found.step, mean))


def running_mean(values: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Mean of each value and those before it, at most ``window`` of them; [T]."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - window, 0)
    return (total[last] - total[first]) / (last - first)


def first_advice(steps: np.ndarray, mean: np.ndarray, window: int = WINDOW) -> int | None:
    """The first step at which a full window's mean is above 0."""
    above = np.flatnonzero(mean[window - 1 :] > 0)
    return int(steps[window - 1 + above[0]]) if above.size else None
