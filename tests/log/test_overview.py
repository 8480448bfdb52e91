"""A long log: sampled in a moment, read in slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cockpit.log import RunLog, lines, sample
from tests.synthetic import write_run


@pytest.fixture
def long_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log that counts as long."""
    monkeypatch.setattr(lines, "LONG", 100_000)
    for module in (lines, sample):
        monkeypatch.setattr(module, "EDGE", 4096)
    monkeypatch.setattr(sample, "LINES", 64)
    return write_run(tmp_path / "long", steps=3000, quantities=("Loss", "GradNorm", "Alpha"))


def test_an_overview_spans_the_run(long_log: Path) -> None:
    whole, some = RunLog(long_log), RunLog(long_log, overview=True)
    assert some.is_overview
    assert not whole.is_overview
    assert (some.status, some.last_step, some.layers) == ("finished", 2999, whole.layers)
    seen = some.series("Loss")
    assert 60 < len(seen) < 300
    assert np.diff(seen.step).max() < 120
    every = whole.series("Loss")
    np.testing.assert_array_equal(seen.value, every.value[seen.step])


def test_an_overview_reads_on(long_log: Path) -> None:
    some = RunLog(long_log, overview=True)
    with (long_log / "log.jsonl").open("ab") as file:
        file.write(b'{"type":"step","step":3000,"values":{"Loss":{"kind":"scalar","value":7}}}\n')
    assert some.refresh()
    assert some.series("Loss").value[-1] == 7
    assert not some.refresh()


def test_a_short_log_is_read_whole(tmp_path: Path) -> None:
    log = RunLog(write_run(tmp_path / "short", steps=30), overview=True)
    assert not log.is_overview
    assert len(log.series("Loss")) == 30


def test_reading_in_slices(long_log: Path) -> None:
    log = RunLog(long_log, read=False)
    shares = []
    while log.refresh(seconds=0.0) and log.has_more:
        shares.append(log.share_read)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert log.share_read == 1
    whole = RunLog(long_log)
    np.testing.assert_array_equal(log.series("Loss").value, whole.series("Loss").value)


@pytest.mark.parametrize("end", [b"", b"\n", b"x" * 9000, b"x" * 9000 + b"\n"])
def test_a_sample_of_garbage(tmp_path: Path, long_log: Path, end: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\0" * 150_000 + b"\n" * 3 + b"{" * 150_000 + b"\n[]\n" + end)
    log = RunLog(path, overview=True)
    assert log.last_step is None
    with path.open("ab") as file:
        file.write(b'\n{"type":"step","step":5,"values":{}}\n')
    log.refresh()
    assert log.last_step == 5


def test_few_long_lines_are_spread_evenly(long_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MOST_BYTES", 10_000)
    steps = RunLog(long_log, overview=True).series("Loss").step
    middle = steps[(steps > 100) & (steps < 2900)]
    assert 5 < len(middle) < 40
    assert np.diff(middle).max() < 900
