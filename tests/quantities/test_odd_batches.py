"""Single samples, identical samples, vanishing gradients, dead units, optimizers other than SGD."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cockpit import quantities
from cockpit.log import RunLog
from cockpit.log.codec import decode_value
from tests import references
from tests.quantities.cases import Case
from tests.quantities.comparison import layer_values, network_values
from tests.quantities.expected import FIRST_ORDER
from tests.quantities.training import run, train

TESTS = ("NormTest", "InnerTest", "OrthoTest")
NEED_NOISE = (*TESTS, "MeanGSNR", "EarlyStopping")


@pytest.mark.parametrize("name", NEED_NOISE)
def test_single_sample_is_absent_and_said_once(trained, name: str) -> None:
    run = trained(Case(batch_sizes=(1, 1, 1)))
    assert name not in run.log.quantities
    events = [event for event in run.log.events if event.get("quantity") == name]
    assert len(events) == 1
    assert events[0]["kind"] == "absent"


@pytest.mark.parametrize("name", NEED_NOISE)
def test_single_sample_in_the_last_batch(trained, name: str) -> None:
    run = trained(Case(batch_sizes=(6, 6, 1)))
    assert list(network_values(run.log, name)) == [0, 1]


@pytest.mark.parametrize("name", ["Loss", "GradNorm", "Distance", "UpdateSize", "CABS"])
def test_single_sample_still_has(trained, name: str) -> None:
    run = trained(Case(batch_sizes=(1, 1, 1)))
    for step, value in network_values(run.log, name).items():
        expected = FIRST_ORDER[name](run, step)
        expected = getattr(expected, "network", expected)
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_identical_samples_have_no_noise(trained, dtype: torch.dtype) -> None:
    run = trained(Case(identical=True, dtype=dtype))
    small = {torch.float64: 1e-6, torch.float32: 1e-3}[dtype]
    for name in TESTS:
        values = list(network_values(run.log, name).values())
        assert len(values) == 3
        assert max(values) <= small
    assert max(network_values(run.log, "CABS").values()) <= small
    for name in ("MeanGSNR", "EarlyStopping"):
        assert name not in run.log.quantities
        (event,) = [event for event in run.log.events if event["quantity"] == name]
        assert event["kind"] == "absent"


def _opposite(folder: Path, names: tuple[str, ...]) -> RunLog:
    """Two samples whose gradients cancel exactly, and an input that is always zero."""
    model = nn.Linear(2, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).double()
    y = torch.tensor([[1.0], [-1.0]]).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    chosen = [getattr(quantities, name)() for name in names]
    run(model, nn.MSELoss(), optimizer, [(x, y)] * 2, config=chosen, logdir=folder, strict=True)
    return RunLog(folder)


def test_noise_without_signal(tmp_path: Path) -> None:
    log = _opposite(tmp_path, TESTS)
    assert network_values(log, "NormTest") == {0: math.inf, 1: math.inf}
    assert layer_values(log, "NormTest")[0] == {"weight": math.inf}
    for name in ("InnerTest", "OrthoTest"):
        assert all(math.isnan(value) for value in network_values(log, name).values())


def test_dead_elements_are_left_out(tmp_path: Path) -> None:
    log = _opposite(tmp_path, ("MeanGSNR", "EarlyStopping"))
    assert network_values(log, "MeanGSNR") == {0: 0.0, 1: 0.0}
    assert network_values(log, "EarlyStopping") == {0: 1.0, 1: 1.0}
    for name in ("MeanGSNR", "EarlyStopping"):
        assert [note["excluded"] for note in log.notes(name)] == [1, 1]


def test_dead_units_of_a_real_network(trained) -> None:
    run = trained(Case(batch_sizes=(2, 2, 2)))  # some ReLUs are silent for both samples
    excluded = [references.mean_gsnr(run.gradients(step)).excluded for step in run.steps]
    assert max(excluded) > 0
    for name in ("MeanGSNR", "EarlyStopping"):
        assert [note.get("excluded", 0) for note in run.log.notes(name)] == excluded


def test_layer_without_any_gradient(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    nn.init.constant_(model[0].bias, -100.0)
    x, y = torch.rand(4, 2).double(), torch.tensor([0, 1, 1, 0])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    chosen = [getattr(quantities, name)() for name in (*TESTS, "MeanGSNR", "GradNorm")]
    loss_fn = nn.CrossEntropyLoss()
    run(model, loss_fn, optimizer, [(x, y)] * 2, config=chosen, logdir=tmp_path, strict=True)
    log = RunLog(tmp_path)
    assert layer_values(log, "GradNorm")[0]["0.weight"] == 0.0
    for name in (*TESTS, "MeanGSNR"):
        layers = layer_values(log, name)[0]
        assert math.isnan(layers["0.weight"])
        assert math.isfinite(layers["2.bias"])
        assert math.isfinite(network_values(log, name)[0])


@pytest.mark.parametrize("name", ["CABS", "EarlyStopping"])
@pytest.mark.parametrize(("optimizer", "said"), [("adam", "Adam"), ("momentum", "SGD")])
def test_other_optimizers_are_outside(trained, name: str, optimizer: str, said: str) -> None:
    for note in trained(Case(optimizer=optimizer)).log.notes(name):
        assert note["assumption"].startswith("outside")
        assert said in note["assumption"]
    for optimizer_inside in ("sgd", "two groups"):
        notes = trained(Case(optimizer=optimizer_inside)).log.notes(name)
        assert all("assumption" not in note for note in notes)


def test_frozen_parameters_have_no_values(trained) -> None:
    case = Case(frozen=("0.weight", "2.bias"))
    run = trained(case)
    assert [layer.name for layer in run.log.layers if not layer.trainable] == list(case.frozen)
    for name in ("GradNorm", "Distance", "UpdateSize", *TESTS, "MeanGSNR"):
        for layers in layer_values(run.log, name).values():
            absent = {layer for layer, value in layers.items() if math.isnan(value)}
            assert absent == set(case.frozen)


def test_both_learning_rates_are_recorded(trained) -> None:
    run = trained(Case(optimizer="two groups"))
    _, rates = run.log.lr
    assert np.asarray(rates).tolist() == [[0.2, 0.05]] * 3
    assert run.log.batch_sizes.value.tolist() == [6, 6, 6]


def test_parameters_are_the_values_before_the_step(tmp_path: Path) -> None:
    run = train(Case(frozen=("2.bias",)), [quantities.Parameters()], tmp_path, strict=True)
    # Arrays are not a series: read the lines themselves.
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    records = [line["values"]["Parameters"] for line in lines if line["type"] == "step"]
    assert len(records) == 3
    for step, record in enumerate(records):
        layers = decode_value(record).layers
        assert [layer is None for layer in layers] == [False, False, False, True, False, False]
        for layer, array in zip(run.log.layers, layers, strict=True):
            if array is not None:
                expected = run.states[step][layer.name].flatten().numpy()
                np.testing.assert_allclose(array, expected, rtol=1e-6)


def test_time_goes_on(tmp_path: Path) -> None:
    before = time.perf_counter()
    run = train(Case(), [quantities.Time()], tmp_path, strict=True)
    elapsed = time.perf_counter() - before
    times = list(network_values(run.log, "Time").values())
    assert times == sorted(times)
    assert 0.0 <= times[0] < times[-1] <= elapsed


@pytest.mark.parametrize("name", [*FIRST_ORDER, "GradHist1d", "GradHist2d"])
def test_alone_as_in_company(trained, tmp_path: Path, name: str) -> None:
    """A quantity asks for all that it needs by itself."""
    case = Case(network="cnn")
    company = trained(case)
    alone = train(case, [getattr(quantities, name)()], tmp_path, strict=True)
    if name.startswith("GradHist"):
        pairs = [run.log.histogram(name)[1].network for run in (company, alone)]
        left, right = (getattr(part, "counts", part) for part in pairs)
        assert np.asarray(left).tolist() == np.asarray(right).tolist()
    else:
        assert network_values(alone.log, name) == pytest.approx(network_values(company.log, name))
