"""Norms of very long vectors."""

from __future__ import annotations

import math

import pytest
import torch

from cockpit import linalg


@pytest.mark.parametrize("size", [1, 1000, 4096, 3_000_005])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_norms_do_not_lose_digits_with_length(size: int, dtype: torch.dtype) -> None:
    x = torch.rand(size, dtype=dtype) + 0.5
    found = linalg.norm(x)
    assert found.dtype == torch.float64
    exact = float(x.double().square().sum().sqrt())
    assert float(found) == pytest.approx(exact, rel=3e-7)
    assert float(linalg.squared_norms([x])[0]) == pytest.approx(exact**2, rel=6e-7)


def test_a_layer_of_forty_million_weights_has_the_right_norm() -> None:
    row = torch.rand(2**16) + 0.5
    matrix = row.expand(640, -1)  # what torch adds up itself is wrong by 3e-4 here
    exact = math.sqrt(640) * float(row.double().norm())
    assert float(linalg.norm(matrix)) == pytest.approx(exact, rel=3e-7)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_stays_so(value: float) -> None:
    assert not math.isfinite(float(linalg.norm(torch.tensor([1.0, value]))))


def test_nothing_has_no_length() -> None:
    assert float(linalg.norm(torch.zeros(0))) == 0.0


@pytest.mark.parametrize("element", [1e-30, 1e-23, 1e19, 1e30])
def test_squares_beyond_single_precision_are_counted(element: float) -> None:
    x = torch.full((5, 5), element)
    found = linalg.squared_norms([torch.ones(2), x, torch.zeros(3)])
    assert found.tolist() == pytest.approx([2.0, 25 * element**2, 0.0], rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.complex64])
def test_low_precision_is_widened_first(dtype: torch.dtype) -> None:
    x = torch.full((100_000,), 0.5, dtype=dtype)
    assert float(linalg.norm(x)) == pytest.approx(0.5 * math.sqrt(100_000), rel=1e-6)
    assert linalg.squared_norms([x]).tolist() == pytest.approx([25_000], rel=1e-6)


def test_no_numbers_at_all_have_norms() -> None:
    assert linalg.squared_norms([]).shape == (0,)
    assert linalg.squared_norms([torch.zeros(0)]).tolist() == [0.0]
    assert math.isinf(linalg.squared_norms([torch.tensor([math.inf])])[0])
