"""Mixed and half precision: scaled gradients, skipped steps, autocast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cockpit import Configuration, RunLog, quantities
from tests.comparison import assert_inert, numbers, traces
from tests.training import Training, batch

STEPS = 4
HALF = (torch.bfloat16, torch.float16)


def network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Starts from numbers that bfloat16 can hold."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(5, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 16), nn.ReLU()),
        nn.Linear(16, 3),
    )
    return model.to(torch.bfloat16).to(dtype)


def rows(step: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x, y = batch(step, 32)
    return x.to(torch.bfloat16).to(dtype), y


def train(
    folder: Path | None,
    dtype: torch.dtype = torch.float32,
    autocast: torch.dtype | None = None,
    scale: float | None = None,
    overflow_at: int | None = None,
    config: Any = "economy",
    parts: int = 1,
) -> nn.Module:
    model = network(dtype)
    training = Training(folder, model, config=config)
    optimizer = training.optimizer
    scaler = torch.amp.GradScaler("cpu", init_scale=scale or 1.0, enabled=scale is not None)
    for step in range(STEPS):
        optimizer.zero_grad()
        x, y = rows(step, dtype)
        for one, other in zip(x.chunk(parts), y.chunk(parts), strict=True):
            with torch.autocast("cpu", autocast or torch.bfloat16, enabled=autocast is not None):
                loss = training.loss(one, other)
            with training.cockpit(step):
                scaler.scale(loss / parts).backward()
        if step == overflow_at:
            model[0].weight.grad[0, 0] = torch.inf
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        scaler.step(optimizer)
        scaler.update()
    training.close()
    return model


@pytest.mark.parametrize("parts", [1, 2])
def test_scaled_gradients_are_unscaled(parts: int, tmp_path: Path) -> None:
    train(tmp_path / "plain", config=Configuration("full"))
    train(tmp_path / "scaled", scale=2.0**14, config=Configuration("full"), parts=parts)
    plain, scaled = numbers(tmp_path / "plain"), numbers(tmp_path / "scaled")
    for name in ("NormTest", "GradNorm", "Alpha", "UpdateSize", "Loss"):
        assert list(scaled[name]) == list(plain[name])
        values = list(plain[name].values())
        assert list(scaled[name].values()) == pytest.approx(values, rel=1e-3), name
    assert RunLog(tmp_path / "scaled").events == []


def test_a_skipped_step_is_recorded_as_such(tmp_path: Path) -> None:
    train(tmp_path, scale=2.0**10, overflow_at=1)
    log = RunLog(tmp_path)
    assert list(log.series("UpdateSize").step) == list(range(STEPS))
    sizes = log.series("UpdateSize").value
    assert sizes[1] == 0
    assert (sizes[[0, 2, 3]] > 0).all()
    assert [note.get("moved") for note in log.notes("UpdateSize")] == [None, False, None, None]
    assert list(log.series("Alpha").step) == [0, 2]
    assert {event["quantity"] for event in log.events} == {"Alpha"}


def test_a_backward_pass_that_overflows_does_not_crash(tmp_path: Path) -> None:
    train(tmp_path, autocast=torch.float16, scale=2.0**40)
    log = RunLog(tmp_path)
    assert list(log.series("Loss").step) == list(range(STEPS))
    assert {event["kind"] for event in log.events} <= {"absent"}


ECONOMY = [name for name, kind in quantities.QUANTITIES.items() if kind.tier == "economy"]
CASES = {
    "bfloat16 weights": {"dtype": torch.bfloat16},
    "float16 weights": {"dtype": torch.float16},
    "float64 weights": {"dtype": torch.float64},
    "bfloat16 autocast": {"autocast": torch.bfloat16},
    "float16 autocast": {"autocast": torch.float16, "scale": 2.0**12},
}


@pytest.mark.parametrize("case", CASES)
def test_every_precision_is_near_double_precision(case: str, tmp_path: Path) -> None:
    for name, options in (("double", {"dtype": torch.float64}), ("case", CASES[case])):
        accurate = quantities.HessMaxEV(rtol=1e-6, max_iterations=40)
        chosen = [quantities.QUANTITIES[name]() for name in ECONOMY]
        train(tmp_path / name, **options, config=[*chosen, accurate])
    got, expected = numbers(tmp_path / "case"), numbers(tmp_path / "double")
    assert got.keys() == expected.keys()
    exact = ("Loss", "GradNorm", "NormTest", "InnerTest", "OrthoTest", "HessMaxEV", "UpdateSize")
    for name in exact:
        assert got[name][0] == pytest.approx(expected[name][0], rel=2e-2), name
    assert got["Alpha"][0] == pytest.approx(expected["Alpha"][0], abs=0.1)
    elements = sum(p.numel() for p in network().parameters()) * 32
    counted = RunLog(tmp_path / "case").histogram("GradHist1d", 0)[1].network
    assert counted.counts.sum() + counted.under + counted.over == elements


def test_half_precision_gradients_do_not_underflow_when_unscaled(tmp_path: Path) -> None:
    """In float16 they would be left with a few bits."""
    values = {}
    for dtype in (torch.float64, torch.float16):
        training = Training(tmp_path / str(dtype), network(dtype))
        loss = training.loss(*rows(0, dtype)) * 2.0**-14
        with training.cockpit(0, loss=loss):
            (loss * 2.0**14).backward()
        values[dtype] = training.close().series("GradNorm").value[0]
    assert values[torch.float16] == pytest.approx(values[torch.float64], rel=2e-3)


@pytest.mark.parametrize("case", CASES)
def test_tracking_changes_no_bit_in_any_precision(case: str, tmp_path: Path) -> None:
    def run(folder: Path | None) -> list[Tensor]:
        return traces(train(folder, **CASES[case], config=Configuration("full"), parts=2))

    assert_inert(run, tmp_path)
