"""From layer calls to the requested statistics of each parameter's individual gradients.

The individual gradients of one parameter exist for a few samples at a time only; those of a fully
connected layer without positions never do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from cockpit.backward import kernels
from cockpit.backward.extensions import Chunked, Contribution, Outer, Unsupported
from cockpit.backward.histogram import HistogramCounter
from cockpit.backward.memory_order import MemoryOrder

__all__ = [
    "Direction",
    "ParameterStatistics",
    "Products",
    "Wanted",
    "evaluate",
    "fold_rows",
    "merge",
    "multiple_of",
    "squared_sum",
    "sum_of_squares",
]

CHUNK = 2**19  # elements of individual gradients held at a time: they stay in the cache


@dataclass(frozen=True)
class Products:
    """A direction of a weight, Σₘ bₘaₘᵀ: for a few samples smaller than the weight.

    Attributes:
        a: Shape [M, i].
        b: Shape [M, o].
    """

    a: Tensor
    b: Tensor

    def times(self, factor: float) -> Products:
        """The direction, multiplied."""
        return Products(self.a, self.b * factor)

    def dense(self, shape: torch.Size) -> Tensor:
        """As a tensor of the weight's shape."""
        return (self.b.T @ self.a).view(shape)


Direction = Tensor | Products


@dataclass
class Wanted:
    """What to take from the individual gradients of one parameter.

    Attributes:
        vectors: Directions v of the dot products gₙᵀv, each in the parameter's shape.
        first_is_mean: Whether the first of them is said to be the mean of these very gₙ.
        sum_sq: Whether Σ gₙ² is wanted.
        counters: Histograms to add to.
    """

    vectors: list[Direction] = field(default_factory=list)
    first_is_mean: bool = False
    sum_sq: bool = False
    counters: list[HistogramCounter] = field(default_factory=list)


@dataclass
class ParameterStatistics:
    """Statistics of the unscaled individual gradients of one parameter.

    Attributes:
        sq_norms: Shape [N].
        dots: One tensor of shape [N] for each wanted vector.
        sum_sq: In the parameter's shape, or ``None`` if not wanted.
        mean: The mean of the individual gradients in product form, where that is cheaper.
    """

    sq_norms: Tensor
    dots: list[Tensor]
    sum_sq: Tensor | None
    mean: Products | None = None


def fold_rows(contribution: Contribution, batch_size: int) -> Contribution:
    """Gather the rows of each sample, for models that fold another axis into the first.

    Raises:
        Unsupported: If the rows are no whole multiple of the samples.
    """
    rows = contribution.rows
    if rows == batch_size:
        return contribution
    if rows == 0 or rows % batch_size:
        raise Unsupported(f"its output has {rows} rows for {batch_size} samples")
    per_sample = rows // batch_size
    if isinstance(contribution, Outer):
        a, b = contribution.a, contribution.b
        return Outer(a.reshape(batch_size, -1, a.shape[-1]), b.reshape(batch_size, -1, b.shape[-1]))

    def make(start: int, stop: int) -> Tensor:
        made = contribution.make(start * per_sample, stop * per_sample)
        return made.unflatten(0, (stop - start, per_sample)).sum(1)

    return Chunked(make, batch_size)


def merge(parts: list[Contribution]) -> Contribution:
    """The sum of what several calls contribute to one parameter (shared layers, tied weights)."""
    if len(parts) == 1:
        return parts[0]
    outer = [part for part in parts if isinstance(part, Outer)]
    if len(outer) == len(parts):
        return Outer(torch.cat([p.a for p in outer], 1), torch.cat([p.b for p in outer], 1))

    def make(start: int, stop: int) -> Tensor:
        first, *others = (part.make(start, stop) for part in parts)
        return sum((other.view_as(first) for other in others), first)

    return Chunked(make, parts[0].rows)


def evaluate(
    contribution: Contribution, shape: torch.Size, scale: float, wanted: Wanted
) -> ParameterStatistics:
    """Statistics of gₙ = scale × contribution of sample n.

    Args:
        contribution: With N rows, in the scale of the backward pass.
        shape: The parameter's shape.
        scale: N for a mean-reduced loss, 1 for a summed one.
        wanted: What to compute.
    """
    if isinstance(contribution, Outer) and contribution.a.shape[1] == 1:
        a, b = contribution.a[:, 0], contribution.b[:, 0] * scale
        return _evaluate_rank_one(a, b, shape, wanted)
    return _evaluate_chunks(contribution, shape, scale, wanted)


def sum_of_squares(contribution: Contribution, shape: torch.Size) -> Tensor:
    """Σₙ cₙ² of what the samples contribute, in the parameter's shape."""
    total = evaluate(contribution, shape, 1.0, Wanted(sum_sq=True)).sum_sq
    return torch.zeros(shape) if total is None else total


def squared_sum(contribution: Contribution, shape: torch.Size) -> Tensor:
    """(Σₙ cₙ)², which coupled samples need: their cross terms are part of the diagonal."""
    parts = [made.sum(0).reshape(shape) for made in _made(contribution, shape.numel())]
    return torch.stack(parts).sum(0).square()


def _evaluate_rank_one(
    a: Tensor, b: Tensor, shape: torch.Size, wanted: Wanted
) -> ParameterStatistics:
    """gₙ = bₙaₙᵀ: ‖gₙ‖² = ‖aₙ‖²‖bₙ‖², gₙᵀV = bₙᵀVaₙ, Σ gₙ² = (b²)ᵀ(a²)."""
    sq_norms = (torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)).square()
    vectors, mean = list(wanted.vectors), None
    if wanted.first_is_mean and _products_are_cheaper(a, b) and _averages_to(a, b, vectors[0]):
        mean = Products(a, b / len(b))
        vectors[0] = mean
    dots = [_rank_one_dots(a, b, v) for v in vectors]
    sum_sq = (b.square().T @ a.square()).view(shape) if wanted.sum_sq else None
    for counter in wanted.counters:
        counter.add_rank_one(a, b)
    return ParameterStatistics(sq_norms, dots, sum_sq, mean)


