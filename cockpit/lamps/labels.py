"""The classes of the tracked batches: how many there were of each, and how they lie together."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from cockpit.lamps.course import Course, once_a_step
from cockpit.lamps.statistics import left

__all__ = ["Labels", "is_a_place", "several_each"]

RECENT = 32  # tracked batches, besides the first ones
PRIOR = 2.0  # samples that are added, so that a few say little
LONG, LEFT = 32, 0.5  # tracked steps, and share of the first loss that a single class never keeps


@dataclass(frozen=True)
class Labels:
    """Labels of tracked batches.

    Attributes:
        counts: How many of each class each batch has, shape [batches, classes].
    """

    counts: np.ndarray

    @classmethod
    def of(cls, course: Course) -> Labels | None:
        """Of the first tracked steps and the last ones; ``None`` if there are no counts.

        Args:
            course: The run so far. Several lamps ask at each step; it is counted once.
        """
        return _counted(course)

    @functools.cached_property
    def totals(self) -> np.ndarray:
        """Of each class in all batches, shape [classes]."""
        return np.asarray(self.counts.sum(0))

    @functools.cached_property
    def seen(self) -> int:
        """How many classes there were."""
        return int(np.count_nonzero(self.totals))

    @functools.cached_property
    def samples(self) -> int:
        """How many labels."""
        return int(self.totals.sum())

    @property
    def width(self) -> float:
        """As many equally frequent classes would be as hard to guess twice in a row, 1 / Σ p²."""
        return float(self.totals.sum() ** 2 / (self.totals**2).sum()) if self.samples else 0.0

    @property
    def evenness(self) -> float:
        """Entropy of the classes, relative to that of as many that are equally frequent.

        1: all classes that were seen are equally frequent; 0: there is but one.
        """
        found = self.totals[self.totals > 0]
        if len(found) < 2:
            return 0.0
        shares = (found + PRIOR / len(found)) / (found.sum() + PRIOR)
        return float(-(shares * np.log(shares)).sum() / np.log(len(found)))

    @functools.cached_property
    def pairs(self) -> float:
        """Number of pairs of samples that are in the same batch."""
        sizes = self.counts.sum(1)
        return float((sizes * (sizes - 1)).sum() / 2)

    @property
    def clustering(self) -> float:
        """How far the batches are from random draws of all samples: 0 no more, 1 one class each.

        κ = (w − p) / (1 − p), with w the share of pairs within a batch that have the same label,
        and p that of all pairs of samples. Both count pairs of different samples, so that κ is 0
        on average for random batches of any size. NaN for one class, or without pairs.
        """
        totals, samples = self.totals, float(self.samples)
        if self.seen < 2 or not self.pairs:
            return float("nan")
        alike = (totals * (totals - 1)).sum() / (samples * (samples - 1))
        within = (self.counts * (self.counts - 1)).sum() / (2 * self.pairs)
        return float((within - alike) / (1 - alike)) if alike < 1 else float("nan")


@once_a_step
def _counted(course: Course) -> Labels | None:
    recent = list(course.steps)[-RECENT:]
    early = [step for step in course.first if step.step < recent[0].step]
    found = [s.facts.get("targets.counts") for s in (*early, *recent)]
    given = [counts for counts in found if counts]
    if not given:
        return None
    table = np.zeros((len(given), max(map(len, given))))
    for row, counts in zip(table, given, strict=True):
        row[: len(counts)] = counts
    return Labels(table)


def several_each(course: Course) -> bool:
    """Whether each sample has several labels (pixels, words), as axes or flattened.

    Args:
        course: The run so far.
    """
    count, *others = course.shape_of("targets") or (0,)
    size = course.samples
    return math.prod(others) > 1 or (0 < size < count and count % size == 0)


def is_a_place(course: Course) -> bool:
    """Whether labels that are all the same are no class, as in contrastive losses (InfoNCE).

    There a label is the place of the right answer, always the first. A single real class is learned
    at once, by a bias alone: after 32 tracked steps less than half of the first loss is left.

    Args:
        course: The run so far, in which there was one label only.
    """
    share = left(course)
    return course.count >= LONG and share is not None and share > LEFT
