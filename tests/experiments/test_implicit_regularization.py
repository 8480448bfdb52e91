"""λ_max after the loss has settled: what is claimed and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from examples.experiments import implicit_regularization as experiment
from examples.experiments.gallery import Runs
from tests.experiments.measuring import measured

T = 100


def made_up(sgd: float, gd: float, seeds: int = 4, loss: float = 1.0) -> experiment.Results:
    """λ_max goes from 8 to these values; the losses are apart by a ratio."""
    rng = np.random.default_rng(0)
    steps = np.arange(T) * 10
    noise = 0.01 * rng.normal(size=(seeds, T))
    flat = np.ones((seeds, T))
    return experiment.Results(
        steps, loss * flat + noise, np.linspace(8, sgd, T) + noise, flat,
        np.linspace(8, gd, T) * flat,
    )  # fmt: skip


def verdicts(results: experiment.Results) -> list[bool | None]:
    return [claim.holds for claim in experiment.claims(results)]


def test_claims_hold_or_fail_with_the_numbers() -> None:
    assert verdicts(made_up(sgd=7, gd=8)) == [True, True, True]
    assert verdicts(made_up(sgd=8, gd=7)) == [False, False, True]
    assert verdicts(made_up(sgd=7, gd=8, loss=1.1)) == [True, True, False]
    assert verdicts(made_up(sgd=7, gd=8, seeds=2)) == [None, None, None]


def test_the_numbers_are_said() -> None:
    found = [claim.found for claim in experiment.claims(made_up(sgd=7, gd=8))]
    assert "-10" in found[0]
    assert "stays at 8" in found[1]


def test_the_figure_has_the_runs() -> None:
    results = made_up(sgd=7, gd=8)
    left, right = experiment.draw(results).axes
    assert np.allclose(right.lines[0].get_ydata(), results.sgd_max_ev[0])
    assert np.allclose(right.lines[-1].get_ydata(), results.gd_max_ev.mean(0))
    assert [text.get_text().split("\n")[0] for text in right.texts] == [
        "all 100 samples", "batches of 95",
    ]  # fmt: skip
    assert left.get_xlabel() == right.get_xlabel() == "step"


def test_it_is_measured(tmp_path: Path) -> None:
    results = measured(experiment, Runs(tmp_path))
    assert results.sgd_loss.shape == results.gd_max_ev.shape == (2, len(results.steps))
    # All samples, in another order: the same but for rounding.
    assert np.allclose(results.gd_max_ev[0], results.gd_max_ev[1], rtol=1e-3)
    assert not np.allclose(results.sgd_max_ev[0], results.sgd_max_ev[1], rtol=1e-3)
    # λ_max = 2 E[x²] (w₁² + w₂²) where the loss is settled; here only that it has settled.
    assert results.gd_loss[0, -1] < 0.8 * results.gd_loss[0, 0]
