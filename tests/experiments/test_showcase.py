"""All instruments, on All-CNN-C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from cockpit.instruments import panels
from examples.experiments import showcase
from examples.experiments.gallery import Runs
from examples.experiments.showcase import HIGHEST, LOWEST, Results
from tests.experiments.measuring import measured

SPREAD = np.array([-0.01, 0.0, 0.01])


def results(loss: float, norm: float, distance: float, max_ev: float, accuracy: float) -> Results:
    parts = (loss + SPREAD, max_ev + SPREAD, norm + SPREAD, distance + SPREAD, accuracy + SPREAD)
    return Results(None, 40, *parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("numbers", "holds"),
    [
        ((1.0, 1.0, 0.05, 0.3, 70.0), [True, True, True, True, True]),
        ((0.5, 0.5, 0.90, 0.9, 10.0), [False, False, False, False, False]),
        ((1.5, 2.0, 0.90, 1.2, 29.0), [False, False, False, False, False]),
        ((0.9, 0.7, 0.10, 0.7, 30.0), [None, None, None, None, None]),
    ],
)
def test_claims_both_ways(numbers: tuple[float, ...], holds: list[bool | None]) -> None:
    assert [claim.holds for claim in showcase.claims(results(*numbers))] == holds


def test_learning_rate_goes_up_and_down() -> None:
    rates = [showcase.cyclic(step, 5, 10) for step in range(26)]
    assert {*rates[:6], rates[15], rates[25]} == {LOWEST}
    assert rates[10] == rates[20] == pytest.approx(HIGHEST)
    assert (np.diff(rates[5:11]) > 0).all()
    assert (np.diff(rates[10:16]) < 0).all()


def test_quick_run_shows_every_instrument(tmp_path: Path) -> None:
    found = measured(showcase, Runs(tmp_path))
    assert np.isfinite([found.loss, found.max_ev, found.norm, found.distance]).all()
    assert 0 <= found.accuracy <= 100
    steps, rates = found.shown.lr
    cycle = {name: showcase.SHORT[name] for name in ("early", "period")}
    assert rates[:, 0] == pytest.approx([showcase.cyclic(step, **cycle) for step in steps.tolist()])
    words = {text.get_text() for text in showcase.draw(found).findobj(Text)}
    titles = {panel.title for _, panel in panels(found.shown)}
    assert {"Largest Hessian eigenvalue", "Learning rate"} <= titles
    assert titles <= words
