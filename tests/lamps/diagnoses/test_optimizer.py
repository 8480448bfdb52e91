"""Lamps of the optimizer at their edges."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cockpit.lamps import Board, get
from tests.lamps.runs import ADAM, HEADER, LAYERS, episode, level, view

NAMES = [layer["name"] for layer in LAYERS]
WITH_ADAM = {"header": {"optimizer": ADAM}}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (0.0, None),
        (0.05, None),
        (0.1, "warning"),
        (lambda step: float(step), "warning"),
        (lambda step: float(step == 5), None),
        (math.inf, None),
    ],
)
def test_gradients_that_are_left(before, expected):
    assert level("gradients_not_zeroed", {"gradient.before": before}) == expected


def test_gradients_without_an_optimizer_may_be_left():
    facts = {"gradient.before": 3.0, "optimizer.without": NAMES[:2]}
    assert level("gradients_not_zeroed", facts) == "advisory"


@pytest.mark.parametrize(
    ("without", "expected"),
    [([], None), (NAMES[3:], "caution"), (NAMES[:2], "caution"), (NAMES, "warning")],
)
def test_parameters_without_an_optimizer(without, expected):
    assert level("optimizer_without_parameters", {"optimizer.without": without}) == expected


@pytest.mark.parametrize(
    ("foreign", "without", "expected"),
    [
        (0, [], None),
        (0, NAMES, None),
        (3, [], "advisory"),
        (2, NAMES[2:], "caution"),
        (4, NAMES, "warning"),
    ],
)
def test_parameters_of_something_else(foreign, without, expected):
    facts = {"optimizer.foreign": foreign, "optimizer.without": without}
    assert level("foreign_parameters", facts) == expected


def moving(sizes, **facts):
    """The level of both lamps of membership, where the parameters move so far."""
    steps = [replace(view(i, facts), layers={"UpdateSize": np.array(sizes)}) for i in range(4)]
    found = Board(HEADER, lamps=[get("foreign_parameters"), get("optimizer_without_parameters")])
    for step in steps:
        found.take(step)
    return {episode.lamp: episode.level for episode in found.lit}


def test_weights_that_move_without_being_in_the_optimizer_have_copies_there():
    facts = {"optimizer.foreign": 4, "optimizer.without": NAMES}
    both = ("foreign_parameters", "optimizer_without_parameters")
    assert moving([0.1] * 4, **facts) == dict.fromkeys(both, "advisory")
    assert moving([0.0] * 4, **facts) == dict.fromkeys(both, "warning")
    part = {"optimizer.foreign": 2, "optimizer.without": NAMES[2:]}
    assert moving([0.1, 0.1, 0.0, 0.0], **part) == dict.fromkeys(both, "caution")
    assert moving([math.nan] * 4, **part) == dict.fromkeys(both, "caution")


def test_frozen_layers_are_never_more_than_an_advisory():
    assert level("frozen_layers") is None
    facts = {"model.frozen": NAMES, "model.frozen_share": 1.0}
    assert level("frozen_layers", facts) == "advisory"


@pytest.mark.parametrize(
    ("stepped", "run", "expected"),
    [
        (1.0, {}, None),
        (0.051, {}, None),
        (0.049, {}, "caution"),
        (0.049, WITH_ADAM, "advisory"),
        (1e-5, WITH_ADAM | {"gradient": 1e-2}, "caution"),
        (0.0, WITH_ADAM, "warning"),
        (lambda step: 1.0 if step == 0 else 0.001, {}, None),
        (lambda step: 0.001 if step < 3 else 0.3, {}, None),
    ],
)
def test_clipping(stepped, run, expected):
    assert level("clipped_to_nothing", {"gradient.stepped": stepped}, **run) == expected


def test_frozen_elements_do_not_share_in_the_gradient():
    frozen = {
        "name": "f.weight",
        "shape": [10**6, 100],
        "module_type": "Linear",
        "trainable": False,
    }
    header = {"optimizer": ADAM, "layers": [*LAYERS, frozen]}
    assert level("clipped_to_nothing", {"gradient.stepped": 0.01}, header=header) == "advisory"
    half = {"gradient.dtype": "float16", "gradient.zeros": 0.6}
    assert level("half_underflow", half, header=header, gradient=0.1) is None


def test_clipping_that_begins_late_does_not_raise():
    late = {"gradient.stepped": lambda step: None if step < 10 else 0.5}
    assert level("clipped_to_nothing", late, count=14) is None


@pytest.mark.parametrize(
    ("facts", "gradient", "expected"),
    [
        ({"gradient.zeros": 0.6}, 1e-5, "caution"),
        ({"gradient.zeros": 0.6}, 1.0, None),
        ({"gradient.zeros": 0.2}, 1e-5, None),
        ({"gradient.zeros": 0.2, "update.ratio_max": 4e-4}, 1.0, "caution"),
        ({"gradient.zeros": 0.2, "update.ratio_max": 0.0}, 1.0, None),
        ({"gradient.zeros": 0.6, "gradient.dtype": "bfloat16"}, 1e-5, None),
        ({"gradient.zeros": 0.6, "gradient.dtype": "float32", "outputs.dtype": "float16"}, 1e-5,
         None),
    ],
)  # fmt: skip
def test_half_precision(facts, gradient, expected):
    given = {"gradient.dtype": "float16"} | facts
    assert level("half_underflow", given, gradient=gradient) == expected


@pytest.mark.parametrize(
    ("optimizer", "dtype", "expected"),
    [
        ({"name": "Adam", "groups": [{"eps": 1e-8}]}, "float16", "caution"),
        ({"name": "RMSprop", "groups": [{"eps": 1e-4}, {"eps": 1e-8}]}, "float16", "caution"),
        ({"name": "Adam", "groups": [{"eps": 1e-4}]}, "float16", None),
        ({"name": "Adam", "groups": [{"eps": 1e-8, "fused": True}]}, "float16", None),
        ({"name": "Adam", "groups": [{"eps": 1e-8}]}, "bfloat16", None),
        ({"name": "SGD", "groups": [{"lr": 0.1}]}, "float16", None),
    ],
)
def test_an_epsilon_that_is_0_in_half_precision(optimizer, dtype, expected):
    facts = {"gradient.dtype": dtype, "gradient.zeros": 0.1}
    assert level("half_underflow", facts, header={"optimizer": optimizer}) == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"momentum": 0.0}, None),
        ({"momentum": 0.99}, None),
        ({"momentum": 0.995}, "caution"),
        ({"momentum": 1.0}, "warning"),
        ({"betas": [0.9, 0.9999]}, None),
        ({"betas": (0.999, 0.999)}, "caution"),
        ({}, None),
    ],
)
def test_momentum(group, expected):
    header = {"optimizer": {"name": "SGD", "groups": [{"lr": 0.1}, group]}}
    assert level("momentum_too_high", header=header) == expected


def test_without_an_optimizer_there_is_no_momentum():
    assert level("momentum_too_high", header={"optimizer": {}}) is None


STRONG = {"optimizer": {"name": "SGD", "groups": [{"lr": 0.1, "weight_decay": 0.05}]}}


@pytest.mark.parametrize(
    ("decay", "run", "expected"),
    [
        (0.2, {}, None),
        (0.3, {}, "caution"),
        (0.71, {}, "caution"),
        (1.2, {"count": 60, "loss": 2.3}, "caution"),
        (1.2, {"count": 60}, None),
        (lambda step: 0.01 if step < 4 else 5.0, {"loss": 2.3}, "caution"),
        (lambda step: 0.01 if step < 4 else 2.5, {"loss": 2.3}, None),
        (lambda step: 0.01 if step < 4 else 50.0, {"loss": lambda s: 2.3 * 0.5**s}, None),
        (lambda step: 5.0 if step < 5 else 0.1, {"count": 40}, None),
        (lambda step: 5.0 if step < 5 else 0.1, {"count": 40, "loss": 2.3}, "caution"),
        (lambda step: 5.0 if step == 0 else 0.1, {"loss": 2.3}, None),
        (math.inf, {}, None),
    ],
)
def test_decay(decay, run, expected):
    facts = {"optimizer.decay": decay}
    assert level("weight_decay_dominates", facts, header=STRONG, **run) == expected


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("SGD", {"weight_decay": 5e-4}, None),
        ("SGD", {"weight_decay": 2e-3}, "caution"),
        ("AdamW", {"weight_decay": 5e-3}, None),
        ("AdamW", {"weight_decay": 20.0}, "caution"),
        ("AdamW", {"weight_decay": "auto"}, "caution"),
        ("SGD", {"weight_decay": [0.1, 0.0]}, "caution"),
        ("SGD, AdamW", {"weight_decay": 5e-4}, "caution"),  # whose it is is not known
        ("Adam", {"weight_decay": 5e-3, "decoupled_weight_decay": True}, None),
        ("Theirs", {}, "caution"),
    ],
)
def test_a_usual_decay_dominates_nothing(name, group, expected):
    header = {"optimizer": {"name": name, "groups": [{"lr": 0.0, **group}]}}
    assert level("weight_decay_dominates", {"optimizer.decay": 0.5}, header=header) == expected


def test_decay_beside_no_gradient_at_all_says_nothing():
    facts = {"optimizer.decay": 2.5, "outputs.spread": 0.0}
    assert level("weight_decay_dominates", facts, header=STRONG) is None
    head = {"model.zero_weights": lambda step: ["2.weight"] if step == 0 else None}
    assert level("weight_decay_dominates", facts | head, header=STRONG, loss=2.3) == "caution"


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("SGD", {"weight_decay": 0.2}, "caution"),
        ("SGD", {"weight_decay": 0.05}, None),
        ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": False}, "caution"),
        ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}, None),
        ("AdamW", {"weight_decay": 0.1}, None),
        ("SGD", {}, None),
    ],
)
def test_a_decay_that_flattens_whatever_the_loss_curves(name, group, expected):
    header = {"optimizer": {"name": name, "groups": [{"lr": 0.1} | group]}}
    run = {"header": header, "loss": 2.3}
    assert level("weight_decay_dominates", {"optimizer.decay": 0.02}, **run) == expected
    assert level("weight_decay_dominates", {"optimizer.decay": None}, **run) is None


@pytest.mark.parametrize(("end", "expected"), [(0.1, None), (0.01, None), (2.0, "caution")])
def test_decay_of_a_trained_model_counts_when_it_forgets(end, expected):
    facts = {"optimizer.decay": 4.0}
    run = {"loss": lambda step: 0.1 if step < 10 else end, "count": 40, "header": STRONG}
    assert level("weight_decay_dominates", facts, **run) == expected


def test_decay_that_has_come_into_balance_stays_lit():
    facts = {"optimizer.decay": lambda step: max(0.9, 3.0 * 0.8**step)}
    found = episode("weight_decay_dominates", facts, count=60, loss=2.3, header=STRONG)
    assert found is not None
    assert found.reading.numbers["ratio"] == pytest.approx(3.0 * 0.8**2)
