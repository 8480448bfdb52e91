"""Panels as text: what stands where, how wide it is, and what never gets out."""

from __future__ import annotations

import io
import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cockpit.instruments import Panel, View, panels
from cockpit.instruments.panel import (
    Axis,
    Band,
    Bars,
    Heatmap,
    Line,
    Mark,
    Points,
    Region,
)
from cockpit.instruments.run_summary import Fact, run_facts
from cockpit.log import RunLog
from cockpit.render.terminal import Page, page_lines, print_page
from cockpit.render.terminal_blocks import Grid, columns_of, heat_rows, resample
from cockpit.render.terminal_panel import panel_lines
from cockpit.render.terminal_paper import GUTTER, Paper
from cockpit.render.terminal_text import clean, cut, fit, words
from cockpit.synthetic import KINDS, write_kind
from tests.render.every_mark import MARKS, panel_with

SHORT = [name for name in KINDS if name != "million"]
SEEN = np.arange(8.0)


def page_of(log: RunLog, alerts: tuple = ()) -> Page:
    shown = [panel for _, panel in panels(log, View())]
    return Page(run_facts(log), alerts, shown, time.time())


def picture(panel: Panel, width: int, rows: int = 1) -> list[str]:
    """What stands right of the gutter, without the title."""
    lines = panel_lines(panel, Paper(GUTTER + width, rows, color=False))
    return [line.plain[GUTTER:] for line in lines[1:]]


def history(*marks: Mark, axis: Axis | None = None) -> Panel:
    return Panel("A", "performance", marks=marks, y=axis or Axis())


@given(st.text())
def test_nothing_in_a_text_is_obeyed(text: str) -> None:
    shown = clean(text)
    kinds = {unicodedata.category(c) for c in shown}
    assert not any(kind.startswith("C") or kind in ("Zl", "Zp") for kind in kinds)
    assert clean(shown) == shown


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "·[31mred·[0m"),
        ("a\u202eb\u200bc", "a·b·c"),
        ("one\r\ntwo\tthree", "one  two three"),
        ("\x9b2J\x07\x00\ud800", "·2J···"),
        ("[bold]x[/bold] :fire:", "[bold]x[/bold] :fire:"),
        ("e" + "\u0335" * 50, "e" + "\u0335" * 2),
        ("é", "é"),
    ],
)
def test_hostile_texts_become_plain(given: str, expected: str) -> None:
    assert clean(given) == expected
    assert words(given).plain == expected


