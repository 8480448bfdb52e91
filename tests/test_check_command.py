"""``cockpit check``: what was wrong with a run, in words, as JSON, and as an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cockpit import cli
from cockpit.log import LogWriter
from cockpit.log.record import Scalar
from cockpit.synthetic import write_kind
from tests.lamps.made import lamp_that, lit_at

ROOT = Path(__file__).parents[1]
LAMPS = (
    lit_at([2, 3], "too_hot", inhibits=("steam",), do="Cool it."),
    lit_at([2, 3], "steam", level="caution"),
    lit_at([7], "a_note", level="advisory"),
    lit_at([], "sound"),
    lit_at([], "unseen", needs=("Alpha",)),
    lamp_that(lambda course: None, "undecided"),
)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lamps of these tests are all there are."""
    lamps = sys.modules["cockpit.lamps.lamp"]
    monkeypatch.setattr(lamps, "_lamps", {lamp.name: lamp for lamp in LAMPS})


def write(folder: Path, steps: range = range(9), **header: Any) -> LogWriter:
    writer = LogWriter(folder / "run", {"layers": [], **header})
    for step in steps:
        writer.step(step, {"Loss": Scalar(float(step))}, time=0.1 * step)
    return writer


def check(folder: Path, *arguments: str) -> int:
    return cli.main(["check", str(folder / "run"), *arguments])


def test_what_was_lit_is_said_with_its_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    writer = write(tmp_path)
    writer.event("caution", "absent", "too few samples", step=3, quantity="NormTest", time=1.0)
    writer.end("finished", time=2.0, steps=9)
    assert check(tmp_path) == 1
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed == [
        "run: finished, 9 steps, the last is 8",
        "caution at step 3: NormTest: too few samples",
        "",
        "▲ warning: Too hot, steps 2 to 3",
        "  A test is running.",
        "  It is step 2.",
        "  → Cool it.",
        "  It explains: Steam.",
        "",
        "● advisory: A note, from step 7 to the end",
        "  A test is running.",
        "  It is step 7.",
        "  → Wait.",
        "",
        "Healthy (1): Sound.",
        "Absent, no step so far that it could judge (1): Undecided.",
        "Absent, needs Alpha, not tracked in this run (1): Unseen.",
    ]


def test_a_consequence_of_a_consequence_stands_under_the_first_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = (
        lit_at([*range(1, 9)], "fire", inhibits=("smoke",)),
        lit_at([*range(2, 9)], "smoke", inhibits=("cough",)),
        lit_at([3], "cough"),  # and out, while its cause is lit
    )
    lamps = {lamp.name: lamp for lamp in chain}
    monkeypatch.setattr(sys.modules["cockpit.lamps.lamp"], "_lamps", lamps)
    write(tmp_path).close()
    assert check(tmp_path, "--lamps") == 1
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if "warning:" in line] == [
        "▲ warning: Fire, from step 1 to the end"
    ]
    assert "It explains: Cough, Smoke." in printed
    check(tmp_path, "--json")
    episodes = json.loads(capsys.readouterr().out)["lamps"]["episodes"]
    found = {e["lamp"]: (e["cause"], e["root"]) for e in episodes}
    assert found == {"fire": (None, "fire"), "smoke": ("fire", "fire"), "cough": ("smoke", "fire")}


def test_all_says_it_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, silenced=["too_hot"]).close()
    assert check(tmp_path, "--all") == 1
    printed = capsys.readouterr().out
    assert "warning: Too hot" in printed
    assert "caution: Steam" in printed
    assert "A consequence of too_hot." in printed
    assert "Healthy:\n  Sound. A test is running." in printed
    assert "Silenced" not in printed


def test_what_the_run_silenced_stays_dark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, silenced=["too_hot", "steam"]).close()
    assert check(tmp_path) == 0
    printed = capsys.readouterr().out
    assert "Silenced: too_hot, steam." in printed
    assert "A note" in printed


@pytest.mark.parametrize(("last", "status"), [(1, 0), (2, 1)])
def test_the_exit_status_tells_whether_there_is_something(
    last: int, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, range(last + 1)).close()
    assert check(tmp_path, "--lamps") == status
    assert ("No lamp was lit." in capsys.readouterr().out) == (status == 0)


def test_damage_is_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = write(tmp_path, range(2))
    with writer.path.open("ab") as file:
        file.write(b"nonsense\n")
    assert check(tmp_path) == 1
    assert "Damaged lines of the log, skipped: 1." in capsys.readouterr().out
    assert check(tmp_path, "--lamps") == 0
    assert "Damaged" not in capsys.readouterr().out


def test_json_has_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path).close()
    assert check(tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["run"], found["tracked_steps"], found["last_step"]) == ("run", 9, 8)
    assert found["log"]["damaged_lines"] == 0
    names = [(one["lamp"], one["state"], one["cause"]) for one in found["lamps"]["episodes"]]
    assert names == [
        ("too_hot", "was lit", None), ("steam", "was lit", "too_hot"), ("a_note", "lit", None),
    ]  # fmt: skip
    assert [one["lamp"] for one in found["lamps"]["healthy"]] == ["sound"]
    assert [one["lamp"] for one in found["lamps"]["absent"]] == ["undecided", "unseen"]


def test_a_resumed_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path).close()
    write(tmp_path, range(2, 4)).close()
    assert check(tmp_path) == 1
    printed = capsys.readouterr().out
    assert "It was started 2 times." in printed
    assert "advisory" not in printed


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path) == 2
    assert "cockpit check: No log at" in capsys.readouterr().err


def test_a_hostile_run_is_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_kind("markup", tmp_path / "run", steps=20)
    assert check(tmp_path) in (0, 1)
    printed = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)


def test_no_torch_is_needed(tmp_path: Path) -> None:
    write(tmp_path).close()
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from cockpit import cli; sys.exit(cli.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "check", str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.startswith("run: running, 9 steps")
