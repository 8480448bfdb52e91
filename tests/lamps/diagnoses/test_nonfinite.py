"""Which of three ways a number was lost."""

from __future__ import annotations

import math

import pytest

from cockpit.lamps import get
from tests.lamps.runs import board, course, episode, level, view

LOST = math.nan


def test_losses_that_are_masked_are_a_caution():
    assert level("nonfinite_loss", {"loss.nonfinite": 2}) == "caution"


def test_outputs_that_are_lost_after_a_good_start_are_not_the_losss_fault():
    facts = {"outputs.nonfinite": 640, "loss.nonfinite": 64}
    lost = {"loss": lambda step: 2.0 if step == 0 else LOST}
    assert level("nonfinite_loss", facts, **lost) is None
    assert level("nonfinite_loss", {"loss.nonfinite": 64}, **lost) == "warning"


def test_bad_inputs_explain_a_lost_loss():
    facts = {"inputs.nonfinite": 1, "outputs.nonfinite": 10, "loss.nonfinite": 1}
    assert level("nonfinite_loss", facts, loss=LOST) is None
    both = board({"inputs.nonfinite": 0, "loss.nonfinite": 1}, loss=LOST,
                 lamps=[get("nonfinite_input"), get("nonfinite_loss")])  # fmt: skip
    assert [one.lamp for one in both.lit] == ["nonfinite_loss"]


def test_evidence_of_a_lost_loss_names_gaps_in_the_targets():
    found = episode("nonfinite_loss", {"targets.nonfinite": 3, "loss.nonfinite": 3}, loss=LOST)
    assert found is not None
    assert "3 targets are no numbers" in found.reading.evidence


@pytest.mark.parametrize("gradient", [math.nan, math.inf])
def test_a_gradient_that_is_lost_names_its_layers(gradient):
    found = episode("nonfinite_gradient", gradient=gradient, layers=(LOST, math.inf, 0.8, 0.2))
    assert found is not None
    assert found.reading.layers == ("0.weight", "0.bias")
    assert "first of all in 0.weight, 0.bias" in found.reading.evidence


def test_frozen_layers_have_no_gradient_and_are_not_named():
    facts = {"model.frozen": ["0.weight"], "model.without_grad": ["0.bias"]}
    found = episode("nonfinite_gradient", facts, gradient=LOST, layers=(LOST, LOST, LOST, 0.2))
    assert found is not None
    assert found.reading.layers == ("2.weight",)


def test_skipped_steps_do_harm_when_there_is_no_end_to_them():
    run = {"gradient": math.inf, "moved": False}
    assert level("nonfinite_gradient", count=7, **run) is None
    assert level("nonfinite_gradient", count=8, **run) == "warning"
    every_other = {"gradient": lambda step: math.inf if step % 2 else 1.0, "moved": False}
    assert level("nonfinite_gradient", count=40, **every_other) is None


def test_a_gradient_after_a_loss_that_exploded_tells_nothing():
    grown = course(view(0, {}), view(1, {}, loss=1e6, gradient=math.inf))
    reading = get("nonfinite_gradient")(grown)
    assert reading is not None
    assert 0.5 <= reading.severity < 1
