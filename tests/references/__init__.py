"""Naive references for all quantities: plain loops over samples, in float64.

Everything here imports torch, numpy and scipy only, never the code under test. It is written to be
read next to the definitions (thesis, C.1-C.41), not to be fast. All of it refers to the
mean objective L = (1/N) Σ ℓ_n with unscaled g_n = ∇ℓ_n, whatever the loss's own reduction.
"""

from __future__ import annotations

from .curvature import ggn, hessian, layer_slices
from .histograms import count_1d, count_2d, grad_hist_1d, grad_hist_2d
from .individual import (
    batch_objective,
    individual_gradients,
    individual_losses,
    individual_outputs_loss,
)
from .second_order import hess_max_ev, hess_trace, tic_diag, tic_trace
from .statistics import (
    cabs,
    distance,
    early_stopping,
    flatten,
    grad_norm,
    inner_test,
    mean_gsnr,
    norm_test,
    ortho_test,
    update_size,
)
from .step_length import Observation, alpha, observe
from .values import PerParameter

__all__ = [
    "Observation",
    "PerParameter",
    "alpha",
    "batch_objective",
    "cabs",
    "count_1d",
    "count_2d",
    "distance",
    "early_stopping",
    "flatten",
    "ggn",
    "grad_hist_1d",
    "grad_hist_2d",
    "grad_norm",
    "hess_max_ev",
    "hess_trace",
    "hessian",
    "individual_gradients",
    "individual_losses",
    "individual_outputs_loss",
    "inner_test",
    "layer_slices",
    "mean_gsnr",
    "norm_test",
    "observe",
    "ortho_test",
    "tic_diag",
    "tic_trace",
    "update_size",
]
