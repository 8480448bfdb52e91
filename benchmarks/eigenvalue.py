"""How good the largest Hessian eigenvalue is along a training run, and what it takes.

Each value is compared with scipy's Lanczos method (ARPACK), run to convergence on products that
torch's autograd makes on a twin of the network: nothing of it is Cockpit's.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.loop import Effort, Loop
from benchmarks.networks import WORKLOADS
from cockpit import RunLog
from cockpit.quantities import QUANTITIES

LIMIT = 1e-2  # of the median relative error
DISTANCE = 5  # steps between two values; each begins where the last one ended
LEAST, MOST = 3, 40  # values


def measure(name: str, device: str, effort: Effort) -> dict[str, Any]:
    """The row of one network: medians, and all values."""
    loop = Loop(WORKLOADS[name], device, 0)
    references = []
    kind = QUANTITIES["HessMaxEV"]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        with loop.cockpit([kind(DISTANCE)], Path(folder)) as cockpit:
            for step in range(MOST * DISTANCE):
                if step % DISTANCE == 0:
                    if len(references) >= LEAST and time.perf_counter() - began > effort.run:
                        break
                    references.append(loop.beside(reference))
                loop.step(cockpit, step)
        log = RunLog(folder)
        values, notes = log.series(kind.__name__).value, log.notes(kind.__name__)
    errors = [abs(v / r - 1) for v, r in zip(values, references, strict=True)]
    return {
        "network": name,
        "device": device,
        "limit": LIMIT,
        "error": statistics.median(errors),
        "worst": max(errors),
        "products": statistics.median(note["products"] for note in notes),
        "residual": statistics.median(
            note["residual"] / abs(r) for note, r in zip(notes, references, strict=True)
        ),
        "steps": [DISTANCE * i for i in range(len(errors))],
        "values": [float(value) for value in values],
        "references": references,
        "errors": errors,
    }


def reference(loss: Callable[[], Tensor], parameters: list[Tensor]) -> float:
    """The largest algebraic eigenvalue of the Hessian of a loss.

    Args:
        loss: Of the parameters as they are.
        parameters: What it is differentiated by.

    Returns:
        The eigenvalue with a relative residual below 1e-3; its error is of the order of the square.
    """
    with sdpa_kernel(SDPBackend.MATH):
        grads = torch.autograd.grad(loss(), parameters, create_graph=True)
    flat = torch.cat([grad.flatten() for grad in grads])

    def product(vector: np.ndarray) -> np.ndarray:
        v = torch.from_numpy(vector.ravel()).to(flat)
        parts = torch.autograd.grad(flat, parameters, v, retain_graph=True)
        return torch.cat([part.flatten() for part in parts]).double().cpu().numpy()

    operator = LinearOperator((len(flat), len(flat)), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(len(flat))
    (value,) = eigsh(operator, k=1, which="LA", v0=start, tol=1e-3, return_eigenvectors=False)
    return float(value)
