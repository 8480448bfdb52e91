from __future__ import annotations

import numpy as np
import pytest

from cockpit.instruments.panel import Axis, Heatmap
from cockpit.instruments.scales import to_scale
from cockpit.render.colorscale import color_scale
from cockpit.render.ticks import decade_text, linear_texts, log_ticks, symlog_ticks


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0, 0.5, 1], ["0", "0.5", "1.0"]),
        ([0, 0.25, 0.5], ["0", "0.25", "0.50"]),
        ([0, 250, 500], ["0", "250", "500"]),
        ([0, 2500, 5000], ["0", "2500", "5000"]),
        ([0, 5000, 10_000], ["0", "5k", "10k"]),
        ([2e6, 4e6], ["2M", "4M"]),
        ([1e-5, 2e-5], ["1e−5", "2e−5"]),
        ([-1, 0, 1], ["−1", "0", "1"]),
        ([0.0], ["0"]),
        ([], []),
    ],
)
def test_even_ticks(values, texts):
    assert linear_texts(values) == texts


def test_decades():
    assert [decade_text(e) for e in (-8, -2, 0, 3, 4, 12)] == [
        "10⁻⁸", "0.01", "1", "1000", "10⁴", "10¹²",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (1e-8, 1e3, ["10⁻⁸", "10⁻⁶", "10⁻⁴", "0.01", "1", "100"]),
        (30, 600, ["30", "100", "300"]),
        (2, 3.5, ["2", "3"]),
        (900, 9000, ["1000", "2000", "5000"]),
        (2e4, 9e5, ["3·10⁴", "10⁵", "3·10⁵"]),
    ],
)
def test_log_ticks(low, high, texts):
    found = [text for value, text in log_ticks(low, high) if low <= value <= high * 1.001]
    assert found == texts


@pytest.mark.parametrize(("low", "high"), [(1.2, 1.4), (1e-9, 2e12), (0.95, 1.05), (7e-5, 8e-5)])
def test_log_axes_always_have_two_ticks_within(low, high):
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 9
    assert all(low * 0.999 <= value <= high * 1.001 for value, _ in ticks)


def test_symlog_ticks_keep_their_distance():
    axis = Axis(scale="symlog", linthresh=0.01)
    ticks = symlog_ticks(-500, 20, axis)
    values = [value for value, _ in ticks]
    assert values == sorted(values)
    assert (0.0, "0") in ticks
    assert -100.0 in values
    positions = to_scale(np.array(values), axis)
    assert np.diff(positions).min() > np.ptp(to_scale(np.array([-500, 20]), axis)) / 8


def test_symlog_without_zero_in_sight():
    texts = [t for _, t in symlog_ticks(5.0, 2000.0, Axis(scale="symlog", linthresh=1.0))]
    assert "0" not in texts
    assert "1000" in texts


def heat(z, scale):
    z = np.array(z, dtype=float)
    return Heatmap(np.arange(z.shape[1] + 1.0), np.arange(z.shape[0] + 1.0), z, scale=scale)


def test_log_colors():
    scale = color_scale(heat([[1, 1000], [np.nan, 0]], "log"))
    np.testing.assert_array_equal(scale.cells, [[0, 3], [np.nan, np.nan]])
    assert (scale.low, scale.high, scale.diverging) == (0, 3, False)
    assert [text for _, text in scale.ticks] == ["1", "100"]  # little room


def test_log_colors_around_one_do_not_diverge():
    assert not color_scale(heat([[0.01, 100]], "log")).diverging


@pytest.mark.parametrize("kind", ["linear", "symlog"])
def test_colors_of_both_signs_have_zero_in_the_middle(kind):
    scale = color_scale(heat([[-1.0, 50.0, 0.2]], kind))
    assert scale.diverging
    assert scale.low == -scale.high
    at_zero = [position for position, text in scale.ticks if text == "0"]
    assert at_zero == [0.0]


@pytest.mark.parametrize("z", [[[5.0, 5.0]], [[np.nan]], [[np.inf]]])
def test_constant_and_empty_maps_have_a_range(z):
    scale = color_scale(heat(z, "linear"))
    assert scale.high > scale.low
