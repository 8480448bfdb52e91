"""Instruments that are pictures of a moment: alpha, gradient tests, histograms, layers."""

from __future__ import annotations

import numpy as np
import pytest

from cockpit.instruments import View, get
from cockpit.instruments.density import kernel_density
from cockpit.instruments.layers import summarize
from cockpit.instruments.overlay import overlay
from cockpit.instruments.panel import (
    Band,
    Bars,
    Heatmap,
    Line,
    Points,
    Region,
    Rule,
    Text,
)
from cockpit.instruments.run_style import RunStyle
from cockpit.log.record import Bins, Counts1d, Histogram1d, Histogram2d, Scalar
from tests.instruments.logs import per_layer, write_log

NAN = float("nan")


def of(panel, kind):
    return [mark for mark in panel.marks if isinstance(mark, kind)]


def test_alpha_densities_balls_and_present_value(tmp_path):
    values = [-0.5] * 90 + [0.5] * 10
    panel = get("alpha")(write_log(tmp_path, {"Alpha": values}), View())
    everything, recent = of(panel, Band)
    assert (everything.label, everything.role) == ("all steps", "muted")
    assert (recent.label, recent.role) == ("last 10 %", "primary")
    np.testing.assert_allclose(everything.high, kernel_density(np.array(values), -2, 2))
    np.testing.assert_allclose(recent.high, kernel_density(np.full(10, 0.5), -2, 2))
    assert not everything.low.any()
    grey, blue = of(panel, Points)
    assert (grey.x[0], grey.y[0], grey.role) == (-0.5, 0.25, "muted")
    assert (blue.x[0], blue.y[0], blue.role) == (0.5, 0.25, "primary")
    assert panel.current == "0.5"
    assert panel.note == ""


def test_alpha_is_drawn_on_the_unit_parabola(tmp_path):
    panel = get("alpha")(write_log(tmp_path, {"Alpha": [0.0, 0.1]}), View())
    (parabola,) = of(panel, Line)
    np.testing.assert_allclose(parabola.y, parabola.x**2)
    assert parabola.secondary_y
    assert [t.text for t in of(panel, Text)] == ["uphill", "short", "past", "loss rises"]
    assert [(r.low, r.high) for r in of(panel, Region)] == [(-2, -1), (1, 2)]
    assert [text for _, text in panel.x.ticks][1:4] == [
        "−1\nstart",
        "0\nvalley floor",
        "1\nopposite",
    ]


def test_alpha_outliers_are_arrows_with_counts(tmp_path):
    values = [0.0] * 17 + [-7.0, 3.0, 1e9]
    panel = get("alpha")(write_log(tmp_path, {"Alpha": values}), View())
    left, right = [p for p in of(panel, Points) if p.texts]
    assert (left.symbol, left.texts, left.x[0]) == ("left", ("1 (5 %)",), -2)
    assert (right.symbol, right.texts, right.x[0]) == ("right", ("2 (10 %)",), 2)


def test_alpha_median_beyond_the_range_stays_on_the_edge(tmp_path):
    panel = get("alpha")(write_log(tmp_path, {"Alpha": [50.0] * 5}), View())
    ball = next(p for p in of(panel, Points) if p.role == "primary")
    assert (ball.x[0], ball.y[0]) == (2.0, 4.0)
    assert panel.current == "50"


def test_alpha_concave_steps_are_counted_not_drawn(tmp_path):
    concave = Scalar(-1.0, {"concave": True})
    values = [concave] * 5 + [Scalar(0.2, {"weights": "equal"})] * 5 + [NAN] * 10
    panel = get("alpha")(write_log(tmp_path, {"Alpha": values}), View())
    assert panel.note == (
        "25 % of steps concave, left out · 50 % not finite · 25 % fitted without noise weights"
    )
    np.testing.assert_allclose(of(panel, Band)[0].high, kernel_density(np.full(5, 0.2), -2, 2))
    assert panel.current == "none"


