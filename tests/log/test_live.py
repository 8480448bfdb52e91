"""Arrays that grow along with a log are those of a log that is read anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.log import RunLog
from cockpit.log.growing import FIRST_ROOM, Growing
from tests.log.test_reader import snapshot

STEPS = st.integers(0, 12)


def step_line(step: int, layers: int, noted: bool) -> dict[str, Any]:
    notes = {"notes": {"n": step % 3}} if noted else {}
    norm = {"kind": "per_layer", "value": step / 2, "layers": [float(i) for i in range(layers)]}
    loss = {"kind": "scalar", "value": -step, **notes}
    values = {"Loss": loss, "Norm": norm} if layers else {"Loss": loss}
    return {"type": "step", "step": step, "time": 0.1 * step, "lr": [0.1], "values": values}


RECORDS = st.one_of(
    st.builds(step_line, STEPS, st.integers(0, 3), st.booleans()),
    st.builds(lambda n: {"type": "user", "step": n, "time": 0.1, "values": {"epoch": n}}, STEPS),
    st.builds(
        lambda n: {"type": "header", "layers": [{"name": f"l{i}"} for i in range(n)]},
        st.integers(0, 3),
    ),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(st.lists(RECORDS, max_size=4), max_size=8))
def test_growing_equals_a_fresh_read(tmp_path: Path, pieces: list[list[dict[str, Any]]]) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"")
    log = RunLog(path)
    for piece in pieces:
        with path.open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in piece)
        log.refresh()
        assert snapshot(log) == snapshot(RunLog(path))


def test_what_was_handed_out_stays_as_it_was() -> None:
    growing = Growing(np.float64)
    growing.append(np.arange(3.0))
    before = growing.view
    growing.append(np.arange(5.0 * FIRST_ROOM))
    assert before.tolist() == [0, 1, 2]
    assert len(growing) == 3 + 5 * FIRST_ROOM
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1
