"""Stochastic traces and TICs approach the exact ones like 1/√S."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cockpit import quantities
from tests.quantities.cases import Case
from tests.quantities.comparison import layer_values, network_values
from tests.quantities.expected import hess_trace, tic_diag
from tests.quantities.training import Trained, train

DRAWS = 200
EXACT = {"ggn_mc": "ggn", "hutchinson": "hessian"}


def _resting(steps: int, **options) -> Case:
    """The same parameters and mini-batch at every step: only the draws differ."""
    return Case(optimizer="resting", one_batch=True, batch_sizes=(6,) * steps, **options)


def _draws(run: Trained, name: str) -> np.ndarray:
    return np.array(list(network_values(run.log, name).values()))


@pytest.mark.parametrize("curvature", EXACT)
@pytest.mark.parametrize(
    "case",
    [_resting(DRAWS), _resting(DRAWS, network="cnn", reduction="sum"), _resting(DRAWS, loss="mse")],
    ids=["mlp", "cnn, sum", "mse"],
)
def test_trace_is_unbiased(tmp_path: Path, curvature: str, case: Case) -> None:
    run = train(case, [quantities.HessTrace(curvature=curvature)], tmp_path, strict=True)
    exact = hess_trace(EXACT[curvature])(run, 0)
    draws = _draws(run, "HessTrace")
    assert abs(draws.mean() - exact.network) <= 4 * draws.std(ddof=1) / np.sqrt(DRAWS)
    assert draws.std() > 0
    by_layer = layer_values(run.log, "HessTrace")
    for name, trace in exact.layers.items():
        values = np.array([by_layer[step][name] for step in range(DRAWS)])
        error = abs(values.mean() - trace)
        assert error <= 4.5 * values.std(ddof=1) / np.sqrt(DRAWS) + 1e-6 * abs(trace)


@pytest.mark.parametrize("curvature", EXACT)
def test_trace_error_falls_with_the_root_of_the_samples(tmp_path: Path, curvature: str) -> None:
    errors = []
    for samples in (1, 16):
        estimate = quantities.HessTrace(curvature=curvature, samples=samples)
        run = train(_resting(100), [estimate], tmp_path / str(samples), strict=True)
        exact = hess_trace(EXACT[curvature])(run, 0).network
        errors.append(np.sqrt(np.mean((_draws(run, "HessTrace") - exact) ** 2)))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.35)


def test_tic_diag_converges(tmp_path: Path) -> None:
    errors = []
    for samples in (4, 32, 256):
        estimate = quantities.TICDiag(curvature="ggn_mc", samples=samples)
        run = train(_resting(20), [estimate], tmp_path / str(samples), strict=True)
        exact = tic_diag("ggn")(run, 0).network
        errors.append(np.sqrt(np.mean((_draws(run, "TICDiag") / exact - 1) ** 2)))
    # The noise falls like 1/√S; the bias of few samples (one divides by an estimate) like 1/S.
    assert errors[0] / errors[1] > 2.0
    assert 2.0 < errors[1] / errors[2] < 8.0
    assert errors[2] < 0.1


@pytest.mark.parametrize("curvature", ["ggn_mc", "ggn", "hessian", "hutchinson"])
def test_notes_say_which_curvature(tmp_path: Path, curvature: str) -> None:
    chosen = [
        quantities.HessTrace(curvature=curvature, samples=2),
        quantities.TICDiag(curvature=curvature, samples=2, epsilon=1e-3),
    ]
    run = train(Case(), chosen, tmp_path, strict=True)
    for note in [*run.log.notes("HessTrace"), *run.log.notes("TICDiag")]:
        assert note["curvature"] == curvature
        if curvature in EXACT:
            assert note["samples"] == 2
    assert all(note["epsilon"] == 1e-3 for note in run.log.notes("TICDiag"))


def test_tic_diag_stabilization(tmp_path: Path) -> None:
    # Sigmoids have negative diagonal elements, which ε replaces.
    stable = quantities.TICDiag(curvature="hessian", epsilon=0.01)
    run = train(Case(), [stable], tmp_path, strict=True)
    assert bool((run.curvature("hessian", 0).diagonal() < 0).any())
    for step, value in network_values(run.log, "TICDiag").items():
        assert value == pytest.approx(tic_diag("hessian", 0.01)(run, step).network, rel=1e-6)


def test_draws_come_from_the_seed(tmp_path: Path) -> None:
    draws = [
        _draws(train(Case(), [quantities.HessTrace()], tmp_path / str(i), seed=seed), "HessTrace")
        for i, seed in enumerate((0, 0, 1))
    ]
    assert draws[0].tolist() == draws[1].tolist()
    assert draws[0].tolist() != draws[2].tolist()


SCRIPT = """
import sys
from pathlib import Path
from cockpit import quantities
from tests.quantities.cases import Case
from tests.quantities.training import train
chosen = [quantities.HessTrace(), quantities.HessMaxEV(), quantities.TICDiag(samples=2)]
run = train(Case(), chosen, Path(sys.argv[1]), strict=True)
print([run.log.series(q.name).value.tolist() for q in chosen])
"""


def test_draws_repeat_in_another_process(tmp_path: Path) -> None:
    # Python's hashes, and with them the order in sets, differ from process to process.
    printed = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