@given(st.text(), st.integers(0, 40))
def test_texts_have_the_width_they_are_given(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width
    assert cell_len(cut(text, width)) <= width


def test_what_is_cut_says_so() -> None:
    assert cut("gradient", 8) == "gradient"
    assert cut("gradients", 8) == "gradien…"
    assert fit("π", 3, "right") == "  π"


def test_positions_become_columns() -> None:
    x = np.array([-0.1, 0.0, 0.49, 0.5, 1.0, 1.1, np.nan])
    assert columns_of(x, (0.0, 1.0), 2).tolist() == [-1, 0, 0, 1, 1, -1, -1]


def test_columns_between_points_show_the_one_before() -> None:
    x, y = np.array([0.0, 4.0, 6.0, 9.0]), np.array([1.0, np.nan, 3.0, 4.0])
    got = resample(x, y, (0.0, 10.0), 10)
    expected = [1, 1, 1, 1, np.nan, np.nan, 3, 3, 3, 4]
    assert np.array_equal(got, expected, equal_nan=True)


def test_a_column_of_many_points_keeps_what_is_asked_for() -> None:
    x, y = np.arange(100.0), np.where(np.arange(100) == 55, 9.0, 1.0)
    assert resample(x, y, (0.0, 100.0), 10, "max")[5] == 9.0
    assert resample(x, y, (0.0, 100.0), 10)[5] == pytest.approx(1.8)


def test_bars_are_eighths_and_haze() -> None:
    grid = Grid(2, 3)
    grid.bar(0, 0.0, "")
    grid.bar(1, 0.75, "")
    grid.bar(2, 0.25, "", haze=1.0)
    assert [grid.line(i).plain for i in (0, 1)] == [" ▄░", "▁█▄"]


def test_a_ramp_is_a_ramp() -> None:
    panel = history(Line(SEEN, SEEN))
    assert picture(panel, 8) == ["▁▁▂▃▅▆▇█"]
    assert picture(panel, 8, 2) == ["    ▁▃▆█", "▁▂▅▇████"]


def test_a_logarithmic_axis_spaces_decades_evenly() -> None:
    line = Line(SEEN, 10.0 ** (SEEN - 8))
    panel = history(line, axis=Axis("", "log"))
    assert picture(panel, 8) == ["▁▁▂▃▅▆▇█"]
    assert "log 1e−8 … 0.1" in panel_lines(panel, Paper(60, 1))[1].plain


def test_what_is_not_finite_gets_a_cross() -> None:
    y = np.where(SEEN > 4, np.nan, 1 + SEEN)
    marks = (
        Region(5.0, 7.0, "vertical", role="warning"),
        Points(np.array([2.0]), np.array([0.96]), "", "warning", "cross", y_axes=True),
        Line(SEEN, y),
    )
    assert picture(history(*marks), 8) == ["▁▂×▆█×××"]
    crosses = [s for s in panel_lines(history(*marks), Paper(GUTTER + 8, 1))[1].spans
               if "red" in str(s.style)]  # fmt: skip
    assert crosses


def test_an_extreme_among_many_is_seen_in_one_row() -> None:
    x = np.arange(1000.0)
    spike = np.where(x == 500, 100.0, 1.0)
    panel = history(Band(x, np.ones(1000), spike), Line(x, np.ones(1000)))
    shown = picture(panel, 20)[0]
    assert shown[10] == "█"
    assert set(shown[:10] + shown[11:]) == {"▁"}
    assert "░" in picture(panel, 20, 3)[0]


def test_several_curves_have_a_line_each_with_their_values() -> None:
    panel = replace(
        history(Line(SEEN, SEEN, "up"), Line(SEEN, 7 - SEEN, "down", "secondary")),
        current="7.25 · 0",
    )
    title, up, down = (line.plain for line in panel_lines(panel, Paper(GUTTER + 8, 2)))
    assert title.split() == ["A"]
    assert up.split() == ["up", "7.25", "▁▁▂▃▅▆▇█"]
    assert down.split() == ["down", "0", "█▇▆▅▃▂▁▁"]


def test_a_curve_without_a_value_of_the_panel_shows_its_own_last_one() -> None:
    panel = replace(history(Line(SEEN, SEEN, "a"), Line(SEEN, SEEN + 1, "b")), current="0.31")
    values = [line.plain.split()[1] for line in panel_lines(panel, Paper(60, 1))[1:]]
    assert values == ["0.31", "8"]


def gauge(sample_at: float, spread: float = 0.2) -> Panel:
    grid = np.linspace(-2, 2, 161)
    density = np.exp(-0.5 * ((grid - sample_at) / spread) ** 2)
    ticks = tuple((float(t), f"{t}") for t in (-2, -1, 0, 1, 2))
    return Panel(
        "α",
        x=Axis(range=(-2.0, 2.0), ticks=ticks),
        y=Axis(visible=False),
        marks=(
            Band(grid, 0 * grid, density, "last", "primary"),
            Points(np.array([sample_at]), np.array([0.0]), role="primary"),
        ),
    )


@pytest.mark.parametrize("at", [-1.0, 0.0, 0.4, 1.0])
def test_the_gauge_shows_median_and_quartiles_on_their_scale(at: float) -> None:
    density, box, ruler = picture(gauge(at), 80, 2)
    column = round((at + 2) * 20)
    assert box.index("●") == column
    assert abs(box.index("━") - (column - 0.674 * 0.2 * 20)) <= 1
    assert abs(box.index("─") - (column - 1.645 * 0.2 * 20)) <= 1
    assert density.index("█") == pytest.approx(column, abs=2)
    assert ruler.index("1", 30) == 60
    assert picture(gauge(at), 80, 1)[0] == box


def test_bars_stand_over_their_bins() -> None:
    bars = Bars(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([1, 10, 100, 0]))
    panel = Panel("h", x=Axis(range=(0.0, 4.0)), y=Axis("n", "log", range=(1.0, 100.0)),
                  marks=(bars,))  # fmt: skip
    assert picture(panel, 8) == ["▁▁▄▄██  "]


def test_heat_has_the_input_on_top_and_shades_without_color() -> None:
    z = np.array([[1.0, 1.0], [10.0, 100.0]])
    heat = Heatmap(np.arange(3.0), np.arange(3.0), z, "g", "log", ("first", "last"))
    panel = Panel("L", y=Axis(range=(2.0, 0.0)), marks=(heat,))
    shown = picture(panel, 8, 2)
    assert shown[:2] == ["········", "▒▒▒▒████"]
    assert shown[2].startswith("1 ·")
    upright = Panel("L", y=Axis(range=(0.0, 2.0)), marks=(replace(heat, y_labels=()),))
    assert picture(upright, 8, 2)[0] == "▒▒▒▒████"  # one line for two rows: the larger counts


def test_heat_with_color_paints_two_rows_in_a_line() -> None:
    (line,) = heat_rows(np.array([[0.0, np.nan], [1.0, 0.5]]), ("#000000", "#FFFFFF"))
    assert line.plain == "▀▄"
    assert str(line.spans[0].style) == "#000000 on #FFFFFF"


@pytest.mark.parametrize("name", MARKS)
def test_every_mark_keeps_to_the_paper(name: str) -> None:
    for rows in (0, 1, 2, 3):
        for color in (True, False):
            lines = panel_lines(panel_with(MARKS[name]), Paper(90, rows, color))
            assert all(cell_len(line.plain) <= 90 for line in lines)
            assert lines[0].plain.startswith("Title")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("line", "█"),
        ("second axis", "█"),
        ("bars", "█"),
        ("log map", "█"),
        ("map with names", "b  "),
        ("horizontal rule", "limit"),
        ("text", "hello"),
    ],
)
def test_marks_that_say_something_are_drawn(name: str, expected: str) -> None:
    lines = panel_lines(panel_with(MARKS[name]), Paper(90, 2, color=False))
    assert expected in "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("name", SHORT)
