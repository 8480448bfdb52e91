from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cockpit.instruments import View
from cockpit.instruments.history import (
    Curve,
    curve_marks,
    history_panel,
    isolated,
    nonfinite_marks,
    series_style,
    value_at,
)
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.panel import Axis, Band, Line, Points, Region, Rule
from tests.instruments.logs import write_log

NAN, INF = float("nan"), float("inf")


def test_few_values_are_drawn_as_they_are():
    x, y = np.arange(3), np.array([1.0, 4.0, 2.0])
    (line,) = curve_marks(x, Curve(x, y, "loss", "secondary", dash=True), Axis(), View())
    np.testing.assert_array_equal(line.x, x)
    np.testing.assert_array_equal(line.y, y)
    assert (line.label, line.role, line.dash, line.faint) == ("loss", "secondary", True, False)


def test_many_values_are_smoothed_over_their_raw_line():
    x = np.arange(200)
    y = 1 + 0.1 * (-1.0) ** x
    raw, line = curve_marks(x, Curve(x, y, "loss"), Axis(), View())
    assert raw.faint
    np.testing.assert_array_equal(raw.y, y)
    assert line.label == "loss"
    assert np.abs(line.y[20:-20] - 1).max() < 0.02


def test_very_many_values_are_smoothed_over_a_band_that_keeps_extremes():
    x = np.arange(5000)
    y = np.ones(5000)
    y[777] = 9.0
    band, line = curve_marks(x, Curve(x, y), Axis(), View(max_points=100))
    assert isinstance(band, Band)
    assert isinstance(line, Line)
    assert len(band.x) == 50
    assert len(line.x) <= 100
    assert band.high.max() == 9.0
    assert band.low.min() == 1.0


def test_without_smoothing_the_line_itself_keeps_extremes():
    x = np.arange(5000)
    y = np.ones(5000)
    y[777] = 9.0
    (line,) = curve_marks(x, Curve(x, y), Axis(), View(smoothing=0.0, max_points=100))
    assert len(line.x) <= 100
    assert line.y[line.x == 777] == 9.0


def test_smoothing_on_a_log_scale_is_geometric():
    x = np.arange(101)
    y = np.where(x == 50, 1e6, 1.0)
    curve = Curve(x, y)
    _, line = curve_marks(x, curve, Axis(scale="log"), View(smoothing=0.4))
    peak = line.y.max()
    assert 1 < peak < 1e3  # an arithmetic mean of a few values would exceed 1e5


def test_what_a_log_scale_cannot_show_breaks_the_line():
    x = np.arange(4)
    (line, dots) = curve_marks(
        x, Curve(x, np.array([1.0, 0.0, 10.0, 20.0])), Axis(scale="log"), View()
    )
    np.testing.assert_array_equal(line.y, [1.0, NAN, 10.0, 20.0])
    np.testing.assert_array_equal(dots.x, [0])


def test_a_single_value_is_a_dot():
    x = np.array([7])
    _, dots = curve_marks(x, Curve(x, np.array([2.5])), Axis(), View())
    assert isinstance(dots, Points)
    np.testing.assert_array_equal((dots.x, dots.y), ([7], [2.5]))


def test_rare_measurements_have_dots_frequent_ones_have_not():
    few, many = np.arange(5), np.arange(500)
    curve = Curve(few, few + 1.0, smoothed=False, dotted=True)
    assert [type(m) for m in curve_marks(few, curve, Axis(), View())] == [Line, Points]
    curve = Curve(many, many + 1.0, smoothed=False, dotted=True)
    assert [type(m) for m in curve_marks(many, curve, Axis(), View())] == [Line]


def test_isolated_values():
    np.testing.assert_array_equal(
        isolated(np.array([1, NAN, 2, 3, NAN, NAN, 4])), [1, 0, 0, 0, 0, 0, 1]
    )
    assert isolated(np.empty(0)).size == 0


def test_values_that_are_not_finite_are_marked_where_they_begin():
    x = np.array([0.0, 10, 20, 30, 40])
    region, cross = nonfinite_marks(
        [(x, np.array([1, NAN, INF, 1, NAN])), (x, np.array([1, 1, NAN, NAN, 1]))]
    )
    assert (region.low, region.high, region.shape, region.role) == (10, 30, "vertical", "warning")
    np.testing.assert_array_equal(cross.x, [10, 40])
    assert (cross.symbol, cross.role, cross.y_axes) == ("cross", "warning", True)


def test_crosses_stay_few():
    y = np.where(np.arange(5000) % 2 == 0, NAN, 1.0)
    marks = nonfinite_marks([(np.arange(5000.0), y)])
    assert len(marks) == 1
    assert len(marks[0].x) == 100
    assert marks[0].x[0] == 0
    assert marks[0].x[-1] == 4998


def test_finite_values_have_no_mark():
    assert nonfinite_marks([(np.arange(3), np.ones(3))]) == []


