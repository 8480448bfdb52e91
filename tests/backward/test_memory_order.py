"""Individual gradients may lie in memory in another order than their parameter's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cockpit.backward.evaluate import Wanted, evaluate
from cockpit.backward.extensions import Chunked
from cockpit.backward.histogram import HistogramCounter
from cockpit.backward.memory_order import MemoryOrder
from cockpit.log.record import Bins

SHAPE = (4, 3, 2, 5)
ORDERS = [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0), (2, 0, 3, 1)]


def lying(individual: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """The same numbers with these axes from the slowest to the fastest in memory."""
    back = [axes.index(axis) + 1 for axis in range(len(axes))]
    return individual.permute(0, *(axis + 1 for axis in axes)).contiguous().permute(0, *back)


@pytest.mark.parametrize("axes", ORDERS)
def test_rows_are_views_and_vectors_go_along(axes: tuple[int, ...]) -> None:
    individual = lying(torch.randn(6, *SHAPE), axes)
    order = MemoryOrder.of(individual)
    assert order.axes == axes
    rows = order.rows(individual)
    assert rows.data_ptr() == individual.data_ptr()
    assert rows.shape == (6, individual[0].numel())
    torch.testing.assert_close(order.flat(individual[2]), rows[2], rtol=0, atol=0)
    torch.testing.assert_close(order.restored(rows[2]), individual[2], rtol=0, atol=0)


def test_what_lies_otherwise_is_brought_into_the_order() -> None:
    first, other = torch.randn(3, *SHAPE), torch.randn(2, *SHAPE)
    order = MemoryOrder.of(lying(first, (3, 1, 0, 2)))
    assert torch.equal(order.rows(other)[1], order.flat(other[1]))


def test_a_number_has_an_order_too() -> None:
    order = MemoryOrder.of(torch.ones(4))
    assert order.rows(torch.arange(4.0)).shape == (4, 1)
    assert order.restored(torch.tensor([2.0])).shape == ()


@pytest.mark.parametrize("axes", ORDERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_statistics_do_not_depend_on_it(axes: tuple[int, ...], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    individual, vector = torch.randn(7, *SHAPE, dtype=dtype), torch.randn(*SHAPE, dtype=dtype)
    weights, bins = torch.randn(*SHAPE, dtype=dtype), Bins(-2.0, 2.0, 8)
    rows = torch.bucketize(weights.flatten(), torch.linspace(-1, 1, 4), out_int32=True)
    counter = HistogramCounter(bins, rows, 5, individual.device)
    before = torch.randn(5, *SHAPE, dtype=dtype)
    wanted = Wanted(counters=[counter])
    evaluate(Chunked.of(lying(before, (1, 3, 0, 2))), vector.shape, 1.0, wanted)
    lies = lying(individual, axes)
    found = evaluate(
        Chunked.of(lies), vector.shape, 1.0, Wanted([vector], sum_sq=True, counters=[counter])
    )
    torch.testing.assert_close(found.sq_norms, individual.flatten(1).square().sum(1))
    torch.testing.assert_close(found.dots[0], individual.flatten(1) @ vector.flatten())
    torch.testing.assert_close(found.sum_sq, individual.square().sum(0))
    elements = torch.cat([before, individual]).flatten(1)
    expected, _, _ = np.histogram2d(
        rows.repeat(12).numpy(), elements.flatten().numpy(),
        bins=[np.arange(6) - 0.5, np.concatenate([[-np.inf], bins.edges(), [np.inf]])],
    )  # fmt: skip
    assert np.array_equal(counter.table.numpy(), expected)
