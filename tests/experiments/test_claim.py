"""Intervals over seeds, and what follows from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from examples.experiments.gallery import above, below, both, interval
from examples.experiments.gallery.claim import Scale


def test_the_interval_is_that_of_students_t() -> None:
    values = [1.0, 2.0, 4.0, 5.5]
    found = interval(values)
    half = 3.18244631 * np.std(values, ddof=1) / 2  # the 97.5 % quantile with 3 degrees of freedom
    assert found.mean == pytest.approx(3.125)
    assert (found.low, found.high) == pytest.approx((3.125 - half, 3.125 + half))
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_one_value_says_nothing_of_its_interval() -> None:
    assert (interval([2.0]).low, interval([2.0]).high) == (-math.inf, math.inf)
    assert str(interval([2.0])) == "2 (1 seed)"
    assert str(interval([1.0, 1.0, 1.0])) == "1 (1 to 1, 3 seeds)"


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0], [2.0]]])
def test_what_has_no_mean_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        interval(values)


@pytest.mark.parametrize(
    ("values", "answer"),
    [([1.0, 1.1, 1.2], True), ([-1.0, -1.1, -1.2], False), ([-1.0, 1.0, 0.5], None),
     ([5.0, 5.0], None)],
)  # fmt: skip
def test_a_threshold_in_the_interval_or_too_few_seeds_leave_it_open(
    values: list[float], answer: bool | None
) -> None:
    found = interval(values)
    assert above(found, 0.0) is answer
    assert below(found, 0.0) is (None if answer is None else not answer)


def test_ratios_have_their_mean_on_a_logarithmic_scale() -> None:
    found = interval([0.5, 1.0, 4.0], "log")
    expected = interval(np.log([0.5, 1.0, 4.0]))
    assert found.mean == pytest.approx(2 ** (1 / 3))
    assert np.log([found.low, found.high]) == pytest.approx([expected.low, expected.high])
    assert interval([2.0], "log").low == 0


def test_ends_go_no_further_than_values_can() -> None:
    correlation = interval([0.9, 0.99], "atanh")
    assert -1 < correlation.low < 0.9
    assert 0.99 < correlation.high < 1
    share = interval([0.001, 0.0, 0.01], within=(0, 1))
    assert (share.low, share.mean) == (0, pytest.approx(0.011 / 3))
    assert interval([0.5], within=(0, 1)).high == 1


@pytest.mark.parametrize(("values", "scale"), [([1.0, 0.0], "log"), ([1.0, 0.5], "atanh")])
def test_values_beyond_the_scale_are_refused(values: list[float], scale: Scale) -> None:
    with pytest.raises(ValueError, match=f"on a {scale} scale"):
        interval(values, scale)


def test_one_that_does_not_hold_decides() -> None:
    assert both(True, True) is True
    assert both(True, None) is None
    assert both(None, False, True) is False
