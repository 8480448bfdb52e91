"""Weights that begin too large, and those that may."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn

from cockpit.backward.facts.fetch import fetched
from cockpit.backward.facts.model import gain_facts
from cockpit.lamps import get
from tests.lamps.runs import REGRESSION, board, episode, level

NAME = "large_initialization"


def gain(number, step=0):
    return {"model.gain": lambda now: number if now == step else None}


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0.58, None), (math.sqrt(2), None), (2.36, None), (2.49, None), (2.51, "caution"),
     (2.9, "caution"), (1e6, "caution"), (None, None)],
)  # fmt: skip
def test_the_gain_against_that_of_textbooks(number, expected):
    assert level(NAME, gain(number), loss=2.4) == expected
    assert level(NAME, gain(number), loss=2.4, count=1) == expected


def test_it_says_what_it_saw():
    found = episode(NAME, gain(11.5), loss=80.0)
    assert found is not None
    assert (found.since, found.step) == (0, 0)
    assert found.reading.numbers == {"gain": 11.5, "threshold": 2.5}
    for part in ("11.5", "step 0", "over 2.5"):
        assert part in found.reading.evidence


def test_only_where_a_run_begins():
    assert level(NAME, gain(5.0, step=1), loss=2.4, start=1) == "caution"
    assert level(NAME, gain(5.0, step=2), loss=2.4, start=2) is None


@pytest.mark.parametrize(
    ("facts", "loss", "expected"),
    [({}, 0.3, None), ({}, 1.6, None), ({}, 2.2, "caution"), (REGRESSION, 0.5, None),
     (REGRESSION, 1.0, "caution"), ({"loss.function": "HingeLoss"}, 0.1, "caution"),
     ({}, math.nan, "caution"), ({}, math.inf, "caution"), ({}, None, "caution")],
)  # fmt: skip
def test_a_model_that_begins_trained_may_have_any_weights(facts, loss, expected):
    assert level(NAME, gain(4.0) | facts, loss=loss) == expected


def falling_to(loss, first=50.0, by=6):
    """Straight down within so many steps."""
    return lambda step: max(loss, first + (loss - first) * step / by)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(falling_to(2.0), "caution"), (falling_to(1.5), None), (falling_to(1.5, first=2.3), None),
     (falling_to(20.0), "caution"), (lambda step: math.nan if step > 3 else 5.0, "caution")],
)  # fmt: skip
def test_it_goes_out_when_the_network_has_learned(loss, expected):
    """That is below ¾ of the loss of guessing among ten classes, 1.7."""
    assert level(NAME, gain(4.0), loss=loss, count=4) == "caution"
    assert level(NAME, gain(4.0), loss=loss, count=20) == expected


def test_it_does_not_come_back():
    """A loss that rises later on has other reasons."""
    found = board(gain(4.0), loss=lambda step: 0.5 if 5 < step < 20 else 8.0, lamps=[get(NAME)],
                  count=40)  # fmt: skip
    assert found.lit == []
    assert [one.lamp for one in found.past] == [NAME]


def test_what_it_explains():
    lamps = [get(NAME), get("first_loss_too_high"), get("clipped_to_nothing")]
    found = board(gain(11.5) | {"gradient.stepped": 0.01}, loss=60.0, lamps=lamps)
    causes = {one.lamp: one.cause for one in found.lit}
    assert causes == {NAME: None, "first_loss_too_high": NAME, "clipped_to_nothing": NAME}


SANE = {
    "torch's own": lambda weight: None,
    "He": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "He, by the outputs": partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
    "Xavier": nn.init.xavier_uniform_,
    "Xavier for tanh": partial(nn.init.xavier_normal_, gain=nn.init.calculate_gain("tanh")),
    "orthogonal for tanh": partial(nn.init.orthogonal_, gain=nn.init.calculate_gain("tanh")),
    "GPT": partial(nn.init.normal_, std=0.02),
}  # fmt: skip
NETWORKS = {
    "narrows": lambda: [nn.Linear(784, 256), nn.Linear(256, 100), nn.Linear(100, 10)],
    "widens": lambda: [nn.Linear(10, 100), nn.Linear(100, 256), nn.Linear(256, 784)],
    "convolutions": lambda: [nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3), nn.Linear(512, 10)],
    "deep": lambda: [nn.Linear(48, 48) for _ in range(8)],
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("rule", SANE)
def test_usual_initializations_are_dark(rule, network):
    torch.manual_seed(0)
    model = nn.Sequential(*NETWORKS[network]())
    for layer in model:
        SANE[rule](layer.weight)
    found = fetched(gain_facts(model))["model.gain"]
    assert level(NAME, gain(found), loss=2.4) is None, found


@pytest.mark.parametrize("factor", [5.0, 20.0])
@pytest.mark.parametrize("network", NETWORKS)
def test_torchs_own_weights_several_times_too_large(network, factor):
    torch.manual_seed(0)
    model = nn.Sequential(*NETWORKS[network]())
    with torch.no_grad():
        for layer in model:
            layer.weight.mul_(factor)
    found = fetched(gain_facts(model))["model.gain"]
    assert level(NAME, gain(found), loss=2.4) == "caution", found