def test_value_at():
    step, value = np.array([0, 10, 20]), np.array([1.0, 2.0, 3.0])
    assert value_at(step, value, None) == 3.0
    assert value_at(step, value, 10) == 2.0
    assert value_at(step, value, 19) == 2.0
    assert value_at(step, value, -1) is None
    assert value_at(step[:0], value[:0], None) is None


def test_series_styles_are_all_different():
    assert len({series_style(i) for i in range(8)}) == 8


def test_panel_of_no_values_is_none(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0]})
    empty = Curve(np.empty(0, int), np.empty(0))
    assert history_panel(log, View(), [empty]) is None
    assert history_panel(log, View(), []) is None


def test_step_of_the_view_is_a_rule_and_the_current_value(tmp_path):
    log = write_log(tmp_path, {"Loss": [3.0, 2.0, 1.0]})
    series = log.series("Loss")
    panel = history_panel(log, View(step=1), [Curve(series.step, series.value)])
    assert panel.current == "2"
    (rule,) = [m for m in panel.marks if isinstance(m, Rule)]
    assert (rule.at, rule.orientation) == (1.0, "vertical")


def test_second_axis_has_its_own_scale(tmp_path):
    log = write_log(tmp_path, {"Loss": [3.0, 2.0, 1.0]})
    step = np.arange(3)
    left = Curve(step, np.array([1.0, 2.0, 3.0]), "left")
    right = Curve(step, np.array([1.0, 10.0, 1000.0]), "right", secondary_y=True)
    panel = history_panel(log, View(), [left, right], label="a", label2="b")
    assert (panel.y.label, panel.y.scale) == ("a", "linear")
    assert (panel.y2.label, panel.y2.scale) == ("b", "log")
    assert [m.secondary_y for m in panel.marks] == [False, True]


def test_regions_lie_under_the_lines(tmp_path):
    log = write_log(tmp_path, {"Loss": [3.0, NAN, NAN, 1.0]})
    series = log.series("Loss")
    panel = history_panel(log, View(), [Curve(series.step, series.value)])
    kinds = [type(m) for m in panel.marks]
    assert kinds.index(Region) < kinds.index(Line)


def test_window_leaves_one_point_beyond_on_either_side(tmp_path):
    log = write_log(tmp_path, {"Loss": list(range(100))})
    horizontal = Horizontal(log, View(window=(20.5, 30.5)))
    series = log.series("Loss")
    clipped = horizontal.clip(Curve(series.step, series.value))
    np.testing.assert_array_equal(clipped.step, np.arange(20, 32))
    assert horizontal.axis.range == (20.5, 30.5)


def test_spike_is_exact_after_zooming_in(tmp_path):
    values = [1.0] * 3000
    values[1234] = 50.0
    log = write_log(tmp_path, {"Loss": values})
    series = log.series("Loss")
    view = View(window=(1200, 1300), smoothing=0.0, max_points=200)
    panel = history_panel(log, view, [Curve(series.step, series.value)])
    (line,) = [m for m in panel.marks if isinstance(m, Line)]
    assert len(line.x) == 103
    assert line.y[line.x == 1234] == 50.0


def test_epochs_are_interpolated_between_their_first_steps(tmp_path):
    epochs = {0: 0, 5: 0, 10: 1, 15: 1, 20: 2}
    log = write_log(tmp_path, {"Loss": [1.0] * 30}, user={"epoch": epochs})
    horizontal = Horizontal(log, View(x="epoch"))
    assert horizontal.axis.label == "epoch"
    np.testing.assert_allclose(
        horizontal.positions(np.array([0, 5, 10, 20, 25])), [0, 0.5, 1, 2, 2.5]
    )


@pytest.mark.parametrize("epochs", [{}, {0: 0, 5: 0}, {0: NAN}])
def test_too_few_epochs_fall_back_to_steps(tmp_path, epochs):
    log = write_log(tmp_path, {"Loss": [1.0] * 9}, user={"epoch": epochs})
    horizontal = Horizontal(log, View(x="epoch"))
    assert horizontal.axis.label.startswith("step (fewer than two epochs")
    np.testing.assert_array_equal(horizontal.positions(np.array([3, 7])), [3, 7])


def test_time_is_that_of_the_records(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0] * 9})
    horizontal = Horizontal(log, View(x="time"))
    assert horizontal.axis.label == "time [s]"
    np.testing.assert_allclose(horizontal.positions(np.array([0, 4])), [0.5, 2.5])


def test_long_times_have_a_larger_unit(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0] * 300})
    horizontal = Horizontal(log, View(x="time"))
    assert horizontal.axis.label == "time [min]"
    np.testing.assert_allclose(horizontal.positions(np.array([119])), [1.0])


def test_one_position_gets_room_around_it(tmp_path):
    log = write_log(tmp_path, {"Loss": [1.0]})
    horizontal = Horizontal(log, View())
    curve = Curve(np.array([5]), np.array([1.0]))
    assert horizontal.spanning([curve]).range == (4.0, 6.0)
    wide = replace(curve, step=np.array([5, 6]), value=np.array([1.0, 2.0]))
    assert horizontal.spanning([curve, wide]).range is None
