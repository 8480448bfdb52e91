"""Models beyond a chain of layers: right, whatever the steps do to their parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cockpit import RunLog, quantities
from tests.comparison import assert_inert, traces
from tests.sequences import Attention, Language, N, Recurrent, T, Vision, sequences
from tests.training import Training, batch, beside_references


class Custom(nn.Module):
    """A layer of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x * self.scale)


LENGTHS = (T, N, N + 1, 2 * N)
CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lstm": (Recurrent, LENGTHS),
    "attention": (Attention, LENGTHS),
    "attention, positions first": (partial(Attention, batch_first=False), LENGTHS),
    "language": (Language, LENGTHS),
    "vision": (Vision, (T,)),
    "own layer": (lambda: nn.Sequential(Custom(), nn.Flatten(), nn.Linear(3 * T, 3)), (T,)),
}


def trained(model: nn.Module, folder: Path, length: int = T) -> tuple[RunLog, list[float]]:
    """With large steps; the log, and the norm test before each step."""
    batches = partial(sequences, length=length)
    return beside_references(Training(folder, model.double(), batches=batches))


@pytest.mark.parametrize(
    ("name", "length"), [(name, length) for name, (_, all_) in CASES.items() for length in all_]
)
def test_norm_tests_are_those_of_a_loop(name: str, length: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    log, expected = trained(CASES[name][0](), tmp_path, length)
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)
    assert len(log.series("Alpha").value) == 2
    assert "GradHist1d" in log.quantities
    assert not any(event["kind"] == "absent" for event in log.events)


def test_a_gradient_that_is_zero_but_for_rounding_takes_nothing_away(tmp_path: Path) -> None:
    """The bias of attention's keys shifts all scores alike, which softmax does not see."""

    class Keys(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key = nn.Linear(3, 4), nn.Linear(3, 4)
            self.head = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            scores = self.query(x) @ self.key(x).mT
            return self.head(scores.softmax(2) @ x).mean(1)

    torch.manual_seed(0)
    log, expected = trained(Keys(), tmp_path)
    assert list(log.series("NormTest").value) == pytest.approx(expected, rel=1e-6)


def test_gradient_hooks_of_the_user_run_once_a_step_and_change_no_curvature(tmp_path: Path) -> None:
    values = {}
    for hooked in (False, True):
        config = [quantities.HessMaxEV(), quantities.HessTrace(curvature="ggn")]
        training = Training(tmp_path / str(hooked), config=config)
        ran = []
        if hooked:
            training.model[0].weight.register_hook(lambda g, ran=ran: ran.append(1) or g * 0.5)
        training.differentiate(0)
        assert len(ran) == hooked
        log = training.close()
        values[hooked] = [float(log.series(name).value[0]) for name in log.quantities]
    assert values[True] == values[False]


def test_checkpointed_batch_norm_keeps_its_running_averages(tmp_path: Path) -> None:
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU())
            self.head = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(checkpoint(self.inner, x, use_reentrant=False))

    def run(folder: Path | None) -> list[Tensor]:
        torch.manual_seed(0)
        training = Training(folder, Checkpointed().double(), config="full")
        training.run(range(3)).close()
        return traces(training.model)

    assert_inert(run, tmp_path)


def test_vanishing_gradients_are_seen_and_not_doubted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [part for _ in range(15) for part in (nn.Linear(5, 5), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(5, 3))
    batches = partial(batch, size=16, dtype=torch.float32)
    log = Training(tmp_path, model, lr=0.1, batches=batches).run(range(3)).close()
    _, norms = log.layer_series("GradNorm")
    assert 0 < norms[0, 0] < 1e-9
    assert {"Alpha", "NormTest", "GradHist1d"} <= set(log.quantities)
