"""Norms of parameters that are remembered as long as they are good."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cockpit.backward.facts.weights import WeightNorms


class Walk:
    """Two parameters that are moved step by step."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.p = {name: nn.Parameter(torch.randn(30, 40)) for name in ("a", "b")}
        self.norms, self.read = WeightNorms(), 0

    def step(self, share: float) -> dict[str, float]:
        """Move both by this share of their length; what is known of the norms before it."""
        self.norms.begin(self.p)
        before = {name: p.detach().clone() for name, p in self.p.items()}
        found = self.norms.of(before, ["a", "b"])
        for p in self.p.values():
            move = torch.randn_like(p)
            with torch.no_grad():
                p.add_(move * (share * p.norm() / move.norm()))
        moved = {n: float((p.detach() - before[n]).norm()) for n, p in self.p.items()}
        self.norms.end(self.p, moved)
        for name, value in before.items():
            assert found[name] == pytest.approx(float(value.norm()), rel=0.011)
        return found


def test_a_norm_stands_while_the_parameter_has_hardly_moved() -> None:
    walk = Walk()
    found = [walk.step(0.003)["a"] for _ in range(12)]
    assert 3 <= len(set(found)) <= 4  # of twelve


def test_long_steps_are_measured_each() -> None:
    walk = Walk()
    assert len({walk.step(0.1)["b"] for _ in range(5)}) == 5


def test_a_parameter_that_was_changed_meanwhile_is_measured() -> None:
    walk = Walk()
    first = walk.step(0.001)["a"]
    with torch.no_grad():
        walk.p["a"].mul_(2.0)
    again = walk.step(0.001)
    assert again["a"] == pytest.approx(2 * first, rel=0.01)


def test_what_is_not_told_of_a_move_may_be_any() -> None:
    walk = Walk()
    walk.step(0.001)
    walk.norms.begin(walk.p)
    walk.norms.of(walk.p, ["a"])
    walk.norms.end(walk.p, {})
    with torch.no_grad():
        walk.p["a"].data.mul_(3.0)
    walk.step(0.001)
