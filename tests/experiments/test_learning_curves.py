"""The test problems' own results: what is claimed and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cockpit.problems.data import load
from cockpit.problems.losses import hessian
from examples.experiments import learning_curves as experiment
from examples.experiments.gallery import Runs
from examples.experiments.learning_curves import TASKS, Curve
from tests.experiments.measuring import measured

SPREAD = np.array([-0.1, 0.0, 0.1])[:, None]
LOSS, ACCURACY = TASKS[0], TASKS[-1]


def curve(end: float, *, is_loss: bool) -> Curve:
    """Three seeds that end here."""
    score = SPREAD + np.array([50.0, 80.0, end])
    task, known = (LOSS, 83.5) if is_loss else (ACCURACY, 92.0)
    return Curve(task, np.array([0.0, 1, 2]), score, known, is_loss)


@pytest.mark.parametrize(("end", "holds"), [(83.6, True), (83.9, True), (90, False), (84.3, None)])
def test_loss_has_to_be_near_what_is_known(end: float, holds: bool | None) -> None:
    (claim,) = experiment.claims([curve(end, is_loss=True)])
    assert claim.holds is holds
    assert f"{end:.3g} (" in claim.found
    assert "after 2 epochs" in claim.found


@pytest.mark.parametrize(("end", "holds"), [(95, True), (91.5, True), (90, False), (91, None)])
def test_accuracy_has_to_be_as_high_as_what_is_known(end: float, holds: bool | None) -> None:
    (claim,) = experiment.claims([curve(end, is_loss=False)])
    assert claim.holds is holds


def test_figure_has_each_seed_and_the_line() -> None:
    results = [curve(88, is_loss=task is LOSS) for task in TASKS]
    for ax, task in zip(experiment.draw(results).axes, TASKS, strict=True):
        assert ax.get_title(loc="left") == (LOSS if task is LOSS else ACCURACY).title
        assert len(ax.lines) == 3 + 1 + 1
        assert ax.texts[0].get_text() == "88.0 in the end"


def test_it_is_measured(tmp_path: Path) -> None:
    data = load("normal-100d")
    results = measured(experiment, Runs(tmp_path))
    assert [found.task for found in results] == list(TASKS)
    for found in results:
        assert found.score.shape[0] == 1
        assert np.isfinite(found.score).all()
    # Test accuracy is a share of 200 samples.
    right = results[1].score * 200 / 100
    assert right == pytest.approx(right.round(), abs=1e-4)
    assert results[1].epochs[-1] == pytest.approx(TASKS[1].quick / (60_000 // 128))
    # The floor of the quadratic by hand: ½ xᵀQx of test samples about the mean of the others.
    train, test = (each.inputs.double() for each in (data.train, data.test))
    offset = test - train.mean(0)
    assert results[0].known == pytest.approx(
        float((0.5 * offset @ hessian().double() * offset).sum(1).mean()), rel=1e-5
    )
