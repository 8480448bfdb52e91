"""The logarithmic horizontal axis: the start has a place, early steps have room, peaks stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.instruments import View, get, panels
from cockpit.instruments.decimation import decimate, envelope, stretches
from cockpit.instruments.history import Curve
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.panel import Band, Heatmap, Line, Panel, Region, Rule
from cockpit.instruments.smoothing import radii_on_log_axis, smooth
from cockpit.log import RunLog
from tests.instruments.logs import write_log
from tests.synthetic import write_run

LOG = View(x_scale="log")


def test_zero_stands_at_half_the_first_step_beyond(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0] * 4}, steps=[0, 10, 20, 30])
    horizontal = Horizontal(log, LOG)
    assert horizontal.positions(np.array([0, 10, 30])).tolist() == [5, 10, 30]
    assert horizontal.axis.scale == "log"
    assert horizontal.axis.label == "step"  # as that of a run without a step 0, to lay them over


def test_without_anything_beyond_zero(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0]})
    assert Horizontal(log, LOG).positions(np.array([-1, 0, 2])).tolist() == [0.5, 0.5, 2]


@pytest.mark.parametrize("x", ["step", "epoch", "time"])
def test_every_instrument_lies_on_positive_positions(tmp_path, x):
    log = RunLog(write_run(tmp_path / "full", steps=120, diverge_at=90))
    label = Horizontal(log, View(x=x, x_scale="log")).axis.label
    seen = 0
    for one, panel in panels(log, View(x=x, x_scale="log", step=60)):
        for part in (panel, *panel.side.values()):
            if part.x.label != label:
                continue
            seen += 1
            at = np.concatenate([positions(mark) for mark in part.marks])
            assert (at[~np.isnan(at)] > 0).all(), one.name
    assert seen > 12


def positions(mark) -> np.ndarray:
    if isinstance(mark, Heatmap):
        return mark.x_edges
    if isinstance(mark, Rule | Region):
        upright = "vertical" in (getattr(mark, "orientation", ""), getattr(mark, "shape", ""))
        ends = [mark.at] if isinstance(mark, Rule) else [mark.low, mark.high]
        return np.array(ends if upright else [1.0])
    return np.asarray(getattr(mark, "x", [1.0]), dtype=float)


def test_a_window_is_cut_to_what_the_axis_has(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0] * 9})
    assert Horizontal(log, View(x_scale="log", window=(-3, 6))).axis.range == (0.5, 6)
    horizontal = Horizontal(log, View(x_scale="log", window=(-3, -1)))
    assert horizontal.axis.range is None
    curve = Curve(np.arange(9), np.arange(9.0))
    assert len(horizontal.clip(curve).step) == 9


def test_one_position_has_room_around_it(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0]})
    panel = get("loss")(log, LOG)
    low, high = panel.x.range
    assert 0 < low < high


def test_early_steps_have_their_share_of_the_points():
    x = np.arange(1.0, 100_001)
    at, _ = decimate(x, np.sin(x), 800, "log")
    assert len(at) <= 800
    assert (at < 100).sum() > 80
    plain, _ = decimate(x, np.sin(x), 800)
    assert (plain < 100).sum() < 5


@given(st.integers(0, 4_999), st.integers(10, 400))
def test_no_peak_is_lost(place, most):
    x, y = np.arange(1.0, 5_001), np.zeros(5_000)
    y[place] = 7.0
    at, values = decimate(x, y, most, "log")
    assert len(at) <= most
    assert (np.diff(at) > 0).all()
    assert values[at == x[place]].tolist() == [7.0]
    _, low, high = envelope(x, y, most, "log")
    assert (low.min(), high.max()) == (0.0, 7.0)


def test_gaps_stay_gaps():
    y = np.full(2_000, np.nan)
    y[:100] = 1.0
    x = np.arange(1.0, 2_001)
    _, values = decimate(x, y, 100, "log")
    assert np.isnan(values[-1])
    _, low, high = envelope(x, y, 50, "log")
    assert np.isnan([low[-1], high[-1]]).all()
    assert low[0] == high[0] == 1.0


def test_stretches_cover_everything_once():
    x = np.array([0.5, 1, 2, 3, 1e6])
    bounds = stretches(x, 10, "log")
    assert bounds[0] == 0
    assert bounds[-1] == 5
    assert (np.diff(bounds) > 0).all()
    assert stretches(np.ones(3), 10, "log").tolist() == [0, 3]
    assert stretches(x, 2).tolist() == [0, 2, 5]


def test_a_steep_beginning_is_not_smoothed_away():
    y = 100.0 * np.exp(-np.arange(10_000) / 5) + 1
    even = smooth(y, 250)
    graded = smooth(y, radii_on_log_axis(len(y), 250))
    assert graded[:8] == pytest.approx(y[:8])
    assert abs(even[5] - y[5]) > 10 * abs(graded[5] - y[5])
    assert radii_on_log_axis(10_000, 250).max() == 250


def test_curve_of_a_long_run(tmp_path):
    log = RunLog(write_run(tmp_path / "long", steps=3_000, quantities=("Loss",)))
    panel: Panel = get("loss")(log, LOG)
    line = next(mark for mark in panel.marks if isinstance(mark, Line) and mark.smoothed)
    assert line.x[0] == 0.5
    assert (line.x < 30).sum() >= 30
    assert any(isinstance(mark, Band) for mark in panel.marks)


def test_only_two_scales():
    with pytest.raises(ValueError, match="x_scale must be 'linear' or 'log'"):
        View(x_scale="symlog")
