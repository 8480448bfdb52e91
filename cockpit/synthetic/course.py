"""How a made-up training goes: how fast it learns, and what goes wrong in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

USUAL_LR = 0.05
UNTIL_INFINITE = 8  # steps from the first exploding value to the first infinite one


@dataclass(frozen=True)
class Course:
    """The course of a made-up training; all made-up numbers follow from it.

    Attributes:
        steps: How many there are to be; progress is measured against it.
        seed: Of all random numbers.
        lr: Learning rate. The usual one trains well; smaller ones creep, larger ones bounce.
        diverge_at: From this step on values explode; eight steps later they are ±Inf, then NaN.
        nan_at: At this one step all values are NaN.
        spike_at: At this one step all values are a thousand times as large.
        fade: Logarithm of the ratio of gradients at the output to those at the input.
    """

    steps: int = 200
    seed: int = 0
    lr: float = USUAL_LR
    diverge_at: int | None = None
    nan_at: int | None = None
    spike_at: int | None = None
    fade: float = -1.5

    @property
    def relative_lr(self) -> float:
        """The learning rate in units of one that trains well."""
        return self.lr / USUAL_LR

    @property
    def pace(self) -> float:
        """How fast it learns: 1 at the usual learning rate, less on either side."""
        ratio = self.relative_lr
        return float(ratio**0.5 if ratio < 1 else ratio**-0.3)

    def progress(self, steps: np.ndarray) -> np.ndarray:
        """0 at the start, 1 at the end and beyond; shape of ``steps``."""
        return np.minimum(steps / max(self.steps, 1), 1.0)

    def learned(self, steps: np.ndarray) -> np.ndarray:
        """Progress as far as the learning rate lets it come; shape of ``steps``."""
        return self.progress(steps) * self.pace

    def rates(self, steps: np.ndarray) -> np.ndarray:
        """The learning rate, a tenth of it in the second half; shape of ``steps``."""
        return np.where(steps < self.steps / 2, self.lr, self.lr / 10)

    def trouble(self, steps: np.ndarray) -> np.ndarray:
        """What values are multiplied with: 1 while all is well; shape of ``steps``."""
        factor = np.ones(len(steps))
        if self.diverge_at is not None:
            since = steps - self.diverge_at
            factor = np.where(since >= 0, 4.0 ** np.clip(since + 1, 0, UNTIL_INFINITE), factor)
            factor[since >= UNTIL_INFINITE] = np.inf
            factor[since > UNTIL_INFINITE] = np.nan
        if self.spike_at is not None:
            factor[steps == self.spike_at] *= 1e3
        if self.nan_at is not None:
            factor[steps == self.nan_at] = np.nan
        return factor

    @property
    def first_nonfinite(self) -> int | None:
        """The first step at which values are not finite, if there is one."""
        found = [] if self.nan_at is None else [self.nan_at]
        if self.diverge_at is not None:
            found.append(self.diverge_at + UNTIL_INFINITE)
        return min(found, default=None)
