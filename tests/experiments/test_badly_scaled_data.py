"""Raw against scaled pixels: what is claimed and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cockpit import problems
from cockpit.log.record import Bins
from cockpit.problems.data import load
from examples.experiments import badly_scaled_data as experiment
from examples.experiments.gallery import Runs
from examples.experiments.gallery.elements import Shares, beyond
from tests.experiments.measuring import measured

SEEDS, T = 4, 6
RATES = np.array([0.0005, 0.005, 0.05])


def elements(outside: float, seeds: int) -> Shares:
    """Half of it below, half above, the rest in the middle."""
    found = np.zeros(42)
    found[[0, -1]], found[20:22] = outside / 2, (1 - outside) / 2
    return Shares(Bins(-1, 1, 40), np.stack([found] * seeds), np.zeros((seeds, 0, 42)))


def first_step(what: str, raw: float, factor: float, scaled: float, seeds: int):
    norm = np.array([np.ones(seeds), np.full(seeds, factor)])
    return experiment.FirstStep(what, (elements(scaled, seeds), elements(raw, seeds)), norm)


def made_up(sick: bool = True, large_raw: float = 0.1, seeds: int = SEEDS) -> experiment.Results:
    """Raw pixels that do harm, or none."""
    images = np.linspace(0, 1, 4 * 64).reshape(4, 8, 8)
    accuracy = np.full((2, 3, seeds), 0.1)
    accuracy[0, 2] = 0.7
    accuracy[1, 0 if sick else 2] = 0.6
    loss = np.ones((2, 3, seeds, T))
    loss[1, 2, :, 2:] = np.nan if sick else 1.0
    return experiment.Results(
        np.stack([images, 255 * images]),
        first_step("small", 0.15 if sick else 1e-4, 1000.0, 1e-5, seeds),
        first_step("large", large_raw, 300.0 if sick else 2000.0, 1e-5, seeds),
        0.05, RATES, loss, accuracy,
    )  # fmt: skip


def verdicts(results: experiment.Results) -> list[bool | None]:
    return [claim.holds for claim in experiment.claims(results)]


def test_claims_hold_or_fail_with_the_numbers() -> None:
    assert verdicts(made_up()) == [True, True, True, True, True, True, False, True]
    assert verdicts(made_up(sick=False)) == [True, False, True, False, False, False, True, False]
    inverted = made_up()
    inverted.pictures[1] *= -1
    assert verdicts(inverted)[0] is False


def test_too_few_seeds_leave_open_what_varies_with_them() -> None:
    found = verdicts(made_up(seeds=2))
    assert found == [True, None, None, None, None, None, False, None]


def test_the_numbers_are_said() -> None:
    found = [claim.found for claim in experiment.claims(made_up())]
    assert found[1].startswith("15.00%")
    assert "10% against 70%" in found[5]
    assert found[6] == "not finite in 4 of 4 runs"
    assert found[7].startswith("100 ×")


def test_the_figure_shows_pictures_gradients_and_training() -> None:
    results = made_up()
    axes = experiment.draw(results).axes
    tiled = axes[3].images[0].get_array()
    assert tiled.shape == (16, 16)
    assert np.array_equal(tiled[8:, 8:], results.pictures[1, 3])
    assert "15%" in axes[1].texts[0].get_text()
    means = [line.get_ydata() for line in axes[2].lines if len(line.get_xdata()) == len(RATES)]
    assert any(np.allclose(results.accuracy[1].mean(1), mean) for mean in means)


def test_raw_is_the_same_but_for_the_scale() -> None:
    problem, data = problems.get("P4"), load("digits")
    one, raw = (view(data)[0] for view in (problem.view, experiment.Raw(problem.view)))
    assert len(one) == len(raw)
    chosen = torch.arange(3)
    assert torch.equal(255 * one.take(chosen)[0], raw.take(chosen)[0])
    assert torch.equal(one.take(chosen)[1], raw.take(chosen)[1])
    with pytest.raises(ValueError, match="this problem takes images"):
        experiment.Raw(problem.view)(load("noisy-line"))


def test_it_is_measured(tmp_path: Path) -> None:
    results = measured(experiment, Runs(tmp_path))
    assert results.loss.shape == (2, 2, 1, 6)
    for each in (results.small, results.large):
        scaled, raw = each.elements
        assert beyond(raw.network) > 10 * beyond(scaled.network)
        assert each.norm[1] > 10 * each.norm[0]
    # The same weights, images and pixels, 255 times as large: what differs is the scale alone.
    assert np.allclose(results.pictures[1], 255 * results.pictures[0])
