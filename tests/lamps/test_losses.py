"""The loss that a model has before it is trained; against torch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cockpit.lamps import Course, StepView
from cockpit.lamps.losses import chance, terms, untrained_loss
from tests.lamps.hand_made import views


def untrained(**facts):
    course = Course({"reduction": facts.pop("header", "mean")})
    course.take(
        StepView(0, facts={name.replace("_", ".", 1): fact for name, fact in facts.items()})
    )
    return untrained_loss(course)


CLASSES = {"loss_function": "CrossEntropyLoss", "outputs_shape": [8, 10], "targets_shape": [8]}
SQUARES = {"loss_function": "MSELoss", "outputs_shape": [8, 3], "targets_shape": [8, 3],
           "targets_variance": 4.0, "targets_mean": 3.0, "targets_std": 2.0}  # fmt: skip
OLD = {"loss_function": "MSELoss", "targets_shape": [8, 3], "targets_variance": 3.5,
       "targets_min": -1.0, "targets_max": 7.0}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (CLASSES, math.log(10)),
        (CLASSES | {"loss_function": "NLLLoss"}, math.log(10)),
        (CLASSES | {"outputs_shape": [8, 48, 24], "targets_shape": [8, 24]}, math.log(48)),
        (CLASSES | {"outputs_shape": [8, 48, 24], "targets_shape": [8, 24], "header": "sum"},
         24 * math.log(48)),
        (CLASSES | {"loss_reduction": "mean", "header": "sum"}, math.log(10)),
        ({"loss_function": "BCEWithLogitsLoss"}, math.log(2)),
        ({"loss_function": "BCELoss", "targets_shape": [8, 5], "loss_reduction": "sum"},
         5 * math.log(2)),
        (SQUARES, 13.0),
        (SQUARES | {"targets_min": -1.0, "targets_max": 100.0}, 13.0),
        (OLD, 13.0),
        (SQUARES | {"loss_reduction": "sum"}, 39.0),
        (SQUARES | {"loss_function": "L1Loss"}, math.sqrt(13)),
    ],
)  # fmt: skip
def test_by_hand(facts, expected):
    assert untrained(**facts) == pytest.approx(expected)


SHARES = CLASSES | {"targets_shape": [8, 10], "loss_reduction": "sum"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (SHARES, 1),
        (SHARES | {"outputs_shape": [8, 10, 4, 3], "targets_shape": [8, 10, 4, 3]}, 12),
        (SHARES | {"loss_reduction": "mean"}, 1),
        (SHARES | {"outputs_shape": [8, 10, 4], "targets_shape": [8, 4]}, 4),
        (SQUARES | {"loss_reduction": "sum"}, 3),
    ],
)
def test_the_shares_of_a_samples_classes_are_one_term(facts, expected):
    course = Course({})
    course.take(StepView(0, facts={n.replace("_", ".", 1): fact for n, fact in facts.items()}))
    assert terms(course) == expected


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"loss_function": "EvidenceBound"},
        CLASSES | {"outputs_shape": [8]},
        CLASSES | {"outputs_shape": [8, 1]},
        SQUARES | {"targets_variance": None},
        SQUARES | {"targets_shape": [1, 3]},
        OLD | {"targets_max": math.inf},
        OLD | {"targets_shape": [1, 3]},
    ],
)
def test_unknown(facts):
    assert untrained(**{name: fact for name, fact in facts.items() if fact is not None}) is None


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ["CrossEntropyLoss", "BCEWithLogitsLoss", "MSELoss"])
def test_outputs_of_zero_have_it(name, reduction):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    shape = [400, 5, 3]
    targets = {
        "CrossEntropyLoss": torch.randint(5, (400, 3)),
        "BCEWithLogitsLoss": torch.rand(shape).round(),
        "MSELoss": torch.rand(shape) * 4 - 1,
    }[name]
    loss = getattr(torch.nn, name)(reduction=reduction)(torch.zeros(shape), targets)
    facts = {"loss_function": name, "loss_reduction": reduction, "outputs_shape": shape,
             "targets_shape": list(targets.shape),
             "targets_mean": targets.double().mean().item(),
             "targets_std": targets.double().std(correction=0).item(),
             "targets_variance": targets.float().var(0).mean().item()}  # fmt: skip
    expected = loss.item() / (400 if reduction == "sum" else 1)
    assert untrained(**facts) == pytest.approx(expected, rel=0.03)


def course_of(values, facts, count):
    course = Course({})
    for view in views(values, facts, count=count):
        course.take(view)
    return course


def test_chance_of_three_classes():
    def counts(i):
        return [2, 2] if i % 2 else [0, 2, 4]

    facts = {"loss.function": "CrossEntropyLoss", "targets.counts": counts}
    shares = np.array([2, 4, 4]) / 10
    expected = float(-(shares * np.log(shares)).sum())
    assert chance(course_of({"Loss": 1.0}, facts, count=6)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("function", "variance", "expected"),
    [
        ("MSELoss", 2.5, 2.5),
        ("BCEWithLogitsLoss", 0.25, math.log(2)),
        ("BCELoss", 0.0, 0.0),
        ("HuberLoss", 2.5, None),
        (None, 2.5, None),
    ],
)
def test_chance_of_other_losses(function, variance, expected):
    facts = {"targets.variance": variance, "loss.function": function}
    found = chance(course_of({"Loss": 1.0}, facts, count=6))
    assert found == (expected if expected is None else pytest.approx(expected))


def test_chance_of_a_loss_that_is_summed_over_several_outputs():
    facts = {
        "targets.variance": 0.5,
        "loss.function": "MSELoss",
        "loss.reduction": "sum",
        "targets.shape": lambda i: [64, 3, 2],
    }
    assert chance(course_of({"Loss": 1.0}, facts, count=6)) == pytest.approx(3.0 * 64 / 63)


@pytest.mark.parametrize(("size", "expected"), [(2, 5.0), (5, 3.125), (1, None)])
def test_the_variance_within_a_batch_is_too_small(size, expected):
    facts = {"targets.variance": 2.5, "targets.shape": lambda i: [size, 1],
             "loss.function": "MSELoss"}  # fmt: skip
    assert chance(course_of({"Loss": 1.0}, facts, count=6)) == expected
