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


def results(loss: float, max_ev: float, together: float) -> Results:
    return Results(None, 40, loss + SPREAD, max_ev + SPREAD, together + SPREAD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("loss", "max_ev", "together", "holds"),
    [
        (1.0, 0.3, 0.9, [True, True, True]),
        (0.5, 0.9, 0.1, [False, False, False]),
        (1.5, 1.2, 0.1, [False, False, False]),
        (0.9, 0.7, 0.5, [None, None, None]),
    ],
)
def test_claims_both_ways(
    loss: float, max_ev: float, together: float, holds: list[bool | None]
) -> None:
    assert [claim.holds for claim in showcase.claims(results(loss, max_ev, together))] == holds


def test_learning_rate_goes_up_and_down() -> None:
    rates = [showcase.cyclic(step, 5, 10) for step in range(26)]
    assert {*rates[:6], rates[15], rates[25]} == {LOWEST}
    assert rates[10] == rates[20] == pytest.approx(HIGHEST)
    assert (np.diff(rates[5:11]) > 0).all()
    assert (np.diff(rates[10:16]) < 0).all()


def test_quick_run_shows_every_instrument(tmp_path: Path) -> None:
    found = measured(showcase, Runs(tmp_path))
    assert np.isfinite([found.loss, found.max_ev, found.together]).all()
    steps, rates = found.shown.lr
    assert rates[:, 0] == pytest.approx([showcase.cyclic(step, 2, 2) for step in steps.tolist()])
    words = {text.get_text() for text in showcase.draw(found).findobj(Text)}
    titles = {panel.title for _, panel in panels(found.shown)}
    assert {"Largest Hessian eigenvalue", "Learning rate"} <= titles
    assert titles <= words
