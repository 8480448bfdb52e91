"""Which elements of an unreduced loss belong to which sample, against losses of single samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import Cockpit, CockpitWarning, RunLog
from cockpit.backward.stats import Absent
from cockpit.losses import LossProbe
from cockpit.quantities import Alpha, NormTest, Quantity

N, T, C = 4, 3, 5
Way = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Spy(Quantity):
    """Keeps the individual losses of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor | None] = []  # a cockpit copies its quantities; the list is shared

    def compute(self, info, stats):
        self.seen.append(info.individual_losses)
        raise Absent("a spy")


def as_it_is(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return output.transpose(1, 2), y


def folded(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return output.flatten(0, 1), y.flatten()


def positions_first(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return output.transpose(0, 1).flatten(0, 1), y.t().flatten()


def last_only(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return output[:, -1], y[:, -1]


def selected(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """As many tokens as samples, and twice as many, by chance."""
    keep = torch.zeros(N, T, dtype=torch.bool)
    keep[0], keep[1, 0] = True, True
    return output[keep], y[keep]


def shuffled(output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    order = torch.randperm(N * T, generator=torch.Generator().manual_seed(3))
    return output.flatten(0, 1)[order], y.flatten()[order]


def problem() -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, C)).double()
    return model, torch.randn(N, T, 6, dtype=torch.float64), torch.randint(C, (N, T))


def found(way: Way, tmp_path: Path, reduction: str = "mean") -> Tensor | None:
    model, x, y = problem()
    loss_fn, spy = nn.CrossEntropyLoss(reduction=reduction), Spy()
    with Cockpit(model, loss_fn, config=[spy], logdir=tmp_path) as cockpit:
        loss = loss_fn(*way(model(x), y))
        with cockpit(0):
            loss.backward()
    (losses,) = spy.seen
    return losses


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("way", [as_it_is, folded, positions_first, last_only])
def test_the_elements_of_each_sample_are_found(way: Way, reduction: str, tmp_path: Path) -> None:
    model, x, y = problem()
    losses = []
    for n in range(N):
        output, target = way(model(x[n : n + 1]), y[n : n + 1])
        losses.append(F.cross_entropy(output, target, reduction=reduction).item())
    got = found(way, tmp_path, reduction)
    assert got is not None
    assert got.tolist() == pytest.approx(losses, rel=1e-12)


@pytest.mark.parametrize("way", [selected, shuffled])
def test_elements_of_no_known_sample_give_no_losses(way: Way, tmp_path: Path) -> None:
    assert found(way, tmp_path) is None


def test_a_selection_is_looked_at_each_time(tmp_path: Path) -> None:
    """A step where it happens to be sample by sample tells nothing of the next."""
    model, x, y = problem()
    loss_fn, spy = nn.CrossEntropyLoss(), Spy()
    with Cockpit(model, loss_fn, config=[spy], logdir=tmp_path) as cockpit:
        for step, way in enumerate([last_only, selected, last_only]):
            loss = loss_fn(*way(model(x), y))
            with cockpit(step):
                loss.backward()
    assert [losses is None for losses in spy.seen] == [False, True, False]


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 8)
        self.first, self.second = nn.Linear(8, 2), nn.Linear(8, C)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(x).tanh()
        return self.first(hidden), self.second(hidden)


def test_a_loss_of_a_further_output_is_taken_by_its_shape(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, loss_fn, spy = TwoHeads().double(), nn.CrossEntropyLoss(), Spy()
    x, y = torch.randn(N, 6, dtype=torch.float64), torch.randint(C, (N,))
    with Cockpit(model, loss_fn, config=[spy], logdir=tmp_path) as cockpit:
        loss = loss_fn(model(x)[1], y)
        with cockpit(0):
            loss.backward()
    expected = F.cross_entropy(model(x)[1], y, reduction="none").tolist()
    (found,) = spy.seen
    assert found is not None
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_a_language_model_with_positions_first(tmp_path: Path) -> None:
    """[T, N] throughout, as recurrent networks have it by default; N is told."""
    model, x, y = problem()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parameters, expected = list(model.parameters()), []
    with Cockpit(model, loss_fn, optimizer, [NormTest(), Alpha()], tmp_path, strict=True) as c:
        for step in range(3):
            rows = []
            for n in range(N):
                grads = torch.autograd.grad(loss_fn(model(x[n]), y[n]), parameters)
                rows.append(torch.cat([g.flatten() for g in grads]))
            g = torch.stack(rows)
            spread = (g - g.mean(0)).square().sum() / (N * (N - 1))
            expected.append(float(spread.sqrt() / g.mean(0).norm()))
            optimizer.zero_grad()
            loss = loss_fn(model(x.transpose(0, 1)).flatten(0, 1), y.t().flatten())
            with c(step, batch_size=N):
                loss.backward()
            optimizer.step()
    log = RunLog(tmp_path)
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)
    assert len(log.series("Alpha")) == 2
    assert log.events == []


@pytest.mark.parametrize("shape", [(N, T), (1,), (N + 1,)])
def test_passed_losses_of_another_shape_are_refused(shape: tuple, tmp_path: Path) -> None:
    model, x, y = problem()
    chosen = [Alpha(), NormTest()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Cockpit(model, None, optimizer, chosen, tmp_path) as cockpit:
        for step in range(2):
            loss = F.cross_entropy(*folded(model(x), y))
            told = {"loss": loss, "losses": torch.ones(shape)}
            if step == 0:
                with pytest.warns(CockpitWarning, match=r"one number for each sample, shape \[4\]"):
                    with cockpit(step, **told):
                        loss.backward()
            else:
                with cockpit(step, **told):
                    loss.backward()
            optimizer.step()
    log = RunLog(tmp_path)
    assert log.quantities == ("NormTest",)
    assert {event["quantity"] for event in log.events} == {None, "Alpha"}


def test_an_unreduced_loss_is_not_compared_with_a_number() -> None:
    probe = LossProbe(nn.CrossEntropyLoss(reduction="none"))
    probe.attach()
    losses = probe.loss_fn(torch.randn(N, C, requires_grad=True), torch.zeros(N, dtype=torch.long))
    assert probe.is_of(losses)
    assert not probe.is_of(losses.mean())
    probe.detach()
