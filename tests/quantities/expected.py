"""Which reference each quantity answers to."""

from __future__ import annotations

from collections.abc import Callable

from tests import references
from tests.quantities.training import Trained
from tests.references import PerParameter

Expectation = Callable[[Trained, int], float | PerParameter]


def _loss(trained: Trained, step: int) -> float:
    return float(trained.losses(step).mean())


def _distance(trained: Trained, step: int) -> PerParameter:
    start, now = trained.states[0], trained.states[step]
    return references.distance(trained.trainable(now), trained.trainable(start))


def _update_size(trained: Trained, step: int) -> PerParameter:
    before, after = trained.states[step], trained.states[step + 1]
    return references.update_size(trained.trainable(before), trained.trainable(after))


def alpha(trained: Trained, step: int, *, equal_weights: bool = False) -> tuple[float, bool]:
    """α of the update from θ(step) to θ(step + 1), and whether its fit is concave."""
    before = trained.trainable(trained.states[step])
    after = trained.trainable(trained.states[step + 1])
    update = {name: after[name] - before[name] for name in before}
    start, end = (
        references.observe(trained.model(at), trained.loss_fn(), *trained.batch(at), update)
        for at in (step, step + 1)
    )
    length = references.update_size(before, after).network
    return references.alpha(start, end, length, equal_weights=equal_weights)


def _of_gradients(reference: Callable) -> Expectation:
    return lambda trained, step: reference(trained.gradients(step))


def _cabs(trained: Trained, step: int) -> float:
    model = trained.case.model()
    groups = trained.case.make_optimizer(model).param_groups
    rate_of = {id(p): group["lr"] for group in groups for p in group["params"]}
    rates = {name: rate_of[id(p)] for name, p in model.named_parameters()}
    gradients, loss = trained.gradients(step), _loss(trained, step)
    return references.cabs(gradients, loss, rates, trained.case.reduction)


def hess_trace(kind: str) -> Expectation:
    return lambda trained, step: references.hess_trace(
        trained.curvature(kind, step), trained.slices()
    )


def tic_diag(kind: str, epsilon: float = 1e-4) -> Expectation:
    return lambda trained, step: references.tic_diag(
        trained.gradients(step), trained.curvature(kind, step), trained.slices(), epsilon
    )


def tic_trace(kind: str) -> Expectation:
    return lambda trained, step: references.tic_trace(
        trained.gradients(step), hess_trace(kind)(trained, step).network
    )


def _hess_max_ev(trained: Trained, step: int) -> float:
    return references.hess_max_ev(trained.curvature("hessian", step))


FIRST_ORDER: dict[str, Expectation] = {
    "Loss": _loss,
    "Distance": _distance,
    "UpdateSize": _update_size,
    "GradNorm": _of_gradients(references.grad_norm),
    "Alpha": lambda trained, step: alpha(trained, step)[0],
    "NormTest": _of_gradients(references.norm_test),
    "InnerTest": _of_gradients(references.inner_test),
    "OrthoTest": _of_gradients(references.ortho_test),
    "MeanGSNR": _of_gradients(references.mean_gsnr),
    "EarlyStopping": lambda trained, step: references.early_stopping(trained.gradients(step))[0],
    "CABS": _cabs,
}
HESSIAN: dict[str, Expectation] = {
    "HessTrace": hess_trace("hessian"),
    "TICDiag": tic_diag("hessian"),
    "TICTrace": tic_trace("hessian"),
    "HessMaxEV": _hess_max_ev,
}
GGN: dict[str, Expectation] = {
    "HessTrace": hess_trace("ggn"),
    "TICDiag": tic_diag("ggn"),
    "TICTrace": tic_trace("ggn"),
}