def test_a_page_keeps_to_its_size(tmp_path: Path, name: str) -> None:
    log = RunLog(write_kind(name, tmp_path / name, steps=60))
    page = page_of(log)
    for width in (40, 80, 131, 240):
        for height in (None, 10, 24):
            lines = page_lines(page, width, height, color=height != 24)
            assert all(cell_len(line.plain) <= width for line in lines), (width, height)
            assert height is None or len(lines) <= height
            text = "".join(line.plain for line in lines)
            assert not any(unicodedata.category(c).startswith("C") for c in text)


def test_every_instrument_is_on_the_page_at_any_width(tmp_path: Path) -> None:
    log = RunLog(write_kind("healthy", tmp_path / "h", steps=60))
    titles = [panel.title for _, panel in panels(log, View())]
    assert len(titles) > 14
    for width in (80, 160, 240):
        text = "\n".join(line.plain for line in page_lines(page_of(log), width))
        assert [title for title in titles if title not in text] == []
    small = "\n".join(line.plain for line in page_lines(page_of(log), 80, 24))
    assert [title for title in titles if title[:20] not in small] == []


def test_a_page_that_does_not_fit_says_so(tmp_path: Path) -> None:
    log = RunLog(write_kind("healthy", tmp_path / "h", steps=30))
    lines = page_lines(page_of(log), 70, 12)
    assert len(lines) == 12
    assert "more lines" in lines[-1].plain


def styles(lines: list[Text]) -> str:
    return " ".join(str(span.style) for line in lines for span in line.spans)


