"""What must not change a quantity, in whole trainings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cockpit import quantities
from cockpit.log import RunLog
from tests.quantities.cases import Case
from tests.quantities.comparison import network_values
from tests.quantities.conftest import exact_ggn, first_order
from tests.quantities.expected import FIRST_ORDER
from tests.quantities.training import run

FACTOR = 8.0  # a power of two: scaling by it rounds nothing


class ScaledSquaredError(nn.MSELoss):
    """A loss in another unit."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.factor * super().forward(output, target)


def _scaled(folder: Path, factor: float) -> RunLog:
    """Training with the loss in another unit and the step unchanged."""
    case = Case(loss="mse")
    model = case.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 / factor)
    chosen = [*first_order(case.dtype), *exact_ggn(case.dtype)]
    run(
        model,
        ScaledSquaredError(factor),
        optimizer,
        case.batches(),
        config=chosen,
        logdir=folder,
        strict=True,
    )
    return RunLog(folder)


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunLog, RunLog]:
    return (
        _scaled(tmp_path_factory.mktemp("one"), 1.0),
        _scaled(tmp_path_factory.mktemp("other"), FACTOR),
    )


# By which power of the factor each quantity grows when the loss does. TICDiag is left out: its ε
# is in the unit of the curvature.
POWERS = {
    **dict.fromkeys(("Loss", "GradNorm", "HessTrace", "TICTrace"), 1),
    **dict.fromkeys(("NormTest", "InnerTest", "OrthoTest", "Alpha"), 0),
    **dict.fromkeys(("MeanGSNR", "EarlyStopping", "CABS", "Distance", "UpdateSize"), 0),
}


@pytest.mark.parametrize("name", POWERS)
def test_unit_of_the_loss(units: tuple[RunLog, RunLog], name: str) -> None:
    one, other = (network_values(log, name) for log in units)
    assert len(one) >= 2
    grown = {step: FACTOR ** POWERS[name] * value for step, value in one.items()}
    assert other == pytest.approx(grown, rel=1e-6)


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_order_of_the_samples(trained, tmp_path: Path, name: str) -> None:
    case = Case(network="cnn", batch_sizes=(6, 6, 2))
    model = case.model()
    backwards = [(x.flip(0), y.flip(0)) for x, y in case.batches()]
    optimizer = case.make_optimizer(model)
    chosen = [getattr(quantities, name)()]
    run(
        model,
        case.loss_fn(),
        optimizer,
        backwards,
        config=chosen,
        logdir=tmp_path,
        strict=True,
    )
    flipped = network_values(RunLog(tmp_path), name)
    assert flipped == pytest.approx(network_values(trained(case).log, name), rel=1e-6)
