"""Every exact quantity in every case equals its naive reference, network-wide and per parameter."""

from __future__ import annotations

import pytest
import torch

from tests.quantities.cases import GRID, ODD, WITHOUT_EXACT_DIAGONAL, Case
from tests.quantities.comparison import RTOL, network_values, worst_deviation
from tests.quantities.expected import FIRST_ORDER, GGN, HESSIAN

# Values this far below 1 are the rounding of a zero. The tests are roots of differences of
# numbers near 1, so a zero of theirs (a single parameter has nothing orthogonal) is known to √eps.
FLOOR = {torch.float64: 1e-12, torch.float32: 1e-6}
ROOT_FLOOR = {torch.float64: 1e-7, torch.float32: 1e-3}


def _check(trained, name: str, expectation) -> None:
    dtype = trained.case.dtype
    # The last update's end has no mini-batch, so Alpha is known for all steps but the last.
    steps = trained.steps[:-1] if name == "Alpha" else trained.steps
    assert list(network_values(trained.log, name)) == list(steps)
    for step in steps:
        expected = expectation(trained, step)
        floor = (ROOT_FLOOR if name.endswith("Test") else FLOOR)[dtype]
        worst = worst_deviation(trained.log, name, step, expected, floor)
        assert worst <= RTOL[dtype], f"{name} at step {step}: off by {worst:.1e}"


@pytest.mark.parametrize("case", GRID + ODD, ids=str)
@pytest.mark.parametrize("name", FIRST_ORDER)
def test_first_order(trained, name: str, case: Case) -> None:
    _check(trained(case), name, FIRST_ORDER[name])


@pytest.mark.parametrize("case", GRID + ODD, ids=str)
@pytest.mark.parametrize("name", HESSIAN)
def test_exact_hessian(trained, name: str, case: Case) -> None:
    run = trained(case, "hessian")
    if case.loss in WITHOUT_EXACT_DIAGONAL and name != "HessMaxEV":
        assert name not in run.log.quantities
        assert {e["kind"] for e in run.log.events if e["quantity"] == name} == {"absent"}
        return
    _check(run, name, HESSIAN[name])


@pytest.mark.parametrize("case", GRID + ODD, ids=str)
@pytest.mark.parametrize("name", GGN)
def test_exact_ggn(trained, name: str, case: Case) -> None:
    _check(trained(case, "ggn"), name, GGN[name])
