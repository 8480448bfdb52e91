from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cockpit import demo
from cockpit.log import RunLog
from cockpit.problems.training import OPTIMIZERS, make_optimizer
from cockpit.quantities import QUANTITIES
from cockpit.synthetic import KINDS

ROOT = Path(__file__).parents[2]


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    return parser.parse_args(words)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "cockpit", "demo", "--data", "digits", *words]


def environment(**more: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return {**plain, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def run(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), cwd=folder, env=environment(**more),
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


class Running:
    """A demo in a process of its own, whose output can be waited for."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            command(*words), cwd=folder, env=environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            # Tests that run in the background hand down an interrupt that is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        self.printed = ""

    def wait_for(self, text: str) -> None:
        assert self.process.stdout is not None
        while text not in self.printed:
            line = self.process.stdout.readline()
            assert line, f"ended without {text!r}: {self.printed}"
            self.printed += line

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.printed += self.process.stdout.read()
        return self.process.wait(30)


@pytest.fixture
def start() -> Iterator[type[Running]]:
    running: list[Running] = []

    def begin(*arguments: object) -> Running:
        running.append(Running(*arguments))
        return running[-1]

    yield begin
    for demo_process in running:
        demo_process.process.kill()
        demo_process.process.communicate()


def test_a_script_gets_a_log_and_an_end(tmp_path: Path, free_port: int) -> None:
    done = run(tmp_path, "--steps", "12", "--no-wait", "--port", str(free_port))
    assert done.returncode == 0, done.stderr
    assert f"http://127.0.0.1:{free_port}/" in done.stdout
    assert "This run is on scikit-learn's digits, not on Fashion-MNIST." in done.stdout
    assert "step     12 of 12   loss " in done.stdout
    assert "Alpha: −1 is where a step began" in done.stdout
    assert "HessTrace" not in done.stdout
    log = RunLog(tmp_path / "runs" / "demo-1")
    assert (log.status, log.last_step) == ("finished", 11)
    assert {"Loss", "Alpha", "GradHist1d", "NormTest"} <= set(log.quantities)
    assert {"epoch", "train_accuracy", "valid_loss", "valid_accuracy"} <= set(log.user_names)


def test_the_full_rate_tracks_all_and_what_costs_most_less_often(tmp_path: Path) -> None:
    words = ("--steps", "12", "--no-ui", "--config", "full", "--batch-size", "16")
    done = run(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    log = RunLog(tmp_path / "runs" / "demo-1")
    assert list(log.series("HessMaxEV").step) == [0, 10]
    assert list(log.histogram_steps("GradHist2d")) == [0, 10]
    assert list(log.series("HessTrace").step) == list(range(12))
    assert set(log.quantities) == set(QUANTITIES) - {"Parameters"}
    assert log.header["config"]["tier"] == "full"


def test_the_page_stays_until_ctrl_c(tmp_path: Path, free_port: int, start) -> None:
    running = start(tmp_path, "--steps", "2", "--port", str(free_port))
    running.wait_for("until you press Ctrl-C")
    address = f"http://127.0.0.1:{free_port}/"
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert b"Cockpit" in answer.read()
    assert running.stop(signal.SIGINT) == 0
    assert re.search(r"Look at the run again with: \S*cockpit ui runs$", running.printed.strip())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("the page was still served after the demo had ended")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_keeps_its_log(tmp_path: Path, start, number: int) -> None:
    running = start(tmp_path, "--steps", "1000", "--no-ui", "--logdir", "here")
    log = tmp_path / "here" / "log.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and '"type":"step"' in log.read_text().replace(" ", "")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert running.stop(number) == 130
    assert "Stopped." in running.printed
    assert RunLog(log).status == "interrupted"


def test_a_taken_port_is_left_to_its_owner(tmp_path: Path) -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        done = run(tmp_path, "--steps", "1", "--no-wait", "--port", str(port))
    assert done.returncode == 0, done.stderr
    assert f"Port {port} is taken" in done.stdout
    (other,) = set(re.findall(r"http://127\.0\.0\.1:(\d+)/", done.stdout))
    assert int(other) != port


def test_a_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    done = run(tmp_path, "--steps", "3", "--no-ui", FORCE_COLOR="1", TERM="xterm")
    assert done.returncode == 0, done.stderr
    assert "3/3" in done.stdout
    assert "step      3 of 3" not in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--optimizer", "magic"), "got optimizer 'magic', expected one of sgd, momentum"),
        (("--batch-size", "9999"), "got batch_size=9999, expected 1 to 1500"),
        (("--data", "magic"), "got data set 'magic'"),
        (("--steps", "0"), "got '0', expected a positive number"),
        (("--lr", "fast"), "got 'fast', expected a positive number"),
        (("--lr", "nan"), "got 'nan', expected a positive number"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(tmp_path: Path, words, complaint: str) -> None:
    done = run(tmp_path, "--no-ui", "--no-wait", *words)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_defaults_are_those_of_the_help() -> None:
    arguments = parse()
    assert (arguments.steps, arguments.config, arguments.port) == (300, "economy", 8050)
    assert not arguments.no_ui
    assert arguments.data is None


def test_a_new_run_leaves_older_ones_alone(tmp_path: Path) -> None:
    assert demo.next_free(tmp_path / "demo") == tmp_path / "demo-1"
    (tmp_path / "demo-1").mkdir()
    assert demo.next_free(tmp_path / "demo") == tmp_path / "demo-2"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
    ],
)
def test_a_browser_is_opened_where_someone_sees_it(
    monkeypatch, platform: str, variables: dict[str, str], expected: bool
) -> None:
    monkeypatch.setattr(demo.sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert demo.has_display() is expected


def test_gauges_say_what_is_not_known_yet() -> None:
    first = SimpleNamespace(latest={"Loss": 2.3026}, overhead=0.0, lamps=())
    later = SimpleNamespace(latest={"Loss": 0.5, "Alpha": -0.25}, overhead=1.5, lamps=())
    assert demo.gauges(first) == "loss 2.303   α   –     tracking +0%"
    assert demo.gauges(later) == "loss 0.500   α -0.25   tracking +150%"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_made_by_name(name: str) -> None:
    import torch

    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = make_optimizer(name, [{"params": [weight]}], 0.125, 1.0)
    assert optimizer.param_groups[0]["lr"] == 0.125
    kind = "SGD" if name in ("sgd", "momentum") else name.replace("adam", "Adam").replace("w", "W")
    assert type(optimizer).__name__ == kind
    assert optimizer.param_groups[0].get("momentum", 0.9 if name == "momentum" else 0) == (
        0.9 if name == "momentum" else 0
    )
    default = make_optimizer(name, [{"params": [weight]}], None, 0.05).param_groups[0]["lr"]
    assert default == {"sgd": 0.05, "momentum": 0.01, "adam": 0.001, "adamw": 0.001}[name]


def test_synthetic_runs_are_shown_without_training(tmp_path: Path, free_port: int, start) -> None:
    words = ("--synthetic", "--out", "made up", "--live", "--port", str(free_port))
    running = start(tmp_path, *words)
    running.wait_for("until you press Ctrl-C")
    assert "a hundred layers" in running.printed
    assert {p.name for p in (tmp_path / "made up").iterdir()} == {*KINDS, "live-1"}
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/identity", timeout=10) as answer:
        assert b"cockpit" in answer.read()
    assert running.stop(signal.SIGINT) == 0
    assert RunLog(tmp_path / "made up" / "live-1").status == "interrupted"
    assert "cockpit ui made up" in running.printed


def test_synthetic_runs_that_are_there_are_left_alone(tmp_path: Path) -> None:
    for name in KINDS:
        (tmp_path / name).mkdir()
    done = run(tmp_path, "--synthetic", "--out", ".", "--no-ui")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*/*")) == []
    assert "what there is to see" in done.stdout
