"""Power iteration and Lanczos on matrices whose eigenvalues are known."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cockpit.linalg import Eigenpair, lanczos, power_iteration

METHODS = {"power": power_iteration, "lanczos": lanczos}
TIGHT = {"rtol": 1e-13, "atol": 1e-14, "max_iterations": 3000}


def _rotated(eigenvalues: list[float], seed: int) -> Tensor:
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(len(eigenvalues), len(eigenvalues), generator=generator).double()
    q, _ = torch.linalg.qr(square)
    return q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ q.T


def _start(size: int, seed: int = 5) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)).double()


def _solve(method: str, matrix: Tensor, **options) -> tuple[Eigenpair, int]:
    """The eigenpair and the number of products that were really made."""
    calls = 0

    def matvec(v: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return matrix @ v

    start = _start(matrix.shape[0]).to(matrix.dtype)
    return METHODS[method](matvec, start, **options), calls


spectra = st.lists(st.integers(-50, 50).map(lambda i: i / 10), min_size=1, max_size=9)
seeds = st.integers(0, 1000)


@given(spectra, seeds)
@settings(max_examples=60, deadline=None)
def test_lanczos_finds_the_largest_eigenvalue(spectrum: list[float], seed: int) -> None:
    pair, calls = _solve("lanczos", _rotated(spectrum, seed), **TIGHT)
    assert pair.value == pytest.approx(max(spectrum), abs=1e-8)
    assert pair.converged
    assert pair.products == calls
    assert pair.min_value >= min(spectrum) - 1e-8


@given(spectra, seeds)
@settings(max_examples=60, deadline=None)
def test_power_iteration_finds_the_largest_eigenvalue(spectrum: list[float], seed: int) -> None:
    # Two eigenvalues of nearly the same magnitude and opposite sign are no case for it.
    top, bottom = max(spectrum), min(spectrum)
    if 0.9 * abs(bottom) < abs(top) < 1.1 * abs(bottom) and top != bottom:
        return
    pair, calls = _solve("power", _rotated(spectrum, seed), **TIGHT)
    assert pair.value == pytest.approx(top, abs=1e-5)
    assert pair.products == calls


@pytest.mark.parametrize("method", METHODS)
@given(spectrum=spectra, seed=seeds)
@settings(max_examples=30, deadline=None)
def test_residual_bounds_the_error(method: str, spectrum: list[float], seed: int) -> None:
    matrix = _rotated(spectrum, seed)
    pair, _ = _solve(method, matrix, max_iterations=3)
    vector, scale = pair.vector, max(map(abs, spectrum)) + 1e-12
    assert float(vector.norm()) == pytest.approx(1.0)
    assert pair.value <= max(spectrum) + 1e-9 * scale
    nearest = min(abs(pair.value - eigenvalue) for eigenvalue in spectrum)
    assert nearest <= pair.residual + 1e-6 * scale


@pytest.mark.parametrize("method", METHODS)
@given(spectrum=spectra.filter(lambda s: max(s) > 0), factor=st.sampled_from([1e-3, 7.0, 1e4]))
@settings(max_examples=15, deadline=None)
def test_scales_with_the_operator(method: str, spectrum: list[float], factor: float) -> None:
    matrix = _rotated(spectrum, 3)
    pair, _ = _solve(method, matrix, atol=0.0)
    scaled, _ = _solve(method, factor * matrix, atol=0.0)
    assert scaled.value == pytest.approx(factor * pair.value, rel=1e-6)
    assert scaled.products == pair.products


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "spectrum",
    [[-9.0, 1.0, 3.0], [-9.0, -8.0, -0.5], [-4.0], [2.0, 2.0, 2.0], [-1.0, 0.0, 0.0], [0.0, 0.0]],
    ids=str,
)
def test_largest_is_algebraic_not_by_magnitude(method: str, spectrum: list[float]) -> None:
    pair, _ = _solve(method, _rotated(spectrum, 1), **TIGHT)
    assert pair.value == pytest.approx(max(spectrum), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_default_accuracy(method: str) -> None:
    spectrum = [10.0, 5.0, *torch.linspace(-1, 1, 200).tolist()]
    pair, _ = _solve(method, _rotated(spectrum, 2))
    assert pair.converged
    assert pair.value == pytest.approx(10.0, rel=3e-3)


def test_negative_dominant_eigenvalue_is_reported() -> None:
    for method in METHODS:
        pair, _ = _solve(method, _rotated([-9.0, 1.0, 3.0], 1), **TIGHT)
        assert pair.min_value == pytest.approx(-9.0, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_tiny_operators_exhaust_the_krylov_space(size: int, dtype: torch.dtype) -> None:
    matrix = _rotated([3.0, -1.0, 0.5, 0.25, -2.0][:size], 4).to(dtype)
    pair, calls = _solve("lanczos", matrix, rtol=1e-6)
    assert pair.value == pytest.approx(3.0, rel=1e-5)
    assert calls <= 25


@pytest.mark.parametrize("method", METHODS)
def test_iterations_are_bounded(method: str) -> None:
    matrix = _rotated(torch.linspace(0, 1, 50).tolist(), 6)
    pair, calls = _solve(method, matrix, max_iterations=7, rtol=0.0, atol=0.0)
    assert calls == pair.products == 7
    assert not pair.converged


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nonfinite_operator_gives_up_at_once(method: str, bad: float) -> None:
    pair, calls = _solve(method, torch.full((4, 4), bad).double())
    assert not math.isfinite(pair.value)
    assert not pair.converged
    assert calls <= 2


def test_warm_start_saves_products() -> None:
    matrix = _rotated([10.0, 9.0, *torch.linspace(-1, 1, 100).tolist()], 7)
    cold = lanczos(lambda v: matrix @ v, _start(102))
    warm = lanczos(lambda v: matrix @ v, cold.vector + 1e-3 * _start(102, 8))
    assert warm.products < cold.products
    assert warm.value == pytest.approx(10.0, rel=1e-3)


def test_restart_keeps_few_vectors_and_converges() -> None:
    matrix = _rotated([1.01, *torch.linspace(-1, 1, 150).tolist()], 9)
    pair, calls = _solve("lanczos", matrix, basis=6, rtol=1e-8, max_iterations=2000)
    assert calls > 6
    assert pair.value == pytest.approx(1.01, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_equal_magnitudes_of_opposite_sign(seed: int) -> None:
    matrix = _rotated([5.0, -5.0, *torch.linspace(-1, 1, 20).tolist()], seed)
    pair, _ = _solve("lanczos", matrix)
    assert pair.value == pytest.approx(5.0, rel=1e-3)
    # Power iteration may settle between the two; then its residual gives it away.
    pair, _ = _solve("power", matrix)
    assert 5.0 - pair.value <= 1.01 * pair.residual + 1e-2


def test_lanczos_tells_an_operator_that_is_not_symmetric() -> None:
    symmetric = _rotated([3.0, 2.0, 1.0, 0.5, -1.0, -2.0], 0)
    skew = torch.randn(6, 6, generator=torch.Generator().manual_seed(1)).double()
    whole, _ = _solve("lanczos", symmetric, **TIGHT)
    broken, _ = _solve("lanczos", symmetric + 0.01 * (skew - skew.T), **TIGHT)
    assert whole.asymmetry <= 1e-12
    assert broken.asymmetry >= 1e-3
