"""The histogram counter against numpy, on every path that it takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cockpit.backward.histogram import HistogramCounter, bin_index, core
from cockpit.log.record import Bins

BINS = {
    "even": Bins(-1.0, 1.0, 40),
    "zero inside a bin": Bins(-1.0, 1.0, 5),
    "zero at the lower end": Bins(0.0, 2.0, 8),
    "zero at the upper end": Bins(-2.0, 0.0, 8),
    "zero outside": Bins(1.0, 2.0, 4),
    "one bin": Bins(-1.0, 1.0, 1),
}


def table(values: np.ndarray, weights: np.ndarray, y: Bins, x: Bins | None) -> np.ndarray:
    """Joint counts by numpy, with rows and columns for what lies outside."""

    def open_edges(bins: Bins) -> np.ndarray:
        # numpy's last bin is closed; ours are all half-open.
        return np.concatenate([[-np.inf], np.nextafter(bins.edges(), -np.inf), [np.inf]])

    # (a, b] between the floats just below the edges is [edge, next edge).
    column = np.searchsorted(open_edges(y)[1:-1], values, side="left")
    row = np.zeros_like(column)
    if x is not None:
        row = np.searchsorted(open_edges(x)[1:-1], np.broadcast_to(weights, values.shape), "left")
    counts = np.zeros((1 if x is None else x.count + 2, y.count + 2), dtype=np.int64)
    np.add.at(counts, (row.ravel(), column.ravel()), 1)
    return counts


def counter(y: Bins, x: Bins | None, weights: Tensor) -> HistogramCounter:
    if x is None:
        return HistogramCounter(y, None, 1, weights.device)
    return HistogramCounter(y, bin_index(weights.flatten(), x), x.count + 2, weights.device)


def sparse(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape) * (rng.random(shape) > 0.3)


@pytest.mark.parametrize("y", BINS.values(), ids=BINS)
@pytest.mark.parametrize("x", [None, Bins(-1.0, 1.0, 6)], ids=["1d", "2d"])
@pytest.mark.parametrize("scale", [1e-6, 0.05, 0.7, 30.0])
def test_chunks_and_outer_products_are_counted_like_numpy_does(
    y: Bins, x: Bins | None, scale: float
) -> None:
    rng = np.random.default_rng(0)
    a, b, weights = sparse(rng, 9, 7), scale * sparse(rng, 9, 5), rng.normal(size=(5, 7))
    values = b[:, :, None] * a[:, None, :]
    expected = table(values, weights, y, x)
    whole = counter(y, x, torch.tensor(weights))
    for part in torch.tensor(values.reshape(9, 35)).split(4):
        whole.add(part)
    outer = counter(y, x, torch.tensor(weights))
    outer.add_rank_one(torch.tensor(a), torch.tensor(b))
    for got in (whole, outer):
        np.testing.assert_array_equal(got.table.numpy(), expected)
        assert int(got.zeros) == np.count_nonzero(values == 0)
        assert int(got.nonfinite) == 0


@pytest.mark.parametrize("x", [None, Bins(-1.0, 1.0, 6)], ids=["1d", "2d"])
def test_non_finite_elements_are_counted_by_themselves(x: Bins | None) -> None:
    chunk = torch.tensor([[0.0, 0.3, torch.nan], [torch.inf, -torch.inf, -0.3]])
    got = counter(BINS["even"], x, torch.zeros(3))
    got.add(chunk)
    assert int(got.nonfinite) == 3
    assert int(got.table.sum()) == 3
    a, b = torch.tensor([[1.0, torch.nan]]), torch.tensor([[0.0, 0.5, torch.inf]])
    outer = counter(BINS["even"], x, torch.zeros(3, 2))
    outer.add_rank_one(a, b)
    assert int(outer.nonfinite) == 4  # nan, nan, inf, nan: 0·nan, .5·nan, inf·1, inf·nan
    assert int(outer.table.sum()) == 2


@given(
    st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=60),
    st.integers(1, 30),
    st.floats(-2, 0.5),
    st.floats(0.6, 3),
)
def test_nothing_is_lost(values: list[float], count: int, low: float, high: float) -> None:
    got = HistogramCounter(Bins(low, high, count), None, 1, torch.device("cpu"))
    got.add(torch.tensor([values]))
    assert int(got.table.sum()) == len(values)
    assert int(got.zeros) == values.count(0)
    assert int(got.table[0, 0]) == sum(v < np.float32(low) for v in values)


def test_the_core_is_what_surely_lies_beside_zero() -> None:
    assert core(BINS["even"]) == (20, 21, pytest.approx(0.05))
    assert core(BINS["zero inside a bin"]) == (3, 3, pytest.approx(0.2))
    assert core(BINS["zero outside"])[2] == 0