def test_red_and_amber_mean_alerts_only(tmp_path: Path) -> None:
    well = page_lines(page_of(RunLog(write_kind("healthy", tmp_path / "h", steps=80))), 160)
    assert "red" not in styles(well)
    assert "yellow" not in styles(well)
    bad = page_lines(page_of(RunLog(write_kind("diverging", tmp_path / "d"))), 160)
    assert "red" in styles(bad)


def alert(level: str, message: str = "It is so.", step: int | None = 3, last: int = 9) -> dict:
    return {"level": level, "message": message, "advice": "Do this.", "step": step, "last": last}


def test_alerts_stand_on_top_with_shape_and_word() -> None:
    given = (alert("warning"), alert("caution", step=None), *[alert("caution")] * 3)
    page = Page((Fact("run", "first"), Fact("status", "running")), given, (), time.time())
    lines = [line.plain for line in page_lines(page, 80)]
    assert lines[0] == "▲ WARNING  It is so. (steps 3 to 9)"
    assert lines[1] == "           Do this."
    assert lines[2] == "◆ CAUTION  It is so."
    assert lines[6] == "           and 2 cautions more"
    assert lines[7].startswith("first   running   data 0 s old")


def lamp_alert(level: str, **changes: object) -> dict:
    explained = [{"level": "caution", "title": "Oscillation", "evidence": "", "step": 5}]
    said = {"lamp": "a", "means": "It is too long.", "evidence": "α is 0.6.", "last": None,
            "consequences": explained}  # fmt: skip
    return {**alert(level, "Too large"), **said, **changes}


def test_a_lit_lamp_says_what_to_do_then_why() -> None:
    given = (lamp_alert("warning"), lamp_alert("caution"), *[lamp_alert("advisory")] * 3)
    page = Page((Fact("run", "first"),), given, (), time.time())
    lines = [line.plain for line in page_lines(page, 80)]
    assert lines[:6] == [
        "▲ WARNING  Too large (since step 3): It is too long.",
        "           Do this.",
        "           α is 0.6.",
        "           It explains ◆ Oscillation.",
        "◆ CAUTION  Too large (since step 3): It is too long.",
        "           Do this.",
    ]
    assert lines[6] == "● ADVISORY Too large (since step 3): It is too long."
    assert lines[8] == "           and 2 advisories more"


@pytest.mark.parametrize("height", [None, 6])
def test_a_panel_that_alerts_are_about_bears_their_sign(height: int | None) -> None:
    panels_ = [history(Line(SEEN, SEEN)), replace(history(Line(SEEN, SEEN)), title="B")]
    page = Page((Fact("run", "first"),), (), panels_, time.time(), marks=("", "caution"))
    lines = page_lines(page, 60, height)
    starts = [line.plain[:3] for line in lines]
    assert "◆ B" in starts
    assert any(start.startswith("A") for start in starts)
    assert "yellow" in styles(lines)


def test_long_alerts_are_wrapped_and_end_somewhere() -> None:
    page = Page((Fact("run", "first"),), (alert("warning", "much to say " * 40),), (), time.time())
    lines = [line.plain for line in page_lines(page, 60)]
    assert lines[0].startswith("▲ WARNING  much to say")
    assert lines[1].startswith("           much to say")
    assert lines[1].endswith("…")
    assert lines[2] == "           Do this."


def test_a_page_without_panels_has_its_head() -> None:
    page = Page((Fact("run", "empty"),), (), (), time.time(), "the latest of 2 runs")
    assert [line.plain for line in page_lines(page, 60)] == [
        "empty   data 0 s old", "the latest of 2 runs",
    ]  # fmt: skip


@pytest.mark.parametrize("color", [True, False])
def test_markup_is_printed_as_it_is(tmp_path: Path, color: bool) -> None:
    log = RunLog(write_kind("markup", tmp_path / "m", steps=40))
    system = "truecolor" if color else None
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=color, color_system=system)
    print_page(console, page_of(log))
    text = out.getvalue()
    assert "[bold red]not red[/bold red]" in text
    assert "·[2J·[31mescape" in text
    assert "\x1b[2J" not in text
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert ("\x1b[" in text) == color
