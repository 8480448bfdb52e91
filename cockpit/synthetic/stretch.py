"""A stretch of steps of a made-up training, and what a quantity says at each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cockpit.log.record import Layer
from cockpit.synthetic.course import Course

BATCH_SIZE = 128


@dataclass
class Stretch:
    """Steps for which numbers are made up at once.

    Attributes:
        steps: int64, shape [T].
        course: How the training goes.
        layers: The model's named parameters.
        rng: Source of randomness of one quantity on these steps.
    """

    steps: np.ndarray
    course: Course
    layers: tuple[Layer, ...]
    rng: np.random.Generator

    @property
    def progress(self) -> np.ndarray:
        """From 0 to 1, shape [T]."""
        return self.course.progress(self.steps)

    @property
    def learned(self) -> np.ndarray:
        """From 0 to 1, or less far where the learning rate is bad, shape [T]."""
        return self.course.learned(self.steps)

    @property
    def trouble(self) -> np.ndarray:
        """What values are multiplied with, shape [T]."""
        return self.course.trouble(self.steps)

    def normal(self, *width: int) -> np.ndarray:
        """Standard normal numbers, shape [T, *width]."""
        return self.rng.standard_normal((len(self.steps), *width))

    def noisy(self, values: np.ndarray, scale: float = 0.05) -> np.ndarray:
        """Values with multiplicative noise, and with the trouble of the training, shape [T]."""
        return np.asarray(values * np.exp(scale * self.normal()) * self.trouble)

    @property
    def gradient_scale(self) -> np.ndarray:
        """Typical size of an individual gradient element, shape [T]."""
        scale = 0.03 * np.exp(-1.5 * self.learned) + 0.005
        return np.asarray(4 * scale * self.trouble)

    @property
    def depth_scale(self) -> np.ndarray:
        """Size of each layer's gradient, 1 for the largest, shape [L]."""
        depth = np.arange(len(self.layers)) / max(len(self.layers) - 1, 1)
        fade = self.course.fade
        return np.exp(fade * (depth - 1 if fade > 0 else depth))


@dataclass(frozen=True)
class Column:
    """The numbers of one quantity over a stretch.

    Attributes:
        values: Network-wide, shape [T].
        layers: By layer, shape [T, L]; ``None`` for a scalar.
        notes: One for each step, or one for all.
    """

    values: np.ndarray
    layers: np.ndarray | None = None
    notes: list[dict[str, Any]] | dict[str, Any] = field(default_factory=dict)

    def notes_at(self, row: int) -> dict[str, Any]:
        """The notes of a row."""
        return self.notes if isinstance(self.notes, dict) else self.notes[row]
