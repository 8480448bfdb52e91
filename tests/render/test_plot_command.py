"""``cockpit plot`` and ``cockpit.views``: files, choices, errors, no torch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cockpit import cli, views
from cockpit.instruments import NothingToShowError, UnknownInstrumentError, View
from cockpit.log import RunLog
from tests.synthetic import write_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "whole", steps=70)


def shown(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize(
    ("suffix", "start"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?xml")]
)
def test_writes_what_the_name_says(run, tmp_path, suffix, start, capsys):
    out = tmp_path / "new folder" / f"view.{suffix}"
    assert cli.main(["plot", str(run), "-o", str(out), "--dpi", "50"]) == 0
    assert out.read_bytes().startswith(start)
    assert capsys.readouterr().out.strip() == str(out)


def test_all_choices(run, tmp_path):
    out = tmp_path / "view.svg"
    arguments = ["--instrument", "grad_norm", "--instrument", "loss", "--step", "40", "--theme",
                 "dark", "--x", "epoch", "--layer", "0.weight", "--smoothing", "0.5"]  # fmt: skip
    assert cli.main(["plot", str(run), "-o", str(out), *arguments]) == 0
    assert "#161a20" in out.read_text().lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "No log at nowhere"),
        (["RUN", "-o", "view.jpg"], "must end in .pdf, .png, .svg"),
        (["RUN", "-i", "alfa"], "no instrument 'alfa'. Choose one of: alpha, distance"),
        (["RUN", "--layer", "0.weigth"], "for example: 0.weight"),
        (["RUN", "-i", "layers", "--quantity", "Loss"], "It has those of: GradNorm"),
        (["RUN", "--smoothing", "2"], "smoothing must be None or in [0, 1)"),
        (["RUN", "--step", "-1"], "no records"),
    ],
)
def test_errors_say_what_to_do(run, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    arguments = [str(run) if word == "RUN" else word for word in arguments]
    assert cli.main(["plot", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("cockpit plot: ")
    assert message in printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_records(tmp_path, capsys):
    empty = write_run(tmp_path / "empty", steps=0)
    assert cli.main(["plot", str(empty), "-o", str(tmp_path / "view.pdf")]) == 1
    assert "Run 'empty'" in capsys.readouterr().err


def test_list_names_what_the_run_has(run, capsys):
    assert cli.main(["plot", str(run), "-i", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1) == ["alpha", "Step length α"]
    assert len(lines) == 18


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("plot", "ui", "demo"))


def test_works_without_torch(run, tmp_path):
    out = tmp_path / "view.png"
    code = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "backpack"):
            raise ImportError(f"{{name}} is blocked in this test")
sys.meta_path.insert(0, Block())
from cockpit.cli import main
sys.exit(main(["plot", {str(run)!r}, "-o", {str(out)!r}, "-i", "loss"]))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 5000


def test_plot_takes_a_folder_a_file_a_log_or_a_cockpit(run):
    for given in (run, str(run), run / "log.jsonl", RunLog(run), SimpleNamespace(logdir=run)):
        assert "Loss" in shown(views.plot(given, "loss"))


def test_plot_refuses_what_is_no_run():
    with pytest.raises(TypeError, match="a RunLog or a Cockpit; got int"):
        views.plot(3)


def test_plot_of_a_step_and_several_instruments(run):
    figure = views.plot(run, ["loss", "alpha"], step=10)
    texts = shown(figure)
    assert "Step length α" in texts
    assert texts[texts.index("step") + 1] == "10"
    everything = shown(views.plot(run, view=View(step=10)))
    assert everything[everything.index("step") + 1] == "10"


def test_plot_says_what_a_run_does_not_have(tmp_path):
    log = RunLog(write_run(tmp_path / "short", steps=5, quantities=("Loss",)))
    with pytest.raises(NothingToShowError, match=r"'short' .* no records for alpha"):
        views.plot(log, "alpha")
    with pytest.raises(UnknownInstrumentError):
        views.plot(log, "alfa")
    with pytest.raises(ValueError, match="It has those of: none"):
        views.plot(log, view=View(quantity="GradNorm"))


def test_show_opens_a_page_where_there_is_no_notebook(run, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(views.webbrowser, "open", opened.append)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    views.show(run, "loss")
    assert capsys.readouterr().out == f"Cockpit: {opened[0]}\n"
    text = Path(opened[0].removeprefix("file://")).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert re.findall(r'<section class="card" data-name="(\w+)"', text) == ["loss"]


def notebook(displayed, **shell):
    """What IPython looks like from within."""

    def display(data, raw):
        assert raw
        displayed.append(data["text/html"])

    return SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(**shell), display=SimpleNamespace(display=display)
    )


def test_show_displays_in_a_notebook(run, monkeypatch):
    displayed = []
    monkeypatch.setitem(sys.modules, "IPython", notebook(displayed, kernel=object()))
    views.show(run, step=10, theme="dark", height=500)
    frame = displayed[0]
    assert frame.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert "height: 500px" in frame
    assert "allow-same-origin" not in frame
    assert "Numbers at step 10" in frame
    assert frame.count("<") == 2  # nothing of the page is markup of the notebook


def test_show_in_a_terminal_with_ipython_opens_the_browser(run, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(views.webbrowser, "open", opened.append)
    monkeypatch.setitem(sys.modules, "IPython", notebook([]))
    views.show(run)
    assert len(opened) == 1


def test_show_serves_the_live_page(run, monkeypatch):
    displayed = []
    monkeypatch.setitem(sys.modules, "IPython", notebook(displayed, kernel=object()))
    monkeypatch.setattr("cockpit.dashboard.start_background", lambda folder: f"http://{folder}/")
    views.show(run, live=True)
    assert f'src="http://{RunLog(run).path.parent}/"' in displayed[0]
