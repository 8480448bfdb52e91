"""Runs a case with and without a cockpit."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from cockpit import Cockpit, Configuration, quantities
from cockpit.cautions import CockpitWarning
from cockpit.log import RunLog
from tests.cases.case import Case
from tests.cases.expected import Finished, Wrong
from tests.cases.run import Run
from tests.cases.verdicts import (
    CURVATURE_STEP,
    EXACT,
    HUTCHINSON,
    SAMPLES,
    Verdict,
    judge,
)

__all__ = ["trained", "verdicts_of"]


def verdicts_of(case: Case, folder: Path) -> dict[str, Verdict]:
    """Trains the case, with all quantities, and judges what its log holds.

    Raises:
        Wrong: If a number is wrong, a reason is missing, or the training was changed.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LSTM with projections")  # torch's own remark
        alone, tracked = trained(case, None), trained(case, folder)
        _assert_same_training(alone, tracked)
        if tracked.rank > 0:
            return {}  # the first rank's is the log of all
        return judge(Finished(case, RunLog(folder), tracked.moments, tracked.ends))


def trained(case: Case, folder: Path | None) -> Run:
    """Train the case, with a cockpit if there is a folder for it."""
    model = case.fresh()
    twin = copy.deepcopy(model)
    model = case.wrap(model.to(case.dtype))
    optimizer = case.optimizer(model)
    batches = [batch.to(case.dtype) for batch in case.batches()]
    rank = dist.get_rank() if dist.is_initialized() else 0
    optimizers = optimizer if isinstance(optimizer, list) else [optimizer]
    run = Run(case, model, twin, optimizers, batches, None, rank)
    if folder is None:
        case.loop(run)
        run.end()
        return run
    loss_fn = case.seen or (case.loss if isinstance(case.loss, nn.Module) else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CockpitWarning)  # the log has them, too
        with Cockpit(
            model,
            loss_fn,
            optimizer,
            _everything(),
            folder,
            strict=True,
            reduction=case.reduction,
        ) as run.cockpit:
            case.loop(run)
    run.end()
    return run


class _ExactlyNamed:
    """Another name for a quantity that takes the exact Gauss-Newton diagonal."""

    @property
    def name(self) -> str:
        return super().name.removeprefix("Exact") + EXACT  # type: ignore[misc]


class Hutchinson(quantities.HessTrace):
    @property
    def name(self) -> str:
        return HUTCHINSON


class ExactHessTrace(_ExactlyNamed, quantities.HessTrace): ...


class ExactTICDiag(_ExactlyNamed, quantities.TICDiag): ...


class ExactTICTrace(_ExactlyNamed, quantities.TICTrace): ...


def _everything() -> Configuration:
    """All quantities; those of curvature at one step only."""

    def once(step: int) -> bool:
        return step == CURVATURE_STEP

    rest = ("TICTrace", "MeanGSNR", "CABS", "EarlyStopping", "Parameters")
    curvature = [
        getattr(quantities, name)(once, samples=SAMPLES)
        for name in ("HessTrace", "TICDiag", "TICTrace")
    ]
    exact = [kind(once, curvature="ggn") for kind in (ExactHessTrace, ExactTICDiag, ExactTICTrace)]
    hutchinson = Hutchinson(once, curvature="hutchinson", samples=SAMPLES)
    others = [getattr(quantities, name)() for name in rest[1:]]
    largest = quantities.HessMaxEV(once, max_iterations=500, rtol=1e-5)
    return Configuration("full", also=[*curvature, *exact, hutchinson, largest, *others])


def _assert_same_training(alone: Run, tracked: Run) -> None:
    for step, (one, other) in enumerate(zip(alone.moments, tracked.moments, strict=True)):
        states = one.model.state_dict(), other.model.state_dict()
        for key, value in states[0].items():
            if not torch.equal(value, states[1][key]) and not _both_nan(value, states[1][key]):
                raise Wrong(f"the cockpit changed the training: {key} at step {step}")


def _both_nan(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.equal(one.isnan(), other.isnan()) and torch.equal(
        one.nan_to_num(), other.nan_to_num()
    )
