"""Several runs in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cockpit.instruments import UnknownInstrumentError, View, panels
from cockpit.instruments.compare import common_view, compared_panels
from cockpit.instruments.outlines import outline
from cockpit.instruments.overlay import Room, overlay
from cockpit.instruments.panel import (
    Axis,
    Band,
    Bars,
    Heatmap,
    Line,
    Panel,
    Points,
    Region,
    Rule,
    Text,
)
from cockpit.instruments.run_style import RUN_ROLES, STYLES, RunStyle
from cockpit.log import RunLog
from tests.synthetic import write_run

X = np.array([0.0, 1.0, 2.0])
A, B, C = RunStyle("a", 0), RunStyle("b", 1), RunStyle("c", 2)


def history(*marks, y: Axis | None = None, **settings) -> Panel:
    return Panel("Loss", "performance", Axis("step"), y or Axis("loss"), marks, **settings)


def lines(panel: Panel) -> dict[str, Line]:
    return {m.label: m for m in panel.marks if isinstance(m, Line) and m.label}


def test_each_run_gets_its_name_and_color():
    panel = overlay([(A, history(Line(X, X))), (B, history(Line(X, 2 * X)))])
    assert {label: line.role for label, line in lines(panel).items()} == {
        "a": "run-0",
        "b": "run-1",
    }
    np.testing.assert_array_equal(lines(panel)["b"].y, 2 * X)


def test_the_run_in_front_is_drawn_last_and_names_the_panel():
    front = history(Line(X, X), current="0.3", note="measured")
    panel = overlay([(A, front), (B, history(Line(X, X), current="0.4"))])
    assert [m.label for m in panel.marks] == ["b", "a"]
    assert (panel.title, panel.group, panel.current) == ("Loss", "performance", "0.3")
    assert "measured" in panel.note


def test_series_of_a_run_differ_by_dashes_and_are_said_so():
    marks = Line(X, X, "train"), Line(X, X + 1, "valid", "secondary")
    panel = overlay([(A, history(*marks)), (B, history(*marks))])
    found = lines(panel)
    assert set(found) == {"a", "b", "a · valid", "b · valid"}
    assert not found["a"].dash
    assert found["a · valid"].dash
    assert found["a · valid"].role == "run-0"
    assert panel.note == "solid: train, dashed: valid"


def test_many_runs_show_fewer_series_with_all_that_belongs_to_them():
    raw = Line(X, X, role="secondary", faint=True), Points(X, X, role="secondary")
    marks = Line(X, X, "train"), *raw, Line(X, X, "valid", "secondary", secondary_y=False)
    parts = [(RunStyle(f"r{i}", i), history(*marks)) for i in range(5)]
    panel = overlay(parts, Room(lines=8))
    assert set(lines(panel)) == {f"r{i}" for i in range(5)}
    assert len(panel.marks) == 5
    assert panel.note == "train; with fewer runs also valid"
    assert len(lines(overlay(parts, Room(lines=10)))) == 10


def test_measured_values_are_shown_where_they_can_be_told_apart():
    marks = Line(X, X, faint=True), Line(X, X)
    two = overlay([(A, history(*marks)), (B, history(*marks))])
    assert [(m.role, m.faint) for m in two.marks] == [
        ("run-1", True), ("run-0", True), ("run-1", False), ("run-0", False),
    ]  # fmt: skip
    three = overlay([(one, history(*marks)) for one in (A, B, C)])
    assert [m.role for m in three.marks if m.faint] == ["run-0"]


def test_what_all_have_in_common_is_drawn_once():
    common = Rule(0.9, "horizontal"), Text(0.5, 0.9, "floor"), Line(X, X**2, role="muted")
    panel = overlay([(s, history(*common, Line(X, X + i))) for i, s in enumerate((A, B, C))])
    assert list(panel.marks[:3]) == list(common)
    assert len(panel.marks) == 6


def test_equal_runs_are_still_all_drawn():
    assert set(lines(overlay([(A, history(Line(X, X))), (B, history(Line(X, X)))]))) == {"a", "b"}


def test_a_run_alone_keeps_its_color():
    assert lines(overlay([(C, history(Line(X, X)))]))["c"].role == "run-2"


def test_what_is_not_finite_is_marked_in_the_run_it_is_of():
    def bad(at):
        height = np.full(1, 0.96)
        return (
            Region(at, at + 1, "vertical", role="warning"),
            Points(np.array([at]), height, "not finite", "warning", "cross", y_axes=True),
            Line(X, X),
        )

    panel = overlay([(A, history(*bad(0.0))), (B, history(*bad(1.0)))])
    crosses = [m for m in panel.marks if isinstance(m, Points)]
    assert {(m.label, m.role) for m in crosses} == {
        ("a: not finite", "run-0"),
        ("b: not finite", "run-1"),
    }
    assert crosses[0].y[0] != crosses[1].y[0]
    assert [m.low for m in panel.marks if isinstance(m, Region)] == [0.0]  # of the one in front


def test_axes_cover_all_runs():
    small, large = history(Line(X, X + 1)), history(Line(X, 1000 * (X + 1)))
    assert overlay([(A, small), (B, large)]).y.scale == "log"
    assert overlay([(A, history(Line(X, X))), (B, history(Line(X, 99 * X)))]).y.scale == "symlog"
    near = history(Line(X, X), y=Axis("η", range=(0.9, 1.1)))
    far = history(Line(X, X), y=Axis("η", range=(90.0, 110.0)))
    assert overlay([(A, near), (B, far)]).y.range is None  # each fitted its own run
    wide = history(Line(X, X), y=Axis("η", range=(0.0, 1.0)))
    assert overlay([(A, near), (B, wide)]).y.range == (0.0, 1.1)


def test_a_run_that_measures_something_else_is_left_out_and_named():
    other = Panel("Loss", "performance", Axis("epoch"), Axis("loss"), (Line(X, X),))
    panel = overlay([(A, history(Line(X, X))), (B, other)])
    assert set(lines(panel)) == {"a"}
    assert panel.note == "not comparable: b"


def bars(*heights, edges=(0.0, 1.0, 2.0), **settings) -> Panel:
    mark = Bars(np.array(edges), np.array(heights), "elements")
    part = Bars(np.array(edges[:2]), np.array(heights[:1]), "exactly zero", "quaternary")
    return history(mark, part, y=Axis("elements", "log", (0.7, 100.0)), **settings)


def test_bars_become_skylines():
    panel = overlay([(A, bars(3, 5)), (B, bars(4, 4))])
    (line,) = [m for m in panel.marks if m.label == "a"]
    np.testing.assert_array_equal(line.x, [0, 0, 1, 1, 2, 2])
    np.testing.assert_allclose(line.y[1:-1], [3, 3, 5, 5])
    assert panel.y.label == "elements"
    assert panel.note == ""
    assert len(panel.marks) == 2  # what is part of a bar is not drawn again


def test_counts_of_different_totals_become_shares_and_are_said_so():
    panel = overlay([(A, bars(3, 5)), (B, bars(30, 50))])
    one, other = lines(panel)["a"], lines(panel)["b"]
    np.testing.assert_allclose(one.y, other.y)
    np.testing.assert_allclose(one.y[1:-1], [37.5, 37.5, 62.5, 62.5])
    assert panel.y.label == "share of elements [%]"
    assert "shares" in panel.note
    low, high = panel.y.range
    assert low < 37.5 < 62.5 < high


def test_other_bins_become_densities():
    panel = overlay([(A, bars(4, 4)), (B, bars(4, 4, edges=(0.0, 2.0, 4.0)))])
    assert lines(panel)["a"].y.max() == pytest.approx(50)
    assert lines(panel)["b"].y.max() == pytest.approx(25)


def test_densities_and_discs_become_outlines():
    band = Band(X, np.zeros(3), X, "last 10 %")
    (line,) = outline(band, Axis(), Axis())
    np.testing.assert_array_equal(line.y, X)
    (circle,) = outline(Region(0.0, 2.0, "disc", "norm"), Axis(), Axis())
    np.testing.assert_allclose(np.hypot(circle.x, circle.y), 2)
    (stripe,) = outline(Region(-1.0, 1.0, "horizontal"), Axis(range=(-3.0, 3.0)), Axis())
    assert set(stripe.y[np.isfinite(stripe.y)]) == {-1.0, 1.0}
    assert np.nanmin(stripe.x) < -3


def test_maps_stand_side_by_side_in_the_same_colors():
    def map_of(factor):
        return history(Heatmap(X, X, factor * np.ones((2, 2)), "norm", "log"), Rule(1, "vertical"))

    parts = [(RunStyle(f"r{i}", i), map_of(10.0**i)) for i in range(4)]
    panel = overlay(parts, Room(maps=3))
    assert [one.title for one in panel.multiples] == ["r0", "r1", "r2"]
    assert [one.role for one in panel.multiples] == ["run-0", "run-1", "run-2"]
    assert panel.note == "no room for 1 run more"
    spreads = [one.marks[0].spread for one in panel.multiples]
    assert all(spread is spreads[0] for spread in spreads)
    assert spreads[0].max() == 100


def test_arrows_beside_maps_have_no_colors_of_runs():
    arrow = Points(np.zeros(1), np.ones(1), "0.weight", "secondary", "right")
    cross = Points(np.zeros(1), np.ones(1), "not finite", "warning", "cross", y_axes=True)
    part = history(Heatmap(X, X, np.ones((2, 2)), "norm"), arrow, cross)
    for one in overlay([(A, part), (B, part)]).multiples:
        assert [m.role for m in one.marks if isinstance(m, Points)] == ["muted", "warning"]


def test_maps_over_the_steps_cover_the_longest_run(logs):
    runs = [(RunStyle(log.name, i), log) for i, log in enumerate(logs)]
    ((_, panel),) = compared_panels(runs, None, ["layers"])
    ((low, high),) = {one.x.range for one in panel.multiples}
    assert low <= 0
    assert high >= 149


def test_fifteen_styles_differ():
    styles = {(RunStyle("", i).role, RunStyle("", i).dashes()) for i in range(STYLES)}
    assert len(styles) == STYLES
    assert RunStyle("", STYLES + 2).role == RUN_ROLES[2]


@pytest.fixture(scope="module")
def logs(tmp_path_factory) -> list[RunLog]:
    root: Path = tmp_path_factory.mktemp("runs")
    made = [{"steps": 90}, {"steps": 150, "seed": 1, "diverge_at": 70}, {"steps": 70, "layers": 4}]
    made += [{"steps": 80, "quantities": ("Loss", "GradNorm")}, {"steps": 100, "resume_at": 50}]
    return [RunLog(write_run(root / f"r{i}", **how)) for i, how in enumerate(made)]


@pytest.mark.parametrize("x", ["step", "epoch", "time"])
@pytest.mark.parametrize("step", [None, 40])
def test_every_instrument_shows_every_run_that_has_something_for_it(logs, x, step):
    runs = [(RunStyle(log.name, i), log) for i, log in enumerate(logs)]
    view = View(x=x, step=step)
    drawn = {one.name: panel for one, panel in compared_panels(runs, view)}
    having = {n: [] for n in drawn}
    for log in logs:
        for one, _ in panels(log, common_view(view, logs)):
            having[one.name].append(log.name)
    assert len(drawn) >= 16
    for name, panel in drawn.items():
        assert "could not be drawn" not in str(panel.marks)
        labels = [getattr(mark, "label", "") for mark in panel.marks]
        seen = {m.title for m in panel.multiples} | {label.split(":")[0] for label in labels}
        unseen = set(having[name]) - seen
        # Without the Time quantity this instrument shows only what tracking adds.
        assert unseen == ({"r3"} if name == "time" else set()), name
        assert "not comparable: r3" in panel.note or not unseen


def test_resumed_run_goes_forward_only(logs):
    runs = [(RunStyle(log.name, i), log) for i, log in enumerate(logs)]
    for x in ("step", "time"):
        (_, loss), (_, norm) = compared_panels(runs, View(x=x), ["loss", "grad_norm"])
        for panel in (loss, norm):
            line = lines(panel)["r4"]
            assert (np.diff(line.x) > 0).all()
            assert len(line.x) == 100


def test_time_has_one_unit_for_all(tmp_path):
    class Timed:
        def __init__(self, duration):
            self.duration = duration

    assert common_view(View(x="time"), [Timed(30.0), Timed(9000.0)]).unit == "h"
    assert common_view(View(), [Timed(9000.0)]).unit is None


def test_runs_without_the_chosen_layer_are_left_out(logs):
    runs = [(RunStyle(log.name, i), log) for i, log in enumerate(logs)]
    shown = compared_panels(runs, View(layers=("6.weight",)), ["grad_norm"])
    assert set(lines(shown[0][1])) == {"r0", "r1", "r3", "r4"}  # r2 has four parameters


def test_unknown_instrument_lists_the_known_ones(logs):
    with pytest.raises(UnknownInstrumentError, match=r"'alfa'.*alpha"):
        compared_panels([(A, logs[0])], names=["alfa"])
