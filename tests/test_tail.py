"""``cockpit tail``: once, live in a terminal, and on whatever a folder holds."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.log import LogWriter, RunLog
from cockpit.synthetic import KINDS, Course, Training, make_layers, write_kind, write_run
from cockpit.tail_command import find

ROOT = Path(__file__).parents[1]
SHORT = [name for name in KINDS if name != "million"]
ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **more}


def tail(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cockpit", "tail", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120,
                          env=environment(**more))  # fmt: skip


@pytest.mark.parametrize("name", SHORT)
def test_each_synthetic_run_is_printed_once(tmp_path: Path, name: str) -> None:
    run = write_kind(name, tmp_path / name, steps=60)
    done = tail(run, "--once", "--width", 100)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Gradient norm" in done.stdout
    assert "▁" in done.stdout
    printed = {unicodedata.category(c) for c in done.stdout if c != "\n"}
    assert not any(kind.startswith("C") for kind in printed)
    status = RunLog(run).status
    assert re.search(rf"(^|   ){status}   step", done.stdout, re.MULTILINE)
    ends = {
        "finished": "The run finished after step 59, ",
        "failed": "The run failed after step 59, ",
    }
    assert ends.get(status, "optimizer SGD") in done.stdout


def test_what_goes_wrong_stands_on_top(tmp_path: Path) -> None:
    first = tail(
        write_kind("diverging", tmp_path / "d"), "--once", "--width", 120
    ).stdout.splitlines()
    assert first[0].startswith("▲ WARNING  Loss, ")
    assert "Lower the learning rate" in first[1]
    first = tail(write_kind("stalled", tmp_path / "s"), "--once").stdout.splitlines()
    assert first[0].startswith("◆ CAUTION  The log has stopped growing")
    broken = write_kind("nan", tmp_path / "n", steps=30)
    with (broken / "log.jsonl").open("a") as file:
        file.write("no record\n" * 3)
    assert "skipped lines 3" in tail(broken, "--once").stdout


def test_lamps_are_shown_with_their_panels(tmp_path: Path) -> None:
    shown = tail(write_kind("lamp-warning", tmp_path / "w"), "--once", "--width", 120).stdout
    assert shown.startswith("▲ WARNING  Learning rate too large (since step 100)")
    assert "It explains ◆ " in shown
    assert "\n▲ Step length α" in shown
    dark = tail(write_kind("lamps-dark", tmp_path / "d", steps=40), "--once").stdout
    assert dark.startswith("d   finished")
    assert "lamps none lit, " in dark
    assert "▲" not in dark


def test_of_several_runs_the_latest_is_shown(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old", "older")):
        write_run(tmp_path / name, 5, 2, quantities=("Loss",), silent_for=10.0 + 100 * age)
    done = tail(tmp_path, "--once")
    assert done.stdout.startswith("new ")
    assert "the latest of 3 runs; others: old, older" in done.stdout
    assert find(tmp_path / "old") == (tmp_path / "old", "")
    assert find(tmp_path / "old" / "log.jsonl")[1] == ""


def test_where_there_is_no_run_it_says_what_to_give(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing \x1b[31m"):
        done = tail(path)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "No run at" in done.stderr
        assert "Give the folder of a run" in done.stderr
        assert "\x1b" not in done.stderr


def test_odd_wishes_are_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", 5, 2, quantities=("Loss",))
    done = tail(run, "-i", "magic")
    assert done.returncode == 1
    assert "There is no instrument 'magic'" in done.stderr
    for odd in ("0", "-1", "inf", "nan", "x"):
        done = tail(run, "--interval", odd)
        assert done.returncode == 2
        assert "interval" in done.stderr


def test_one_instrument_as_of_a_step(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", 60, 2)
    done = tail(run, "--once", "-i", "loss", "--step", 20)
    assert "Loss" in done.stdout
    assert "step 20 " in done.stdout
    assert "Gradient norm" not in done.stdout


def test_a_log_without_records_has_its_head(tmp_path: Path) -> None:
    LogWriter(tmp_path / "empty", {}).close()
    done = tail(tmp_path / "empty", "--once")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("empty   running")


def test_a_terminal_without_unicode_gets_what_it_can_show(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", 20, 2, quantities=("Loss", "Alpha"))
    done = tail(run, "--once", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert "Loss" in done.stdout


def test_neither_torch_nor_a_plotting_library_is_loaded(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", 20, 2)
    code = (
        "import sys; from cockpit.cli import main\n"
        f"assert main(['tail', {str(run)!r}, '--once']) == 0\n"
        "heavy = {'torch', 'plotly', 'matplotlib', 'dash', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Terminal:
    """``cockpit tail`` in a terminal of 100 by 30 characters."""

    def __init__(self, *words: object, **more: str) -> None:
        self.near, far = pty.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        command = [sys.executable, "-m", "cockpit", "tail", *map(str, words)]
        self.process = subprocess.Popen(
            command, stdin=far, stdout=far, stderr=far, env=environment(**more),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        os.close(far)
        self.raw = b""

    def read(self, seconds: float) -> bool:
        """Read what has come; False once the program has gone."""
        if not select.select([self.near], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.near, 1 << 16)
        except OSError:  # the other side is closed
            return False
        self.raw += piece
        return bool(piece)

    @property
    def text(self) -> str:
        return ESCAPE.sub("", self.raw.decode(errors="replace"))

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.text:
            assert time.monotonic() < deadline, self.text[-3000:]
            assert self.read(0.5) or text in self.text, self.text[-3000:]

    def end(self) -> int:
        """Read until it ends; its exit status."""
        while self.read(30.0):
            pass
        return self.process.wait(30)


@pytest.fixture
def start() -> Iterator[type[Terminal]]:
    running: list[Terminal] = []

    def begin(*words: object, **more: str) -> Terminal:
        running.append(Terminal(*words, **more))
        return running[-1]

    yield begin  # type: ignore[misc]
    for terminal in running:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.near)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LogWriter]:
    training = Training(Course(), make_layers(2), ("Loss", "Alpha"))
    made = LogWriter(tmp_path / "live", training.header(time.time()))
    for step in range(5):
        made.step(step, training.values(step), time=float(step))
    yield made
    made.close()


def test_a_new_record_is_drawn_and_the_end_is_told(writer: LogWriter, start) -> None:
    terminal = start(writer.path.parent, "--interval", 0.1)
    terminal.wait_for("step 4 ")
    training = Training(Course(), make_layers(2), ("Loss", "Alpha"))
    writer.step(1234, training.values(1234), time=7.0)
    terminal.wait_for("step 1,234 ")
    assert b"\x1b[?1049h" in terminal.raw  # a screen of its own
    assert terminal.raw.count(b"\x1b[?1049l") == 0
    writer.end("failed", time=8.0, steps=6, message="out of memory\x1b[2J")
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.raw  # given back
    left = terminal.raw.partition(b"\x1b[?1049l")[2].decode()
    assert "The run failed after step 1,234, 8 s. out of memory·[2J" in ESCAPE.sub("", left)
    assert "▲ WARNING" in ESCAPE.sub("", left)
    assert "\x1b[2J" not in left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_left_by_ctrl_c(writer: LogWriter, start, number: int) -> None:
    terminal = start(writer.path.parent, "--interval", 0.1)
    terminal.wait_for("step 4 ")
    terminal.process.send_signal(number)
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.raw
    assert b"\x1b[?25h" in terminal.raw  # the cursor is back
    assert b"Traceback" not in terminal.raw


def test_a_run_that_has_ended_is_shown_and_left(tmp_path: Path, start) -> None:
    terminal = start(write_run(tmp_path / "r", 20, 2, quantities=("Loss",)))
    assert terminal.end() == 0
    assert "The run finished after step 19, " in terminal.text


def test_without_color_there_is_none(tmp_path: Path, start) -> None:
    run = write_kind("diverging", tmp_path / "d")
    plain, colored = (start(run, "--once", **more) for more in ({"NO_COLOR": "1"}, {}))
    assert plain.end() == colored.end() == 0
    color = re.compile(rb"\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-9])[;0-9]*m")
    assert color.search(colored.raw)
    assert not color.search(plain.raw)
    assert "▲ WARNING" in plain.text
