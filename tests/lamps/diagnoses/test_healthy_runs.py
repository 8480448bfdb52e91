"""What is unusual and healthy: all exact lamps look on, and stay dark."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from cockpit.lamps import get
from tests.lamps.runs import ADAM, LAYERS, REGRESSION, board, falling

NAMES = [layer["name"] for layer in LAYERS]


def counts(shares: list[float], size: int) -> Any:
    """Labels of random batches."""
    return lambda step: np.random.default_rng(step).multinomial(size, shares).tolist()


def of_two(step: int) -> float:
    """The loss of two classes."""
    return 0.2 + 0.5 * 0.9**step


def with_layers(*kinds: str) -> dict[str, Any]:
    """A model of other modules."""
    layers = [layer | {"module_type": kind} for layer, kind in zip(LAYERS, kinds, strict=True)]
    return {"layers": layers}


def optimizer(name: str, **group: Any) -> dict[str, Any]:
    return {"optimizer": {"name": name, "groups": [{"lr": 0.1, **group}]}}


IMAGES = {
    "inputs.shape": [64, 1, 28, 28],
    "inputs.scale_ratio": None,
    "inputs.constant": None,
    "inputs.duplicates": None,
}
# Flattened Fashion-MNIST as it is: offset, ratio and shares measured on batches of 128.
FLAT = {
    "inputs.shape": [128, 784],
    "inputs.mean": 0.286,
    "inputs.std": 0.353,
    "inputs.min": 0.0,
    "inputs.max": 1.0,
    "inputs.offset": 1.2,
    "inputs.scale_ratio": 1219.0,
    "inputs.constant": lambda step: 0.011 + 0.004 * (step % 3),
    "inputs.duplicates": lambda step: 0.001 * (step % 2),
    "outputs.shape": [128, 10],
    "targets.shape": [128],
}
TEXT = {
    "inputs.dtype": "int64",
    "inputs.shape": [64, 24],
    **dict.fromkeys(
        ("inputs.nonfinite", "inputs.mean", "inputs.std", "inputs.min", "inputs.max",
         "inputs.offset", "inputs.scale_ratio", "inputs.constant", "inputs.duplicates")
    ),
    "outputs.shape": [64, 48],
    "targets.counts": counts([0.17, 0.1, *[0.73 / 30] * 30], 64),
}  # fmt: skip
ZIPF = (1 / np.arange(1, 101) / (1 / np.arange(1, 101)).sum()).tolist()

HEALTHY: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "as it should be": ({}, {}),
    "images": (IMAGES, {}),
    "pictures between 0 and 1": (
        IMAGES | {"inputs.mean": 0.47, "inputs.std": 0.25, "inputs.min": 0.0, "inputs.max": 1.0,
                  "inputs.offset": 2.2}, {},
    ),
    "flattened pixels": (FLAT, {}),
    "flattened pixels with a border": (
        FLAT | {"inputs.constant": lambda step: 0.33 + 0.01 * (step % 4), "inputs.offset": 0.8,
                "inputs.duplicates": lambda step: 0.02 + 0.003 * (step % 3)}, {},
    ),
    "pixels that are standardized one by one": (
        FLAT | {"inputs.offset": 0.3, "inputs.scale_ratio": 527.0, "inputs.min": -2.0,
                "inputs.max": 24.0, "inputs.std": 1.1, "inputs.mean": 0.0}, {},
    ),
    "the whole of the pixels at once": (
        FLAT | {"inputs.shape": [60000, 784], "inputs.constant": 0.085, "inputs.repeated": 1.0,
                "inputs.scale_ratio": 28000.0}, {"user": {"epoch": {0: 0, 11: 11}}},
    ),
    "one-hot inputs": (
        {"inputs.shape": [64, 20], "inputs.mean": 0.05, "inputs.std": 0.218, "inputs.min": 0.0,
         "inputs.max": 1.0, "inputs.same_rows": 0.96, "inputs.repeated": 1.0,
         "inputs.offset": 0.23, "inputs.scale_ratio": 2.2,
         "inputs.constant": lambda step: [0.0, 0.05, 0.1][step % 3]}, {},
    ),
    "a bag of words": (
        {"inputs.shape": [32, 10000], "inputs.mean": 0.004, "inputs.std": 0.07, "inputs.min": 0.0,
         "inputs.max": 9.0, "inputs.offset": 0.3, "inputs.scale_ratio": 16.0,
         "inputs.constant": lambda step: 0.7 + 0.01 * (step % 5),
         "inputs.duplicates": lambda step: 0.17 + 0.01 * (step % 3)}, {},
    ),
    "few bits, each batch has all of them": (
        {"inputs.shape": [64, 2], "inputs.mean": 0.5, "inputs.std": 0.5, "inputs.min": 0.0,
         "inputs.max": 1.0, "inputs.same_rows": 1.0, "inputs.repeated": 1.0,
         "inputs.offset": 1.0, "inputs.scale_ratio": 1.0, "outputs.shape": [64, 2],
         "outputs.at_bound": 0.25, "outputs.min": -0.4812345, "outputs.max": 0.5912345,
         "targets.counts": counts([0.5, 0.5], 64)}, {"loss": of_two},
    ),
    "a rare class that is drawn more often": ({"inputs.same_rows": 0.4}, {}),
    "characters": (TEXT, {}),
    "words": (
        TEXT | {"outputs.shape": [64, 100], "targets.counts": counts(ZIPF, 64)}, {},
    ),
    "bytes, most of which never come": (TEXT | {"outputs.shape": [64, 256]}, {"count": 40}),
    "a batch of one": (
        {"inputs.shape": [1, 20], "inputs.constant": 1.0, "inputs.duplicates": 0.0,
         "inputs.offset": None, "inputs.scale_ratio": None, "outputs.shape": [1, 10],
         "outputs.spread": None, "targets.shape": [1],
         "targets.counts": counts([0.1] * 10, 1)}, {"count": 60},
    ),
    "a batch of two": (
        {"inputs.shape": [2, 20], "inputs.constant": 0.0, "inputs.offset": 7.0,
         "inputs.scale_ratio": 900.0, "outputs.shape": [2, 10], "targets.shape": [2],
         "targets.counts": counts([0.1] * 10, 2)}, {"count": 60},
    ),
    "a smaller batch in the end": (
        {"inputs.shape": lambda step: [64 if step < 11 else 3, 20],
         "inputs.constant": lambda step: 0.0 if step < 11 else 0.2,
         "targets.counts": lambda step: [6] * 10 if step < 11 else [3]}, {},
    ),
    "two classes, 70 to 30": (
        {"targets.counts": counts([0.7, 0.3], 64), "outputs.shape": [64, 2]},
        {"count": 40, "loss": of_two},
    ),
    "two classes, 85 to 15, small batches": (
        {"targets.counts": counts([0.85, 0.15], 8), "outputs.shape": [8, 2],
         "inputs.shape": [8, 20], "targets.shape": [8]}, {"count": 60, "loss": of_two},
    ),
    "a few of many classes in each batch, on purpose": (
        {"targets.counts": lambda step: np.roll([8] * 8 + [0] * 92, 8 * step).tolist(),
         "outputs.shape": [64, 100]}, {"count": 40},
    ),
    "regression": (REGRESSION, {"loss": lambda step: 0.4 + 0.9 * math.exp(-step / 9)}),
    "regression of what is never negative, through a ReLU": (
        REGRESSION | {"targets.min": 0.0, "targets.max": 9.0, "targets.variance": 3.0,
                      "outputs.min": 0.0, "outputs.max": 0.7654321, "outputs.at_bound": 0.6,
                      "outputs.zeros": 0.6}, {"loss": lambda step: 8.0 * 0.9**step},
    ),
    "regression with targets far from zero": (
        REGRESSION | {"targets.min": 11.0, "targets.max": 48.0, "targets.variance": 80.0},
        {"loss": lambda step: 590 * 0.8**step},
    ),
    "an autoencoder of pixels, through a sigmoid": (
        FLAT | REGRESSION | {"targets.shape": [128, 784], "outputs.shape": [128, 784],
                             "targets.min": 0.0, "targets.max": 1.0, "targets.variance": 0.09,
                             "outputs.min": 0.41234567, "outputs.max": 0.5912345,
                             "outputs.spread": 0.3, "targets.counts": None},
        {"loss": lambda step: 0.2 * 0.95**step},
    ),
    "pixels from −1 on, through a tanh that is rounded": (
        REGRESSION | {"targets.shape": [64, 784], "outputs.shape": [64, 784], "targets.min": -1.0,
                      "targets.max": 1.0, "targets.variance": 0.3, "outputs.min": -1.0,
                      "outputs.max": 0.98765432, "outputs.at_bound": 0.5},
        {"loss": lambda step: 0.5 * 0.9**step},
    ),
    "the sum of squares": (
        REGRESSION | {"loss.reduction": "sum", "targets.shape": [64, 784],
                      "outputs.shape": [64, 784], "targets.variance": 0.1, "targets.min": 0.0,
                      "targets.max": 1.0},
        {"loss": lambda step: 150 * 0.95**step, "header": {"reduction": "sum"}},
    ),
    "logarithms of probabilities": (
        {"loss.function": "NLLLoss", "outputs.min": -19.87654, "outputs.max": 0.0,
         "outputs.zeros": 0.09, "outputs.at_bound": 0.09}, {},
    ),
    "two probabilities through sigmoids": (
        {"loss.function": "BCELoss", "outputs.shape": [64, 2], "targets.shape": [64, 2],
         "targets.dtype": "float32", "targets.min": 0.0, "targets.max": 1.0,
         "targets.variance": 0.25, "targets.counts": None, "outputs.min": 0.2123456,
         "outputs.max": 0.8123456}, {"loss": lambda step: 0.7 * 0.9**step},
    ),
    "probabilities that are rounded, as all is learned": (
        {"loss.function": "BCELoss", "outputs.shape": [64, 1], "targets.shape": [64, 1],
         "targets.dtype": "float32", "targets.min": 0.0, "targets.max": 1.0,
         "targets.variance": 0.25, "targets.counts": None, "outputs.min": 0.0,
         "outputs.max": 1.0, "outputs.at_bound": 0.8, "outputs.zeros": 0.3},
        {"loss": lambda step: 0.7 * 0.3**step, "count": 8},
    ),
    "the first logits, all a little above 0": (
        {"loss.function": "BCEWithLogitsLoss", "outputs.shape": [64, 1], "targets.shape": [64, 1],
         "targets.dtype": "float32", "targets.min": 0.0, "targets.max": 1.0,
         "targets.variance": 0.2, "targets.counts": None,
         "outputs.min": lambda step: 0.2 - 0.03 * step,
         "outputs.max": lambda step: 0.3 + 0.05 * step},
        {"loss": lambda step: 0.7 * 0.97**step, "count": 30},
    ),
    "one-hot targets, or mixed ones": (
        {"targets.dtype": "float32", "targets.shape": [64, 10], "targets.min": 0.0,
         "targets.max": 1.0, "targets.variance": 0.09, "targets.counts": None}, {},
    ),
    "masked logits": (
        {"outputs.min": -1e9, "outputs.at_bound": 0.7}, {},
    ),
    "one target for all": (
        REGRESSION | {"targets.shape": [1], "targets.min": 1.0, "targets.max": 1.0,
                      "targets.variance": None}, {"loss": lambda step: 0.8 * 0.9**step},
    ),
    "a pretrained model": ({"optimizer.decay": 0.3}, {"loss": lambda step: 0.2 * 0.99**step}),
    "a head that begins at zero": (
        {"model.zero_weights": lambda step: ["2.weight"] if step == 0 else None,
         "outputs.min": lambda step: 0.0 if step == 0 else -0.0123456 * step,
         "outputs.max": lambda step: 0.0 if step == 0 else 0.0234567 * step,
         "outputs.at_bound": lambda step: 1.0 if step == 0 else 0.0,
         "outputs.zeros": lambda step: 1.0 if step == 0 else 0.0,
         "outputs.spread": lambda step: 0.0 if step == 0 else 0.6}, {},
    ),
    "logistic regression that begins at zero": (
        {"model.zero_weights": lambda step: ["0.weight"] if step == 0 else None,
         "outputs.spread": lambda step: 0.0 if step == 0 else 0.6},
        {"header": {"layers": LAYERS[:2]}, "layers": (0.5, 0.1)},
    ),
    "scales of channels that begin alike": (
        {"model.symmetric": lambda step: ["0.weight", "2.weight"] if step == 0 else None},
        {"header": with_layers("LayerScale", "Linear", "Gate", "Linear")},
    ),
    "one layer that begins alike": (
        {"model.symmetric": lambda step: ["2.weight"] if step == 0 else None}, {},
    ),
    "a factorization": (
        {"model.linear_chain": lambda step: ["a -> b"] if step == 0 else None},
        {"header": {"layers": [{"name": "a.weight", "shape": [4, 64], "module_type": "Linear"},
                               {"name": "b.weight", "shape": [64, 4], "module_type": "Linear"}]}},
    ),
    "a convolution of channels, then of pixels": (
        {"model.linear_chain": lambda step: ["a -> b"] if step == 0 else None},
        {"header": {"layers": [
            {"name": "a.weight", "shape": [64, 1, 3, 3], "module_type": "Conv2d"},
            {"name": "b.weight", "shape": [128, 64, 1, 1], "module_type": "Conv2d"}]}},
    ),
    "dropout": ({"model.dropout": 0.5}, {}),
    "heads that take turns": (
        {"model.without_grad": lambda step: [f"{2 * (step % 2)}.weight"]}, {},
    ),
    "small errors of the gradient": (
        {"gradient.scale": 0.93, "gradient.cosine": 0.999}, {},
    ),
    "a weight of the loss": ({"gradient.scale": 0.5}, {}),
    "a penalty beside the loss": ({"gradient.scale": 6.0, "gradient.cosine": 0.8}, {}),
    "clipping that is mild": ({"gradient.stepped": 0.2}, {}),
    "clipping while the gradient explodes": (
        {"gradient.stepped": lambda step: 1.0 if step < 6 else 1e-3}, {},
    ),
    "a loss that swings": ({"update.sign": lambda step: 0.9 if step < 3 else -0.3}, {}),
    "steps that were not seen from the start": ({"update.sign": -0.3}, {"start": 500}),
    "much momentum": ({}, {"header": optimizer("SGD", momentum=0.99)}),
    "Adam": ({"update.sign": 0.2, "optimizer.decay": 0.05}, {"header": {"optimizer": ADAM}}),
    "decay that outweighs what little gradient is left": (
        {"optimizer.decay": lambda step: 0.01 * 1.3**step}, {"count": 40},
    ),
    "decay in balance with the gradient": (
        {"optimizer.decay": lambda step: min(1.0, 0.1 * 1.2**step)},
        {"loss": lambda step: 1.5 + 0.8 * 0.9**step, "count": 40},
    ),
    "the whole data set in each batch": (
        {"inputs.shape": [455, 20], "inputs.repeated": 1.0},
        {"user": {"epoch": {0: 0, 10: 10}}},
    ),
    "bfloat16": (
        {"outputs.dtype": "bfloat16", "gradient.dtype": "bfloat16", "gradient.zeros": 0.4},
        {"gradient": 1e-6},
    ),
    "mixed precision, whose first steps are skipped": (
        {"gradient.zeros": 0.5},
        {"gradient": lambda step: math.inf if step < 4 else 1e-4, "moved": False},
    ),
    "a vocabulary most of whose gradient is 0": ({"gradient.zeros": 0.98}, {"gradient": 1e-7}),
    "without an optimizer, and without a loss that was seen": (
        dict.fromkeys(("optimizer.without", "optimizer.foreign", "optimizer.decay",
                       "loss.function", "loss.reduction", "outputs.shape", "update.sign")), {},
    ),
    "ten classes of the same frequency, from loss 2.6 on": (
        {}, {"loss": lambda step: falling(step) + 0.3},
    ),
    "a network of its own kind": (
        {"outputs.spread": 0.0}, {"header": with_layers("Point", "Point", "Point", "Point")},
    ),
}  # fmt: skip
ADVISORIES = {"the whole of the pixels at once": {"same_batch"},
              "the whole data set in each batch": {"same_batch"},
              "one-hot inputs": set()}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_all_is_dark(name):
    facts, run = HEALTHY[name]
    found = board(facts, **run)
    lit = {episode.lamp: episode for episode in [*found.lit, *found.past]}
    assert set(lit) == ADVISORIES.get(name, set()), [e.reading.evidence for e in lit.values()]
    assert all(episode.level == "advisory" for episode in lit.values())
    failed = {n: why for n, why in found.absent.items() if "failed" in why}
    assert failed == {}


MEANT: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], set[str]]] = {
    "a frozen trunk in evaluation mode": (
        {"model.frozen": NAMES[:2], "model.frozen_share": 0.66, "model.evaluating": ["1"],
         "model.modules_bn": 1}, {}, {"frozen_layers", "evaluation_mode"},
    ),
    "centred pixels of -128 to 127 before BatchNorm": (
        IMAGES | {"inputs.mean": 9.0, "inputs.std": 70.0, "inputs.min": -128.0,
                  "inputs.max": 127.0, "inputs.offset": 0.1, "model.modules_bn": 2}, {},
        {"unscaled_input"},
    ),
    "a table before a norm": (
        {"inputs.scale_ratio": 4e4, "inputs.offset": 6.0, "inputs.std": 900.0},
        {"header": with_layers("LayerNorm", "LayerNorm", "Linear", "Linear")},
        {"unscaled_input", "uncentred_input", "unequal_features"},
    ),
    "a pooling layer that nothing uses": (
        {"model.without_grad": ["pooler.bias"]},
        {"header": {"layers": [*LAYERS, {"name": "pooler.bias", "shape": [4],
                                         "module_type": "Linear"}]}}, {"detached_parameters"},
    ),
    "a second model in the same optimizer": (
        {"optimizer.foreign": 4}, {}, {"foreign_parameters"},
    ),
    "a loss divided twice, with Adam": (
        {"gradient.scale": 1 / 64}, {"header": {"optimizer": ADAM}}, {"loss_scaled"},
    ),
    "clipping that Adam does not feel": (
        {"gradient.stepped": 1e-3}, {"header": {"optimizer": ADAM}}, {"clipped_to_nothing"},
    ),
    "a head for a thousand classes": (
        {"outputs.shape": [64, 1000]}, {"loss": lambda step: 6.9 * 0.9**step},
        {"wrong_output_size"},
    ),
    "gaps in the inputs that the model masks": ({"inputs.nonfinite": 40}, {}, {"nonfinite_input"}),
    "a loss between two networks": (
        REGRESSION | {"loss.target_gradient": True}, {"loss": lambda step: 0.9**step},
        {"target_dtype"},
    ),
    "two gradients of one class of pixels": (
        IMAGES | {"targets.shape": [64, 28, 28], "targets.counts": [49000, 600, 576],
                  "outputs.shape": [64, 3, 28, 28]}, {"loss": lambda step: 1.1 * 0.9**step},
        {"class_imbalance"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANT)
def test_what_may_be_meant_is_an_advisory(name):
    facts, run, expected = MEANT[name]
    lit = board(facts, **run).lit
    assert {episode.lamp for episode in lit} == expected
    assert {episode.level for episode in lit} == {"advisory"}


def test_the_healthy_run_is_judged_by_nearly_all_lamps():
    found = board({})
    assert found.absent == {}
    assert len(found.healthy) == len(found._watches)


def test_random_batches_of_any_size_and_imbalance_are_not_sorted():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        classes, size = int(rng.integers(2, 12)), int(rng.integers(2, 65))
        drawn = rng.multinomial(size, rng.dirichlet(np.full(classes, 0.5)), size=40).tolist()
        facts = {"targets.counts": drawn.__getitem__}
        found = board(facts, count=40, lamps=[get("sorted_data")])
        assert not found.lit, (seed, classes, size)
        assert not found.past, (seed, classes, size)
