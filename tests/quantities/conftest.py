"""Trains each case once per session and set of quantities."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from cockpit import quantities
from tests.quantities.cases import Case
from tests.quantities.training import Trained, train


def first_order(dtype: torch.dtype) -> list:
    """Every exact quantity that needs no curvature."""
    names = (
        "Loss",
        "Parameters",
        "Distance",
        "UpdateSize",
        "GradNorm",
        "Time",
        "Alpha",
        "NormTest",
        "InnerTest",
        "OrthoTest",
        "GradHist1d",
        "GradHist2d",
        "MeanGSNR",
        "EarlyStopping",
        "CABS",
    )
    return [getattr(quantities, name)() for name in names]


def exact_hessian(dtype: torch.dtype) -> list:
    # Beyond the number format's own precision iterations would only run into their limit.
    rtol = 1e-9 if dtype == torch.float64 else 1e-5
    return [
        quantities.HessTrace(curvature="hessian"),
        quantities.TICDiag(curvature="hessian"),
        quantities.TICTrace(curvature="hessian"),
        quantities.HessMaxEV(max_iterations=1000, rtol=rtol, atol=1e-12),
    ]


def exact_ggn(dtype: torch.dtype) -> list:
    return [
        quantities.HessTrace(curvature="ggn"),
        quantities.TICDiag(curvature="ggn"),
        quantities.TICTrace(curvature="ggn"),
    ]


SETS = {"first order": first_order, "hessian": exact_hessian, "ggn": exact_ggn}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case, str], Trained]:
    """``trained(case, set)``: the finished training, from memory if it has been run."""
    finished: dict[tuple[Case, str], Trained] = {}

    def get(case: Case, which: str = "first order") -> Trained:
        if (case, which) not in finished:
            folder = tmp_path_factory.mktemp("run")
            finished[case, which] = train(case, SETS[which](case.dtype), folder, strict=True)
        return finished[case, which]

    return get
