"""Which loss is the objective, and what is known of the losses of single samples."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import CockpitWarning, quantities
from tests.training import Training, batch, mlp


def itself(loss: Tensor) -> Tensor:
    return loss


def test_losses_can_be_passed_for_a_functional_loss(tmp_path: Path) -> None:
    def individual(loss: Tensor) -> Tensor:
        return F.cross_entropy(functional.model(x), y, reduction="none")

    expected = Training(tmp_path / "module").run(range(4)).close().series("Alpha").value
    functional = Training(tmp_path / "function", loss_fn=F.cross_entropy)
    for step in range(4):
        x, y = batch(step)
        functional.step(step, loss=itself, losses=individual)
    found = functional.close().series("Alpha").value
    assert list(found) == pytest.approx(list(expected), rel=1e-5, abs=1e-6)


def test_a_loss_with_a_regularizer_is_not_passed_off_as_the_samples(tmp_path: Path) -> None:
    model, cross_entropy = mlp(), nn.CrossEntropyLoss()

    def regularized(output: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(output, y) + 0.5 * sum(p.square().sum() for p in model.parameters())

    training = Training(tmp_path, model, cross_entropy, strict=False)
    training.loss_fn = regularized
    log = training.run(range(3), loss=itself).close()
    assert "GradNorm" in log.quantities
    assert not {"GradHist1d", "Alpha"} & set(log.quantities)
    assert "NormTest" not in log.quantities or math.isnan(log.series("NormTest").value[0])
    assert any("no function of single samples" in event["message"] for event in log.events)


@pytest.mark.parametrize("factor", [0.25, 1024.0])
def test_a_scaled_backward_pass_is_unscaled(factor: float, tmp_path: Path) -> None:
    """Gradient accumulation divides the loss, mixed precision multiplies it."""
    numbers = {}
    everything = [kind() for kind in quantities.QUANTITIES.values() if kind.kind != "arrays"]
    for scale in (1.0, factor):
        training = Training(tmp_path / str(scale), config=copy.deepcopy(everything))
        for step in range(3):
            training.optimizer.zero_grad()
            training.differentiate(step, None, lambda loss, scale=scale: (scale * loss).backward())
            for p in training.model.parameters():
                p.grad /= scale
            training.optimizer.step()
        log = training.close()
        names = set(log.quantities) - {"Time", "GradHist1d", "GradHist2d"}
        numbers[scale] = {name: list(log.series(name).value) for name in names}
    assert numbers[factor].keys() == numbers[1.0].keys()
    for name, values in numbers[1.0].items():
        assert numbers[factor][name] == pytest.approx(values, rel=1e-5), name


def test_a_loss_that_is_passed_is_the_objective(tmp_path: Path) -> None:
    """c times the loss has c times the gradient and curvature, in every quantity alike."""
    numbers = {}
    for c in (1.0, 3.0):
        config = [
            *(quantities.Loss(), quantities.GradNorm(), quantities.NormTest()),
            *(quantities.HessTrace(curvature="ggn"), quantities.HessMaxEV(rtol=1e-6)),
        ]
        training = Training(tmp_path / str(c), config=config, strict=False)
        loss = c * training.loss(*batch(0))
        with training.cockpit(0, loss=loss):
            loss.backward()
        log = training.close()
        numbers[c] = {name: log.series(name).value[0] for name in log.quantities}
    for name in ("Loss", "GradNorm", "HessTrace", "HessMaxEV"):
        assert numbers[3.0][name] == pytest.approx(3 * numbers[1.0][name], rel=1e-4), name
    assert numbers[3.0]["NormTest"] == pytest.approx(numbers[1.0]["NormTest"], rel=1e-5)


@pytest.mark.parametrize("other", [Tensor.detach, Tensor.clone], ids=["detached", "cloned"])
def test_another_loss_than_the_differentiated_one_is_noticed(
    other: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    training = Training(tmp_path, strict=False)
    with pytest.warns(CockpitWarning, match="nothing can be tracked"):
        training.run(range(2), loss=other)
    assert training.close().quantities == ()


def test_a_loss_function_that_is_called_twice_leaves_the_loss_open(tmp_path: Path) -> None:
    training, (x, y) = Training(tmp_path), batch(0)
    loss = training.loss(x, y) + 0.4 * training.loss(x, y.flip(0))
    with pytest.warns(CockpitWarning, match="more than a multiple"), training.cockpit(0):
        loss.backward()
    assert training.close().quantities == ()


def test_the_exact_hessian_brings_no_warning(tmp_path: Path) -> None:
    """Any would fail the test."""
    config = [quantities.HessTrace(2, curvature="hessian")]
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    log = Training(tmp_path, model, config=config).run(range(4)).close()
    assert list(log.series("HessTrace").step) == [0, 2]


def test_ctc_has_no_individual_losses_that_are_wrong(tmp_path: Path) -> None:
    loss_fn, lengths = nn.CTCLoss(), torch.tensor([1, 2, 3, 4])

    def frames(step: int) -> tuple[Tensor, Tensor]:
        return torch.randn(4, 9, 5), torch.ones(4, 4, dtype=torch.long)

    class Reader(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).log_softmax(2).transpose(0, 1)

    training = Training(tmp_path, Reader(5, 4), loss_fn, lr=0.01, batches=frames)
    training.loss_fn = lambda scores, y: loss_fn(scores, y, torch.full((4,), 9), lengths)
    assert "Alpha" not in training.run(range(2)).close().quantities
