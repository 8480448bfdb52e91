"""Every kind of mark once: its data is in the figure."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, StepPatch

from cockpit.instruments import NothingToShowError, View
from cockpit.instruments.panel import Axis, Line, Panel, Rule
from cockpit.log import RunLog
from cockpit.render.geometry import Box
from cockpit.render.matplotlib import CockpitFigure, cockpit_figure, draw, panel_figure
from cockpit.render.theme import DARK, PRINT
from tests.render.every_mark import COUNTS, EDGES, MARKS, NAN, X, Y, Z, panel_with
from tests.synthetic import write_run


def axes_of(*names, **settings):
    """The main axes of a drawn panel with these marks; the second axes, where there are any."""
    panel = panel_with(*(MARKS[name] for name in names), **settings)
    figure = CockpitFigure((4, 3), PRINT)
    main = draw(panel, figure, Box(0, 0, 4, 3))["main"]
    figure.draw_without_rendering()
    others = [ax for ax in figure.axes if ax is not main]
    return main, others[0] if others else None


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("theme", ["print", "light", "dark"])
def test_every_mark_can_be_drawn(name, theme):
    panel_figure(panel_with(MARKS[name]), theme).draw_without_rendering()


def test_lines():
    ax, _ = axes_of("line")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), X)
    np.testing.assert_array_equal(line.get_ydata(), Y)
    assert to_hex(line.get_color()) == PRINT.colors["secondary"].lower()
    faint = axes_of("faint line")[0].lines[0]
    assert faint.get_alpha() < 0.5
    assert faint.get_linewidth() < line.get_linewidth()
    assert axes_of("dashed line")[0].lines[0].is_dashed()


def test_second_axis():
    ax, second = axes_of("line", "second axis")
    np.testing.assert_array_equal(second.lines[0].get_ydata(), Y)
    assert len(ax.lines) == 1
    assert second.get_ylabel() == "right"


@pytest.mark.parametrize(
    ("name", "marker"),
    [("circles", "o"), ("arrow left", "<"), ("arrow right", ">"), ("arrows up", "^"),
     ("arrows down", "v"), ("crosses", "X")],
)  # fmt: skip
def test_points(name, marker):
    ax, _ = axes_of(name)
    (points,) = ax.lines
    np.testing.assert_array_equal(points.get_xdata(), MARKS[name].x)
    np.testing.assert_array_equal(points.get_ydata(), MARKS[name].y)
    assert points.get_marker() == marker
    assert texts(ax) == list(MARKS[name].texts)


def test_crosses_stand_at_a_fraction_of_the_height():
    ax, _ = axes_of("line", "crosses")
    ax.set_ylim(0, 1000)
    crosses = ax.lines[1]
    bottom, top = ax.bbox.y0, ax.bbox.y1
    at = crosses.get_transform().transform((0.0, 0.96))[1]
    assert at == pytest.approx(bottom + 0.96 * (top - bottom))


def test_band():
    ax, _ = axes_of("band")
    (area,) = ax.collections
    corners = np.vstack([path.vertices for path in area.get_paths()])
    for x, low in zip(X, Y, strict=True):
        if np.isfinite(low):
            for y in (low, low + 1):
                assert (np.abs(corners - [x, y]).sum(axis=1) < 1e-9).any()
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), Y + 1)


@pytest.mark.parametrize("name", ["bars", "horizontal bars", "outlined bars"])
def test_bars(name):
    ax, _ = axes_of(name)
    (bars,) = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    data = bars.get_data()
    np.testing.assert_array_equal(data.values, COUNTS)
    np.testing.assert_array_equal(data.edges, EDGES)
    assert bars.orientation == ("horizontal" if name == "horizontal bars" else "vertical")
    assert bars.get_fill() == (name != "outlined bars")


def test_heat_map_with_color_bar():
    ax, bar = axes_of("log map")
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    expected = np.ma.masked_invalid(np.log10(Z))
    np.testing.assert_array_equal(mesh.get_array().reshape(Z.shape), expected)
    assert mesh.get_clim() == (0, 2)
    assert [t.get_text() for t in bar.get_xticklabels()] == ["1", "10", "100"]


def test_rules():
    ax, _ = axes_of("horizontal rule", "vertical rule")
    lying, standing = ax.lines
    assert set(lying.get_ydata()) == {2.5}
    assert set(standing.get_xdata()) == {1.5}
    assert texts(ax) == ["limit", "here"]


def test_regions():
    ax, _ = axes_of("horizontal region", "vertical region", "disc")
    spans = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches[:2]]
    assert (spans[0].y0, spans[0].y1) == pytest.approx((1.0, 2.0))
    assert (spans[1].x0, spans[1].x1) == pytest.approx((0.5, 1.5))
    discs = [patch for patch in ax.patches if isinstance(patch, Circle)]
    assert [disc.radius for disc in discs] == [1.25, 1.25]
    assert [line.get_ydata()[0] for line in ax.lines] == [1.0, 2.0]


def test_texts():
    ax, _ = axes_of("text")
    (text,) = ax.texts
    assert (text.get_text(), text.get_position()) == ("hello", (0.25, 0.9))
    assert to_hex(text.get_color()) == PRINT.colors["caution"].lower()


def test_a_notebook_shows_a_picture():
    assert panel_figure(panel_with(MARKS["line"]))._repr_png_().startswith(b"\x89PNG")


def test_header_and_legend():
    figure = panel_figure(panel_with(MARKS["line"], MARKS["circles"], current="4.2", note="why"))
    assert [text.get_text() for text in figure.texts] == ["Title", "4.2", "why"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["loss", "dots"]
    assert figure.axes[0].get_xlabel() == "step"
    assert figure.axes[0].get_ylabel() == "value"


@pytest.mark.parametrize("scale", ["linear", "log", "symlog"])
def test_scales_and_ranges(scale):
    axis = Axis("y", scale, range=(0.5, 200.0), linthresh=0.1)
    panel = Panel(y=axis, marks=(Line(X, np.array([1.0, 10, 100, 2])),))
    ax = panel_figure(panel).axes[0]
    assert ax.get_yscale() == scale
    assert ax.get_ylim() == (0.5, 200.0)


def test_own_ticks_are_thinned_where_they_have_no_room():
    names = tuple((i + 0.5, f"layer {i}") for i in range(200))
    panel = Panel(y=Axis(range=(200.0, 0.0), ticks=names), marks=(MARKS["line"],))
    ax = panel_figure(panel).axes[0]
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert 3 < len(labels) < 60
    assert labels[0] == "layer 0"
    assert ax.get_ylim() == (200.0, 0.0)


def test_axes_that_are_not_visible_have_no_ticks():
    ax = panel_figure(Panel(y=Axis("density", visible=False), marks=(MARKS["line"],))).axes[0]
    assert list(ax.get_yticks()) == []
    assert not ax.spines["left"].get_visible()


def test_sides_share_an_axis_with_the_picture():
    side = {
        "top": Panel(marks=(MARKS["bars"],)),
        "right": Panel(marks=(MARKS["horizontal bars"],)),
        "below": Panel(x=Axis("step"), marks=(MARKS["line"],)),
    }
    figure = CockpitFigure((5, 5), DARK)
    axes = draw(panel_with(MARKS["line"], side=side), figure, Box(0, 0, 5, 5))
    assert axes["top"].get_xlim() == axes["main"].get_xlim()
    assert axes["right"].get_ylim() == axes["main"].get_ylim()
    np.testing.assert_array_equal(axes["below"].lines[0].get_ydata(), Y)


def test_second_axis_takes_the_color_of_its_line():
    left = Line(X, Y, "left", "primary")
    right = Line(X, Y, "right", "secondary", secondary_y=True)
    figure = panel_figure(panel_with(left, right))
    first, second = figure.axes
    assert to_hex(first.spines["left"].get_edgecolor()) == PRINT.colors["primary"].lower()
    assert to_hex(second.spines["right"].get_edgecolor()) == PRINT.colors["secondary"].lower()


def test_settings_of_the_user_neither_change_nor_count():
    plain = panel_figure(panel_with(MARKS["line"]), "dark")._repr_png_()
    with matplotlib.rc_context({"axes.grid": True, "font.size": 30, "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        assert panel_figure(panel_with(MARKS["line"]), "dark")._repr_png_() == plain
        assert dict(matplotlib.rcParams) == before


def test_names_with_dollars_and_markup_are_drawn_as_they_are():
    name = r"cost_$\frac{<b>"
    ticks = ((0.5, name), (1.5, "b"))
    marks = (Line(X, Y, name), Line(X, Y, "other"), Rule(1.0, "horizontal", name))
    panel = Panel(name, y=Axis(name, ticks=ticks), marks=marks, note=name, current=name)
    figure = panel_figure(panel)
    figure.draw_without_rendering()
    assert [text.get_text() for text in figure.texts] == [name] * 3
    assert not any(text.get_parse_math() for text in figure.texts)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "whole", steps=70)


@pytest.mark.parametrize("theme", ["print", "light", "dark"])
def test_whole_cockpit(run, theme, tmp_path):
    figure = cockpit_figure(RunLog(run), theme=theme)
    shown = [text.get_text() for text in figure.texts]
    for text in ("whole", "finished", "STEP SIZE", "GRADIENTS", "CURVATURE", "PERFORMANCE"):
        assert text in shown
    for title in ("Step length α", "Gradient tests", "Loss", "Layers: GradNorm"):
        assert title in shown
    width, height = figure.get_size_inches()
    assert width > height
    for suffix in ("pdf", "png", "svg") if theme == "print" else ("png",):
        path = tmp_path / f"view.{suffix}"
        figure.savefig(path, dpi=40)
        assert path.stat().st_size > 10_000


def test_texts_of_a_page_do_not_overlap(run):
    figure = cockpit_figure(RunLog(run))
    figure.draw_without_rendering()
    boxes = [(t.get_text(), t.get_window_extent()) for t in figure.texts if t.get_text()]
    page = figure.bbox
    for i, (one, box) in enumerate(boxes):
        assert page.x0 <= box.x0, one
        assert box.x1 <= page.x1 + 1, one
        for other, place in boxes[i + 1 :]:
            apart = (
                box.x1 <= place.x0 or place.x1 <= box.x0 or box.y1 <= place.y0 or place.y1 <= box.y0
            )
            assert apart, (one, other)


def test_only_named_instruments(run):
    figure = cockpit_figure(RunLog(run), names=("loss", "alpha"))
    shown = [text.get_text() for text in figure.texts]
    assert "Loss" in shown
    assert "Gradient norm" not in shown


@pytest.mark.parametrize("settings", [{"steps": 1}, {"steps": 30, "diverge_at": 4}])
@pytest.mark.parametrize("view", [View(), View(step=0), View(x="epoch"), View(x="time")])
def test_odd_runs_can_be_drawn(tmp_path, settings, view):
    log = RunLog(write_run(tmp_path / "odd", **settings))
    figure = cockpit_figure(log, view)
    figure.draw_without_rendering()


def test_run_without_records_says_so(tmp_path):
    log = RunLog(write_run(tmp_path / "empty", steps=0))
    with pytest.raises(NothingToShowError, match=r"'empty' .* has no records yet"):
        cockpit_figure(log)


def test_long_notes_and_names_are_drawn(tmp_path):
    panel = panel_with(Line(X, np.full(4, NAN), "n" * 90), current="9" * 30, note="long " * 60)
    panel_figure(panel)._repr_png_()
