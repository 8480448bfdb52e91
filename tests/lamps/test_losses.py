"""The loss that a model has before it is trained; against torch."""

from __future__ import annotations

import math

import pytest

from cockpit.lamps import Course, StepView
from cockpit.lamps.losses import untrained_loss


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
