"""Compared runs in both renderers: colors, dashes, maps side by side, names as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex

from cockpit import cli, views
from cockpit.instruments.overlay import overlay
from cockpit.instruments.panel import Axis, Heatmap, Line, Panel
from cockpit.instruments.run_style import STYLES, RunStyle
from cockpit.render.geometry import Box, grid_shape
from cockpit.render.matplotlib import CockpitFigure, draw
from cockpit.render.plotly import figure
from cockpit.render.theme import DARK, PRINT
from cockpit.views import run_labels
from tests.render.every_mark import MARKS, X, Z, panel_with
from tests.synthetic import write_run

HOSTILE = "<script>alert(1)</script> $x$"


def parts(*marks, names=("a", "b")):
    return [(RunStyle(name, i), panel_with(*marks)) for i, name in enumerate(names)]


def drawn_by_matplotlib(panel):
    made = CockpitFigure((6, 5), PRINT)
    axes = draw(panel, made, Box(0, 0, 6, 5))
    made.draw_without_rendering()
    return made, axes


@pytest.mark.parametrize("name", MARKS)
def test_every_mark_can_be_compared(name):
    panel = overlay(parts(MARKS[name]))
    assert figure(panel, "dark").to_json()
    drawn_by_matplotlib(panel)


def test_colors_of_the_runs():
    panel = overlay(parts(Line(X, X)))
    shown = {trace.name: trace.line.color for trace in figure(panel, "dark").data}
    assert shown == {"a": DARK.colors["run-0"], "b": DARK.colors["run-1"]}
    _, axes = drawn_by_matplotlib(panel)
    seen = [to_hex(line.get_color()).upper() for line in axes["main"].lines]
    assert seen == [PRINT.colors["run-1"], PRINT.colors["run-0"]]  # the first in front


def test_styles_look_different():
    lines = [RunStyle("", i) for i in range(STYLES)]
    panel = overlay([(style, panel_with(Line(X, X))) for style in lines])
    looks = {(t.line.color, t.line.dash) for t in figure(panel, "dark").data}
    assert len(looks) == STYLES


def test_two_axes_have_no_run_s_color():
    marks = Line(X, X, "distance"), Line(X, X, "size", "secondary", secondary_y=True)
    made = figure(overlay(parts(*marks)), "dark")
    assert made.layout.yaxis.linecolor == made.layout.yaxis2.linecolor == DARK.axis


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (5, (2, 3))])
def test_maps_side_by_side(count, shape):
    assert grid_shape(count) == shape
    names = [f"r{i}" for i in range(count - 1)] + [HOSTILE]
    panel = overlay(parts(MARKS["log map"], names=names))
    made = figure(panel, "dark")
    assert len(made.data) == count
    assert [trace.showscale for trace in made.data[1:]] == [False] * (count - 1)
    assert len({(trace.zmin, trace.zmax) for trace in made.data}) == 1
    texts = [a.text for a in made.layout.annotations]
    assert "&lt;script>" in texts[-1]
    drawn, axes = drawn_by_matplotlib(panel)
    assert len(axes) == count
    assert [ax.get_title(loc="left") for ax in axes.values()] == names
    limits = {mesh.get_clim() for ax in axes.values() for mesh in _meshes(ax)}
    assert len(limits) == 1


def test_colors_are_explained_where_the_first_map_is_empty():
    maps = [Heatmap(X, X, np.full((3, 3), value), "norm") for value in (np.nan, 1.0)]
    runs = [(RunStyle(str(i), i), panel_with(one)) for i, one in enumerate(maps)]
    assert [trace.showscale for trace in figure(overlay(runs)).data] == [False, True]


def _meshes(ax):
    return [one for one in ax.collections if isinstance(one, QuadMesh)]


def test_colors_cover_the_values_of_all_maps():
    cell = Heatmap(X[:2], X[:2], np.array([[1.0]]), "norm", "log")
    small, large = panel_with(cell), panel_with(replace(cell, z=np.array([[1e4]])))
    panel = overlay([(RunStyle("a", 0), small), (RunStyle("b", 1), large)])
    assert [(t.zmin, t.zmax) for t in figure(panel).data] == [(0.0, 4.0)] * 2


def test_the_course_of_the_run_is_zoomed_in_all_maps():
    mark = Heatmap(np.arange(3.0), np.arange(4.0), Z, "norm")
    panels = [Panel(x=Axis("step"), marks=(mark,)) for _ in range(3)]
    made = figure(overlay([(RunStyle(f"{i}", i), p) for i, p in enumerate(panels)]))
    assert (made.layout.xaxis2.matches, made.layout.xaxis3.matches) == ("x", "x")


def test_a_page_can_explain_the_runs_once_for_all():
    panel = overlay(parts(Line(X, X)))
    assert any(trace.showlegend for trace in figure(panel).data)
    assert not any(trace.showlegend for trace in figure(replace(panel, legend=False)).data)


def test_names_of_runs_are_as_short_as_they_tell_apart(tmp_path):
    assert run_labels([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert run_labels([tmp_path / "x" / "a", tmp_path / "y" / "a"]) == ["x/a", "y/a"]
    assert run_labels([tmp_path, tmp_path]) == [tmp_path.name] * 2


def test_several_runs_are_plotted(tmp_path, capsys):
    runs = [str(write_run(tmp_path / name, steps=30, layers=4)) for name in ("one", "two")]
    out = tmp_path / "both.pdf"
    assert cli.main(["plot", *runs, "-o", str(out)]) == 0
    assert out.read_bytes().startswith(b"%PDF")
    (names,) = views.plot(runs).legends
    assert [text.get_text() for text in names.get_texts()] == ["one", "two"]
    single = views.plot(runs, "grad_norm")
    assert [text.get_text() for text in single.legends[0].get_texts()] == ["one", "two"]
    assert cli.main(["plot", runs[0], "nowhere", "-o", str(out)]) == 1
    assert "No log at nowhere" in capsys.readouterr().err
    with pytest.raises(ValueError, match="at least one run"):
        views.plot([])
