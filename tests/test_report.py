"""What a report says of a run, and how the command prints it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from cockpit.dashboard.report_page import report_html
from cockpit.instruments.lamp_words import words_of
from cockpit.instruments.numbers import format_number
from cockpit.log import RunLog
from cockpit.render.report_text import report_lines
from cockpit.report import Report, report_on
from cockpit.synthetic import KINDS, write_kind
from tests.lamps.lines import Watched, watched
from tests.synthetic import write_run

ROOT = Path(__file__).parents[1]
WAITING = words_of("loader_bound").title
FACTS = {"inputs.nonfinite": 0, "update.decrease": 0.1}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path / "run") as made:
        made.steps(20, FACTS)
        yield made


def text(report: Report, width: int = 100) -> str:
    return "\n".join(line.plain for line in report_lines(report, width))


def titles(parts: tuple) -> list[str]:
    return [title for _, listed in parts for title in listed]


def test_what_was_seen_when_with_what_evidence_and_what_to_try_first(run: Watched) -> None:
    run.lamp("loader_bound", level="advisory", since=2, evidence="It waits.")
    run.steps(5, FACTS)
    run.lamp("loader_bound", "off", level="advisory", since=2, evidence="It waits.")
    run.lamp("learning_rate_too_large", level="warning", since=22, evidence="α is 0.6.")
    run.lamp("oscillation", since=23, cause="learning_rate_too_large", evidence="It alternates.")
    run.writer.end("finished", time=9.0, steps=25)
    report = report_on(run.log)
    lit, out = report.entries
    assert (lit.is_lit, lit.spans, lit.alert.level) == (True, ((22, None),), "warning")
    assert (out.is_lit, out.spans, out.alert.message) == (False, ((2, 24),), WAITING)
    assert report.headline == "Learning rate too large"
    assert report.verdict == "1 warning lit when the run ended."
    assert (report.level, report.steps) == ("warning", (0, 24))
    assert report.try_first == lit.alert.advice
    shown = text(report)
    assert "▲ WARNING Learning rate too large, from step 22 to the end" in shown
    assert "Try first Divide the learning rate by 3" in shown
    assert shown.count("Divide the learning rate by 3") == 1
    assert "Evidence  α is 0.6." in shown
    assert f"Explains  ◆ {words_of('oscillation').title} since step 23. It alternates." in shown
    assert f"○ ADVISORY {WAITING}, steps 2 to 24" in shown
    assert shown.index("WARNING") < shown.index("out again") < shown.index("ADVISORY")


def test_a_lamp_that_lit_again_and_again_is_one_entry(run: Watched) -> None:
    for level in ("caution", "warning", "caution"):
        run.lamp("dead_units", level=level, since=run.next - 1)
        run.lamp("vanishing_gradients", cause="dead_units")
        run.steps(3)
        run.lamp("dead_units", "off", level=level, since=run.next - 4)
        run.lamp("vanishing_gradients", "off", cause="dead_units")
    (entry,) = report_on(run.log).entries
    assert len(entry.spans) == 3
    assert entry.alert.level == "warning"
    assert [one.title for one in entry.alert.consequences] == [
        words_of("vanishing_gradients").title
    ]
    run.lamp("dead_units", since=28)
    (entry,) = report_on(run.log).entries
    assert (entry.is_lit, len(entry.spans)) == (True, 4)
    assert "from step 28 on, and 3 times before" in text(report_on(run.log))


def explained(report: Report) -> dict[str, list[str]]:
    """Titles of what each entry explains."""
    return {e.words.title: [one.title for one in e.alert.consequences] for e in report.entries}


def test_a_consequence_of_a_consequence_stands_under_the_first_cause(run: Watched) -> None:
    for name, cause in {"a": None, "b": "a", "c": "b"}.items():
        run.lamp(name, cause=cause)
    assert explained(report_on(run.log)) == {"A": ["B", "C"]}
    run.steps(2)
    run.lamp("c", "off", cause="b")
    assert explained(report_on(run.log)) == {"A": ["B", "C"]}  # its cause is lit still
    run.lamp("b", "off", cause="a")
    assert explained(report_on(run.log)) == {"A": ["C", "B"]}
    run.lamp("a", "off")
    assert explained(report_on(run.log)) == {"A": ["C", "B"]}
    assert [entry.is_lit for entry in report_on(run.log).entries] == [False]


def test_no_lamp_is_lost_where_a_log_holds_a_circle(run: Watched) -> None:
    for name, cause in {"a": "b", "b": "a", "c": "b", "d": "gone"}.items():
        run.lamp(name, cause=cause)
    for name, cause in {"c": "b", "a": "b"}.items():
        run.lamp(name, "off", cause=cause)
        found = explained(report_on(run.log))
        shown = {*found, *(title for titles in found.values() for title in titles)}
        assert shown == {"A", "B", "C", "D"}


def test_a_run_that_stalled_has_not_ended(run: Watched) -> None:
    run.lamp("dead_units")
    log = RunLog(run.writer.path, stalled_after=-1.0)
    report = report_on(log)
    assert (report.over, report.stalled) == (False, True)
    assert report.verdict.startswith("1 caution lit when the log stopped growing.")
    assert "from step 19 on" in text(report)


def test_odd_facts_make_no_odd_report(tmp_path: Path) -> None:
    odd = {"model.frozen": [3, None], "model.frozen_share": 0.5, "model.without_grad": [{}],
           "inputs.nonfinite": "many", "inputs.mean": None, "units.m.dead": "all",
           "optimizer.without": [7], "gradient.scale": "large"}  # fmt: skip
    with watched(tmp_path / "run") as run:
        run.steps(30, odd)
        log = run.log
    for anew in (False, True):
        report = report_on(log, anew=anew)
        assert text(report)
        assert report_html(report)
        assert all(isinstance(x, str) for e in report.entries for x in e.alert.layers)


def test_wide_letters_take_two_columns(run: Watched) -> None:
    evidence = "訓練の損失が下がらない。" * 9
    run.lamp("dead_units", evidence=evidence, layers=["層" * 30])
    for width in (20, 31, 60):
        lines = report_lines(report_on(run.log), width)
        assert max(cell_len(line.plain) for line in lines) <= width
        shown = "".join("".join(line.plain for line in lines).split())
        assert evidence in shown  # and nothing of it is lost


def test_what_was_checked_and_what_could_not_be(tmp_path: Path) -> None:
    with watched(tmp_path / "run", silenced=["made_up"]) as run:
        run.steps(9, {"inputs.nonfinite": 0})
        report = report_on(run.log)
    assert "Inputs that are no numbers" in titles(report.healthy)
    assert "Learning rate too large" in titles(report.absent)
    assert report.silenced == ("Made up",)
    count = len(titles(report.healthy))
    assert report.verdict.startswith(f"No lamp was lit; {format_number(count)} lamp")
    assert (report.level, report.try_first, report.headline) == ("", "", report.verdict)
    shown = text(report)
    assert f"looked for, not found ({count})" in shown
    assert "not tracked in this run: Learning rate too large" in " ".join(shown.split())
    assert "Silenced by the program (1)" in shown


def test_a_run_that_no_lamp_watched_is_looked_at_afterwards(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path / "old", steps=20))
    report = report_on(log)
    assert report.afterwards
    assert "Learning rate too large" in titles(report.absent)
    assert "afterwards, not while the run went on" in text(report)


def test_it_can_be_looked_at_anew(run: Watched) -> None:
    run.lamp("learning_rate_too_large", level="warning")
    assert report_on(run.log).lit
    report = report_on(run.log, anew=True)
    assert report.afterwards
    assert "Learning rate too large" not in [entry.alert.message for entry in report.lit]


def test_what_is_the_case_beside_the_lamps(run: Watched) -> None:
    run.lamp("dead_units")
    run.writer.end("failed", time=3.0, steps=20, message="out of memory")
    report = report_on(run.log)
    assert report.verdict == "1 caution lit when the run ended. Beside the lamps: 1 warning."
    assert report.level == "warning"
    assert report.headline == "The run failed: out of memory"
    assert report.try_first.startswith("Look at the traceback")
    assert "The run failed: out of memory (step 19)" in text(report)


def test_values_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    report = report_on(RunLog(write_kind("diverging", tmp_path / "d")))
    assert report.level == "warning"
    assert "not a finite number" in " ".join(text(report).split())


def test_a_run_without_records_has_a_report(tmp_path: Path) -> None:
    report = report_on(RunLog(write_run(tmp_path / "none", steps=0)))
    assert (report.steps, report.entries) == (None, ())
    assert "No lamp could tell anything" in text(report)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "million"])
def test_it_keeps_to_its_width(tmp_path: Path, name: str) -> None:
    report = report_on(RunLog(write_kind(name, tmp_path / name, steps=140)))
    for width in (10, 20, 30, 80, 200):
        lines = report_lines(report, width)
        longest = max(cell_len(line.plain) for line in lines)
        assert longest <= max(min(width, 100), 20)
        assert not any("\x1b" in line.plain for line in lines)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "cockpit", "report", *map(str, arguments)]
    return subprocess.run(call, cwd=ROOT, env={**os.environ, "COLUMNS": "90"}, capture_output=True,
                          text=True, encoding="utf-8", check=False)  # fmt: skip


def test_the_command(tmp_path: Path) -> None:
    path = write_kind("lamp-caution", tmp_path / "runs" / "c")
    done = command(tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("c\n")
    assert "from step 60 to the end" in done.stdout
    page = tmp_path / "new" / "report.html"
    done = command(path, "--html", page, "--theme", "dark")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{page} (")
    assert words_of("dead_units").title in page.read_text(encoding="utf-8")
    done = command(tmp_path / "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No run at" in done.stderr


def test_no_torch_is_loaded(tmp_path: Path) -> None:
    run = write_kind("lamp-warning", tmp_path / "w", steps=120)
    code = (
        "import sys; from cockpit.cli import main\n"
        f"assert main(['report', {str(run)!r}]) == 0\n"
        f"assert main(['report', {str(run)!r}, '--html', {str(tmp_path / 'r.html')!r}]) == 0\n"
        "assert not {'torch', 'plotly', 'dash'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
