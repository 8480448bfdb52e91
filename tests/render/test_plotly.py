"""Every kind of mark once: its data is in the figure."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from cockpit.instruments import View, panels
from cockpit.instruments.history import Curve, curve_marks
from cockpit.instruments.panel import Axis, Line, Panel, Region, Rule
from cockpit.log import RunLog
from cockpit.render.plotly import figure
from cockpit.render.theme import DARK, LIGHT
from tests.render.every_mark import COUNTS, MARKS, X, Y, Z, panel_with
from tests.synthetic import write_run


def drawn(*names, **settings):
    return figure(panel_with(*(MARKS[name] for name in names), **settings), "light")


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_every_mark_can_be_drawn(name, theme):
    made = figure(panel_with(MARKS[name]), theme)
    assert json.loads(made.to_json())["layout"]["template"] is not None


def test_lines():
    (line,) = drawn("line").data
    np.testing.assert_array_equal(line.x, X)
    np.testing.assert_array_equal(line.y, Y)
    assert (line.name, line.mode) == ("loss", "lines")
    assert line.line.color == LIGHT.colors["secondary"]
    assert drawn("faint line").data[0].opacity < 0.5
    assert drawn("dashed line").data[0].line.dash != "solid"


def test_second_axis():
    made = drawn("line", "second axis")
    assert [trace.yaxis for trace in made.data] == ["y", "y2"]
    assert (made.layout.yaxis2.overlaying, made.layout.yaxis2.side) == ("y", "right")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [("circles", "circle"), ("arrow left", "triangle-left"), ("arrow right", "triangle-right"),
     ("arrows up", "triangle-up"), ("arrows down", "triangle-down"), ("crosses", "x")],
)  # fmt: skip
def test_points(name, symbol):
    (points,) = drawn(name).data
    np.testing.assert_array_equal(points.x, MARKS[name].x)
    np.testing.assert_array_equal(points.y, MARKS[name].y)
    assert points.marker.symbol == symbol
    assert list(points.text or ()) == list(MARKS[name].texts)


def test_crosses_stand_at_a_fraction_of_the_height():
    made = drawn("line", "crosses")
    hidden = made.layout[made.data[1].yaxis.replace("y", "yaxis")]
    assert tuple(hidden.range) == (0, 1)
    assert hidden.visible is False
    assert made.data[1].hovertemplate.startswith("not finite")


def test_band_is_one_outline_per_stretch():
    (band,) = drawn("band").data
    assert band.fill == "toself"
    expected = np.array([0, 1, 1, 0, np.nan, 3, 3, np.nan])
    np.testing.assert_array_equal(band.x, expected)
    np.testing.assert_array_equal(band.y, [2, 5, 4, 1, np.nan, 3, 2, np.nan])


def test_bars():
    (bars,) = drawn("bars").data
    np.testing.assert_array_equal(bars.x, [0.5, 1.5, 3.0])
    np.testing.assert_array_equal(bars.width, [1, 1, 2])
    np.testing.assert_array_equal(bars.y, [3, np.nan, 5])  # none is not drawn on a log axis
    np.testing.assert_array_equal(bars.customdata, COUNTS)
    (lying,) = drawn("horizontal bars").data
    assert lying.orientation == "h"
    np.testing.assert_array_equal(lying.y, [0.5, 1.5, 3.0])
    assert drawn("outlined bars").data[0].marker.color.endswith(",0)")


def test_heat_map():
    (heat,) = drawn("log map").data
    np.testing.assert_array_equal(heat.z, np.log10(Z))
    np.testing.assert_array_equal(heat.customdata, Z)
    assert (heat.zmin, heat.zmax) == (0, 2)
    assert list(heat.colorbar.ticktext) == ["1", "10", "100"]
    assert heat.colorscale[0][1] == LIGHT.sequential[0]
    (named,) = drawn("map with names").data
    assert named.text[1, 0] == "b"
    assert "%{text}" in named.hovertemplate
    assert drawn("map of both signs").data[0].colorscale[0][1] == LIGHT.diverging[0]


def test_rules():
    made = drawn("horizontal rule", "vertical rule")
    lying, standing = made.layout.shapes
    assert (lying.y0, lying.y1, lying.xref) == (2.5, 2.5, "x domain")
    assert (standing.x0, standing.x1, standing.yref) == (1.5, 1.5, "y domain")
    assert [a.text for a in made.layout.annotations] == ["limit", "here"]


def test_regions():
    made = drawn("horizontal region", "vertical region", "disc")
    band, low, high, zone, disc = made.layout.shapes
    assert (band.y0, band.y1, band.type) == (1.0, 2.0, "rect")
    assert (low.y0, high.y0) == (1.0, 2.0)
    assert (zone.x0, zone.x1) == (0.5, 1.5)
    assert (disc.type, disc.x0, disc.y1) == ("circle", -1.25, 1.25)


def test_texts():
    (text,) = drawn("text").layout.annotations
    assert (text.text, text.x, text.y) == ("hello", 0.25, 0.9)
    assert text.font.color == LIGHT.colors["caution"]


def test_symlog_is_mapped_and_hover_keeps_the_value():
    axis = Axis("y", "symlog", linthresh=0.1)
    values = np.array([-100.0, 0.0, 0.1, 1000.0])
    rule, region = Rule(10.0, "horizontal"), Region(-1.0, 1.0, "horizontal")
    made = figure(Panel(y=axis, marks=(Line(X, values), rule, region)))
    (line,) = made.data
    np.testing.assert_allclose(line.y, np.sign(values) * np.log10(1 + np.abs(values) / 0.1))
    np.testing.assert_array_equal(line.customdata, values)
    assert "customdata" in line.hovertemplate
    assert "0" in made.layout.yaxis.ticktext
    assert made.layout.shapes[0].y0 == pytest.approx(np.log10(101))
    assert made.layout.shapes[1].y0 == pytest.approx(-np.log10(11))


def test_log_axis_and_the_place_of_a_rule_on_it():
    axis = Axis("y", "log", range=(0.1, 1000.0))
    marks = (Line(X, np.array([1.0, 10, 100, 2])), Rule(10.0, "horizontal", "ten"))
    made = figure(Panel(y=axis, marks=marks))
    assert made.layout.yaxis.type == "log"
    assert tuple(made.layout.yaxis.range) == pytest.approx((-1, 3))
    assert made.layout.shapes[0].y0 == 10.0
    assert made.layout.annotations[0].y == pytest.approx(1.0)


@pytest.mark.parametrize(("top", "dtick"), [(3.0, "D1"), (50.0, "D2"), (1e3, 1), (1e6, None)])
def test_ticks_of_a_log_axis_by_its_span(top, dtick):
    panel = Panel(y=Axis("y", "log"), marks=(Line(X, np.array([1.0, 2.0, top, 1.0])),))
    assert figure(panel).layout.yaxis.dtick == dtick


def test_an_empty_log_axis_has_the_ticks_of_its_range():
    empty = figure(Panel(y=Axis("elements", "log", range=(0.7, 20.0)), marks=(MARKS["text"],)))
    assert empty.layout.yaxis.dtick == "D2"


def test_steps_are_counted_in_thousands():
    long = Panel(x=Axis("step"), y=Axis("loss"), marks=(Line(np.array([0, 3e5]), np.ones(2)),))
    axes = figure(long).layout
    assert (axes.xaxis.exponentformat, axes.xaxis.minexponent) == ("SI", 4)
    assert axes.yaxis.exponentformat == "power"


def test_names_are_thinned_to_the_height():
    names = tuple((i + 0.5, f"layer {i}") for i in range(200))
    panel = Panel(y=Axis(range=(200.0, 0.0), ticks=names), marks=(MARKS["map with names"],))
    small, tall = figure(panel), figure(panel, height=1000)
    assert len(small.layout.yaxis.ticktext) < 15 < len(tall.layout.yaxis.ticktext) < 80
    assert tall.layout.height == 1000


def test_sides_have_their_place():
    side = {
        "top": Panel(marks=(MARKS["bars"],)),
        "right": Panel(marks=(MARKS["horizontal bars"],)),
        "below": Panel(x=Axis("step"), marks=(MARKS["line"],)),
    }
    made = figure(panel_with(MARKS["log map"], side=side))
    layout = made.layout
    assert layout.xaxis.domain[1] < layout.xaxis3.domain[0]
    assert layout.yaxis.domain[1] < layout.yaxis2.domain[0]
    assert layout.yaxis4.domain[1] < layout.yaxis.domain[0]
    assert (layout.xaxis2.matches, layout.yaxis3.matches) == ("x", "y")
    assert [trace.xaxis for trace in made.data] == ["x", "x2", "x3", "x4"]


def test_legend_names_a_label_once_and_not_for_sides():
    other = Line(X, Y, "valid", "primary")
    side = {"below": panel_with(MARKS["line"], other)}
    made = figure(panel_with(MARKS["line"], MARKS["line"], other, side=side))
    assert [t.showlegend for t in made.data] == [True, False, True, False, False]
    assert not any(t.showlegend for t in drawn("line").data)


def test_header_for_export():
    panel = panel_with(MARKS["line"], current="4.2", note="why")
    assert figure(panel).layout.title.text is None
    text = figure(panel, header=True).layout.title.text
    assert all(part in text for part in ("Title", "4.2", "why"))


def test_a_circle_is_round():
    panel = Panel(x=Axis(range=(-1, 1)), y=Axis(range=(-1, 1)), marks=(MARKS["disc"],), equal=True)
    assert figure(panel).layout.yaxis.scaleanchor == "x"


def test_theme_colors():
    made = figure(panel_with(MARKS["line"]), "dark")
    assert made.layout.paper_bgcolor == DARK.surface
    assert made.data[0].line.color == DARK.colors["secondary"]
    assert made.layout.yaxis.gridcolor == DARK.grid


@pytest.mark.parametrize(
    "settings", [{"steps": 70}, {"steps": 1}, {"steps": 30, "diverge_at": 4}], ids=str
)
@pytest.mark.parametrize("view", [View(), View(step=0), View(x="epoch", layers=("0.weight",))])
def test_whole_runs_become_valid_figures(tmp_path, settings, view):
    log = RunLog(write_run(tmp_path / "run", **settings))
    for one, panel in panels(log, view):
        text = figure(panel, "dark").to_json()
        made = go.Figure(json.loads(text))
        assert made.data or one.name == "nothing"


def test_a_panel_of_a_long_run_is_small():
    step = np.arange(100_000)
    value = np.exp(np.random.default_rng(0).standard_normal(len(step)))
    marks = curve_marks(step, Curve(step, value), Axis(scale="log"), View())
    assert len(figure(Panel(marks=tuple(marks))).to_json()) < 45_000
