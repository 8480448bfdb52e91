"""A curve of a few pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cockpit.instruments.sparkline import HEIGHT, TOP, WIDTH, sparkline
from cockpit.log import LogWriter, RunLog
from cockpit.log.record import Scalar


def log_of(folder: Path, values: list[float]) -> RunLog:
    writer = LogWriter(folder, {})
    for step, value in enumerate(values):
        writer.step(step, {"Loss": Scalar(value)}, time=float(step))
    writer.close()
    return RunLog(writer.path)


def points(path: str) -> np.ndarray:
    return np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", path), dtype=float)


def test_it_rises_where_values_do(tmp_path: Path) -> None:
    found = sparkline(log_of(tmp_path / "a", [100.0 + i for i in range(121)]), "Loss", 60)
    assert found is not None
    x, y = points(found.path).T
    assert len(x) == 60
    assert (np.diff(y) < 0).all()
    assert (y.max(), y.min()) == (HEIGHT - TOP, TOP)
    assert 0 < x.min() < x.max() < WIDTH
    assert found.since == WIDTH / 2
    assert found.said == "Loss: 100 at first, 219 at last"


def test_decades_are_drawn_on_a_logarithmic_scale(tmp_path: Path) -> None:
    found = sparkline(log_of(tmp_path / "a", [10.0**-i for i in range(9)]), "Loss", 0)
    assert found is not None
    y = points(found.path)[:, 1]
    assert np.diff(y) == pytest.approx(np.diff(y)[0], abs=0.11)


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [np.nan, np.inf, 1.0, -np.inf, 2.0]])
def test_too_few_numbers_have_no_curve(tmp_path: Path, values: list[float]) -> None:
    assert sparkline(log_of(tmp_path / "a", values), "Loss", 0) is None


def test_what_is_not_finite_or_does_not_change_is_no_trouble(tmp_path: Path) -> None:
    values = [2.0, np.nan, 2.0, np.inf, 2.0]
    found = sparkline(log_of(tmp_path / "a", values), "Loss", 99)
    assert found is not None
    assert points(found.path)[:, 1].tolist() == [HEIGHT / 2] * 3
    assert found.since == WIDTH
