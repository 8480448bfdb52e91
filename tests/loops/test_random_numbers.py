"""Models that draw from the generators of Python and numpy: tracking takes nothing from these."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cockpit import Cockpit, RunLog
from cockpit.backward.randomness import RandomState

DRAWS: dict[str, Callable[[], float]] = {
    "torch": lambda: float(torch.rand(())),
    "python": random.random,
    "numpy": np.random.random,
}


class Drawing(nn.Module):
    """A layer that only the general rule knows, and that draws."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__()
        self.draw = draw
        self.weight = nn.Parameter(torch.randn(6, 6) / 3)

    def forward(self, x: Tensor) -> Tensor:
        matrix = torch.eye(6) + self.weight @ self.weight.T
        return torch.linalg.solve(matrix, x.T).T * (1 + self.draw())


def train(
    make: Callable[[], nn.Module], compiled: bool, folder: Path | None
) -> tuple[list[Tensor], list[float]]:
    """Parameters at the end, and what the generators give next."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model, loss_fn = make(), nn.CrossEntropyLoss()
    if compiled:
        model.compile(backend="eager")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cockpit = None
    if folder is not None:
        cockpit = Cockpit(model, loss_fn, optimizer, "full", folder, strict=True)
    x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
    for step in range(3):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        if cockpit is None:
            loss.backward()
        else:
            with cockpit(step):
                loss.backward()
        optimizer.step()
    if cockpit is not None:
        cockpit.close()
    return [p.detach() for p in model.parameters()], [draw() for draw in DRAWS.values()]


def assert_inert(make: Callable[[], nn.Module], folder: Path, compiled: bool = False) -> RunLog:
    (parameters, drawn), (tracked, tracked_drawn) = (
        train(make, compiled, None),
        train(make, compiled, folder),
    )
    assert drawn == tracked_drawn
    assert all(map(torch.equal, parameters, tracked))
    return RunLog(folder)


@pytest.mark.parametrize("name", DRAWS)
def test_a_layer_that_draws_is_refused_and_left_alone(name: str, tmp_path: Path) -> None:
    def make() -> nn.Module:
        return nn.Sequential(Drawing(DRAWS[name]), nn.Linear(6, 3))

    log = assert_inert(make, tmp_path)
    reasons = {event["message"] for event in log.events if event["quantity"] == "NormTest"}
    assert reasons == {"0.weight: Drawing draws random numbers"}
    assert len(log.series("GradNorm")) == 3


@pytest.mark.parametrize("name", DRAWS)
def test_hooks_that_draw_in_cockpits_own_passes(name: str, tmp_path: Path) -> None:
    def make() -> nn.Module:
        first = nn.Linear(6, 6)

        def disturb(module: nn.Module, args: Any, output: Tensor) -> None:
            output.register_hook(lambda grad: grad * (1 + DRAWS[name]()))

        first.register_forward_hook(disturb)
        return nn.Sequential(first, nn.Tanh(), nn.Linear(6, 3))

    assert_inert(make, tmp_path)


class Skipping(nn.Module):
    """Leaves a layer out by chance, in a part that is not compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))
        self.head = nn.Linear(6, 3)

    @torch.compiler.disable
    def chosen(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            if random.random() < 0.5:
                x = x + layer(x).tanh() * np.random.random()
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.chosen(x))


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch's compiler
def test_a_compiled_pass_is_repeated_with_the_same_draws(tmp_path: Path) -> None:
    log = assert_inert(Skipping, tmp_path, compiled=True)
    assert len(log.series("NormTest")) == 3


def test_a_state_knows_whether_something_was_drawn() -> None:
    before = RandomState.now()
    assert before.is_the_present()
    for draw in DRAWS.values():
        draw()
        assert not before.is_the_present()
        before.restore()
        assert before.is_the_present()
