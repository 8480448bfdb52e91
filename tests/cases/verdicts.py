"""Compares everything that the log of a case holds with the truth, quantity by quantity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from cockpit.log import RunLog
from cockpit.log.record import Counts1d
from tests import references
from tests.cases.expected import (
    FIRST_ORDER,
    OF_CURVATURE,
    OF_THE_BATCH,
    Finished,
    Wrong,
    traces,
)
from tests.cases.run import plain_name
from tests.cases.truth import Truth
from tests.quantities.comparison import deviation, layer_values, network_values
from tests.references import PerParameter

__all__ = ["COLUMNS", "CURVATURE_STEP", "EXACT", "HUTCHINSON", "SAMPLES", "Verdict", "judge"]

CURVATURE_STEP = 1  # the one step at which curvature is looked at
SAMPLES = 16  # draws of the curvature estimates
SIMULATED = 60  # estimates that a logged one is compared with
LOOSER = {"MeanGSNR": 4, "EarlyStopping": 4, "Alpha": 4}  # ratios to differences: sooner lost
RESOLUTION = 1e-9  # of numbers in a case, relative to the errors that count as exact

Kind = Literal["exact", "contribution", "estimate", "absent"]


@dataclass(frozen=True)
class Verdict:
    """One cell of the table.

    Attributes:
        kind: What the log holds.
        error: Largest relative error of an exact value or contribution; relative standard
            deviation of an estimate from one draw.
        reason: Why there is no value, or why there is none at some of the steps.
    """

    kind: Kind
    error: float = 0.0
    reason: str = ""


EXACT = " (ggn)"  # after the name of a quantity that takes the exact Gauss-Newton diagonal
HUTCHINSON = "HessTrace (hutchinson)"
HISTOGRAMS = ("GradHist1d", "GradHist2d")
INDIVIDUAL = (*FIRST_ORDER, *HISTOGRAMS, "TICDiag", "TICTrace")
COLUMNS = (
    *("Loss", "Time", "Parameters", "Distance", "UpdateSize", "GradNorm"),
    *("Alpha", "NormTest", "InnerTest", "OrthoTest", "GradHist1d", "GradHist2d"),
    *("MeanGSNR", "EarlyStopping", "CABS", "HessMaxEV"),
    *OF_CURVATURE,
    *(name + EXACT for name in OF_CURVATURE),
    HUTCHINSON,
)


def judge(run: Finished) -> dict[str, Verdict]:
    """The verdict on each column.

    Raises:
        Wrong: If a value is, or if there is neither a value nor a reason.
    """
    return {name: _judge_one(run, name) for name in COLUMNS}


def _judge_one(run: Finished, name: str) -> Verdict:
    found = _steps(run.log, name)
    reason = "; ".join(_reasons(run.log, name))
    expected = [CURVATURE_STEP] if _is_of_curvature(name) else list(range(len(run.truths)))
    if name == "Alpha":
        expected = expected[:-1]  # the end of the last step has no mini-batch
    if not set(found) <= set(expected):
        raise Wrong(f"{name} has values at steps {found}; expected {expected}")
    if found != expected and not reason:
        raise Wrong(f"{name} is absent at steps {set(expected) - set(found)} without a reason")
    if not found:
        return Verdict("absent", reason=reason)
    kind, error = _compare(run, name, found)
    return Verdict(kind, error, reason if found != expected else "")


def _is_of_curvature(name: str) -> bool:
    return name in ("HessMaxEV", HUTCHINSON) or name.removesuffix(EXACT) in OF_CURVATURE


def _steps(log: RunLog, name: str) -> list[int]:
    numbers = list(network_values(log, name))
    return numbers or log.histogram_steps(name).tolist()


def _reasons(log: RunLog, name: str) -> list[str]:
    events = [e for e in log.events if e["quantity"] in (name, None) and e["kind"] == "absent"]
    return list(dict.fromkeys(e["message"] for e in events))


def _compare(run: Finished, name: str, steps: list[int]) -> tuple[Kind, float]:
    """What kind of values there are, and their error.

    Raises:
        Wrong: If a value is off, or the notes say something else of it than the case.
    """
    notes = _notes(run.log, name, steps)
    estimated = {bool(note.get("estimate")) for note in notes}
    coupled = {note.get("individual") == "contribution" for note in notes}
    if coupled != {run.case.samples == "contributions" and _speaks_of_samples(name)}:
        raise Wrong(f"{name}: its notes say {notes[0]}, but its samples are {run.case.samples}")
    if "parts" in notes[0]:
        return "estimate", _check_first_part(run, name, notes[0])
    if estimated == {True}:
        return "estimate", _check_estimate(run, name)
    error = max(_error_or_overflow(run, name, step) for step in steps)
    return ("contribution" if coupled == {True} else "exact"), error


def _error_or_overflow(run: Finished, name: str, step: int) -> float:
    if step in run.case.overflowing and name in ("GradNorm", *INDIVIDUAL):
        value = network_values(run.log, name).get(step)
        if value is not None and math.isfinite(value):
            raise Wrong(f"{name} at step {step} is finite, but its gradients are not")
        return 0.0
    return _error(run, name, step)


def _speaks_of_samples(name: str) -> bool:
    return name.removesuffix(EXACT) in INDIVIDUAL


def _notes(log: RunLog, name: str, steps: list[int]) -> list[dict[str, Any]]:
    if name in HISTOGRAMS:
        return [log.histogram(name, step)[1].notes for step in steps]
    return log.notes(name) or [{}]


def _error(run: Finished, name: str, step: int) -> float:
    if name == "Time":
        times = list(network_values(run.log, name).values())
        return 0.0 if times == sorted(times) and times[0] >= 0 else _off(name, step, math.inf)
    if name == "Parameters":
        return _parameters_error(run, step)
    if name in HISTOGRAMS:
        return _check_histogram(run, name, step)
    if name.removesuffix(EXACT) in OF_CURVATURE:
        truth = run.truths[step]
        expected = OF_CURVATURE[name.removesuffix(EXACT)](truth, truth.diag_ggn)
    else:
        expected = (OF_THE_BATCH | FIRST_ORDER)[name](run, step)
    return _numbers_error(run, name, step, expected)


def _numbers_error(run: Finished, name: str, step: int, expected: float | PerParameter) -> float:
    """The largest relative error, network-wide and over the parameters."""
    rtol = max(run.case.rtol, 1e-3) if name == "HessMaxEV" else run.case.rtol * LOOSER.get(name, 1)
    network = expected.network if isinstance(expected, PerParameter) else expected
    pairs = [(None, network_values(run.log, name)[step], network)]
    if isinstance(expected, PerParameter):
        for layer, value in layer_values(run.log, name)[step].items():
            key = plain_name(layer)
            pairs.append((key, value, expected.layers.get(key, math.nan)))
    worst = max(_deviation(run, name, step, *pair) for pair in pairs)
    return worst if worst <= rtol else _off(name, step, worst)


def _deviation(
    run: Finished, name: str, step: int, layer: str | None, value: float, expected: float
) -> float:
    """The relative error of one number; 0 where it is what rounding leaves of a zero."""
    truth, rtol = run.truths[step], run.case.rtol
    if not name.endswith("Test"):
        return deviation(value, expected, rtol * 1e-6)
    if layer is not None and truth.has_no_signal(layer):
        return 0.0
    # The tests are roots of differences of larger numbers.
    if layer in (None, *truth.gradients):
        rounding = 64 * rtol * RESOLUTION * truth.noise(layer)
        if abs(value**2 - expected**2) <= rounding:
            return 0.0
    return deviation(value, expected)


def _off(name: str, step: int, worst: float) -> float:
    raise Wrong(f"{name} at step {step} is off by a factor of {worst:.1e}")


def _parameters_error(run: Finished, step: int) -> float:
    at, arrays = run.log.arrays("Parameters", step)
    before, _ = run.update(step)
    for layer, values in zip(run.log.layers, arrays.layers, strict=True):
        wanted = before.get(plain_name(layer.name))
        same = values is None if wanted is None else np.allclose(values, wanted.flatten())
        if at != step or not same:
            raise Wrong(f"Parameters at step {step}: {layer.name}")
    return 0.0


def _check_histogram(run: Finished, name: str, step: int) -> float:
    """Zero; what lies so close to an edge that rounding moves it over may differ."""
    at, histogram = run.log.histogram(name, step)
    truth = run.truths[step]
    tolerance = 1e-12 if run.case.rtol <= 1e-6 else run.case.rtol
    whole, layers = references.grad_hist_1d(truth.gradients, tolerance=tolerance)
    pairs = [(histogram.network, whole, None)]
    for layer, counts in zip(run.log.layers, histogram.layers, strict=True):
        key = plain_name(layer.name)
        if (counts is None) != (key not in layers):
            raise Wrong(f"{name} at step {step}: {layer.name} is there by mistake, or missing")
        if counts is not None:
            pairs.append((counts, layers[key], key))
    for counts, wanted, key in pairs:
        if at != step or _miscounted(truth, counts, wanted, key) > 2 * wanted.near_edges:
            raise Wrong(f"{name} at step {step}: {key or 'network'}")
    return 0.0


def _miscounted(truth: Truth, counts: Any, wanted: Any, key: str | None) -> int:
    """How many elements are in another bin than they should be, counted twice."""
    if isinstance(counts, Counts1d):
        outside = abs(counts.under - wanted.under) + abs(counts.over - wanted.over)
        zeros = max(0, abs(counts.zeros - wanted.zeros) - wanted.near_edges)
        return int(np.abs(counts.counts - wanted.counts).sum() + outside + zeros)
    names = list(truth.gradients) if key is None else [key]
    return int(np.abs(counts - sum(_joint(truth, k) for k in names)).sum())


def _joint(truth: Truth, name: str) -> np.ndarray:
    """Counts of the pairs (θⱼ, gₙⱼ) in half-open bins on [−1, 1), with what lies outside."""
    edges, g = np.linspace(-1, 1, 41), truth.gradients[name].numpy()
    rows = np.digitize(np.broadcast_to(truth.theta[name].numpy(), g.shape), edges)
    return np.bincount((42 * rows + np.digitize(g, edges)).ravel(), minlength=42 * 42).reshape(
        42, 42
    )


def _check_estimate(run: Finished, name: str) -> float:
    """The relative standard deviation of one draw.

    Raises:
        Wrong: If the value is no plausible mean of so many draws.
    """
    truth = run.truths[CURVATURE_STEP]
    if name == HUTCHINSON:
        draws = [traces(d) for d in truth.draws_of_diag_hessian(SIMULATED, SAMPLES)]
    else:
        of = OF_CURVATURE[name]
        draws = [of(truth, d) for d in truth.draws_of_diag_ggn(SIMULATED, SAMPLES)]
    network = [d.network if isinstance(d, PerParameter) else d for d in draws]
    rtol = run.case.rtol
    spread = _check_plausible(name, rtol, network_values(run.log, name)[CURVATURE_STEP], network)
    for layer, value in layer_values(run.log, name).get(CURVATURE_STEP, {}).items():
        key = plain_name(layer)
        if isinstance(draws[0], PerParameter) and (key in draws[0].layers or value == value):
            _check_plausible(f"{name} of {layer}", rtol, value, [d.layers[key] for d in draws])
    return spread * math.sqrt(SAMPLES)


def _check_first_part(run: Finished, name: str, note: Mapping[str, Any]) -> float:
    """How far a value that speaks of the first micro-batch is from that of the whole.

    Raises:
        Wrong: If it is not even that of the first micro-batch.
    """
    moment = run.moments[CURVATURE_STEP]
    case, batch = run.case.beginning(moment.batch, note["samples"])
    first = replace(moment, batch=batch)
    value = network_values(run.log, name)[CURVATURE_STEP]
    off = deviation(value, Truth(case, first, CURVATURE_STEP).max_eigenvalue)
    if off > max(1e-3, run.case.rtol):
        _off(name, CURVATURE_STEP, off)
    return deviation(value, run.truths[CURVATURE_STEP].max_eigenvalue)


def _check_plausible(name: str, rtol: float, value: float, draws: list[float]) -> float:
    """The relative standard deviation of the draws.

    They are of normal numbers; of random signs, as the code under test draws them, it is smaller.
    """
    mean, deviation = float(np.mean(draws)), float(np.std(draws, ddof=1))
    if not abs(value - mean) <= 6 * deviation + rtol * abs(mean) + 1e-12:
        raise Wrong(f"{name}: {value:.4g} is no estimate of {mean:.4g} ± {deviation:.2g}")
    return deviation / abs(mean) if mean else 0.0
