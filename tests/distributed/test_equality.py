"""Several processes leave the log that one process leaves of the same samples."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.distributed.cases import CASES, STEPS, train_alone
from tests.distributed.processes import launch

RTOL = {torch.float64: 1e-6, torch.float32: 1e-3}


OF_ALL_PROCESSES = {"update.decrease", "update.sign"}


@pytest.fixture(scope="module", params=[2, 3])
def ranks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Number of processes, and the folder in which they have trained all cases."""
    folder = tmp_path_factory.mktemp(f"{request.param} ranks")
    launch("equality", request.param, folder)
    return request.param, folder


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["type"] == kind]


def difference(found: Any, expected: Any, rtol: float, path: str = "") -> str:
    """Where two values of a log differ; empty if they agree."""
    if isinstance(expected, dict):
        if not isinstance(found, dict) or found.keys() != expected.keys():
            return f"{path}: {found} and {expected}"
        pairs = [(k, found[k], expected[k]) for k in expected]
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return f"{path}: {found} and {expected}"
        pairs = [(str(i), f, e) for i, (f, e) in enumerate(zip(found, expected, strict=True))]
    elif isinstance(expected, float) and isinstance(found, (int, float)):
        same = math.isclose(found, expected, rel_tol=rtol, abs_tol=1e-9)
        return "" if same else f"{path}: {found} and {expected}"
    else:
        return "" if found == expected else f"{path}: {found} and {expected}"
    return "".join(difference(f, e, rtol, f"{path}/{key}") for key, f, e in pairs)


@pytest.mark.parametrize("name", CASES)
def test_one_log_as_of_one_process(name: str, ranks: Any, tmp_path: Path) -> None:
    case, (size, folder) = CASES[name], ranks
    _, gradients = torch.load(folder / f"{name} 0.pt")["tracked"]
    train_alone(case, tmp_path, size, gradients)
    found, expected = records(folder / name, "step"), records(tmp_path, "step")
    assert [record["step"] for record in found] == list(range(STEPS))
    for one, other in zip(found, expected, strict=True):
        assert one["batch_size"] == other["batch_size"]
        assert one["values"].keys() == other["values"].keys()
        facts = [r["values"].get("Facts", {"facts": {}})["facts"] for r in (one, other)]
        for fact in OF_ALL_PROCESSES & facts[0].keys() & facts[1].keys():
            assert facts[0][fact] == pytest.approx(facts[1][fact], rel=1e-3, abs=1e-6), fact
        for quantity in other["values"].keys() - {"Facts"}:  # most of the first process alone
            value = other["values"][quantity]
            assert not difference(one["values"][quantity], value, RTOL[case.dtype], quantity)
    (header,) = records(folder / name, "header")
    (alone,) = records(tmp_path, "header")
    assert header["layers"] == alone["layers"]
    assert (header["environment"]["ranks"], alone["environment"]["ranks"]) == (size, 1)
    events = {event["kind"] for event in records(folder / name, "event")}
    assert events == ({"accumulation"} if case.micro > 1 else set())


@pytest.mark.parametrize("name", CASES)
def test_facts_are_those_of_the_first_process(name: str, ranks: Any) -> None:
    case, (size, folder) = CASES[name], ranks
    for record in records(folder / name, "step"):
        facts = record["values"].get("Facts")
        if facts is None:
            assert not any(q.name == "Facts" for q in case.config())
            continue
        assert facts["facts"]["inputs.shape"][0] == case.sizes[size][0]
        # DistributedDataParallel does not weigh processes by their samples.
        is_mean = len(set(case.sizes[size])) == 1
        assert ("gradient.scale" in facts["facts"]) == is_mean
        if is_mean and name != "gradients kept":
            assert facts["facts"]["gradient.scale"] == pytest.approx(1.0, rel=1e-3)
        parts = {"parts": f"1 of {case.micro}"} if case.micro > 1 else {}
        assert facts["notes"] == {**parts, "ranks": f"1 of {size}"}


@pytest.mark.parametrize("name", CASES)
def test_training_is_bit_for_bit_that_without_a_cockpit(name: str, ranks: Any) -> None:
    size, folder = ranks
    for rank in range(size):
        results = torch.load(folder / f"{name} {rank}.pt")
        (state, gradients), (plain_state, plain_gradients) = results.values()
        assert all(torch.equal(state[key], plain_state[key]) for key in plain_state)
        for step, plain_step in zip(gradients, plain_gradients, strict=True):
            for grad, plain in zip(step, plain_step, strict=True):
                assert (grad is None) == (plain is None)
                assert grad is None or torch.equal(grad, plain)
