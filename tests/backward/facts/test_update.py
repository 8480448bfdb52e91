"""Facts of the update, in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from cockpit.backward.facts.update import direction_facts, ratio_facts, slope


def test_the_slope_uses_what_is_known_of_the_samples() -> None:
    grad = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3.0]]), "c": torch.tensor([9.0])}
    update = {"a": torch.tensor([0.5, -1.0]), "b": torch.tensor([[2.0]])}
    assert slope(grad, update, {}) == pytest.approx(-1.5 + 6)
    known = {"b": torch.tensor([5.0, 9.0]), "frozen": torch.tensor([1.0, 1.0])}
    assert slope(grad, update, known) == pytest.approx(-1.5 + 7)


def test_decrease_and_direction() -> None:
    assert direction_facts(-6.0, 9.0, 16.0) == {"update.decrease": 6.0, "update.sign": 0.5}
    assert direction_facts(12.000001, 9.0, 16.0)["update.sign"] == -1.0
    assert direction_facts(0.0, 9.0, 0.0) == {"update.decrease": 0.0}
    assert direction_facts(math.nan, 9.0, 16.0) == {}


def test_ratios_name_their_layers() -> None:
    moved = {"a": 1.0, "b": 2.0, "zero": 1.0, "bias": 100.0, "lost": math.nan}
    weights = {"a": 2.0, "b": 1.0, "zero": 0.0, "lost": 1.0, "unmoved": 1.0}
    assert ratio_facts(moved, weights) == {
        "update.ratio_max": 2.0,
        "update.ratio_min": 0.5,
        "update.ratio_max_layer": "b",
        "update.ratio_min_layer": "a",
    }
    assert ratio_facts({}, weights) == {}