def test_alpha_as_of_a_step(tmp_path):
    log = write_log(tmp_path, {"Alpha": [-0.5] * 20 + [0.5] * 20})
    assert get("alpha")(log, View(step=19)).current == "−0.5"
    assert get("alpha")(log, View()).current == "0.5"


def test_alpha_history_below(tmp_path):
    below = get("alpha")(write_log(tmp_path, {"Alpha": [0.5, -9.0, 1.0]}), View()).side["below"]
    np.testing.assert_array_equal(of(below, Line)[0].y, [0.5, -2.2, 1.0])
    assert below.y.range == (-2.0, 2.0)
    assert [r.at for r in of(below, Rule)] == [-1.0, 0.0, 1.0]


def gradient_tests(tmp_path, norm, inner, ortho, view=None):
    values = {
        name: [per_layer(1.0, 1.0, 1.0, 1.0), per_layer(v, 2 * v, v, v)]
        for name, v in (("NormTest", norm), ("InnerTest", inner), ("OrthoTest", ortho))
    }
    return get("gradient_tests")(write_log(tmp_path, values), view or View())


def test_gradient_tests_are_a_disc_and_two_bands(tmp_path):
    panel = gradient_tests(tmp_path, 1.2, 0.5, 0.8)
    shapes = {r.label: (r.shape, r.low, r.high) for r in of(panel, Region)}
    assert shapes == {
        "norm": ("disc", 0.0, 1.2),
        "inner": ("horizontal", -0.5, 0.5),
        "ortho": ("vertical", -0.8, 0.8),
    }
    assert panel.equal
    assert panel.current == "1.2 · 0.5 · 0.8"
    assert panel.x.range == panel.y.range == (-1.5, 1.5)


def test_gradient_tests_range_follows_in_steps(tmp_path):
    assert gradient_tests(tmp_path / "a", 1.35, 0.5, 0.8).x.range == (-3, 3)
    assert gradient_tests(tmp_path / "b", 40.0, 0.5, 0.8).x.range == (-50, 50)
    assert gradient_tests(tmp_path / "c", 1e6, 0.5, 0.8).x.range == pytest.approx((-1.15e6, 1.15e6))


def test_gradient_tests_draw_the_gradient_and_the_limit(tmp_path):
    circle, arrow = of(gradient_tests(tmp_path, 1.2, 0.5, 0.8), Line)
    np.testing.assert_allclose(np.hypot(circle.x, circle.y), 0.9)
    np.testing.assert_array_equal(arrow.y, [-1.0, 0.0])


def test_gradient_tests_of_one_layer(tmp_path):
    panel = gradient_tests(tmp_path, 1.2, 0.5, 0.8, View(layers=("0.weight",)))
    assert panel.current == "2.4 · 1 · 1.6"
    assert panel.note == "layer 0.weight"


def test_gradient_tests_histories_below(tmp_path):
    below = gradient_tests(tmp_path, 1.2, 0.5, 0.8).side["below"]
    drawn = {line.label: line.y.tolist() for line in of(below, Line)}
    assert drawn == {
        "norm": [1.0, 1.2], "inner": [1.0, 0.5], "ortho": [1.0, 0.8],
    }  # fmt: skip


def test_gradient_tests_not_finite(tmp_path):
    panel = gradient_tests(tmp_path, NAN, 0.5, 0.8)
    (cross,) = [p for p in of(panel, Points) if p.symbol == "cross"]
    assert (cross.label, cross.role) == ("not finite", "warning")
    assert len(of(panel, Region)) == 2


BINS = Bins(-1.0, 1.0, 4)


def counts(a, b, c, d, under=0, over=0, zeros=0, nonfinite=0):
    return Counts1d(np.array([a, b, c, d]), under, over, zeros, nonfinite)


