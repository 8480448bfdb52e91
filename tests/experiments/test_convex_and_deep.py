"""Gradient norm and scatter over the training: what is claimed and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cockpit.problems import get
from cockpit.problems.data import load
from cockpit.problems.training import Batches
from examples.experiments import convex_and_deep as experiment
from examples.experiments.convex_and_deep import Course, growth
from examples.experiments.gallery import Runs
from tests.experiments.measuring import measured

STEPS = np.unique(np.geomspace(1, 1000, 60).astype(int)) - 1


def course(norm: float, test: float) -> Course:
    """From 1 to these values."""
    rng = np.random.default_rng(0)

    def rise(end: float) -> np.ndarray:
        noise = 0.01 * rng.normal(size=(4, STEPS.size))
        return np.geomspace(1, end, STEPS.size) * (1 + noise)

    return Course(STEPS, rise(0.1), rise(norm), rise(test), 5)


def verdicts(key: str, norm: float, test: float) -> list[bool | None]:
    return [claim.holds for claim in experiment.claims({key: course(norm, test)})]


def test_claims_hold_or_fail_with_the_numbers() -> None:
    assert verdicts("P1", norm=0.1, test=10.0) == [True, True]
    assert verdicts("P9", norm=0.8, test=0.5) == [False, False]
    assert verdicts("P3", norm=2.0, test=0.5) == [True, True]
    assert verdicts("P11", norm=0.8, test=2.0) == [False, False]


def test_scatter_is_the_norm_test_without_what_makes_it_relative() -> None:
    made = course(3.0, 2.0)
    assert np.allclose(made.scatter, made.test * made.norm * 2)


def test_growth_is_that_of_the_last_half_of_the_steps() -> None:
    steps = np.arange(11)
    values = np.array([[2.0] + 4 * [100.0] + 6 * [6.0], [1.0] + 10 * [0.5]])
    assert growth(values, steps).tolist() == [3.0, 0.5]


def test_the_figure_has_every_problem_at_both_sides() -> None:
    results = {key: course(0.5, 2.0) for key in experiment.WORDS}
    for ax in experiment.draw(results).axes:
        assert [text.get_text() for text in ax.texts] == list(experiment.WORDS.values())
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_it_is_measured(tmp_path: Path) -> None:
    results = measured(experiment, Runs(tmp_path))
    assert set(results) == set(experiment.WORDS)
    # The quadratic's gradients by hand: gₙ = Q (θ − xₙ), at the first step.
    problem, data = get("P1"), load("normal-100d")
    inputs, _ = next(iter(Batches(problem.view(data)[0], 128, seed=0)))
    theta = torch.ones_like(inputs).requires_grad_()
    loss = problem.loss()
    loss.reduction = "sum"
    loss(theta, inputs).backward()
    mean = theta.grad.mean(0)
    scatter = (theta.grad - mean).square().sum(1).mean().sqrt()
    assert np.isclose(results["P1"].norm[0, 0], mean.norm(), rtol=1e-4)
    assert np.isclose(results["P1"].scatter[0, 0], scatter, rtol=1e-3)
