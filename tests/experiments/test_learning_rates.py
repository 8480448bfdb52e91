"""Final accuracy against median α."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cockpit.problems import get
from cockpit.problems.data import load
from examples.experiments import learning_rates
from examples.experiments.gallery import Runs
from examples.experiments.learning_rates import Course
from tests.experiments.measuring import measured

NOISE = np.array([-0.02, 0.0, 0.02])


def course(
    alpha: list[float],
    score: list[float],
    *,
    deep: bool = True,
    floor: float | None = None,
    title: str = "a problem",
) -> Course:
    """Three seeds that scatter a little around these medians and scores."""
    medians, scores = np.array(alpha)[:, None] + NOISE, np.array(score)[:, None] + NOISE
    quartiles = medians[..., None] + np.array([-0.5, 0.0, 0.5])
    rates = np.geomspace(0.01, 1, len(alpha))
    return Course(title, deep, rates, quartiles, scores, floor, 3600, 100, 0.5)


@pytest.mark.parametrize(
    ("alpha", "holds"),
    [
        ([-0.5, 0.3, 0.6], True),
        ([-0.5, -0.3, 0.6], False),
        ([-0.5, 0.3, -0.6], False),
        ([-0.5, 0.01, 0.6], None),
    ],
)
def test_all_good_rates_have_to_overshoot(alpha: list[float], holds: bool | None) -> None:
    # The first learning rate is not good: its α counts for nothing.
    (claim,) = learning_rates.claims([course(alpha, [70, 89.5, 90])])
    assert claim.holds is holds
    assert all(f"{each:.3g} (" in claim.found for each in alpha[1:])
    assert "100 steps, 0.5 epochs" in claim.found


@pytest.mark.parametrize(("alpha", "holds"), [(-0.3, True), (0.3, False), (0.01, None)])
def test_best_rate_decides_in_a_convex_problem(alpha: float, holds: bool | None) -> None:
    (claim,) = learning_rates.claims([course([-0.9, alpha], [89.9, 90], deep=False)])
    assert claim.holds is holds


@pytest.mark.parametrize(("simplest", "holds"), [(0.1, True), (0.9, False), (0.5, False)])
def test_simplest_problem_has_the_smallest_alpha(simplest: float, holds: bool) -> None:
    easy = course([simplest], [90], title=learning_rates.SIMPLEST)
    others = [
        course([0.4 + wobble * 0.01], [90], title=name)
        for name, wobble in (("3c3d", 1), ("MLP", -1))
    ]
    for each in others:
        each.quartiles[:] += 0.01 * np.array([0, 1, -1])[:, None]
    found = learning_rates.claims([easy, *others])
    assert found[-2].holds is holds
    assert "against 3c3d" in found[-2].found


def test_diverged_run_rules_its_rate_out() -> None:
    made = course([0.1, 0.2, 0.3], [80, 90, 99])
    made.score[2, 1] = np.nan
    assert made.best == 1
    assert made.good.tolist() == [False, True, False]


def test_good_is_what_cannot_be_told_from_the_best() -> None:
    # Of 3600 images, 90 % are known up to 0.5 points.
    assert course([0, 0, 0], [90, 89.1, 88.9]).good.tolist() == [True, True, False]


def test_smaller_losses_are_better_and_count_from_the_floor() -> None:
    made = course([-0.5, -0.1, 0.1], [87.1, 86, 86.9], deep=False, floor=85.0)
    assert made.best == 1
    assert made.good.tolist() == [False, True, True]


def test_floor_is_the_lowest_loss_of_the_test_samples() -> None:
    data, problem = load("normal-100d"), get("P1")
    samples, model = data.test.targets, problem.model(0)
    model.theta.data = samples.mean(0)
    lowest = problem.loss()(model(samples), samples).item()
    assert learning_rates._floor(data) == pytest.approx(lowest)
    model.theta.data += 0.01
    assert problem.loss()(model(samples), samples).item() > lowest


@pytest.mark.parametrize(("other", "holds"), [(0.9, True), (0.31, False), (0.5, None)])
def test_best_alphas_differ_or_not(other: float, holds: bool | None) -> None:
    two = [course([0.3], [90]), course([other], [90])]
    assert learning_rates.claims(two)[-1].holds is holds


def test_each_problem_has_a_panel_and_a_place_among_the_best() -> None:
    results = [course([-0.5, 0.3], [80, 90]), course([-0.5, 0.3], [80, 90], deep=False)]
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
    titles = ["MLP on digits", "logistic regression", "noisy quadratic"]
    assert [each.title for each in results] == titles
    for each in results:
        assert each.alpha.shape == each.score.shape == (len(each.rates), 1)
        assert np.isfinite(each.alpha[0]).all()
        # Steps that are far too small end near where they began.
        assert (each.alpha[0] < each.alpha[-2]).all()
    assert results[-1].score.min() > results[-1].floor
    assert all(claim.holds is None for claim in learning_rates.claims(results))
