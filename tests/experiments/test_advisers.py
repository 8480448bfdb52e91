"""Advice on the batch size and on stopping, and runs that follow it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from cockpit import problems
from cockpit.log import RunLog
from cockpit.problems.data import load
from examples.experiments import advisers
from examples.experiments.advice import batch_size
from examples.experiments.advice.batch_size import (
    LARGEST,
    SMALLEST,
    Plan,
    by_cabs,
    by_norm_test,
    new,
)
from examples.experiments.advice.stopping import Stopping, few, first_advice, running_mean
from examples.experiments.advisers import ADVISERS, SIZES, Following, Results
from examples.experiments.gallery import Claim, Runs
from tests.experiments.measuring import measured

SPREAD = np.array([-0.01, 0.0, 0.01])


def test_cabs_is_followed_slowly_and_within_limits() -> None:
    size = 32.0
    for _ in range(100):
        size = by_cabs({"CABS": 200.0}, size)
    assert size == pytest.approx(200, rel=0.01)
    assert 32 < by_cabs({"CABS": 200.0}, 32.0) < 60
    assert by_cabs({"CABS": 1e9}, 32.0) == LARGEST
    assert by_cabs({"CABS": 0.0}, float(SMALLEST)) == SMALLEST


@pytest.mark.parametrize("advice", [by_cabs, by_norm_test])
def test_no_value_changes_no_batch(advice: batch_size.Advice) -> None:
    assert advice({}, 48.0) == 48
    assert advice({"CABS": math.nan, "NormTest": math.nan}, 48.0) == 48


def test_norm_test_enlarges_until_it_would_just_pass() -> None:
    # Its square falls as one over the batch size.
    enlarged = by_norm_test({"NormTest": 1.8}, 50.0)
    assert 1.8 * math.sqrt(50 / enlarged) == pytest.approx(0.9)
    assert by_norm_test({"NormTest": 0.5}, 50.0) == 50


def test_running_mean_and_first_advice() -> None:
    values = np.array([4.0, -2.0, -2.0, 1.0, 3.0])
    mean = running_mean(values, window=2)
    assert mean == pytest.approx([4, 1, -2, -0.5, 2])
    # The first value alone is no full window.
    assert first_advice(np.arange(5) * 10, np.array([4, -1, -2, -0.5, 2]), window=2) == 40
    assert first_advice(np.arange(5) * 10, -np.ones(5), window=2) is None


def test_run_has_as_many_samples_as_planned(tmp_path: Path) -> None:
    problem, data = problems.get("P9"), load("digits")
    for advice in ("fixed", "NormTest", "CABS"):
        plan = Plan(samples=2000, lr=0.05, size=30, advice=advice, seed=0)
        watched: list[int] = []
        batch_size.train(
            problem, data, plan, tmp_path / advice, lambda s, _, w=watched: w.append(s)
        )
        log = RunLog(tmp_path / advice)
        assert log.user_series("samples").value[-1] == log.user_series("size").value.sum() == 2000
        assert len(watched) <= plan.most_steps
        assert log.user_series("valid_accuracy").value > 0.1
        sizes = log.user_series("size").value[:-1]
        assert (len(set(sizes)) == 1) is (advice == "fixed")
        if advice == "NormTest":
            assert (np.diff(sizes) >= 0).all()


def stop(advised: int | None) -> Stopping:
    steps = np.arange(0, 50, 10)
    return Stopping(steps, np.zeros(5), steps, np.array([2, 1, 1.02, 1.2, 1.5]), advised)


def test_cost_of_stopping() -> None:
    assert stop(20).excess == pytest.approx(1.02)
    assert stop(20).excess_at_end == pytest.approx(1.5)
    assert stop(None).excess is None


def made(ortho: float, followed: float, advised: int | None) -> Results:
    """Three seeds; the best fixed size has 85 percent; batches of 100 are worth 82.7."""
    fixed = np.array([70.0, 80.0, 85.0, 82.0, 60.0])[:, None] + SPREAD
    curve = np.array([[0.0, 60_000], [16, 200]])
    each = Following(
        0.1,
        fixed,
        dict.fromkeys(ADVISERS, followed + SPREAD),
        dict.fromkeys(ADVISERS, 100 + SPREAD),
        dict.fromkeys(ADVISERS, 0.25 + SPREAD),
        dict.fromkeys(ADVISERS, curve),
    )
    inner = np.tile(0.2 * np.arange(10), (3, 1))
    tests = {"InnerTest": inner, "OrthoTest": ortho * inner}
    # Their squares add up to that of the norm test.
    tests = {"NormTest": inner * np.hypot(1, ortho), **tests}
    stops = dict.fromkeys(("P11", "P9"), [stop(advised)] * 3)
    return Results(np.arange(10), tests, [each, each], stops)


def kept(found: list[Claim]) -> list[bool | None]:
    return [claim.holds for claim in found]


def test_claims_both_ways() -> None:
    # The norm test asks from step 1 or 5 on, the others from step 5 on.
    assert kept(advisers.claims(made(4.9, 84.8, 20)))[1:] == [True] * 10
    assert kept(advisers.claims(made(0.1, 81.0, 40))) == [False] * 7 + [True, False] * 2
    silent = made(0.1, 84.8, None)
    assert kept(advisers.claims(silent))[-2:] == [False, None]
    assert "in 0 of 3 runs" in advisers.claims(silent)[-2].found


def test_norm_test_may_ask_alone() -> None:
    results = made(4.9, 84.8, 20)
    tests = {**results.tests, "InnerTest": 0.5 * results.tests["InnerTest"]}
    assert advisers._claim_of_tests(tests).holds is True
    never = {name: 0 * said for name, said in tests.items()}
    assert advisers._claim_of_tests(never).holds is None


def test_mean_size_outside_of_those_tried_is_not_judged() -> None:
    results = made(0.1, 84.8, 20)
    for each in results.following:
        each.typical["NormTest"][:] = 2 * SIZES[-1]
    growth = [c for c in advisers.claims(results) if "grow" in c.text]
    assert [claim.holds for claim in growth] == [None, None]


def test_old_values_are_no_advice() -> None:
    assert new({"NormTest": 1.5, "Loss": 2.0}, {"NormTest": 1.5, "Loss": 2.1}) == {"Loss": 2.0}


def test_figure_shows_advice_and_outcome() -> None:
    figure = advisers.draw(made(0.0, 84.8, 20))
    sizes, low, high, asked, mlp, _ = figure.axes
    assert len(sizes.lines) == 4
    for ax in (low, high):
        assert {"  CABS", "  NormTest"} <= {text.get_text() for text in ax.texts}
        assert any(np.array_equal(line.get_xdata(), SIZES) for line in ax.lines)
    assert asked.lines[0].get_ydata() == pytest.approx(0.2 * np.arange(10))
    assert asked.lines[-1].get_ydata() == pytest.approx([0.9, 0.9])
    assert any(line.get_xdata() == [20] for line in mlp.lines if len(line.get_xdata()) == 1)


def test_few_samples_are_drawn_by_the_seed() -> None:
    data = load("digits")
    less, again, other = (few(data, 50, seed) for seed in (0, 0, 1))
    assert len(less.train) == 50
    assert less.train.images.equal(again.train.images)
    assert not less.train.labels.equal(other.train.labels)
    assert less.test is data.test
    assert len({data.name, less.name, other.name}) == 3


def test_quick_runs_give_all_numbers(tmp_path: Path) -> None:
    results = measured(advisers, Runs(tmp_path))
    for each in results.following:
        assert each.fixed.shape == (len(SIZES), 1)
        assert set(each.followed) == set(each.typical) == set(ADVISERS)
    assert all(np.isfinite(run.criterion).all() for runs in results.stops.values() for run in runs)
    assert all(claim.holds is None for claim in advisers.claims(results))
