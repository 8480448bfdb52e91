"""Check 5: one step among a million."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.dashboard.conftest import Open, Serve, settled, trace_data
from tests.ux.conftest import STRICT, Note
from tests.ux.long_log import SPIKE, wait_read, write_long_log

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
STEPS = 1_000_000 if STRICT else 200_000
AT = STEPS * 2 // 3 + 1


def test_check_05_a_spike_of_one_step_is_seen_and_exact_when_zoomed(
    tmp_path: Path, serve: Serve, open_page: Open, figure: Note
) -> None:
    write_long_log(tmp_path / "long", STEPS, names=(), spike=AT)
    page = open_page(serve(tmp_path))
    wait_read(page)
    settled(page)
    highest = max(np.nanmax(np.array(t["y"], float)) for t in trace_data(page, "loss"))
    assert highest == pytest.approx(SPIKE, rel=1e-6)
    pixels = page.evaluate(
        """spike => {
            const {_fullLayout: {yaxis}} = cockpit.cards.get("loss").plot;
            const c = yaxis.type === "log" ? v => yaxis.d2p(v) : v => yaxis.l2p(v);
            return yaxis._length - c(spike);
        }""",
        SPIKE,
    )
    assert pixels > 0
    low, high = AT - 50, AT + 50
    zoom = "([low, high]) => cockpit.set({window: [low, high]})"
    page.evaluate(zoom, [low, high])
    settled(page)
    exact = [
        (x, y)
        for trace in trace_data(page, "loss")
        for x, y in zip(trace["x"], trace["y"], strict=True)
        if y == SPIKE
    ]
    assert (AT, SPIKE) in exact
    figure("steps from where it was drawn when zoomed", abs(exact[0][0] - AT), "", 0, timed=False)
