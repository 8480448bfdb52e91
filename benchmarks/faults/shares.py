"""Shares of runs, and how far they are to be trusted."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

DRAWS, SEED = 10_000, 0  # of the bootstrap


def percent(value: float) -> str:
    """With one decimal below 10 %; a dash for NaN.

    >>> percent(0.051), percent(0.51), percent(0.0)
    ('5.1%', '51%', '0%')
    """
    return "–" if value != value else f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"


@dataclass(frozen=True)
class Share:
    """How many of how many, with Wilson's interval of 95 %."""

    hits: int
    total: int

    @classmethod
    def of(cls, answers: Iterable[bool]) -> Share:
        """Of yes and no."""
        found = list(answers)
        return cls(sum(found), len(found))

    @property
    def value(self) -> float:
        """0 to 1; NaN if there is nothing."""
        return self.hits / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share is, in 95 % of such cases."""
        if not self.total:
            return 0.0, 1.0
        found = binomtest(self.hits, self.total).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        if not self.total:
            return "–"
        low, high = self.interval
        return f"{percent(self.value)} ({self.hits}/{self.total}; {percent(low)}–{percent(high)})"


@dataclass(frozen=True)
class Mean:
    """A mean over groups of runs (kinds of faults, programs), with an interval of 95 %.

    The interval is a bootstrap one: groups are drawn with replacement, as runs of a group are not
    independent of each other.
    """

    value: float
    low: float
    high: float
    groups: int

    @classmethod
    def of_shares(cls, groups: Mapping[str, Sequence[bool]]) -> Mean:
        """Of each group's share: each group counts the same."""
        return cls._drawn([(sum(hits) / len(hits), 1) for hits in groups.values() if hits])

    @classmethod
    def of_runs(cls, groups: Mapping[str, Sequence[bool]]) -> Mean:
        """Of all runs: each run counts the same, though groups are drawn whole."""
        return cls._drawn([(sum(hits), len(hits)) for hits in groups.values() if hits])

    @classmethod
    def _drawn(cls, groups: Sequence[tuple[float, int]]) -> Mean:
        if not groups:
            return cls(float("nan"), 0.0, 1.0, 0)
        hits, totals = np.array(groups, dtype=float).T
        drawn = np.random.default_rng(SEED).integers(len(hits), size=(DRAWS, len(hits)))
        means = hits[drawn].sum(1) / totals[drawn].sum(1)
        low, high = np.quantile(means, [0.025, 0.975])
        return cls(float(hits.sum() / totals.sum()), float(low), float(high), len(groups))

    def __str__(self) -> str:
        if not self.groups:
            return "–"
        return f"{percent(self.value)} ({percent(self.low)}–{percent(self.high)})"


def median(values: Iterable[float]) -> float:
    """NaN if there are none."""
    known = list(values)
    return statistics.median(known) if known else float("nan")
