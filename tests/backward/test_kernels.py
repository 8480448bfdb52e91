"""The compiled loops and the path in plain torch give the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cockpit.backward import kernels
from cockpit.backward.evaluate import Products, Wanted, evaluate, multiple_of
from cockpit.backward.extensions import Chunked, Outer
from cockpit.backward.histogram import HistogramCounter, bin_index
from cockpit.log.record import Bins

BINS = Bins(-0.7, 1.0, 13)
SHAPES = {
    "rank one": (6, 1, 40, 30),
    "positions": (6, 5, 40, 30),
    "one block and more": (70, 2, 9, 200),
}


def draw(*shape: int, dtype: torch.dtype, spread: float) -> Tensor:
    """Numbers of many sizes, with exact zeros and bin edges among them."""
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)
    x = (x * spread * x.roll(1, -1).exp()).where(x.roll(2, -1).abs() > 0.3, 0)
    x.view(-1)[:3] = torch.tensor([0.5, -0.7, 1.0], dtype=dtype)
    return x


def statistics(contribution: Outer | Chunked, weights: Tensor, joint: bool) -> tuple:
    device = torch.device("cpu")
    rows = bin_index(weights.flatten(), Bins(-1.0, 1.0, 5)) if joint else None
    counter = HistogramCounter(BINS, rows, 7 if joint else 1, device)
    other = HistogramCounter(Bins(0.0, 1.0, 4), None, 1, device)
    vectors = [weights, weights.square()]
    wanted = Wanted(vectors=list(vectors), sum_sq=True, counters=[counter, other])
    found = evaluate(contribution, weights.shape, 0.75, wanted)
    counts = [(c.table, int(c.zeros), int(c.nonfinite)) for c in (counter, other)]
    return found, counts


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("spread", [0.03, 3.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_both_paths_agree(
    shape: str, spread: float, dtype: torch.dtype, joint: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, t, i, o = SHAPES[shape]
    a, b = draw(n, t, i, dtype=dtype, spread=1.0), draw(n, t, o, dtype=dtype, spread=spread)
    weights = draw(o, i, dtype=dtype, spread=1.0)
    assert kernels.serves(a)
    compiled, counts = statistics(Outer(a, b), weights, joint)
    monkeypatch.setattr(kernels, "serves", lambda x: False)
    plain, expected = statistics(Outer(a, b), weights, joint)
    for (table, *special), (other, *others) in zip(counts, expected, strict=True):
        assert torch.equal(table, other)
        assert special == others
    assert int(counts[0][0].sum()) == n * o * i
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(compiled.sq_norms, plain.sq_norms, rtol=tolerance, atol=0)
    torch.testing.assert_close(compiled.sum_sq, plain.sum_sq, rtol=tolerance, atol=0)
    scale = float(plain.sq_norms.max().sqrt() * weights.square().norm())
    for mine, other in zip(compiled.dots, plain.dots, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("joint", [False, True])
def test_numbers_that_are_none(joint: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[0.1, float("nan"), float("inf"), -float("inf"), 0.0, -2.0]])
    weights = torch.tensor([0.1, float("nan"), 0.3, float("inf"), -float("inf"), 2.0])
    _, counts = statistics(Chunked.of(x), weights, joint)
    monkeypatch.setattr(kernels, "serves", lambda x: False)
    _, expected = statistics(Chunked.of(x), weights, joint)
    for (table, *special), (other, *others) in zip(counts, expected, strict=True):
        assert torch.equal(table, other)
        assert special == others == [1, 3]


def test_several_threads_count_as_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (draw(6, 1, k, dtype=torch.float32, spread=1.0) for k in (40, 30))
    weights = draw(30, 40, dtype=torch.float32, spread=1.0)
    _, one = statistics(Outer(a, b), weights, joint=True)
    monkeypatch.setattr(kernels, "parts", lambda size, work: min(3, size))
    _, three = statistics(Outer(a, b), weights, joint=True)
    assert all(torch.equal(x[0], y[0]) for x, y in zip(one, three, strict=True))


def rank_one() -> tuple[Tensor, Tensor, Tensor]:
    a, b = (torch.randn(4, k, dtype=torch.float64) for k in (50, 60))
    return a, b, b.T @ a / 4


def test_products_between_samples_stand_for_the_mean() -> None:
    a, b, mean = rank_one()
    contribution = Outer(a.unsqueeze(1), b.unsqueeze(1))
    direct = evaluate(contribution, mean.shape, 1.0, Wanted([mean])).dots[0]
    found = evaluate(contribution, mean.shape, 1.0, Wanted([mean], first_is_mean=True))
    assert isinstance(found.mean, Products)
    torch.testing.assert_close(found.dots[0], direct)
    torch.testing.assert_close(found.mean.times(-0.1).dense(mean.shape), -0.1 * mean)
    later = evaluate(contribution, mean.shape, 1.0, Wanted([found.mean.times(-0.1)])).dots[0]
    torch.testing.assert_close(later, -0.1 * direct)


def test_a_mean_that_is_none_is_not_replaced() -> None:
    """Such as the gradient of a weight that is used elsewhere, too."""
    a, b, mean = rank_one()
    wrong = mean.roll(1, 0)
    wanted = Wanted([wrong], first_is_mean=True)
    found = evaluate(Outer(a.unsqueeze(1), b.unsqueeze(1)), mean.shape, 1.0, wanted)
    assert found.mean is None
    torch.testing.assert_close(found.dots[0], torch.einsum("ni,no,oi->n", a, b, wrong))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_multiples(dtype: torch.dtype) -> None:
    grad = torch.randn(300, 70, dtype=dtype)
    theta = torch.randn(300, 70, dtype=dtype)
    step = (theta - 0.1 * grad) - theta  # with the rounding of an update
    norms = [float(x.double().square().sum()) for x in (step, grad)]
    assert multiple_of(step, grad, *norms) == pytest.approx(-0.1, rel=1e-4)
    for other in (grad.abs(), grad * (grad > 0), grad + 0.02 * theta, torch.zeros_like(grad)):
        square = float(other.double().square().sum())
        assert multiple_of(other, grad, square, norms[1]) is None or not other.any()
        assert multiple_of(grad, other, norms[1], square) is None