def _rank_one_dots(a: Tensor, b: Tensor, vector: Direction) -> Tensor:
    """bₙᵀVaₙ, shape [N]."""
    if isinstance(vector, Products):
        along_a, along_b = a @ vector.a.to(a.dtype).T, b @ vector.b.to(b.dtype).T
        return (along_a * along_b).sum(1)
    matrix = vector.to(b.dtype).view(b.shape[1], -1)
    if a.shape[1] > b.shape[1]:  # the smaller of the two that stand between
        return ((a @ matrix.T) * b).sum(1)
    return ((b @ matrix) * a).sum(1)


def _products_are_cheaper(a: Tensor, b: Tensor) -> bool:
    """Whether products between all samples take fewer operations than with the weight's matrix.

    On other devices than the CPU operations are cheap, and the check would wait for them.
    """
    rows, i, o = len(a), a.shape[1], b.shape[1]
    return a.device.type == "cpu" and rows * (i + o) < i * o


def _averages_to(a: Tensor, b: Tensor, mean: Direction) -> bool:
    """Whether (1/N) Σ bₙaₙᵀ is ``mean``, as far as some of its rows tell along a random direction.

    That it has the right length is checked with all other parameters.
    """
    if isinstance(mean, Products):
        return False
    some = slice(None, None, max(1, b.shape[1] // 64))
    mean, b = mean.to(b.dtype).view(b.shape[1], -1)[some], b[:, some]
    direction = _random_direction(a.shape[1]).to(a.dtype)
    along = a @ direction
    error = (b.T @ along / len(a) - mean @ direction).norm()
    size = (b.square().sum(1) * along.square()).mean().sqrt()
    return bool(error <= 30 * torch.finfo(a.dtype).eps ** 0.75 * size)


@cache
def _random_direction(size: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def multiple_of(
    vector: Tensor, other: Tensor, sq_norm: float, sq_norm_of_other: float
) -> float | None:
    """The c with ``vector`` = c · ``other`` up to rounding, or ``None``.

    Found on a sample of the elements, and confirmed by the norms of all.
    """
    eps = torch.finfo(vector.dtype).eps
    if eps > 1e-6:
        return None  # in half precision an update is rounded too much to tell
    rounding = 10 * eps**0.5
    stride = 1 + other.numel() // 1000  # walks through the columns where these are as many
    v, o = vector.flatten()[::stride], other.flatten()[::stride]
    square, product = float(o @ o), float(v @ o)
    if not (square > 0 and math.isfinite(square) and math.isfinite(product)):
        return None
    factor = product / square
    if float((v - factor * o).norm()) > rounding * abs(factor) * math.sqrt(square):
        return None
    expected = factor * factor * sq_norm_of_other  # infinite where a power would raise
    return factor if abs(sq_norm - expected) <= 0.01 * rounding * sq_norm else None


def _made(contribution: Contribution, size: int) -> Iterator[Tensor]:
    """Individual gradients of some samples after the other, each [n, …]."""
    step = max(1, CHUNK // max(1, size))
    for start in range(0, contribution.rows, step):
        yield contribution.make(start, min(start + step, contribution.rows))


def _evaluate_chunks(
    contribution: Contribution, shape: torch.Size, scale: float, wanted: Wanted
) -> ParameterStatistics:
    sq_norms, dots = [], []
    vectors, sum_sq, order = None, None, None
    for made in _made(contribution, shape.numel()):
        individual = made.reshape(len(made), *shape)
        if order is None:
            order = MemoryOrder.of(individual)
            for counter in wanted.counters:
                counter.arrange(order)
        chunk = order.rows(individual)
        if vectors is None and wanted.vectors:
            dense = [v.dense(shape) if isinstance(v, Products) else v for v in wanted.vectors]
            vectors = torch.stack([order.flat(v) for v in dense]).to(chunk.dtype)
        if sum_sq is None and wanted.sum_sq:
            sum_sq = chunk.new_zeros(shape.numel())
        scan = _scan_compiled if kernels.serves(chunk) else _scan
        norms, products = scan(chunk, scale, vectors, sum_sq, wanted.counters)
        sq_norms.append(norms)
        dots.append(products)
    return ParameterStatistics(
        torch.cat(sq_norms),
        list(torch.cat(dots, 1)) if wanted.vectors else [],
        None if sum_sq is None or order is None else order.restored(sum_sq),
    )


def _scan_compiled(
    chunk: Tensor,
    scale: float,
    vectors: Tensor | None,
    sum_sq: Tensor | None,
    counters: list[HistogramCounter],
) -> tuple[Tensor, Tensor]:
    first = counters[0] if counters else None
    result = kernels.scan_chunk(chunk.contiguous(), scale, vectors, sum_sq, first)
    for counter in counters[1:]:
        counter.add(chunk * scale)
    return result


def _scan(
    chunk: Tensor,
    scale: float,
    vectors: Tensor | None,
    sum_sq: Tensor | None,
    counters: list[HistogramCounter],
) -> tuple[Tensor, Tensor]:
    """Squared norms [n] and dot products [V, n] of scaled rows; the rest is added up."""
    chunk = chunk * scale
    square = chunk.square()
    if sum_sq is not None:
        sum_sq += square.sum(0)
    for counter in counters:
        counter.add(chunk)
    dots = chunk.new_zeros(0, len(chunk)) if vectors is None else vectors @ chunk.T
    return square.sum(1), dots
