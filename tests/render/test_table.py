"""Panels as CSV: every kind of mark, full resolution, nothing that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from cockpit.instruments import View, get, panels
from cockpit.instruments.panel import Axis, Band, Bars, Heatmap, Line, Panel, Points, Region, Rule
from cockpit.log import RunLog
from cockpit.render.table import CHUNK, WHOLE_RUN, harmless, panel_tables, write_csv
from tests.instruments.logs import write_log
from tests.synthetic import write_run


def read(panel: Panel) -> pd.DataFrame:
    return pd.read_csv(io.StringIO("".join(write_csv(panel_tables(panel)))), keep_default_na=False)


def test_curves_of_other_steps_stand_in_one_table():
    first = Line(np.array([0.0, 1, 2]), np.array([5.0, np.nan, 7]), "a")
    second = Line(np.array([0.0, 4]), np.array([1.0, 2]), "b", secondary_y=True)
    panel = Panel(
        x=Axis("step"), y=Axis("loss"), y2=Axis("time [s]"),
        marks=(first, second, Rule(1.0, "vertical")),
    )  # fmt: skip
    table = read(panel)
    assert list(table.columns) == ["step", "loss: a", "time [s]: b"]
    assert table["step"].tolist() == [0, 1, 2, 4]
    assert table["loss: a"].tolist() == ["5", "NaN", "7", ""]  # not finite; not measured
    assert table["time [s]: b"].tolist() == ["1", "", "", "2"]


def test_raw_and_smoothed_are_told_apart(tmp_path):
    values = np.random.default_rng(0).random(100)
    log = write_log(tmp_path, {"Loss": list(values)})
    table = read(get("loss")(log, View(**WHOLE_RUN)))
    assert list(table.columns) == [
        "step", "loss: mini-batch (measured)", "loss: mini-batch (smoothed)"
    ]  # fmt: skip
    assert table.iloc[:, 1].to_numpy() == pytest.approx(values, rel=1e-8)
    assert table.iloc[:, 2].std() < table.iloc[:, 1].std()


def test_lines_of_reference_are_no_data():
    angle = np.linspace(0, 6, 9)
    circle = Line(np.cos(angle), np.sin(angle), "limit")
    parabola = Line(np.arange(3.0), np.arange(3.0) ** 2, role="muted")
    assert panel_tables(Panel(marks=(circle, parabola))) == []


def test_bands_bars_regions_and_points():
    x = np.arange(3.0)
    band = read(Panel(y=Axis("α"), marks=(Band(x, x + 1, x + 2),)))
    assert list(band.columns) == ["position", "α (low)", "α (high)"]
    density = read(Panel(y=Axis("density"), marks=(Band(x, 0 * x, x + 2, "all"),)))
    assert density["density: all"].tolist() == [2, 3, 4]
    bars = (Bars(np.arange(3.0), np.array([4, 5]), "elements"), Bars(x[:2], np.array([9]), "zero"))
    table = read(Panel(x=Axis("g"), y=Axis("count"), marks=bars))
    assert list(table.columns) == ["g from", "g to", "elements", "zero"]
    assert table["elements"].tolist() == ["4", "5", ""]
    assert table["zero"].tolist() == ["", "", 9] or table["zero"].tolist() == ["", "", "9"]
    zones = (Region(0, 1.5, "disc", "norm"), Region(-2, 2, "vertical"))
    assert read(Panel(marks=zones)).to_numpy().tolist() == [["norm", 0, 1.5]]
    named = Points(np.array([1.0]), np.array([3.0]), "median")
    assert read(Panel(marks=(named, Points(x, x)))).to_numpy().tolist() == [[1, 3]]


def test_heat_maps_are_cells_or_rows_of_layers():
    z = np.array([[1.0, np.nan], [3, 4]])
    x, y = np.arange(3.0), np.arange(3.0) + 10
    cells = read(Panel(x=Axis("θ"), y=Axis("g"), marks=(Heatmap(x, y, z, "elements"),)))
    assert list(cells.columns) == ["θ from", "θ to", "g from", "g to", "elements"]
    assert cells.to_numpy().tolist() == [
        [0, 1, 10, 11, 1], [1, 2, 10, 11, 0], [0, 1, 11, 12, 3], [1, 2, 11, 12, 4]
    ]  # fmt: skip
    layers = Heatmap(x, y, z, "GradNorm", y_labels=("0.weight", "0.bias"))
    table = read(Panel(x=Axis("step"), marks=(layers,)))
    assert list(table.columns) == ["step from", "step to", "GradNorm: 0.weight", "GradNorm: 0.bias"]
    assert table["GradNorm: 0.bias"].tolist() == [3, 4]


def test_parts_of_a_gauge_are_named(tmp_path):
    log = write_log(tmp_path, {"Alpha": [0.1, -0.2, 0.3]})
    table = read(get("alpha")(log, View(**WHOLE_RUN)))
    history = table[table["part"] == "history"]
    assert history["step"].astype(float).tolist() == [0, 1, 2]
    assert history["α"].astype(float).tolist() == [0.1, -0.2, 0.3]
    assert set(history["density: all steps"]) == {""}
    assert len(table[table["part"] == "now"]) == 161


def test_no_point_of_a_long_run_is_left_out(tmp_path):
    count = 2 * CHUNK + 3
    log = RunLog(write_run(tmp_path / "long", steps=count, quantities=("Loss", "GradNorm")))
    table = read(get("loss")(log, View(**WHOLE_RUN)))
    assert table["step"].tolist() == list(range(count))
    assert table.iloc[:, 1].to_numpy() == pytest.approx(log.series("Loss").value, rel=1e-8)
    assert len(read(get("layers")(log, View(**WHOLE_RUN)))) == count


def test_every_instrument_of_a_full_run_has_numbers(tmp_path):
    log = RunLog(write_run(tmp_path / "full", steps=70))
    shown = panels(log, View(**WHOLE_RUN))
    assert len(shown) >= 16
    for one, panel in shown:
        lines = list(csv.reader(io.StringIO("".join(write_csv(panel_tables(panel))))))
        assert len(lines) > 1, one.name
        assert len({len(line) for line in lines}) == 1, one.name


@pytest.mark.parametrize("text", ["=1+1", "+cmd|'/c calc'!A0", "-x", "@SUM(1)", "\t=1", "\r=1"])
def test_a_formula_becomes_a_text(text):
    assert harmless(text) == "'" + text
    line = Line(np.arange(2.0), np.arange(2.0), text)
    (head, *_) = csv.reader(
        io.StringIO("".join(write_csv(panel_tables(Panel(marks=(line,))))), newline="")
    )
    assert head[1] == "'" + text


def test_negative_numbers_stay_numbers():
    assert harmless("-1.5e-3") == "-1.5e-3"
    assert harmless("plain") == "plain"
    assert read(Panel(marks=(Line(np.arange(1.0), np.array([-2.5]), "a"),)))["a"].tolist() == [-2.5]
