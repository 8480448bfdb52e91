"""Check 13: the axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from cockpit.instruments import View
from cockpit.instruments.horizontal import Horizontal
from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Scalar
from tests.dashboard.conftest import Open, Serve, query, settled, trace_data
from tests.synthetic import write_run
from tests.ux.conftest import Note

pytestmark = pytest.mark.browser


def test_check_13_small_numbers_are_readable(
    tmp_path: Path, serve: Serve, open_page: Open, figure: Note
) -> None:
    writer = LogWriter(tmp_path / "a", {"quantities": {"GradNorm": {"kind": "scalar"}}})
    for step, value in enumerate(np.geomspace(1.0, 1e-8, 50)):
        writer.step(step, {"GradNorm": Scalar(float(value))}, time=0.1 * step)
    writer.close()
    page = open_page(f"{serve(tmp_path)}?focus=grad_norm")
    settled(page)
    axis = page.evaluate(
        """() => {
            const {plot} = cockpit.cards.get("grad_norm");
            const {yaxis} = plot._fullLayout;
            return [yaxis.type, yaxis._length - yaxis.l2p(-8), yaxis._length,
                [...plot.querySelectorAll(".ytick")].map(n => n.textContent)];
        }"""
    )
    kind, pixels, height, ticks = axis
    assert kind == "log"
    assert 0 < pixels < 0.2 * height
    assert any("−8" in tick for tick in ticks), ticks
    expected = page.locator("[data-name=grad_norm] .current").inner_text()
    assert expected == "1e−8"
    figure("height of 1e-8 above the axis", pixels, "pixels")


@pytest.mark.parametrize("axis", ["Step", "Epoch", "Time"])
def test_check_13_steps_epochs_or_time(
    tmp_path: Path, serve: Serve, open_page: Open, axis: str
) -> None:
    full = write_run(tmp_path / "full", steps=120, layers=2)
    other = "time" if axis == "Step" else "step"
    page = open_page(f"{serve(tmp_path)}?x={other}")
    settled(page)
    page.get_by_role("radiogroup", name="Horizontal axis").get_by_text(axis).click()
    page.wait_for_function(f"() => cockpit.state.x === '{axis.lower()}'")
    settled(page)
    (last,) = Horizontal(RunLog(full), View(x=axis.lower())).positions([119])
    shown = max(max(t["x"]) for t in trace_data(page, "grad_norm"))
    assert shown == pytest.approx(last, rel=1e-5)


def test_check_13_logarithmic_steps(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_run(tmp_path / "full", steps=120, layers=2)
    page = open_page(serve(tmp_path))
    page.wait_for_function("() => cockpit.cards.get('loss')?.drawn")
    page.keyboard.press("g")
    expect(page.locator("#xscale")).to_have_attribute("aria-pressed", "true")
    kind = "() => cockpit.cards.get('grad_norm').plot._fullLayout.xaxis.type"
    page.wait_for_function(f"() => ({kind})() === 'log'")
    assert query(page)["xscale"] == ["log"]
    assert min(min(trace["x"]) for trace in trace_data(page, "grad_norm")) == 0.5
    page.evaluate("() => Plotly.relayout(cockpit.cards.get('loss').plot, {'xaxis.range': [1, 2]})")
    shown = "() => cockpit.cards.get('grad_norm').plot.layout.xaxis.range.map(Math.round).join()"
    page.wait_for_function(f"() => ({shown})() === '1,2'")
    assert query(page)["window"] == ["10~100"]
    page.locator("#xscale").click()
    page.wait_for_function(f"() => ({kind})() === 'linear'")
    assert "window" not in query(page)
