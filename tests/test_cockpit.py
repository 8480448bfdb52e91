"""The loop as users write it, and what happens when something goes wrong."""

from __future__ import annotations

import copy
import gc
import json
import math
import pickle
import subprocess
import sys
import textwrap
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cockpit import (
    Absent,
    Cockpit,
    CockpitWarning,
    Configuration,
    Quantity,
    RunLog,
    linear,
    quantities,
)
from cockpit.quantities import scalar
from cockpit.schedules import Schedule


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def cnn() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(12, 3))


def batch(step: int, size: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(size, 1, 4, 4, generator=generator)
    return x, torch.randint(0, 3, (size,), generator=generator)


def loop(
    cockpit: Cockpit,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    steps: range,
    loss_fn: Callable[..., Tensor] | None = None,
    **at_step: Any,
) -> None:
    loss_fn = loss_fn or cockpit._engine.probe.loss_fn
    for step in steps:
        x, y = batch(step)
        model.zero_grad()
        loss = loss_fn(model(x), y)
        given = {key: value(model, x, y, loss) for key, value in at_step.items()}
        with cockpit(step, **given):
            loss.backward()
        if optimizer is not None:
            optimizer.step()


def start(tmp_path: Path, **options: Any) -> tuple[Cockpit, nn.Module, torch.optim.SGD, nn.Module]:
    model, loss_fn = options.pop("model", None) or mlp(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"config": "economy", "logdir": tmp_path / "run", "strict": True, **options}
    return Cockpit(model, loss_fn, optimizer, **options), model, optimizer, loss_fn


ECONOMY = {
    *("Alpha", "Distance", "GradHist1d", "GradNorm", "InnerTest", "Loss", "NormTest"),
    *("OrthoTest", "Time", "UpdateSize"),
}


@pytest.mark.parametrize("make", [mlp, cnn])
@pytest.mark.parametrize("functional", [False, True], ids=["nn", "F"])
def test_the_three_lines_of_the_readme(
    make: Callable[[], nn.Module], functional: bool, tmp_path: Path
) -> None:
    model = make()
    loss_fn = F.cross_entropy if functional else nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    cockpit = Cockpit(model, loss_fn, optimizer, config="economy", logdir=tmp_path / "first")
    given = {"loss": lambda model, x, y, loss: loss} if functional else {}
    loop(cockpit, model, optimizer, range(5), loss_fn, **given)
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


def test_losses_can_be_passed_for_a_functional_loss(tmp_path: Path) -> None:
    numbers = {}
    for name, loss_fn in (("module", nn.CrossEntropyLoss()), ("function", F.cross_entropy)):
        model = mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        cockpit = Cockpit(model, loss_fn, optimizer, logdir=tmp_path / name, strict=True)
        given = {
            "loss": lambda model, x, y, loss: loss,
            "losses": lambda model, x, y, loss: F.cross_entropy(model(x), y, reduction="none"),
        }
        loop(cockpit, model, optimizer, range(4), loss_fn, **(given if name != "module" else {}))
        cockpit.close()
        numbers[name] = RunLog(tmp_path / name).series("Alpha").value
    torch.testing.assert_close(*map(torch.tensor, numbers.values()), rtol=1e-5, atol=1e-6)


def test_info_in_the_form_of_the_paper(tmp_path: Path) -> None:
    class Seen(Quantity):
        def compute(self, info, stats):
            return scalar(info.details["mine"])

    cockpit, model, optimizer, _ = start(tmp_path, config=[quantities.Loss(), Seen()])
    for step in range(2):
        x, y = batch(step)
        loss = F.cross_entropy(model(x), y)
        info = {
            "batch_size": 8,
            "loss": loss,
            "individual_losses": None,
            "optimizer": optimizer,
            "mine": 7,
        }
        with cockpit(step, info=info):
            loss.backward(create_graph=cockpit.create_graph(step))
        optimizer.step()
    cockpit.close()
    assert list(RunLog(cockpit.logdir).series("Seen").value) == [7, 7]


def test_extensions_need_an_extended_model(tmp_path: Path) -> None:
    from backpack.extensions import BatchGrad

    cockpit, model, _, loss_fn = start(tmp_path)
    x, y = batch(0)
    loss = loss_fn(model(x), y)
    with pytest.raises(ValueError, match="BatchGrad need a model"), cockpit(0, BatchGrad()):
        loss.backward()
    cockpit.close()


def test_the_users_exception_passes_unhidden_and_tracking_goes_on(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(tmp_path)
    mine = KeyError("mine")
    loop(cockpit, model, optimizer, range(2))
    x, y = batch(2)
    loss = nn.CrossEntropyLoss()(model(x), y)
    with pytest.raises(KeyError) as caught, cockpit(2, loss=loss):
        raise mine
    assert caught.value is mine
    loop(cockpit, model, optimizer, range(3, 6))
    cockpit.close()
    assert {0, 1, 3, 4, 5} == set(RunLog(cockpit.logdir).series("Loss").step)


class Broken(Quantity):
    def compute(self, info, stats):
        if info.step == 2:
            raise ZeroDivisionError("my quantity is broken")
        return scalar(1.0)


def test_a_quantity_that_raises_is_switched_off_with_one_warning(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(
        tmp_path, config=[quantities.Loss(), Broken()], strict=False
    )
    with pytest.warns(CockpitWarning, match="Broken is switched off") as caught:
        loop(cockpit, model, optimizer, range(6))
    assert len(caught) == 1
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert list(log.series("Loss").step) == list(range(6))
    assert list(log.series("Broken").step) == [0, 1]
    (event,) = log.events
    assert event["kind"] == "fault"
    assert event["quantity"] == "Broken"
    assert event["step"] == 2


def test_strict_raises(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(tmp_path, config=[Broken()])
    with pytest.raises(ZeroDivisionError):
        loop(cockpit, model, optimizer, range(6))
    cockpit.close("failed")


@pytest.mark.parametrize("where", ["begin", "answer"])
def test_a_fault_of_the_engine_never_kills_the_run(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("engine on fire")

    cockpit, model, optimizer, _ = start(tmp_path, strict=False)
    loop(cockpit, model, optimizer, range(2))
    monkeypatch.setattr(cockpit._engine, where, broken)
    with pytest.warns(CockpitWarning, match="engine on fire") as caught:
        loop(cockpit, model, optimizer, range(2, 6))
    assert len(caught) == 1
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert log.last_step in (0, 1)
    assert any("engine on fire" in event["message"] for event in log.events)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_full_disk_ends_the_log_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    cockpit, model, optimizer, _ = start(tmp_path, strict=False)
    loop(cockpit, model, optimizer, range(2))
    monkeypatch.setattr(cockpit._tracker.writer, "step", full)
    with pytest.warns(CockpitWarning, match="No space left") as caught:
        loop(cockpit, model, optimizer, range(2, 5))
        cockpit.close()
    assert len(caught) == 1


def test_two_cockpits_do_not_meet(tmp_path: Path) -> None:
    """Interleaved, they record what each records alone."""

    def run(names: list[str], folder: Path) -> dict[str, RunLog]:
        held = {}
        for i, name in enumerate(names):
            torch.manual_seed(ord(name))
            model, loss_fn = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), nn.CrossEntropyLoss()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * (1 + ord(name) % 3))
            config = Configuration("full", schedule=1 + ord(name) % 2)
            cockpit = Cockpit(model, loss_fn, optimizer, config, folder / name, strict=True)
            held[name] = (cockpit, model, optimizer, loss_fn)
            assert i < 2
        for step in range(6):
            for name, (cockpit, model, optimizer, loss_fn) in held.items():
                x, y = batch(step + 100 * ord(name))
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                with cockpit(step):
                    loss.backward()
                optimizer.step()
        for cockpit, *_ in held.values():
            cockpit.close()
        return {name: RunLog(folder / name) for name in names}

    together = run(["a", "b"], tmp_path / "together")
    for name in ("a", "b"):
        alone = run([name], tmp_path / "alone")[name]
        for quantity in set(alone.quantities) - {"Time", "GradHist1d", "GradHist2d"}:
            assert list(alone.series(quantity).value) == list(together[name].series(quantity).value)


def test_tracking_inside_another_cockpits_context(tmp_path: Path) -> None:
    """As in adversarial training: one backward pass within the other's context."""
    outer, model, optimizer, loss_fn = start(tmp_path, logdir=tmp_path / "outer")
    inner, other, other_optimizer, other_loss = start(tmp_path, logdir=tmp_path / "inner")
    for step in range(3):
        x, y = batch(step)
        loss, second = loss_fn(model(x), y), other_loss(other(x), y)
        with outer(step), inner(step):
            second.backward()
            loss.backward()
        optimizer.step()
        other_optimizer.step()
        optimizer.zero_grad()
        other_optimizer.zero_grad()
    outer.close()
    inner.close()
    one, two = RunLog(outer.logdir), RunLog(inner.logdir)
    assert list(one.series("NormTest").value) == list(two.series("NormTest").value)


def test_a_diverging_run_keeps_its_whole_log(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(tmp_path, config="full", model=mlp())
    optimizer.param_groups[0]["lr"] = 1e12
    loop(cockpit, model, optimizer, range(8))
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert log.skipped_lines == 0
    assert list(log.series("Loss").step) == list(range(8))
    assert not all(math.isfinite(v) for v in log.series("Loss").value)
    for line in (cockpit.logdir / "log.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


def test_schedules_are_honored_and_hooks_gone_in_between(tmp_path: Path) -> None:
    config = [quantities.Loss(linear(3)), quantities.Alpha(linear(4)), quantities.NormTest(6)]
    cockpit, model, optimizer, loss_fn = start(tmp_path, config=config)
    attached = []
    for step in range(12):
        x, y = batch(step)
        optimizer.zero_grad()
        attached.append(bool(model._forward_pre_hooks))
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert list(log.series("Loss").step) == [0, 3, 6, 9]
    assert list(log.series("Alpha").step) == [0, 4, 8]
    assert list(log.series("NormTest").step) == [0, 6]
    assert attached == [s % 3 == 0 or s % 4 in (0, 1) or s % 6 == 0 for s in range(12)]


def test_alpha_is_the_same_whether_or_not_the_steps_between_are_tracked(tmp_path: Path) -> None:
    values = {}
    for interval in (1, 4):
        config = [quantities.Alpha(linear(interval))]
        cockpit, model, optimizer, _ = start(
            tmp_path, config=config, logdir=tmp_path / str(interval)
        )
        loop(cockpit, model, optimizer, range(10))
        cockpit.close()
        series = RunLog(cockpit.logdir).series("Alpha")
        values[interval] = dict(zip(series.step, series.value, strict=True))
    assert values[4] == {step: values[1][step] for step in (0, 4, 8)}


def test_steps_that_come_unforeseen_are_seen_from_then_on(tmp_path: Path) -> None:
    schedule = Schedule(lambda step: step in (5, 40, 41), "mine")
    cockpit, model, optimizer, _ = start(tmp_path, config=[quantities.Loss(schedule)])
    loop(cockpit, model, optimizer, range(3))
    loop(cockpit, model, optimizer, range(40, 43))
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert list(log.series("Loss").step) == [41]
    assert [event["kind"] for event in log.events] == ["unforeseen"]


def test_resuming_appends_an_attempt(tmp_path: Path) -> None:
    for steps in (range(6), range(4, 9)):
        cockpit, model, optimizer, _ = start(tmp_path)
        loop(cockpit, model, optimizer, steps)
        cockpit.close()
    log = RunLog(tmp_path / "run")
    assert log.attempts == 2
    assert list(log.series("Loss").step) == list(range(9))


def test_without_an_optimizer_the_update_is_seen_all_the_same(tmp_path: Path) -> None:
    model, loss_fn = mlp(), nn.CrossEntropyLoss()
    cockpit = Cockpit(model, loss_fn, logdir=tmp_path / "run", strict=True)
    hidden = torch.optim.SGD(model.parameters(), lr=0.1)
    loop(cockpit, model, hidden, range(4), loss_fn)
    cockpit.close()
    with_optimizer, twin, optimizer, _ = start(tmp_path, logdir=tmp_path / "other")
    loop(with_optimizer, twin, optimizer, range(4))
    with_optimizer.close()
    one, two = RunLog(tmp_path / "run"), RunLog(tmp_path / "other")
    for name in ("UpdateSize", "Alpha", "Distance"):
        assert list(one.series(name).value[:3]) == list(two.series(name).value[:3])


def test_several_optimizers_and_a_frozen_layer(tmp_path: Path) -> None:
    model, loss_fn = cnn(), nn.CrossEntropyLoss()
    model[0].bias.requires_grad_(False)
    optimizers = [
        torch.optim.SGD([model[0].weight], lr=0.1),
        torch.optim.Adam(model[3].parameters(), lr=0.01),
    ]
    cockpit = Cockpit(model, loss_fn, optimizers, logdir=tmp_path / "run", strict=True)
    for step in range(4):
        x, y = batch(step)
        model.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    cockpit.close()
    log = RunLog(tmp_path / "run")
    steps, rates = log.lr
    assert rates[-1].tolist() == [0.1, 0.01]
    _, layers = log.layer_series("UpdateSize")
    frozen = [layer.name for layer in log.layers].index("0.bias")
    assert all(math.isnan(row[frozen]) for row in layers)
    assert (layers[:, [i for i in range(4) if i != frozen]] > 0).all()


def test_a_skipped_optimizer_step_is_an_update_of_length_zero(tmp_path: Path) -> None:
    cockpit, model, optimizer, loss_fn = start(tmp_path)
    for step in range(4):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        with cockpit(step):
            loss.backward()
        if step != 1:
            optimizer.step()
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert log.series("UpdateSize").value[1] == 0
    assert list(log.series("Alpha").step) == [0, 2]


def test_a_loss_with_a_regularizer_is_not_passed_off_as_the_samples(tmp_path: Path) -> None:
    cockpit, model, optimizer, loss_fn = start(tmp_path, strict=False)
    for step in range(3):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y) + 0.5 * sum(p.square().sum() for p in model.parameters())
        with cockpit(step, loss=loss):
            loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(cockpit.logdir)
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
        config = copy.deepcopy(everything)
        cockpit, model, optimizer, loss_fn = start(
            tmp_path, config=config, logdir=tmp_path / str(scale)
        )
        for step in range(3):
            x, y = batch(step)
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            with cockpit(step):
                (scale * loss).backward()
            for p in model.parameters():
                p.grad /= scale
            optimizer.step()
        cockpit.close()
        log = RunLog(cockpit.logdir)
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
        cockpit, model, optimizer, loss_fn = start(
            tmp_path, config=config, logdir=tmp_path / str(c), strict=False
        )
        x, y = batch(0)
        loss = c * loss_fn(model(x), y)
        with cockpit(0, loss=loss):
            loss.backward()
        cockpit.close()
        log = RunLog(cockpit.logdir)
        numbers[c] = {name: log.series(name).value[0] for name in log.quantities}
    for name in ("Loss", "GradNorm", "HessTrace", "HessMaxEV"):
        assert numbers[3.0][name] == pytest.approx(3 * numbers[1.0][name], rel=1e-4), name
    assert numbers[3.0]["NormTest"] == pytest.approx(numbers[1.0]["NormTest"], rel=1e-5)


@pytest.mark.parametrize("other", [Tensor.detach, Tensor.clone], ids=["detached", "cloned"])
def test_another_loss_than_the_differentiated_one_is_noticed(
    other: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    cockpit, model, optimizer, _ = start(tmp_path, strict=False)
    with pytest.warns(CockpitWarning, match="nothing can be tracked"):
        loop(cockpit, model, optimizer, range(2), loss=lambda model, x, y, loss: other(loss))
    cockpit.close()
    assert RunLog(cockpit.logdir).quantities == ()


def test_the_exact_hessian_brings_no_warning(tmp_path: Path) -> None:
    config = [quantities.HessTrace(2, curvature="hessian")]
    cockpit, model, optimizer, _ = start(tmp_path, config=config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop(cockpit, model, optimizer, range(4))
    cockpit.close()
    assert list(RunLog(cockpit.logdir).series("HessTrace").step) == [0, 2]


def test_gradients_that_were_there_before_do_not_count(tmp_path: Path) -> None:
    values = {}
    for kept in (False, True):
        cockpit, model, optimizer, loss_fn = start(
            tmp_path,
            config=[quantities.GradNorm(), quantities.NormTest()],
            logdir=tmp_path / str(kept),
        )
        if kept:
            for p in model.parameters():
                p.grad = torch.ones_like(p)
        x, y = batch(0)
        loss = loss_fn(model(x), y)
        with cockpit(0):
            loss.backward()
        cockpit.close()
        log = RunLog(cockpit.logdir)
        values[kept] = [log.series(name).value[0] for name in ("GradNorm", "NormTest")]
    assert values[True] == pytest.approx(values[False], rel=1e-5)


def test_accumulation_is_tracked_without_a_word(tmp_path: Path) -> None:
    cockpit, model, optimizer, loss_fn = start(tmp_path)
    for step in range(3):
        optimizer.zero_grad()
        for part in range(2):
            x, y = batch(10 * step + part)
            loss = loss_fn(model(x), y)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with cockpit(step):
                    loss.backward()
        optimizer.step()
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert list(log.series("Loss").step) == [0, 1, 2]
    assert list(log.batch_sizes.value) == [16, 16, 16]
    assert log.events == []


def test_batch_norm_is_marked_as_contribution(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    cockpit, model, optimizer, _ = start(tmp_path, model=model)
    loop(cockpit, model, optimizer, range(2))
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert log.notes("NormTest")[0]["individual"] == "contribution"
    assert "individual" not in log.notes("GradNorm")[0]


def test_a_validation_pass_between_steps_does_not_disturb(tmp_path: Path) -> None:
    values = {}
    for validating in (False, True):
        cockpit, model, optimizer, loss_fn = start(tmp_path, logdir=tmp_path / str(validating))
        for step in range(3):
            x, y = batch(step)
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            with cockpit(step):
                loss.backward()
            optimizer.step()
            if validating:
                with torch.no_grad():
                    model.eval()
                    loss_fn(model(batch(99, size=31)[0]), batch(99, size=31)[1])
                    model.train()
        cockpit.close()
        log = RunLog(cockpit.logdir)
        values[validating] = [list(log.series(n).value) for n in ("NormTest", "Alpha", "Loss")]
    assert values[True] == values[False]


def test_the_model_can_be_copied_and_pickled_at_any_time(tmp_path: Path) -> None:
    cockpit, model, optimizer, loss_fn = start(tmp_path, config="full")
    x, y = batch(0)
    loss = loss_fn(model(x), y)
    twin, stored = copy.deepcopy(model), pickle.dumps((model, loss_fn))
    with cockpit(0):
        loss.backward()
    again, again_loss = pickle.loads(stored)
    again_loss(again(x), y).backward()
    twin(x).sum().backward()
    optimizer.step()
    copy.deepcopy(model)
    cockpit.close()
    assert list(RunLog(cockpit.logdir).series("Loss").step) == [0]


def test_with_statement_records_how_the_run_ended(tmp_path: Path) -> None:
    for error, status in ((RuntimeError("boom"), "failed"), (KeyboardInterrupt(), "interrupted")):
        folder = tmp_path / status
        with pytest.raises(type(error)):
            with Cockpit(mlp(), nn.CrossEntropyLoss(), logdir=folder):
                raise error
        assert RunLog(folder).status == status


def test_a_program_that_ends_without_close_leaves_a_complete_log(tmp_path: Path) -> None:
    program = """
        import sys, torch
        from torch import nn
        from cockpit import Cockpit
        model, loss_fn = nn.Linear(4, 2), nn.CrossEntropyLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        cockpit = Cockpit(model, loss_fn, optimizer, logdir=sys.argv[1])
        for step in range(3):
            loss = loss_fn(model(torch.randn(5, 4)), torch.zeros(5, dtype=torch.long))
            with cockpit(step):
                loss.backward()
            optimizer.step()
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "run")], check=True
    )
    log = RunLog(tmp_path / "run")
    assert log.status == "interrupted"
    assert log.last_step == 2


def test_nothing_keeps_a_dropped_cockpit_alive(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(tmp_path)
    loop(cockpit, model, optimizer, range(2))
    cockpit.close()
    watched = weakref.ref(cockpit)
    del cockpit
    gc.collect()
    assert watched() is None


def test_log_takes_what_the_user_measures(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(tmp_path)
    cockpit.log(0, epoch=0, train_accuracy=torch.tensor(0.5), valid_loss=float("nan"))
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert log.user_series("train_accuracy").value[0] == 0.5
    assert math.isnan(log.user_series("valid_loss").value[0])


def test_overhead_and_latest(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(tmp_path)
    assert cockpit.overhead == 0
    assert cockpit.latest == {}
    loop(cockpit, model, optimizer, range(4))
    assert cockpit.overhead > 0
    assert cockpit.latest["Loss"] > 0
    cockpit.close()
    assert (RunLog(cockpit.logdir).overhead.value > 0).all()


def test_absence_is_recorded_once_and_the_rest_goes_on(tmp_path: Path) -> None:
    class Sometimes(Quantity):
        def compute(self, info, stats):
            raise Absent("not today")

    cockpit, model, optimizer, _ = start(tmp_path, config=[quantities.Loss(), Sometimes()])
    loop(cockpit, model, optimizer, range(4))
    cockpit.close()
    log = RunLog(cockpit.logdir)
    assert [event["message"] for event in log.events] == ["not today"]
    assert log.quantities == ("Loss",)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "mlp"}, TypeError, "model is an nn.Module; got str"),
        ({"optimizer": 3e-4}, TypeError, "optimizer is a torch.optim.Optimizer"),
        ({"config": "first class"}, ValueError, "economy, business, full"),
        ({"config": [quantities.Loss]}, TypeError, "add parentheses"),
        ({"config": [quantities.Loss(), quantities.Loss()]}, ValueError, "Loss more than once"),
        ({"reduction": "max"}, ValueError, "reduction is 'mean' or 'sum'"),
        ({"loss_fn": nn.CrossEntropyLoss(reduction="none")}, ValueError, "got 'none'"),
    ],
)
def test_bad_arguments_get_a_clear_error(
    arguments: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    arguments = {"model": mlp(), "loss_fn": nn.MSELoss(), "logdir": tmp_path / "x", **arguments}
    with pytest.raises(error, match=message):
        Cockpit(**arguments)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"loss": None}, "the loss was not seen"),
        ({"loss": torch.ones(3, requires_grad=True)}, "must be a single number"),
        ({"loss": torch.ones((), requires_grad=True)}, "the batch size was not seen"),
    ],
)
def test_a_step_that_tells_nothing_is_absent_with_the_reason(
    given: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    model = mlp()
    cockpit = Cockpit(model, logdir=tmp_path / "run", config=[quantities.Loss()])
    with pytest.warns(CockpitWarning, match=reason), cockpit(0, **given):
        pass
    cockpit.close()
    (event,) = RunLog(tmp_path / "run").events
    assert reason in event["message"]


def test_a_closed_cockpit_says_so(tmp_path: Path) -> None:
    cockpit, *_ = start(tmp_path)
    cockpit.close()
    cockpit.close()
    with pytest.raises(RuntimeError, match="closed"), cockpit(0):
        pass


def test_no_warning_on_an_ordinary_run(tmp_path: Path) -> None:
    cockpit, model, optimizer, _ = start(tmp_path, config="full", model=cnn())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop(cockpit, model, optimizer, range(3))
        cockpit.close()


def test_a_record_too_large_for_the_log_costs_its_arrays_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.log.writer.MAX_LINE", 1500)
    model, loss_fn = nn.Linear(100, 5), nn.CrossEntropyLoss()
    config = [quantities.Parameters(), quantities.Loss()]
    cockpit = Cockpit(model, loss_fn, config=config, logdir=tmp_path)
    with pytest.warns(CockpitWarning, match="Parameters is switched off: ValueError: A record of"):
        for step in range(3):
            loss = loss_fn(model(torch.randn(4, 100)), torch.arange(4))
            with cockpit(step):
                loss.backward()
        cockpit.close()
    log = RunLog(tmp_path)
    assert log.series("Loss").step.tolist() == [0, 1, 2]
    assert "Parameters" not in log.quantities
