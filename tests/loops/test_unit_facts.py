"""Dead units in whole steps, beside a loop over the samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit import quantities
from cockpit.backward.facts import units
from tests.loops.test_gradient_facts import all_facts
from tests.training import Training

ALONE = [quantities.Facts()]


def wide() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 900), nn.ReLU(), nn.Linear(900, 3))


def without_bias() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 900, bias=False), nn.ReLU(), nn.Linear(900, 3, bias=False))


def frozen() -> nn.Module:
    model = wide()
    model[0].requires_grad_(False)
    model[0].weight.requires_grad_(True)
    return model


class Tied(nn.Module):
    """Two layers with one bias, and a layer that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(5, 600), nn.Linear(5, 600)
        self.two.bias = self.one.bias
        self.again, self.head = nn.Linear(600, 600), nn.Linear(600, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.one(x)) + 1e-3 * torch.relu(self.two(-x))
        return self.head(torch.relu(self.again(torch.relu(self.again(h)))))


def kill(layer: Any, count: int) -> None:
    """No sample gets through these units."""
    with torch.no_grad():
        layer.weight[:count] = 0.0
        if layer.bias is not None:
            layer.bias[:count] = -1.0


def rows(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(120, 5, generator=generator), torch.arange(120) % 3


def convolutions(bias: bool, transposed: bool = False) -> nn.Module:
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    return nn.Sequential(
        kind(1, 12, 3, bias=bias), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(12 * 16, 3),
    )  # fmt: skip


def images(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(24, 1, 20, 20, generator=generator), torch.arange(24) % 3


def groups(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(40, 3, 5, generator=generator), torch.arange(40) % 3


class Positions(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean(1)


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Any], dict[str, int]]] = {
    "wide": (wide, rows, {"0": 300}),
    "nearly all": (wide, rows, {"0": 880}),
    "without bias": (without_bias, rows, {"0": 300}),
    "frozen bias": (frozen, rows, {"0": 300}),
    "tied": (Tied, rows, {"one": 100, "two": 250, "again": 300}),
    "convolution": (lambda: convolutions(bias=True), images, {"0": 5}),
    "convolution without bias": (lambda: convolutions(bias=False), images, {"0": 5}),
    "transposed": (lambda: convolutions(bias=True, transposed=True), images, {"0": 0}),
    "positions": (lambda: Positions(*wide()), groups, {"0": 400}),
}


def dead_by_hand(model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """By a hook at the output of each layer, sample by sample."""
    layers = {n: m for n, m in model.named_modules() if isinstance(m, units.LAYERS)}
    live = {name: torch.zeros(_width(m), dtype=torch.bool) for name, m in layers.items()}

    def hook(name: str) -> Callable:
        def see(grad: Tensor) -> None:
            axis = 1 if grad.dim() == 4 else grad.dim() - 1
            live[name] |= (grad != 0).movedim(axis, 0).flatten(1).any(1)

        return lambda module, args, out: out.register_hook(see) and None

    handles = [m.register_forward_hook(hook(name)) for name, m in layers.items()]
    for one, label in zip(x, y, strict=True):
        loss = loss_fn(model(one[None]), label[None])
        torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad])
    for handle in handles:
        handle.remove()
    return {name: 1 - float(seen.double().mean()) for name, seen in live.items()}


def _width(layer: nn.Module) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


@pytest.mark.parametrize("case", CASES)
def test_dead_units_are_those_of_a_loop_over_the_samples(case: str, tmp_path: Path) -> None:
    make, batches, killed = CASES[case]
    torch.manual_seed(0)
    model, loss_fn = make(), nn.CrossEntropyLoss()
    for name, count in killed.items():
        kill(model.get_submodule(name), count)
    expected = dead_by_hand(model, loss_fn, *batches(0))
    log = Training(tmp_path, model, loss_fn, batches=batches, config=ALONE).run([0]).close()
    (facts,) = all_facts(log)
    found = {name: facts[f"units.{name}.dead"] for name in expected}
    assert found == pytest.approx(expected, abs=1e-6)
    assert killed.keys() <= expected.keys()
    for name, count in killed.items():
        assert found[name] >= count / _width(model.get_submodule(name)) - 1e-6


def test_a_unit_is_dead_if_it_is_in_all_micro_batches(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = wide()
    training = Training(tmp_path, model, config=ALONE, batches=rows)
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[:, 0] = 1.0
        model[0].bias.zero_()
        model[0].weight[:300] *= -1  # live where the first feature is negative
        model[0].bias[600:] = -100.0
    x, y = rows(0)
    for sign in (1.0, -1.0):
        part = x.clone()
        part[:, 0] = sign * part[:, 0].abs()
        training.differentiate(0, (part, y))
    training.optimizer.step()
    (facts,) = all_facts(training.close())
    assert facts["units.0.dead"] == pytest.approx(1 / 3)
