"""The formulas themselves, on random individual gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from cockpit import Absent
from cockpit.linalg import squared_norms
from cockpit.log.record import Counts1d
from cockpit.quantities.alpha import Observation, QuadraticFit, alpha, fit_quadratic
from cockpit.quantities.cabs import cabs
from cockpit.quantities.early_stopping import early_stopping
from cockpit.quantities.grad_hist1d import checked_bins
from cockpit.quantities.inner_test import inner_test
from cockpit.quantities.norm_test import norm_test
from cockpit.quantities.ortho_test import ortho_test
from cockpit.quantities.scatter import (
    signal_to_noise,
    sum_of_signal_to_noise,
    trace_of_covariance,
)
from cockpit.quantities.tic_diag import tic_diag
from tests import references

quick = settings(max_examples=50, deadline=None)


@st.composite
def gradients(draw) -> Tensor:
    """Individual gradients, shape [N, D], with a mean gradient that is not lost in the noise."""
    n, d = draw(st.integers(2, 9)), draw(st.integers(1, 7))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
    signal = torch.randn(d, generator=generator, dtype=torch.float64)
    g = draw(st.sampled_from([1e-4, 1.0, 1e3])) * (signal + draw(st.floats(0.1, 5.0)) * noise)
    assume(float(g.mean(0).norm()) > 1e-3 * float(g.norm()))
    return g


def _tests(g: Tensor) -> dict[str, float]:
    """The three tests from the numbers that the backward pass yields."""
    mean = g.mean(0)
    sq_norms, dots, grad_sq_norm = g.square().sum(1), g @ mean, mean @ mean
    return {
        "norm": float(norm_test(sq_norms, grad_sq_norm)),
        "inner": float(inner_test(dots, grad_sq_norm)),
        "ortho": float(ortho_test(sq_norms, dots, grad_sq_norm)),
    }


def _close(expected, size: float = 1.0):
    # Roots of differences of numbers of this size: where they vanish they are known to √eps.
    return pytest.approx(expected, rel=1e-6, abs=1e-6 * max(1.0, size))


def _all_close(expected: dict[str, float]) -> dict:
    return {name: _close(value, expected["norm"]) for name, value in expected.items()}


@quick
@given(gradients())
def test_gradient_tests_equal_their_unexpanded_forms(g: Tensor) -> None:
    by_name = {"w": g}
    assert _tests(g) == _all_close(
        {
            "norm": references.norm_test(by_name).network,
            "inner": references.inner_test(by_name).network,
            "ortho": references.ortho_test(by_name).network,
        }
    )


@quick
@given(gradients(), st.sampled_from([1e-6, 3.0, 1e5]), st.randoms(use_true_random=False))
def test_gradient_tests_have_no_unit_and_no_order(g: Tensor, factor: float, random) -> None:
    order = list(range(g.shape[0]))
    random.shuffle(order)
    assert _tests(factor * g[order]) == _all_close(_tests(g))


@quick
@given(gradients())
def test_norm_test_is_the_hypotenuse(g: Tensor) -> None:
    values = _tests(g)
    assert values["norm"] == _close(math.hypot(values["inner"], values["ortho"]))


@quick
@given(gradients())
def test_twice_the_same_samples(g: Tensor) -> None:
    # Σ‖gₙ − ḡ‖² doubles, N(N−1) becomes 2N(2N−1).
    n = g.shape[0]
    shrunk = math.sqrt((n - 1) / (2 * n - 1))
    doubled = _tests(torch.cat([g, g]))
    assert doubled == _all_close({name: shrunk * value for name, value in _tests(g).items()})


@pytest.mark.parametrize("call", [norm_test, inner_test, lambda a, b: ortho_test(a, a, b)])
def test_gradient_tests_need_two_samples(call) -> None:
    with pytest.raises(ValueError, match="at least two samples; got 1"):
        call(torch.ones(1), torch.tensor(1.0))


def test_noise_without_signal_is_infinite() -> None:
    assert float(norm_test(torch.tensor([1.0, 1.0]), torch.tensor(0.0))) == math.inf


@quick
@given(gradients(), st.floats(0.001, 10.0), st.floats(0.01, 10.0))
def test_cabs(g: Tensor, rate: float, loss: float) -> None:
    half = g.shape[1] // 2
    parts = {"a": g[:, :half], "b": g[:, half:]}
    rates = {"a": rate, "b": 2 * rate}
    traces = trace_of_covariance(
        torch.stack([part.square().sum(1) for part in parts.values()]),
        torch.stack([part.mean(0).square().sum() for part in parts.values()]),
    )
    expected = references.cabs(parts, loss, rates)
    given = torch.tensor([rate, 2 * rate], dtype=torch.float64)
    assert float(cabs(given, traces, loss)) == pytest.approx(expected, rel=1e-9)


@quick
@given(gradients(), st.sampled_from([1e-6, 1.0, 1e5]), st.integers(0, 3))
def test_signal_to_noise(g: Tensor, factor: float, dead: int) -> None:
    n = g.shape[0]
    padded = factor * torch.cat([g, torch.zeros(n, dead)], dim=1)
    total, noisy = sum_of_signal_to_noise(padded.square().sum(0), padded.mean(0), n)
    expected = references.mean_gsnr({"w": g})
    assert noisy == g.shape[1]
    assert float(total / noisy) == pytest.approx(expected.network, rel=1e-6)
    stop, _ = references.early_stopping({"w": g})
    assert float(early_stopping(total, noisy, n)) == pytest.approx(stop, rel=1e-6, abs=1e-6)


def test_elements_without_noise_are_not_counted() -> None:
    g = torch.tensor([[2.0, 0.1, 0.0, 1.0], [2.0, 0.1, 0.0, 0.0]])
    total, noisy = sum_of_signal_to_noise(g.square().sum(0), g.mean(0), 2)
    assert (float(total), noisy) == (1.0, 1)


@quick
@given(gradients(), st.floats(1e-4, 10.0), st.sampled_from([0.5, 4.0]))
def test_tic_diag(g: Tensor, epsilon: float, factor: float) -> None:
    n, d = g.shape
    diagonal = torch.linspace(-1, 2, d, dtype=torch.float64)
    sum_sq = g.square().sum(0)
    value = float(tic_diag(sum_sq, diagonal, n, epsilon))
    matrix, slices = torch.diag(diagonal), {"w": slice(0, d)}
    expected = references.tic_diag({"w": g}, matrix, slices, epsilon).network
    assert value == pytest.approx(expected, rel=1e-9)
    scaled = float(tic_diag(factor**2 * sum_sq, factor * diagonal, n, factor * epsilon))
    assert scaled == pytest.approx(factor * value, rel=1e-9)


@quick
@given(gradients())
def test_norms_of_parts_make_the_norm_of_the_whole(g: Tensor) -> None:
    parts = squared_norms(list(g))
    assert float(parts.sum().sqrt()) == pytest.approx(float(g.norm()), rel=1e-12)
    assert float(squared_norms([g.half()])) == pytest.approx(
        float(g.half().double().square().sum()), rel=1e-5
    )


def test_norm_of_nothing() -> None:
    assert squared_norms([]).shape == (0,)


# -- the quadratic fit ----------------------------------------------------------------------------

noise = st.floats(1e-3, 10.0)
number = st.floats(-5.0, 5.0)


def _observed(w: tuple[float, float, float], tau: float, variances: tuple[float, float]):
    loss, slope = w[0] + w[1] * tau + w[2] * tau**2, w[1] + 2 * w[2] * tau
    return Observation(loss, variances[0], slope, variances[1])


@quick
@given(number, number, st.floats(0.05, 5.0), st.floats(0.1, 10.0), noise, noise, noise, noise)
def test_fit_goes_through_an_exact_parabola(w1, w2, w3, length, a, b, c, d) -> None:
    w = (w1, w2, w3)
    fit = fit_quadratic(_observed(w, 0.0, (a, b)), _observed(w, length, (c, d)), length)
    assert fit.weighted
    assert fit.w == pytest.approx(w, rel=1e-6, abs=1e-6)
    value, concave = alpha(fit, length)
    assert not concave
    if abs(w2) > 1e-2:
        assert value == pytest.approx(length * -2 * w3 / w2 - 1, rel=1e-4)


@quick
@given(*[number] * 4, st.floats(0.1, 10.0), noise, noise, noise, noise)
def test_fit_equals_the_reference(l1, l2, s1, s2, length, a, b, c, d) -> None:
    fit = fit_quadratic(Observation(l1, a, s1, b), Observation(l2, c, s2, d), length)
    assume(abs(fit.w[1]) > 1e-3)
    assume(abs(fit.w[2]) > 1e-3)

    def scattered(mean: float, variance: float) -> np.ndarray:
        # Two samples with this mean whose mean has this variance.
        return np.array([mean - math.sqrt(variance), mean + math.sqrt(variance)])

    start = references.Observation(scattered(l1, a), scattered(s1, b))
    end = references.Observation(scattered(l2, c), scattered(s2, d))
    expected, concave = references.alpha(start, end, length)
    assert alpha(fit, length) == (pytest.approx(expected, rel=1e-4), concave)


@quick
@given(*[number] * 4, st.floats(0.1, 10.0), noise, noise, number, st.sampled_from([0.01, 50.0]))
def test_alpha_has_no_unit_and_no_origin(l1, l2, s1, s2, length, a, b, offset, factor) -> None:
    def value(shift: float, unit: float, stretch: float) -> tuple[float, bool]:
        slope_unit = unit / stretch
        ends = [
            Observation(unit * loss + shift, unit**2 * a, slope_unit * slope, slope_unit**2 * b)
            for loss, slope in ((l1, s1), (l2, s2))
        ]
        fit = fit_quadratic(*ends, stretch * length)
        assume(abs(fit.w[1]) > 1e-3 * slope_unit)
        assume(abs(fit.w[2]) > 1e-3 * slope_unit / stretch)
        return alpha(fit, stretch * length)

    plain, concave = value(0.0, 1.0, 1.0)
    for changed in (value(offset, 1.0, 1.0), value(0.0, factor, 1.0), value(0.0, 1.0, factor)):
        assert changed == (pytest.approx(plain, rel=1e-4), concave)


@pytest.mark.parametrize("unknown", [0.0, math.nan, math.inf])
def test_unknown_noise_means_equal_weights(unknown: float) -> None:
    start = Observation(3.0, 1.0, -1.0, unknown)
    end = Observation(2.0, 1.0, 0.5, 1.0)
    fit = fit_quadratic(start, end, 1.0)
    assert not fit.weighted
    even = [Observation(o.loss, 1.0, o.slope, 1.0) for o in (start, end)]
    assert fit.w == pytest.approx(fit_quadratic(*even, 1.0).w)


def test_very_short_and_very_long_steps() -> None:
    for length in (1e-12, 1e-4, 1e8):
        w = (1.0, -2.0 / length, 1.0 / length**2)  # minimum at the end of the step
        fit = fit_quadratic(_observed(w, 0.0, (1, 1)), _observed(w, length, (1, 1)), length)
        assert alpha(fit, length)[0] == pytest.approx(0.0, abs=1e-6)


def test_alpha_of_a_degenerate_fit() -> None:
    assert alpha(QuadraticFit((1.0, -1.0, -1.0), True), 1.0) == (-1.0, True)
    assert alpha(QuadraticFit((1.0, -1.0, 0.0), True), 1.0) == (-1.0, True)
    assert alpha(QuadraticFit((1.0, 0.0, 1.0), True), 1.0) == (math.inf, False)
    assert alpha(QuadraticFit((1.0, 1.0, 0.5), True), 1.0) == (-2.0, False)


# -- histograms -----------------------------------------------------------------------------------


def test_counts_add_up() -> None:
    one = Counts1d(np.array([1, 2]), under=1, over=2, zeros=3, nonfinite=4)
    both = one + one
    assert both.counts.tolist() == [2, 4]
    assert (both.under, both.over, both.zeros, both.nonfinite) == (2, 4, 6, 8)


@pytest.mark.parametrize(
    ("element", "reason"),
    [(1.0, "has any noise"), (math.inf, "not finite"), (math.nan, "not finite")],
)
def test_why_there_is_no_signal_to_noise(element: float, reason: str) -> None:
    grad = torch.tensor([2.0, element], dtype=torch.float64)
    with pytest.raises(Absent, match=reason):
        signal_to_noise({"weight": 3 * grad.square()}, {"weight": grad}, 3)


@pytest.mark.parametrize(("count", "low", "high"), [(0, -1, 1), (3, 1, 1), (3, 2, 1)])
def test_bins_that_make_no_sense(count: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match="at least one bin and low < high"):
        checked_bins(count, low, high)


def test_what_is_only_rounding_has_no_signal() -> None:
    generator = torch.Generator().manual_seed(0)
    g = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    key_bias = 1e-17 * torch.randn(6, 2, generator=generator, dtype=torch.float64)
    parts = {"weight": g, "bias": key_bias}
    sums = {name: part.square().sum(0) for name, part in parts.items()}
    means = {name: part.mean(0) for name, part in parts.items()}
    ratios = signal_to_noise(sums, means, 6)
    alone = signal_to_noise({"weight": sums["weight"]}, {"weight": means["weight"]}, 6)
    assert (ratios.noisy, ratios.excluded) == (3, 2)
    assert float(ratios.total) == float(alone.total)
