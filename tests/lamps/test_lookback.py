"""What is remembered of exact facts, and known of batches and optimizer."""

from __future__ import annotations

import math

import pytest

from cockpit.lamps import Course, StepView
from cockpit.lamps.lookback import (
    first_fact,
    has_grown,
    is_adaptive,
    is_half,
    is_integer,
    last_facts,
    normalizes,
    samples,
    shape_of,
)


def course(*facts, header=None, losses=(), batch_size=None):
    made = Course(header or {})
    for step, given in enumerate(facts):
        values = {"Loss": losses[step]} if step < len(losses) else {}
        made.take(StepView(step, facts=given, values=values, batch_size=batch_size))
    return made


def test_facts_of_the_first_step_and_of_the_last_ones():
    made = course({}, {"a.b": 1}, {"a.b": 2}, {}, {"a.b": 4})
    assert first_fact(made, "a.b") == 1
    assert first_fact(made, "c.d", "none") == "none"
    assert last_facts(made, "a.b", 3) == [2, 4]
    assert last_facts(made, "a.b", 99) == [1, 2, 4]


@pytest.mark.parametrize(
    ("facts", "batch_size", "expected"),
    [({"inputs.shape": [16, 3]}, 64, 16), ({}, 64, 64), ({"inputs.shape": []}, None, 0)],
)
def test_number_of_samples(facts, batch_size, expected):
    assert samples(course(facts, batch_size=batch_size)) == expected


def test_shapes():
    made = course({"inputs.shape": [4, 2]})
    assert (shape_of(made, "inputs"), shape_of(made, "outputs")) == ((4, 2), ())


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([1.0, 2.0, 2.9], False),
        ([1.0, 3.1], True),
        ([1.0, 9.0, 1.0, 1.0, 1.0, 1.0], False),
        ([1.0, 9.0, *[math.nan] * 9], True),
        ([1.0, math.inf], False),
        ([math.nan, 5.0], False),
        ([-1.0, 5.0], False),
        ([], False),
    ],
)
def test_a_loss_that_has_grown(losses, expected):
    assert has_grown(course(*[{}] * max(1, len(losses)), losses=losses)) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SGD", False), ("LBFGS", False), ("ASGD", False), ("Adam", True), ("AdamW", True),
        ("NAdam", True), ("Adagrad", True), ("RMSprop", True), ("Rprop", True), ("Lion", True),
        ("Muon", True), ("SGD, Adam", False), ("Adam, AdamW", True), (None, False),
    ],
)  # fmt: skip
def test_optimizers_that_do_not_feel_a_factor(name, expected):
    assert is_adaptive(course({}, header={"optimizer": {"name": name}})) is expected


@pytest.mark.parametrize(
    ("dtype", "half", "integer"),
    [
        ("float16", True, False), ("torch.float16", True, False), ("bfloat16", False, False),
        ("float32", False, False), ("int64", False, True), ("uint8", False, True),
        ("bool", False, False), (None, False, False),
    ],
)  # fmt: skip
def test_kinds_of_numbers(dtype, half, integer):
    assert (is_half(dtype), is_integer(dtype)) == (half, integer)


def test_models_that_normalize_their_inputs():
    norm = {"layers": [{"name": "0.weight", "shape": [4], "module_type": "LayerNorm"}]}
    assert normalizes(course({}, header=norm))
    assert normalizes(course({"model.modules_bn": 1}))
    assert not normalizes(course({"model.modules_bn": 0}))
    assert not normalizes(course({}))
