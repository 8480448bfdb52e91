"""Models that put their samples in another order: right, or absent, never another sample's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from cockpit import Cockpit, RunLog
from tests.training import Training, beside_references, mlp

N = 5
LENGTHS = torch.tensor([2, 4, 1, 4, 3])
UNKNOWN = "it can't be told which rows of its output belong to which sample"


class Reversed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x.mean(1).flip(0))).flip(0))


class Sorted(nn.Module):
    """Sequences sorted by length for the recurrent layer, by hand or by torch."""

    def __init__(self, by_hand: bool) -> None:
        super().__init__()
        self.lstm, self.head, self.by_hand = (
            nn.LSTM(3, 4, batch_first=True),
            nn.Linear(4, 3),
            by_hand,
        )

    def forward(self, x: Tensor) -> Tensor:
        if not self.by_hand:
            packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
            return self.head(self.lstm(packed)[1][0][0])
        lengths, order = LENGTHS.sort(descending=True)
        packed = pack_padded_sequence(x[order], lengths, batch_first=True)
        return self.head(self.lstm(packed)[1][0][0][order.argsort()])


def norm_test(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """From the gradients of single losses of one forward pass."""
    losses = F.cross_entropy(model(x), y, reduction="none")
    rows = []
    for loss in losses:
        grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        rows.append(torch.cat([g.flatten() for g in grads]))
    g = torch.stack(rows)
    return float(((g - g.mean(0)).square().sum() / (N * (N - 1))).sqrt() / g.mean(0).norm())


def sequences(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(N, 4, 3, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (N,), generator=generator)


def run(model: nn.Module, folder: Path) -> tuple[RunLog, list[float]]:
    training = Training(folder, model.double(), batches=sequences)
    return beside_references(training, reference=norm_test)


@pytest.mark.parametrize("model", [Reversed(), Sorted(by_hand=True)], ids=["reversed", "sorted"])
def test_another_order_is_refused(model: nn.Module, tmp_path: Path) -> None:
    log, _ = run(model, tmp_path)
    assert "NormTest" not in log.quantities
    assert "GradNorm" in log.quantities
    reasons = {e["message"] for e in log.events if e.get("quantity") == "NormTest"}
    assert any(UNKNOWN in reason for reason in reasons)


def test_an_order_that_torch_keeps_is_followed(tmp_path: Path) -> None:
    log, expected = run(Sorted(by_hand=False), tmp_path)
    assert log.series("NormTest").value.tolist() == pytest.approx(expected, rel=1e-6)
    assert log.events == []


def test_the_test_costs_two_passes_now_and_then(tmp_path: Path) -> None:
    passes = []
    model = mlp()

    def count(module: nn.Module, args: tuple, output: Tensor) -> None:
        output.register_hook(lambda grad: passes.append(grad.shape))

    model[1].register_forward_hook(count)
    training = Training(tmp_path, model, known=False)
    for step in range(40):
        training.differentiate(step)
    training.close()
    assert len(passes) == 40 + 2 * len([0, 1, 8])


def test_a_loss_that_is_only_looked_at_teaches_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(3, 3).double(), nn.CrossEntropyLoss()
    with Cockpit(model, loss_fn, logdir=tmp_path, strict=True) as cockpit:
        for step in range(5):
            x, y = torch.randn(N, 3, dtype=torch.float64), torch.randint(0, 3, (N,))
            output = model(x)
            with cockpit(step):
                loss_fn(output.roll(1, 0), y)
                loss_fn(output, y).backward()
    assert list(RunLog(tmp_path).series("NormTest").step) == list(range(5))
