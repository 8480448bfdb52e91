"""Final accuracy against median α."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from examples.experiments import learning_rates
from examples.experiments.gallery import Runs
from examples.experiments.learning_rates import Course
from tests.experiments.measuring import measured

NOISE = np.array([-0.02, 0.0, 0.02])


def course(alpha: list[float], score: list[float], *, deep: bool, is_loss: bool = False) -> Course:
    """Three seeds that scatter a little around these medians and scores."""
    medians, scores = np.array(alpha)[:, None] + NOISE, np.array(score)[:, None] + NOISE
    return Course("a problem", deep, np.geomspace(0.01, 1, len(alpha)), medians, scores, is_loss)


@pytest.mark.parametrize(
    ("deep", "alpha", "holds"),
    [
        (True, [-0.5, 0.3, 0.6], True),
        (True, [-0.5, -0.3, 0.6], False),
        (True, [-0.5, 0.01, 0.6], None),
        (False, [-0.5, -0.3, 0.6], True),
        (False, [-0.5, 0.3, 0.6], False),
    ],
)
def test_lowest_alpha_of_good_rates_decides(
    deep: bool, alpha: list[float], holds: bool | None
) -> None:
    # The first learning rate is not good: its α counts for nothing.
    claim, _ = learning_rates.claims([course(alpha, [70, 89.5, 90], deep=deep)])
    assert claim.holds is holds
    assert f"{alpha[1]:.3g} (" in claim.found


def test_diverged_run_rules_its_rate_out() -> None:
    made = course([0.1, 0.2, 0.3], [80, 90, 99], deep=True)
    made.score[2, 1] = np.nan
    assert made.best == 1
    assert made.good.tolist() == [False, True, False]


def test_smaller_losses_are_better() -> None:
    made = course([-0.5, -0.1, 0.1], [100, 86, 86.3], deep=False, is_loss=True)
    assert made.best == 1
    assert made.good.tolist() == [False, True, True]


@pytest.mark.parametrize(("other", "holds"), [(0.9, True), (0.31, False), (0.5, None)])
def test_best_alphas_differ_or_not(other: float, holds: bool | None) -> None:
    two = [course([0.3], [90], deep=True), course([other], [90], deep=True)]
    assert learning_rates.claims(two)[-1].holds is holds


def test_each_problem_has_a_panel_and_a_place_among_the_best() -> None:
    results = [course([-0.5, 0.3], [80, 90], deep=True), course([-0.5, 0.3], [80, 90], deep=False)]
    figure = learning_rates.draw(results)
    *panels, best = [ax for ax in figure.axes if ax.get_visible()]
    assert len(panels) == 2
    for ax in panels:
        assert ax.collections[0].get_offsets().data == pytest.approx(
            np.array([[-0.5, 80], [0.3, 90]])
        )
    assert [text.get_text() for text in best.texts] == ["a problem", "a problem"]


def test_quick_runs_give_all_numbers(tmp_path: Path) -> None:
    results = measured(learning_rates, Runs(tmp_path))
    assert [each.title for each in results] == ["logistic regression", "noisy quadratic"]
    for each in results:
        assert each.alpha.shape == each.score.shape == (len(each.rates), 2)
        assert np.isfinite(each.alpha[0]).all()
        # Steps that are far too small end near where they began.
        assert (each.alpha[0] < each.alpha[-2]).all()
    assert all(claim.holds is None for claim in learning_rates.claims(results))
