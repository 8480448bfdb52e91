"""What the log of a finished case should say, quantity by quantity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from cockpit.log import RunLog
from tests import references
from tests.cases.case import Case
from tests.cases.run import Moment
from tests.cases.truth import Truth
from tests.references import PerParameter

__all__ = ["FIRST_ORDER", "OF_CURVATURE", "OF_THE_BATCH", "Finished", "Wrong", "traces"]

EPSILON = 1e-4  # of TICDiag


class Wrong(AssertionError):  # noqa: N818 - not an error of the code that raises it
    """A number, or a missing reason, that must not be in a log."""


@dataclass(frozen=True)
class Finished:
    """A finished run of a case."""

    case: Case
    log: RunLog
    moments: list[Moment]
    ends: dict[int, nn.Module]

    @cached_property
    def truths(self) -> list[Truth]:
        return [Truth(self.case, m, step) for step, m in enumerate(self.moments[:-1])]

    def update(self, step: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """θ(t) and θ(t+1) of the parameters that are trained at step t.

        θ(t) as the forward pass leaves it: some layers renormalize their weights there.
        """
        before = dict(self.truths[step].model.named_parameters())
        after = dict(self.ends.get(step, self.moments[step + 1].model).named_parameters())
        trained = [k for k, p in before.items() if p.requires_grad]
        return {k: before[k].detach() for k in trained}, {k: after[k].detach() for k in trained}

    def was_changed_after(self, step: int) -> bool:
        """Whether something else than the optimizer changed the model before the next step."""
        end, begin = self.ends.get(step), self.moments[step + 1].model
        if end is None:
            return False
        before, after = dict(end.named_parameters()), dict(begin.named_parameters())
        return set(before) != set(after) or any(
            not torch.equal(p, after[k]) for k, p in before.items()
        )


Expectation = Callable[[Finished, int], "float | PerParameter"]


def _alpha(run: Finished, step: int) -> float:
    if run.was_changed_after(step):
        raise Wrong(f"Alpha at step {step} speaks of two models")
    before, after = run.update(step)
    update = {k: after[k] - before[k] for k in before}
    length = references.update_size(before, after).network
    ends = []
    for truth in run.truths[step : step + 2]:
        gradients = {k: g for k, g in truth.gradients.items() if k in update}  # the rest was frozen
        slopes = sum(torch.einsum("n...,...->n", g, update[k]) for k, g in gradients.items())
        ends.append(references.Observation(truth.losses.numpy(), slopes.numpy() / length))
    return references.alpha(*ends, length)[0]


def _distance(run: Finished, step: int) -> PerParameter:
    now, _ = run.update(step)
    start: dict[str, Tensor] = {}
    for moment in run.moments[: step + 1]:  # a parameter that came later starts where it came
        start = {k: p.detach() for k, p in moment.model.named_parameters()} | start
    return references.distance(now, {k: start[k] for k in now})


def _grad_norm(run: Finished, step: int) -> PerParameter:
    return references.grad_norm({k: g[None] for k, g in run.truths[step].grad.items()})


def _of_gradients(reference: Callable[..., Any]) -> Expectation:
    return lambda run, step: reference(run.truths[step].gradients)


def _cabs(run: Finished, step: int) -> float:
    truth, case = run.truths[step], run.case
    averaged = len(case.shares) if case.shares and case.reduction == "sum" else 1
    rates = {name: rate / averaged for name, rate in run.moments[step].rates.items()}
    return references.cabs(truth.gradients, truth.loss, rates, case.reduction)


FIRST_ORDER: dict[str, Expectation] = {
    "Alpha": _alpha,
    "NormTest": _of_gradients(references.norm_test),
    "InnerTest": _of_gradients(references.inner_test),
    "OrthoTest": _of_gradients(references.ortho_test),
    "MeanGSNR": _of_gradients(references.mean_gsnr),
    "EarlyStopping": lambda run, step: references.early_stopping(run.truths[step].gradients)[0],
    "CABS": _cabs,
}
OF_THE_BATCH: dict[str, Expectation] = {
    "Loss": lambda run, step: run.truths[step].loss,
    "Distance": _distance,
    "UpdateSize": lambda run, step: references.update_size(*run.update(step)),
    "GradNorm": _grad_norm,
    "HessMaxEV": lambda run, step: run.truths[step].max_eigenvalue,
}


def traces(diagonal: Mapping[str, Tensor]) -> PerParameter:
    """Of each parameter's block, and of the network."""
    layers = {k: float(h.sum()) for k, h in diagonal.items()}
    return PerParameter(sum(layers.values()), layers)


def _tic_diag(truth: Truth, diagonal: Mapping[str, Tensor]) -> PerParameter:
    layers = {
        k: float((g.square().mean(0) / diagonal[k].clamp_min(EPSILON)).sum())
        for k, g in truth.gradients.items()
    }
    return PerParameter(sum(layers.values()), layers)


def _tic_trace(truth: Truth, diagonal: Mapping[str, Tensor]) -> float:
    return references.tic_trace(truth.gradients, traces(diagonal).network)


OF_CURVATURE: dict[str, Callable[[Truth, Mapping[str, Tensor]], float | PerParameter]] = {
    "HessTrace": lambda truth, diagonal: traces(diagonal),
    "TICDiag": _tic_diag,
    "TICTrace": _tic_trace,
}
