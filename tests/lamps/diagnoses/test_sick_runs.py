"""One fault, one lamp: all exact lamps look on, and one names the cause within five steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from tests.lamps.runs import ADAM, EXACT, LAYERS, REGRESSION, board

NAMES = [layer["name"] for layer in LAYERS]
OUTPUTS_LOST = {"outputs.nonfinite": 640, "outputs.min": math.inf, "outputs.max": -math.inf,
                "outputs.spread": None, "outputs.at_bound": 0.0}  # fmt: skip
SORTED = {"targets.counts": lambda step: [64 * (step // 3 == c) for c in range(10)]}
LOST = math.nan


def first(*names: str) -> Any:
    """A list at the first tracked step alone."""
    return lambda step: list(names) if step == 0 else None


def first_number(number: float) -> Any:
    """A number at the first tracked step alone."""
    return lambda step: number if step == 0 else None


def from_step(begin: int, then: Any, before: Any) -> Any:
    return lambda step: then if step >= begin else before


ONE_RECORD = {
    "inputs.same_rows": 1.0, "inputs.repeated": 1.0, "inputs.constant": 1.0,
    "inputs.offset": None, "inputs.scale_ratio": None, "outputs.spread": 0.0,
    "targets.counts": [0, 0, 0, 64], "outputs.at_bound": 0.2,
}  # fmt: skip

SICK: dict[str, tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = {
    "a record that is no number": (
        "nonfinite_input", "warning",
        OUTPUTS_LOST | {"inputs.nonfinite": from_step(2, 3, 0),
                        "outputs.nonfinite": from_step(2, 640, 0), "outputs.min": -2.2},
        {"loss": from_step(2, LOST, 2.0), "gradient": from_step(2, LOST, 1.0)},
    ),
    "one such record, good ones after it": (
        "nonfinite_input", "warning",
        {"inputs.nonfinite": lambda step: int(step == 2),
         "outputs.nonfinite": from_step(2, 640, 0), "loss.nonfinite": from_step(2, 64, 0)},
        {"loss": from_step(2, LOST, 2.0), "gradient": from_step(2, LOST, 1.0), "count": 30},
    ),
    "gaps in the targets": (
        "nonfinite_loss", "warning",
        REGRESSION | {"targets.nonfinite": from_step(1, 1, 0), "loss.nonfinite": from_step(1, 1, 0),
                      "outputs.nonfinite": from_step(2, 64, 0)},
        {"loss": from_step(1, LOST, 1.0), "gradient": from_step(1, LOST, 1.0)},
    ),
    "a logarithm of 0 in the loss": (
        "nonfinite_loss", "warning", {"loss.nonfinite": 64}, {"loss": math.inf},
    ),
    "a model that divides by 0 from the start": (
        "nonfinite_loss", "warning", OUTPUTS_LOST | {"loss.nonfinite": 64},
        {"loss": LOST, "gradient": LOST},
    ),
    "a root at 0": (
        "nonfinite_gradient", "warning",
        {"outputs.nonfinite": from_step(1, 640, 0), "loss.nonfinite": from_step(1, 64, 0)},
        {"loss": from_step(1, LOST, 2.3), "gradient": LOST, "layers": (LOST, LOST, 0.8, 0.2)},
    ),
    "the first batch again and again": (
        "same_batch", "caution", {"inputs.repeated": from_step(1, 1.0, None)}, {},
    ),
    "the same, in runs that count epochs": (
        "same_batch", "warning", {"inputs.repeated": 1.0}, {"user": {"epoch": {0: 0, 3: 0}}},
    ),
    "each record eight times": ("duplicate_samples", "caution", {"inputs.same_rows": 1.0}, {}),
    "one record": ("duplicate_samples", "caution", ONE_RECORD, {}),
    "raw pixels": (
        "unscaled_input", "caution",
        {"inputs.mean": 73.0, "inputs.std": 90.0, "inputs.min": 0.0, "inputs.max": 255.0,
         "inputs.offset": 1.2}, {"loss": lambda step: 40.0 * 0.8**step},
    ),
    "pixels divided by 255 twice": (
        "unscaled_input", "caution",
        {"inputs.mean": 0.001, "inputs.std": 0.0014, "inputs.min": 0.0, "inputs.max": 1 / 255}, {},
    ),
    "raw pixels, and a loss that shows it": (
        "unscaled_input", "caution",
        {"inputs.mean": 33.0, "inputs.std": 79.0, "inputs.max": 255.0, "inputs.min": 0.0,
         "outputs.spread": from_step(1, 0.0, 0.5)},
        {"loss": lambda step: 45.0 if step == 0 else 2.3, "count": 40},
    ),
    "temperatures in kelvin": (
        "uncentred_input", "caution",
        {"inputs.mean": 290.0, "inputs.std": 10.0, "inputs.min": 250.0, "inputs.max": 320.0,
         "inputs.offset": 29.0}, {},
    ),
    "years beside millimetres": (
        "unequal_features", "caution",
        {"inputs.std": 900.0, "inputs.scale_ratio": 4e4, "inputs.offset": 6.0}, {},
    ),
    "columns that were lost": (
        "constant_features", "caution", {"inputs.constant": 0.8, "inputs.scale_ratio": 1.4}, {},
    ),
    "columns that were joined several times": (
        "duplicated_features", "caution", {"inputs.duplicates": 0.8}, {},
    ),
    "one class of two has 98 %": (
        "class_imbalance", "caution",
        {"targets.counts": [63, 1], "outputs.shape": [64, 2]}, {"loss": lambda s: 0.7 * 0.9**s},
    ),
    "no label but one": ("sorted_data", "caution", {"targets.counts": [64]}, {}),
    "not shuffled": ("sorted_data", "warning", SORTED, {}),
    "all weights at zero": (
        "zero_initialization", "warning",
        {"model.zero_weights": first("0.weight", "2.weight"), "outputs.spread": 0.0,
         "outputs.min": -0.0123456}, {"layers": (0.0, 0.0, 0.0, 0.3), "loss": 2.3},
    ),
    "a hidden layer at zero that is stuck": (
        "zero_initialization", "warning",
        {"model.zero_weights": first("0.weight")}, {"layers": (0.0, 0.0, 0.0, 0.3), "loss": 2.3},
    ),
    "all weights alike": (
        "symmetric_initialization", "warning",
        {"model.symmetric": first("0.weight", "2.weight")}, {},
    ),
    "weights 20 times too large": (
        "large_initialization", "caution", {"model.gain": first_number(11.5)},
        {"loss": lambda step: 60.0 * 0.95**step},
    ),
    "weights 5 times too large, clipped": (
        "large_initialization", "caution",
        {"model.gain": first_number(2.9), "gradient.stepped": 0.01},
        {"loss": lambda step: 9.0 * 0.99**step},
    ),
    "a last layer 20 times too large": (
        "first_loss_too_high", "caution", {}, {"loss": lambda step: 60.0 * 0.95**step},
    ),
    "no activation": (
        "linear_chain", "caution", {"model.linear_chain": first("0 -> 2")}, {},
    ),
    "softmax, then cross entropy": (
        "softmax_before_loss", "warning",
        {"outputs.sum_to_one": True, "outputs.min": 0.0123, "outputs.max": 0.54321}, {},
    ),
    "probabilities for NLLLoss": (
        "softmax_before_loss", "warning",
        {"outputs.sum_to_one": True, "loss.function": "NLLLoss"},
        {"loss": lambda step: -0.1 - 0.01 * step},
    ),
    "clamped logits": (
        "clamped_output", "caution",
        {"outputs.min": -0.10000000149, "outputs.max": 0.10000000149, "outputs.at_bound": 0.6}, {},
    ),
    "logits behind a ReLU": (
        "clamped_output", "caution",
        {"outputs.min": 0.0, "outputs.at_bound": 0.5, "outputs.zeros": 0.5}, {},
    ),
    "a ReLU before targets that are negative": (
        "clamped_output", "caution",
        REGRESSION | {"outputs.min": 0.0, "outputs.at_bound": 0.5, "outputs.zeros": 0.5},
        {"loss": 0.9},
    ),
    "the same output for all": (
        "constant_output", "caution", {"outputs.spread": 0.0}, {"loss": 2.3},
    ),
    "one output, the same for all": (
        "constant_output", "caution",
        REGRESSION | {"outputs.spread": 0.0, "outputs.min": 0.0321, "outputs.max": 0.0321},
        {"loss": 1.0},
    ),
    "a trunk without gradient": (
        "detached_parameters", "caution", {"model.without_grad": NAMES[:2]},
        {"layers": (LOST, LOST, 0.8, 0.2)},
    ),
    "dropout of what should be kept": ("extreme_dropout", "caution", {"model.dropout": 0.9}, {}),
    "dropout of everything": (
        "extreme_dropout", "warning", {"model.dropout": 1.0, "outputs.spread": 0.0}, {},
    ),
    "no train() before training, BatchNorm": (
        "evaluation_mode", "warning",
        {"model.training": False, "model.evaluating": ["1"], "model.modules_bn": 1}, {},
    ),
    "no train() before training, dropout": (
        "evaluation_mode", "caution", {"model.training": False, "model.evaluating": ["1"]}, {},
    ),
    "no train() after validation, for a part": (
        "evaluation_mode", "caution", {"model.evaluating": from_step(2, ["net.1"], [])}, {},
    ),
    "divided by the batch size twice": (
        "loss_scaled", "caution", {"gradient.scale": 1 / 64}, {},
    ),
    "multiplied by the batch size": ("loss_scaled", "caution", {"gradient.scale": 64.0}, {}),
    "a sum with the learning rate of a mean": (
        "loss_scaled", "caution", {"update.decrease": 3.0}, {"header": {"reduction": "sum"}},
    ),
    "the negative loss": (
        "wrong_sign", "warning", {"gradient.cosine": -1.0, "update.sign": -0.9},
        {"loss": lambda step: 2.3 * 1.3**step},
    ),
    "maximize=True, Adam": (
        "wrong_sign", "warning", {"update.sign": -0.15}, {"header": {"optimizer": ADAM}},
    ),
    "no zero_grad()": (
        "gradients_not_zeroed", "warning",
        {"gradient.before": lambda step: 0.8 * step, "gradient.scale": lambda step: 1 + step,
         "gradient.cosine": 0.995}, {},
    ),
    "the optimizer has the head alone": (
        "optimizer_without_parameters", "caution",
        {"optimizer.without": NAMES[:2], "gradient.before": lambda step: 1.0 * step}, {},
    ),
    "the optimizer of another copy": (
        "foreign_parameters", "warning",
        {"optimizer.without": NAMES, "optimizer.foreign": 4, "update.sign": None}, {},
    ),
    "a layer was replaced after the optimizer was made": (
        "foreign_parameters", "caution",
        {"optimizer.without": NAMES[2:], "optimizer.foreign": 2}, {},
    ),
    "frozen layers": ("frozen_layers", "advisory", {"model.frozen": NAMES[:2]}, {}),
    "clipped to a thousandth": ("clipped_to_nothing", "caution", {"gradient.stepped": 1e-3}, {}),
    "zeroed before the step": ("clipped_to_nothing", "warning", {"gradient.stepped": 0.0}, {}),
    "gradients too small for float16": (
        "half_underflow", "caution", {"gradient.dtype": "float16", "gradient.zeros": 0.6},
        {"gradient": 1e-5},
    ),
    "steps too short for float16": (
        "half_underflow", "caution", {"gradient.dtype": "float16", "update.ratio_max": 1e-4}, {},
    ),
    "momentum 0.999": (
        "momentum_too_high", "caution", {},
        {"header": {"optimizer": {"name": "SGD", "groups": [{"lr": 0.1, "momentum": 0.999}]}}},
    ),
    "momentum 0.995 of Adam": (
        "momentum_too_high", "caution", {},
        {"header": {"optimizer": {"name": "Adam", "groups": [{"betas": (0.995, 0.999)}]}}},
    ),
    "weight decay 0.2": (
        "weight_decay_dominates", "caution", {"optimizer.decay": 1.2},
        {"header": {"optimizer": {"name": "SGD", "groups": [{"lr": 0.1, "weight_decay": 0.2}]}}},
    ),
    "one output for classes": (
        "wrong_output_size", "warning", {"outputs.shape": [64, 1], "targets.counts": [64]},
        {"loss": 0.0},
    ),
    "a thousand outputs": (
        "wrong_output_size", "advisory", {"outputs.shape": [64, 1000]},
        {"loss": lambda s: 6.9 * 0.9**s},
    ),
    "each output against each target": (
        "target_dtype", "warning", REGRESSION | {"targets.shape": [64]}, {"loss": 1.0},
    ),
    "whole numbers in a regression": (
        "target_dtype", "caution",
        REGRESSION | {"targets.dtype": "int64", "targets.min": -2, "targets.max": 2,
                      "targets.variance": None, "targets.counts": [40, 10, 3]}, {"loss": 1.0},
    ),
    "labels −1 and 1 for BCEWithLogitsLoss": (
        "target_dtype", "warning",
        REGRESSION | {"loss.function": "BCEWithLogitsLoss", "targets.min": -1.0,
                      "targets.max": 1.0}, {"loss": 0.7},
    ),
    "the batch taken for classes": (
        "target_dtype", "warning",
        {"outputs.shape": [64], "targets.dtype": "float32", "targets.min": 0.0,
         "targets.max": 1.0, "targets.counts": None}, {"loss": 130.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SICK)
def test_one_fault_one_lamp(name):
    expected, level, facts, run = SICK[name]
    found = board(facts, **run)
    roots = {e.lamp: e for e in [*found.lit, *found.past] if e.cause is None}
    assert set(roots) == {expected}, {n: e.reading.evidence for n, e in roots.items()}
    episode = roots[expected]
    assert episode.level == level
    assert episode.until is None
    assert not [why for why in found.absent.values() if "failed" in why]
    begin = 2 if "record" in name else 0
    assert episode.step <= begin + 4
    assert len(episode.reading.evidence) > 30
    assert any(character.isdigit() for character in episode.reading.evidence)


def test_every_exact_lamp_has_a_sick_run():
    assert {expected for expected, *_ in SICK.values()} == {one.name for one in EXACT}


DAMAGED: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "the loss explodes, then all is NaN": (
        OUTPUTS_LOST | {"outputs.nonfinite": from_step(4, 640, 0),
                        "loss.nonfinite": from_step(4, 64, 0)},
        {"loss": lambda step: 2.3 * 30.0**step if step < 4 else LOST,
         "gradient": lambda step: 10.0**step if step < 3 else math.inf},
    ),
    "squares overflow while the outputs are numbers": (
        REGRESSION | {"loss.nonfinite": from_step(5, 64, 0)},
        {"loss": lambda step: 1e9**step if step < 5 else math.inf,
         "gradient": lambda step: 1e9**step if step < 4 else math.inf},
    ),
    "NaN from one step to the next": (
        {"outputs.nonfinite": from_step(1, 640, 0), "loss.nonfinite": from_step(1, 64, 0)},
        {"loss": from_step(1, LOST, 2.3), "gradient": from_step(1, LOST, 1.0)},
    ),
    "all units die at the first step": (
        {"outputs.spread": from_step(1, 0.0, 0.7), "units.0.dead": 1.0,
         "outputs.at_bound": from_step(1, 0.2, 0.0)},
        {"loss": from_step(1, 2.4, 2.3), "layers": (0.0, 0.0, 0.0, 0.2)},
    ),
    "half of the samples meet dead units only": (
        {"outputs.at_bound": 0.3, "outputs.spread": 0.2, "outputs.shape": [64, 2],
         "targets.counts": lambda step: [30, 34]},
        {"loss": 0.7},
    ),
    "the gradient explodes, and is clipped": (
        {"gradient.stepped": lambda step: 10.0**-step}, {"gradient": lambda step: 10.0**step},
    ),
    "a deep sigmoid network": (
        {"outputs.spread": 1e-7}, {"layers": (1e-6, 1e-6, 0.8, 0.2), "loss": 2.3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_consequences_of_long_steps_are_left_to_other_lamps(name):
    facts, run = DAMAGED[name]
    found = board(facts, **run)
    assert [(e.lamp, e.reading.evidence) for e in [*found.lit, *found.past]] == []


def test_outputs_that_stay_constant_are_said_in_the_end():
    facts = {"outputs.spread": from_step(1, 0.0, 0.7)}
    run = {"loss": 2.3, "layers": (0.0, 0.0, 0.0, 0.2)}
    (found,) = board(facts, count=30, **run).lit
    assert (found.lamp, found.step) == ("constant_output", 16)
