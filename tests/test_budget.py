"""Tracking stays below its budget, in any minute of a simulated run."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from cockpit import Cockpit, RunLog, quantities
from cockpit.budget import WINDOW, Budget, group_of
from cockpit.quantities.base import Quantity

ECONOMY = (quantities.NormTest(), quantities.Alpha())
FULL = (*ECONOMY, quantities.HessTrace(), quantities.HessMaxEV())


class Simulation:
    """A loop whose steps and whose tracking take the time that they are said to take.

    Attributes:
        ticks: Training and tracking seconds of each step.
        tracked: Steps of each group.
    """

    def __init__(
        self,
        share: float,
        chosen: tuple[Quantity, ...],
        plain: Callable[[int], float],
        costs: dict[str, float],
        seconds: float,
    ) -> None:
        self.ticks: list[tuple[float, float]] = []
        self.tracked: dict[str, list[int]] = {group_of(q): [] for q in chosen}
        budget, elapsed, step = Budget(share, chosen), 0.0, 0
        noise = random.Random(0)
        while elapsed < seconds:
            due = [q for q in chosen if budget.allows(q)]
            groups = {group_of(q) for q in due}
            budget.begin(due)
            parts = {name: costs[name] * noise.uniform(0.8, 1.2) for name in groups}
            spent = sum(parts.values())
            if due:
                budget.adopt(budget.plan(due, spent, parts))
            budget.step_done(plain(step), spent, parts)
            self.ticks.append((plain(step), spent))
            for name in groups:
                self.tracked[name].append(step)
            elapsed += plain(step) + spent
            step += 1

    def worst_minute(self) -> float:
        """The largest share of tracking in any window of a minute."""
        worst, first, training, tracking, length = 0.0, 0, 0.0, 0.0, 0.0
        for plain, spent in self.ticks:
            training, tracking, length = training + plain, tracking + spent, length + plain + spent
            while length - sum(self.ticks[first]) >= WINDOW:
                training -= self.ticks[first][0]
                tracking -= self.ticks[first][1]
                length -= sum(self.ticks[first])
                first += 1
            if length >= WINDOW:
                worst = max(worst, tracking / training)
        return worst

    def share(self) -> float:
        """Of the whole run."""
        return sum(t for _, t in self.ticks) / sum(p for p, _ in self.ticks)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
@pytest.mark.parametrize(
    ("plain", "cost"), [(0.006, 0.02), (0.1, 0.1), (0.1, 0.02), (0.5, 0.7)], ids=str
)
def test_any_minute_is_within_the_budget(share: float, plain: float, cost: float) -> None:
    run = Simulation(share, ECONOMY, lambda step: plain, {"gradients": cost}, 300)
    assert run.worst_minute() <= share
    # … and little of it is left unused, where all steps together would cost more.
    assert run.share() >= 0.7 * min(share, cost / plain) or len(run.tracked["gradients"]) > 300


def test_the_beginning_is_dense_and_steps_grow_apart() -> None:
    run = Simulation(0.1, ECONOMY, lambda step: 0.1, {"gradients": 0.05}, 60)
    steps = run.tracked["gradients"]
    assert steps[:6] == [0, 1, 2, 3, 4, 5]
    gaps = [b - a for a, b in itertools.pairwise(steps)]
    assert sum(gaps[:10]) < sum(gaps[-10:])


def test_dear_groups_are_tracked_more_rarely() -> None:
    costs = {"gradients": 0.1, "curvature": 0.2, "eigenvalue": 1.6}
    run = Simulation(0.2, FULL, lambda step: 0.1, costs, 600)
    counts = [len(run.tracked[name]) for name in ("gradients", "curvature", "eigenvalue")]
    assert counts[0] > 1.5 * counts[1] > 1.5 * 4 * counts[2] > 0
    assert run.worst_minute() <= 0.2


def test_slower_training_is_tracked_at_more_of_its_steps() -> None:
    run = Simulation(
        0.1, ECONOMY, lambda step: 0.02 if step < 9000 else 0.2, {"gradients": 0.04}, 600
    )
    fast = [s for s in run.tracked["gradients"] if 4000 < s < 9000]
    slow = [s for s in run.tracked["gradients"] if s > 9100]
    assert len(fast) / 5000 < 0.5 * len(slow) / (len(run.ticks) - 9100)
    assert run.worst_minute() <= 0.1


def test_a_break_is_no_reason_to_track_at_many_steps() -> None:
    run = Simulation(
        0.1, ECONOMY, lambda step: 30.0 if step == 3000 else 0.02, {"gradients": 0.04}, 200
    )
    after = [s for s in run.tracked["gradients"] if 3000 <= s < 3100]
    assert len(after) < 12


@pytest.mark.parametrize("wrong", [0, -0.1, float("nan"), float("inf")])
def test_a_budget_is_a_positive_share(wrong: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"0\.1 for 10 %"):
        Cockpit(nn.Linear(1, 1), logdir=tmp_path, budget=wrong)


def test_the_loop_is_tracked_as_the_budget_allows(tmp_path: Path) -> None:
    """A budget of next to nothing leaves the first two steps, one of any size all of them."""
    for budget, expected in ((1e-9, [0, 1]), (1e9, list(range(9)))):
        torch.manual_seed(0)
        model, loss_fn = nn.Linear(4, 3), nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        folder = tmp_path / str(budget)
        with Cockpit(
            model, loss_fn, optimizer, logdir=folder, budget=budget, strict=True
        ) as cockpit:
            for step in range(9):
                optimizer.zero_grad()
                loss = loss_fn(model(torch.randn(5, 4)), torch.randint(0, 3, (5,)))
                with cockpit(step):
                    loss.backward()
                optimizer.step()
            assert cockpit.overhead > 0
        log = RunLog(folder)
        assert log.series("NormTest").step.tolist() == expected
        assert log.header["config"]["budget"] == budget


def test_step_numbers_may_begin_anew_in_each_epoch(tmp_path: Path) -> None:
    model, loss_fn = nn.Linear(4, 3), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Cockpit(model, loss_fn, optimizer, logdir=tmp_path, budget=1e9, strict=True) as cockpit:
        for _ in range(3):
            for step in range(5):
                optimizer.zero_grad()
                loss = loss_fn(model(torch.randn(5, 4)), torch.randint(0, 3, (5,)))
                with cockpit(step):
                    loss.backward()
                optimizer.step()
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert sum('"type":"step"' in line.replace(" ", "") for line in lines) == 15
