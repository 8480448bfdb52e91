"""Facts of units: dead ones by hand, saturated ones beside autograd's own derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cockpit.backward.capture import Capture
from cockpit.backward.facts import Seen
from cockpit.backward.facts.fetch import fetched
from cockpit.backward.facts.units import Units, dead_shares, live_units, saturated_share


def test_live_units_of_every_kind_of_layer() -> None:
    rows = torch.zeros(4, 3)
    rows[2, 1] = 1e-30
    assert live_units(nn.Linear(2, 3), rows).tolist() == [False, True, False]
    tokens = torch.zeros(4, 5, 3)
    tokens[0, 4, 2] = -1.0
    assert live_units(nn.Linear(2, 3), tokens).tolist() == [False, False, True]
    images = torch.zeros(4, 3, 2, 2)
    images[3, 0, 1, 1] = torch.nan
    assert live_units(nn.Conv2d(1, 3, 1), images).tolist() == [True, False, False]
    assert live_units(nn.Conv2d(1, 3, 1), images[3]).tolist() == [True, False, False]
    assert live_units(nn.ConvTranspose1d(1, 3, 1), images[:, :, 0]).tolist() == [False] * 3
    assert live_units(nn.Linear(2, 3), rows[2]).tolist() == [False, True, False]
    assert live_units(nn.Linear(2, 3), rows[:0]).tolist() == [False] * 3


def test_dead_is_what_no_part_of_a_step_teaches_anything() -> None:
    one = {"a": torch.tensor([True, False, False, False]), "b": torch.tensor([False])}
    other = {"a": torch.tensor([False, False, True, False])}
    assert fetched(dead_shares([one, other])) == {"a": 0.5, "b": 1.0}
    assert dead_shares([]) == {}


@pytest.mark.parametrize(("kind", "function"), [("Tanh", torch.tanh), ("Sigmoid", torch.sigmoid)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_saturated_is_below_five_percent_of_the_steepest(
    kind: str, function: Callable[[Tensor], Tensor], dtype: torch.dtype
) -> None:
    x = torch.linspace(-9, 9, 1999, requires_grad=True)
    y = function(x)
    (slopes,) = torch.autograd.grad(y.sum(), x)
    expected = float((slopes < 0.05 * slopes.max()).float().mean())
    found = float(saturated_share(kind, y.detach().to(dtype)))
    assert found == pytest.approx(expected, abs=1e-3 if dtype == torch.float32 else 0.05)


class Net(nn.Module):
    """One activation of each sort that is found, and some that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.norm, self.recurrent = nn.LayerNorm(6), nn.LSTM(6, 3, batch_first=True)
        self.seen: dict[str, list[Tensor]] = {}

    def note(self, name: str, y: Tensor) -> Tensor:
        self.seen.setdefault(name, []).append(y.detach().clone())
        return y

    def forward(self, x: Tensor) -> Tensor:
        x = self.note("first", torch.tanh(0.1 + self.first(5 * x)))
        two, three = self.second(x), self.third(x)
        summed = torch.sigmoid((two + three).view(-1, 3, 2).transpose(1, 2))
        self.note("second", summed)
        self.note("third", summed)
        x = self.note("norm", torch.tanh(self.norm(summed.reshape(-1, 6))))
        return torch.tanh(self.recurrent(x.unsqueeze(1))[0].square())  # of no layer's output


def looked_at(model: nn.Module, x: Tensor, group: Units | None = None) -> dict[str, Any]:
    """What is found before a backward pass of the sum of the outputs."""
    capture = Capture(model)
    capture.attach()
    root = model(x).sum()
    seen = Seen(model, dict(model.named_parameters()), len(x), root=root, edges=capture.edges())
    with torch.no_grad():
        found = fetched((group or Units()).before_backward(seen))
    capture.detach()
    return found


def test_activations_are_found_behind_their_layers() -> None:
    torch.manual_seed(0)
    model = Net()
    found = looked_at(model, 4 * torch.randn(9, 4))
    kinds = {"first": "Tanh", "second": "Sigmoid", "third": "Sigmoid", "norm": "Tanh"}
    assert found.keys() == {f"units.{name}.saturated" for name in kinds}
    for name, kind in kinds.items():
        expected = float(saturated_share(kind, model.seen[name][0]))
        assert found[f"units.{name}.saturated"] == pytest.approx(expected, abs=1e-6)
    assert 0.3 < found["units.first.saturated"] < 1


def test_modules_and_the_root_of_the_model() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    model[0].weight.data.mul_(1e4)
    assert looked_at(model, torch.ones(3, 4)) == {"units.0.saturated": 1.0}
    alone = nn.Linear(4, 4)
    assert looked_at(alone, torch.ones(3, 4)) == {}


def test_a_shared_layer_has_the_mean_of_its_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1, bias=False)
            self.layer.weight.data.fill_(1.0)

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.layer(x)) + torch.tanh(self.layer(100 * x))

    x = torch.full((5, 1), 0.1)
    assert looked_at(Twice(), x) == {"units.layer.saturated": 0.5}


def test_what_was_overwritten_is_passed_over() -> None:
    class Overwritten(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(super().forward(x)).add_(1.0)

    assert looked_at(Overwritten(nn.Linear(2, 2)), torch.ones(3, 2)) == {}


@pytest.mark.parametrize("elsewhere", ["checkpoint", "offloaded"])
def test_nothing_is_run_again_or_brought_back_for_it(elsewhere: str) -> None:
    runs = []

    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.outside = nn.Linear(2, 2), nn.Linear(2, 2)

        def block(self, x: Tensor) -> Tensor:
            runs.append(1)
            return torch.tanh(self.inside(x))

        def forward(self, x: Tensor) -> Tensor:
            if elsewhere == "checkpoint":
                x = checkpoint(self.block, x, use_reentrant=False)
            else:
                with torch.autograd.graph.saved_tensors_hooks(lambda t: t, runs.append):
                    x = self.block(x)
            return torch.tanh(self.outside(x))

    assert looked_at(Packed(), torch.ones(3, 2)).keys() == {"units.outside.saturated"}
    assert runs == [1]