def test_histogram_bars_and_what_lies_outside(tmp_path):
    value = Histogram1d(BINS, counts(1, 20, 300, 4, under=7, over=9, zeros=34), ())
    panel = get("grad_hist1d")(write_log(tmp_path, {"GradHist1d": [value]}), View())
    inside, under, over, zeros = of(panel, Bars)
    np.testing.assert_array_equal(inside.edges, [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_array_equal(inside.heights, [1, 20, 300, 4])
    assert under.heights.tolist() == [7]
    assert under.edges[1] < -1
    assert over.heights.tolist() == [9]
    assert over.edges[0] > 1
    assert zeros.heights.tolist() == [34]
    np.testing.assert_array_equal(zeros.edges, [0, 0.5])
    assert panel.y.scale == "log"
    assert panel.y.range[1] > 300
    assert panel.current == "341 at step 0"
    assert panel.note == "10 % exactly zero"
    assert [t.text for t in of(panel, Text)] == ["below −1: 7", "above 1: 9"]


def test_histogram_of_layers_is_their_sum(tmp_path):
    value = Histogram1d(
        BINS, counts(9, 9, 9, 9), (counts(1, 2, 3, 4, zeros=1), None, counts(10, 20, 30, 40))
    )
    log = write_log(tmp_path, {"GradHist1d": [value]})
    panel = get("grad_hist1d")(log, View(layers=("0.weight", "2.weight")))
    assert of(panel, Bars)[0].heights.tolist() == [11, 22, 33, 44]
    assert panel.note == "0.91 % exactly zero · 0.weight, 2.weight"
    absent = get("grad_hist1d")(log, View(layers=("0.bias",)))
    assert of(absent, Bars)[0].heights.tolist() == [9, 9, 9, 9]
    assert absent.note.endswith("whole network: not measured for these layers")


def test_histogram_elements_that_are_not_finite(tmp_path):
    value = Histogram1d(BINS, counts(1, 2, 3, 4, nonfinite=5), ())
    panel = get("grad_hist1d")(write_log(tmp_path, {"GradHist1d": [value]}), View())
    (text,) = [t for t in of(panel, Text) if t.role == "warning"]
    assert text.text == "5 elements not finite"
    assert panel.note == "0 % exactly zero · 5 not finite"


def test_histogram_as_of_a_step(tmp_path):
    values = [Histogram1d(BINS, counts(n, 0, 0, 0), ()) for n in (1, 2, 3)]
    log = write_log(tmp_path, {"GradHist1d": values}, steps=(0, 10, 20))
    assert get("grad_hist1d")(log, View(step=15)).current == "2 at step 10"
    assert get("grad_hist1d")(log, View()).current == "3 at step 20"


JOINT = Histogram2d(
    Bins(-1, 1, 2),
    Bins(-2, 2, 2),
    np.array([[0, 1, 0, 0], [0, 10, 20, 0], [0, 30, 40, 2], [0, 0, 0, 0]]),
    (np.eye(4, dtype=np.int64), None, np.ones((4, 4), dtype=np.int64)),
)


def test_joint_histogram_with_marginals(tmp_path):
    panel = get("grad_hist2d")(write_log(tmp_path, {"GradHist2d": [JOINT]}), View())
    (heatmap,) = of(panel, Heatmap)
    np.testing.assert_array_equal(heatmap.x_edges, [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(heatmap.y_edges, [-4, -2, 0, 2, 4])
    assert heatmap.scale == "log"
    expected = np.where(JOINT.network > 0, JOINT.network, np.nan).T
    np.testing.assert_array_equal(heatmap.z, expected)
    (top,), (right,) = (of(panel.side[p], Bars) for p in ("top", "right"))
    assert top.heights.tolist() == [1, 30, 72, 0]
    assert right.heights.tolist() == [0, 41, 60, 2]
    assert right.horizontal
    assert not top.horizontal
    assert {(r.orientation, r.at) for r in of(panel, Rule)} == {
        ("vertical", -1), ("vertical", 1), ("horizontal", -2), ("horizontal", 2),
    }  # fmt: skip
    assert panel.current == "103 at step 0"
    assert panel.note == "2.9 % outside"


def test_joint_histogram_of_layers_is_their_sum(tmp_path):
    log = write_log(tmp_path, {"GradHist2d": [JOINT]})
    panel = get("grad_hist2d")(log, View(layers=("0.weight", "2.weight")))
    np.testing.assert_array_equal(of(panel, Heatmap)[0].z, 1 + np.eye(4))
    assert panel.note.endswith("0.weight, 2.weight")


EMPTY = "no finite element\nat this step"


def test_histograms_without_a_finite_element_say_so(tmp_path):
    flat = Histogram1d(BINS, counts(0, 0, 0, 0, nonfinite=5), (counts(0, 0, 0, 0), None, None))
    joint = Histogram2d(JOINT.x, JOINT.y, np.zeros((4, 4), dtype=np.int64), ())
    log = write_log(tmp_path, {"GradHist1d": [flat], "GradHist2d": [joint]})
    notes = {"grad_hist1d": "5 not finite", "grad_hist2d": "", "layer_histograms": "3 parameters"}
    for name, note in notes.items():
        panel = get(name)(log, View())
        assert [t.text for t in of(panel, Text)] == [EMPTY]
        assert (panel.note, panel.side) == (note, {})
    full = write_log(tmp_path / "full", {"GradHist1d": [Histogram1d(BINS, counts(1, 2, 3, 4), ())]})
    both = [
        (RunStyle("a", 0), get("grad_hist1d")(log, View())),
        (RunStyle("b", 1), get("grad_hist1d")(full, View())),
    ]
    together = overlay(both)
    assert {m.label for m in of(together, Line)} == {"a", "b"}  # neither is missing
    assert together.y.label == "share of elements [%]"


def test_layers_by_steps(tmp_path):
    values = [per_layer(1.0, 1.0, None, 3.0), per_layer(1.0, 10.0, None, 300.0)]
    panel = get("layers")(write_log(tmp_path, {"GradNorm": values}, steps=(0, 10)), View())
    (heatmap,) = of(panel, Heatmap)
    np.testing.assert_array_equal(heatmap.z, [[1, 10], [NAN, NAN], [3, 300]])
    np.testing.assert_array_equal(heatmap.x_edges, [-5, 5, 15])
    assert heatmap.y_labels == ("0.weight", "0.bias", "2.weight")
    assert heatmap.scale == "log"
    assert panel.title == "Layers: GradNorm"
    assert panel.y.range == (3.0, 0.0)
    assert panel.y.ticks == ((0.5, "0.weight"), (1.5, "0.bias"), (2.5, "2.weight"))
    assert panel.note == "3 parameters"


def test_layers_of_a_chosen_quantity_with_a_picked_row(tmp_path):
    values = [per_layer(1.0, 1.0, 2.0, 3.0)]
    log = write_log(tmp_path, {"GradNorm": values, "Distance": values})
    panel = get("layers")(log, View(quantity="Distance", layers=("2.weight",)))
    assert panel.title == "Layers: Distance"
    np.testing.assert_array_equal(of(panel, Heatmap)[0].z, [[1.0], [2.0], [3.0]])
    (arrow,) = of(panel, Points)
    assert (arrow.y.tolist(), arrow.label, arrow.symbol) == ([2.5], "2.weight", "right")
    assert panel.note == "3 parameters · 1 picked"
    assert get("layers")(log, View(quantity="Loss")) is None


def test_layers_mark_steps_that_are_not_finite(tmp_path):
    values = [per_layer(1.0, 1.0, 1.0, 1.0), per_layer(NAN, NAN, NAN, NAN)]
    panel = get("layers")(write_log(tmp_path, {"GradNorm": values}), View())
    (cross,) = of(panel, Points)
    assert cross.x.tolist() == [1.0]
    assert panel.note == "3 parameters · 1 steps not finite"


def test_many_steps_are_summarized_by_medians():
    x = np.arange(10.0)
    values = np.stack([x, np.where(x < 5, np.nan, 1.0)], axis=1)
    edges, cells = summarize(x, values, 2)
    np.testing.assert_array_equal(edges, [-0.5, 4.5, 9.5])
    np.testing.assert_array_equal(cells, [[2.0, np.nan], [7.0, 1.0]])
