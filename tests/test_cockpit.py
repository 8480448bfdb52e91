"""The loop as users write it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import Cockpit, Quantity, RunLog, linear, quantities
from cockpit.quantities import scalar
from cockpit.schedules import Schedule
from tests.training import Training, batch, mlp

ECONOMY = {
    *("Alpha", "Distance", "GradHist1d", "GradNorm", "InnerTest", "Loss", "NormTest"),
    *("OrthoTest", "Time", "UpdateSize", "Facts"),
}


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def cnn() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 3))


def images(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(8, 1, 4, 4, generator=generator)
    return x, torch.randint(0, 3, (8,), generator=generator)


@pytest.mark.parametrize("make", [perceptron, cnn])
@pytest.mark.parametrize("functional", [False, True], ids=["nn", "F"])
def test_the_three_lines_of_the_readme(
    make: Callable[[], nn.Module], functional: bool, tmp_path: Path
) -> None:
    model = make()
    loss_fn = F.cross_entropy if functional else nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cockpit = Cockpit(model, loss_fn, optimizer, config="economy", logdir=tmp_path / "first")
    for step in range(5):
        x, y = images(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step, loss=loss) if functional else cockpit(step):
            loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(tmp_path / "first")
    assert log.status == "finished"
    assert set(log.quantities) == (ECONOMY - {"Alpha"} if functional else ECONOMY)
    assert list(log.series("Loss").step) == [0, 1, 2, 3, 4]
    if functional:
        (event,) = log.events
        assert event["quantity"] == "Alpha"
        assert "Pass a loss" in event["message"]
    else:
        # The last step's end point is never seen.
        assert list(log.series("Alpha").step) == [0, 1, 2, 3]
        assert log.events == []


def test_no_warning_on_an_ordinary_run(tmp_path: Path) -> None:
    """Any would fail the test."""
    Training(tmp_path, cnn(), batches=images, config="full").run(range(3)).close()


def test_info_in_the_form_of_the_paper(tmp_path: Path) -> None:
    class Seen(Quantity):
        def compute(self, info, stats):
            return scalar(info.details["mine"])

    training = Training(tmp_path, config=[quantities.Loss(), Seen()])
    cockpit, optimizer = training.cockpit, training.optimizer
    for step in range(2):
        loss = training.loss(*batch(step))
        info = {"batch_size": 8, "loss": loss, "individual_losses": None, "mine": 7}
        with cockpit(step, info={**info, "optimizer": optimizer}):
            loss.backward(create_graph=cockpit.create_graph(step))
        optimizer.step()
    assert list(training.close().series("Seen").value) == [7, 7]


def test_extensions_need_an_extended_model(tmp_path: Path) -> None:
    from backpack.extensions import BatchGrad

    training = Training(tmp_path)
    loss = training.loss(*batch(0))
    with pytest.raises(ValueError, match="BatchGrad need a model"):
        with training.cockpit(0, BatchGrad()):
            loss.backward()
    training.close()


def test_schedules_are_honored_and_hooks_gone_in_between(tmp_path: Path) -> None:
    config = [quantities.Loss(linear(3)), quantities.Alpha(linear(4)), quantities.NormTest(6)]
    training, attached = Training(tmp_path, config=config), []
    for step in range(12):
        attached.append(bool(training.model._forward_pre_hooks))
        training.step(step)
    log = training.close()
    assert list(log.series("Loss").step) == [0, 3, 6, 9]
    assert list(log.series("Alpha").step) == [0, 4, 8]
    assert list(log.series("NormTest").step) == [0, 6]
    assert attached == [s % 3 == 0 or s % 4 in (0, 1) or s % 6 == 0 for s in range(12)]


def test_alpha_is_the_same_whether_or_not_the_steps_between_are_tracked(tmp_path: Path) -> None:
    values = {}
    for interval in (1, 4):
        config = [quantities.Alpha(linear(interval))]
        log = Training(tmp_path / str(interval), config=config).run(range(10)).close()
        series = log.series("Alpha")
        values[interval] = dict(zip(series.step, series.value, strict=True))
    assert values[4] == {step: values[1][step] for step in (0, 4, 8)}


def test_steps_that_come_unforeseen_are_seen_from_then_on(tmp_path: Path) -> None:
    schedule = Schedule(lambda step: step in (5, 40, 41), "mine")
    training = Training(tmp_path, config=[quantities.Loss(schedule)])
    log = training.run(range(3)).run(range(40, 43)).close()
    assert list(log.series("Loss").step) == [41]
    assert [event["kind"] for event in log.events] == ["unforeseen"]


def test_without_an_optimizer_the_update_is_seen_all_the_same(tmp_path: Path) -> None:
    one, two = (
        Training(tmp_path / str(known), known=known).run(range(4)).close()
        for known in (False, True)
    )
    for name in ("UpdateSize", "Alpha", "Distance"):
        assert list(one.series(name).value[:3]) == list(two.series(name).value[:3])


def test_several_optimizers_and_a_frozen_parameter(tmp_path: Path) -> None:
    model = mlp()
    model[0].bias.requires_grad_(False)
    first = torch.optim.SGD([model[0].weight], lr=0.1)
    second = torch.optim.Adam(model[2].parameters(), lr=0.01)
    training = Training(tmp_path, model, optimizer=[first, second])
    for step in range(4):
        second.zero_grad()
        training.step(step)
        second.step()
    log = training.close()
    _, rates = log.lr
    assert rates[-1].tolist() == [0.1, 0.01]
    _, layers = log.layer_series("UpdateSize")
    frozen = [layer.name for layer in log.layers].index("0.bias")
    assert all(math.isnan(row[frozen]) for row in layers)
    assert (layers[:, [i for i in range(4) if i != frozen]] > 0).all()


def test_a_skipped_optimizer_step_is_an_update_of_length_zero(tmp_path: Path) -> None:
    training = Training(tmp_path)
    for step in range(4):
        if step == 1:
            training.optimizer.zero_grad()
            training.differentiate(step)
        else:
            training.step(step)
    log = training.close()
    assert log.series("UpdateSize").value[1] == 0
    assert list(log.series("Alpha").step) == [0, 2]


def test_batch_norm_is_marked_as_contribution(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).double()
    log = Training(tmp_path, model).run(range(2)).close()
    assert log.notes("NormTest")[0]["individual"] == "contribution"
    assert "individual" not in log.notes("GradNorm")[0]


@pytest.mark.parametrize(("dtype", "lr"), [(torch.float32, 1e12), (torch.float64, 1e200)])
def test_a_diverging_run_keeps_its_whole_log(dtype: torch.dtype, lr: float, tmp_path: Path) -> None:
    def batches(step: int) -> tuple[Tensor, Tensor]:
        x, y = images(step)
        return x.to(dtype), y

    model = perceptron().to(dtype)
    log = Training(tmp_path, model, lr=lr, batches=batches, config="full").run(range(8)).close()
    assert log.skipped_lines == 0
    assert list(log.series("Loss").step) == list(range(8))
    assert not all(math.isfinite(v) for v in log.series("Loss").value)
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


def test_log_takes_what_the_user_measures(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.cockpit.log(0, epoch=0, accuracy=torch.tensor(0.5), valid_loss=float("nan"))
    log = training.close()
    assert log.user_series("accuracy").value[0] == 0.5
    assert math.isnan(log.user_series("valid_loss").value[0])


def test_overhead_and_latest(tmp_path: Path) -> None:
    training = Training(tmp_path)
    cockpit = training.cockpit
    assert cockpit.overhead == 0
    assert cockpit.latest == {}
    training.run(range(4))
    assert cockpit.overhead > 0
    assert cockpit.latest["Loss"] > 0
    assert (training.close().overhead.value > 0).all()
