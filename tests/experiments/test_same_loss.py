"""Two learning rates, one loss curve: what is looked for, claimed and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from examples.experiments import same_loss
from examples.experiments.gallery import Runs
from examples.experiments.same_loss import Pair, Results, closest_pair, difference, smoothed
from tests.experiments.measuring import measured

T, SEEDS = 40, 4


def made_up(small: float, large: float, ratio: float = 1.0) -> Results:
    """Runs with these medians of α, the losses apart by a ratio."""
    rng = np.random.default_rng(0)
    loss = np.exp(-np.arange(T) / 9) + 0.1
    losses = np.stack([np.tile(loss, (SEEDS, 1)), np.tile(loss * ratio, (SEEDS, 1))])
    alpha = np.array([small, large])[:, None, None] + 0.05 * rng.normal(size=(2, SEEDS, T))
    alpha[..., -1] = np.nan
    pair = Pair("made up", (0.1, 0.9), losses, alpha, losses[:, :, ::-1])
    paths = np.linspace(0.1, 1.5, 2 * T * 2).reshape(2, T, 2)
    return Results(pair, paths, pair)


def verdicts(results: Results) -> list[bool | None]:
    return [claim.holds for claim in same_loss.claims(results)][:3]


def test_claims_hold_or_fail_with_the_numbers() -> None:
    assert verdicts(made_up(-0.5, 0.5)) == [True, True, True]
    assert verdicts(made_up(0.5, -0.5)) == [True, False, False]
    assert verdicts(made_up(-0.5, 0.5, ratio=1.5)) == [False, True, True]
    assert verdicts(made_up(0.0, 0.0))[0] is True


def test_the_closest_pair_is_far_apart_in_its_rates() -> None:
    rates = np.array([0.1, 0.2, 0.5, 1.0])
    losses = np.array([1.0, 1.01, 1.3, 1.1])[:, None] * np.ones((4, 30))
    assert closest_pair(losses, rates, apart=1.5) == (0, 1)
    assert closest_pair(losses, rates, apart=5.0) == (1, 3)
    with pytest.raises(ValueError, match="apart"):
        closest_pair(losses, rates, apart=20.0)
    losses[3, 7] = np.nan
    assert closest_pair(losses, rates, apart=5.0) == (0, 2)


def test_the_difference_is_relative_and_has_no_direction() -> None:
    one = np.linspace(1, 2, 40)
    assert difference(one, 1.1 * one) == pytest.approx(0.2 / 2.1)
    assert difference(1.1 * one, one) == pytest.approx(0.2 / 2.1)
    assert smoothed(np.array([0.0, 2.0] * 20)).tolist() == [1.0] * 39


def test_the_valley_is_by_hand() -> None:
    x = torch.tensor([[0.5, 1.0], [0.0, -1.0]])
    theta = same_loss.at_the_edge()(x)
    assert theta.tolist() == [[1.0, 2.0]] * 2
    assert same_loss.Valley("none")(theta, x).tolist() == [0.25, 0.5 + 0.125 * 9]
    assert same_loss.Valley()(theta, x).item() == pytest.approx((0.25 + 1.625) / 2)


def test_the_figure_has_the_runs() -> None:
    results = made_up(-0.5, 0.5)
    loss, path, alpha = same_loss.draw(results).axes[:3]
    assert np.allclose(loss.lines[0].get_ydata(), results.valley.loss[0].mean(0))
    assert np.allclose(path.lines[1].get_xydata(), results.paths[1])
    assert {text.get_text() for text in alpha.texts} == {
        f"median {same_loss.signed(np.nanmedian(alphas))}" for alphas in results.valley.alpha
    }


def test_it_is_measured(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    results = measured(same_loss, runs)
    assert results.valley.loss.shape == (2, 2, 25)
    assert results.paths.shape == (2, 25, 2)
    assert np.allclose(results.paths[:, 0], [1, 2])
    # With these learning rates the steps stop short of the floor, and end beyond it.
    small, large = results.valley.rates
    assert small < 1 < 1.5 < large
    # α = η gᵀCg / gᵀg − 1 with g = (1, ½), but for the noise.
    expected = [small * 0.85 - 1, large * 0.85 - 1]
    assert np.allclose(results.valley.alpha[:, 0, 0], expected, atol=0.02)
    steps = np.diff(results.paths, axis=1)
    assert (np.sign(steps[1, :5, 0]) == [-1, 1, -1, 1, -1]).all()
    assert np.isfinite(results.images.alpha[..., :-1]).all()
    assert runs.data_titles == ["normal draws in 100 dimensions", "Fashion-MNIST"]
