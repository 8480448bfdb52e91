"""The page follows the log: new records, ends, kills, resumed runs, servers that come and go."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.log import LogWriter
from tests.dashboard.conftest import (
    READY,
    LiveRun,
    Open,
    Serve,
    fact,
    last_loss,
    shown_cards,
    wait_drawn,
    wait_fact,
)
from tests.synthetic import make_header, make_values, write_run

pytestmark = pytest.mark.browser


def test_the_first_record_of_a_new_run_appears(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(tmp_path), ready=False)
    page.get_by_text("No run here yet").wait_for()
    run = LiveRun(tmp_path / "born")
    page.get_by_text("Nothing recorded yet").wait_for()
    run.write(3)
    page.wait_for_function(READY)
    wait_fact(page, "step", "2")
    run.writer.close()


def test_status_follows_the_run(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    page = open_page(serve(tmp_path))
    wait_fact(page, "status", "running")
    live_run.writer.end("finished", time=1.0, steps=5)
    wait_fact(page, "status", "finished")
    live_run.writer.close()
    again = LogWriter(live_run.writer.path.parent, make_header(live_run.layers, live_run.names))
    wait_fact(page, "status", "running")
    wait_fact(page, "attempt", "2")
    again.end("failed", time=1.0, steps=0, message="RuntimeError: <b>boom</b>")
    again.close()
    wait_fact(page, "status", "failed")
    page.get_by_text("The run failed: RuntimeError: <b>boom</b>").wait_for()


def test_a_replaced_log_is_read_anew(
    tmp_path: Path, serve: Serve, open_page: Open, live_run: LiveRun
) -> None:
    live_run.write(15)
    page = open_page(serve(tmp_path))
    wait_fact(page, "step", "19")
    live_run.writer.close()
    (tmp_path / "live" / "log.jsonl").unlink()
    again = LiveRun(tmp_path / "live")
    again.write(3)
    wait_fact(page, "step", "2")
    again.writer.close()


def test_switching_runs_shows_nothing_of_the_old_one(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_run(tmp_path / "a", steps=30)
    write_run(tmp_path / "b", steps=20, quantities=("Loss", "Alpha"))
    page = open_page(f"{serve(tmp_path)}?run=a")
    wait_drawn(page, 29)
    assert "grad_hist2d" in shown_cards(page)
    page.locator("#run").click()
    page.get_by_role("option", name="b").click()
    wait_fact(page, "step", "19")
    page.wait_for_function("() => !document.querySelector('[data-name=grad_hist2d]')")
    assert fact(page, "step") == "19"
    assert last_loss(page) == 19
    assert "run=b" in page.url


def test_a_growing_run_of_other_quantities_gets_its_panels(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    run = LiveRun(tmp_path / "a", names=("Loss",))
    run.write(3)
    page = open_page(serve(tmp_path))
    assert "alpha" not in shown_cards(page)
    step = 3
    run.writer.step(step, make_values(step, run.layers, ("Loss", "Alpha")), time=1.0)
    page.locator("[data-name=alpha]").wait_for(timeout=5000)
    run.writer.close()
