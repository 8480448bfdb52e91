"""Norms, and eigenvalues of a symmetric operator that is known by its products with vectors.

Pure maths on tensors; nothing here knows of networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

__all__ = [
    "ByParameter",
    "Eigenpair",
    "inner_product",
    "lanczos",
    "norm",
    "norms",
    "power_iteration",
    "squared_norms",
    "widened",
]

Matvec = Callable[[Tensor], Tensor]

PIECE = 2**12  # elements whose squares are added up in their own precision
LONG_PIECE = 2**18  # the same of products; those are added up in many sums side by side


def widened(x: Tensor) -> Tensor:
    """``x`` in at least single precision, so that sums over it are sound.

    Complex numbers become pairs of real ones, shape [*, 2]: norms, inner products and derivatives
    of a real loss are those of its real and imaginary parts.
    """
    if x.dtype in (torch.float32, torch.float64):
        return x
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return torch.view_as_real(wide.resolve_conj()) if wide.is_complex() else wide


def norm(x: Tensor) -> Tensor:
    """‖x‖₂ in double precision, on the device of ``x``; the squares in single precision at least.

    Added up in pieces: over 10⁸ numbers, single precision would lose a thousandth.
    """
    x = widened(x)
    if x.numel() <= PIECE:
        return torch.linalg.vector_norm(x).double()
    flat = x.flatten()
    rest = flat.numel() % PIECE
    rows = torch.linalg.vector_norm(flat[: flat.numel() - rest].view(-1, PIECE), dim=1)
    last = torch.linalg.vector_norm(flat[flat.numel() - rest :])
    return torch.linalg.vector_norm(torch.cat([rows, last.view(1)]).double())


def norms(tensors: Iterable[Tensor]) -> Tensor:
    """‖x‖₂ of each tensor, float64 on the device of the first, shape [P].

    Taken at least in single precision.
    """
    found = [norm(x) for x in tensors]
    if not found:
        return torch.zeros(0, dtype=torch.float64)
    return torch.stack([n.to(found[0].device) for n in found])


def squared_norms(tensors: Iterable[Tensor]) -> Tensor:
    """‖x‖₂² of each tensor, float64 on the host, shape [P]; taken at least in single precision.

    Numbers whose squares have no place in single precision (below 1e-23, above 1e19) count, too.
    """
    given = list(tensors)
    found = norms(given).cpu()
    for place in torch.nonzero((found == 0) | found.isinf()).flatten().tolist():
        found[place] = _norm_of_extremes(given[place])
    return found.square()


def _norm_of_extremes(x: Tensor) -> Tensor:
    """‖x‖₂ where the squares are lost: relative to the largest element."""
    x = widened(x)
    if not x.numel():
        return x.new_zeros((), dtype=torch.float64)
    largest = torch.linalg.vector_norm(x, torch.inf)
    if largest == 0 or not torch.isfinite(largest):
        return largest.double()
    return norm(x / largest) * largest.double()


def inner_product(x: Tensor, y: Tensor) -> Tensor:
    """xᵀy in double precision, on the device of ``x``; of complex numbers as of pairs of reals.

    Taken at least in single precision, and added up in pieces.

    Args:
        x: Any shape.
        y: The same shape.
    """
    x, y = widened(x), widened(y)
    dtype = torch.promote_types(x.dtype, y.dtype)
    x, y = x.to(dtype).flatten(), y.to(x.device, dtype).flatten()
    pairs = zip(x.split(LONG_PIECE), y.split(LONG_PIECE), strict=True)
    parts = [torch.dot(one, other) for one, other in pairs]
    return torch.stack(parts).sum(dtype=torch.float64)


class ByParameter(dict[str, Tensor]):
    """A vector of the whole network, such as a gradient, in the pieces of its parameters.

    Its norms are computed once: it must not be changed after that.
    """

    @classmethod
    def of(cls, pieces: Mapping[str, Tensor]) -> ByParameter:
        """These pieces, and the norms if they are known."""
        return pieces if isinstance(pieces, cls) else cls(pieces)

    @cached_property
    def sq_norms(self) -> Tensor:
        """‖x‖² of each piece in their order, float64 on the host, shape [P]."""
        return squared_norms(self.values())


@dataclass(frozen=True)
class Eigenpair:
    """The largest algebraic eigenvalue, as far as it was found.

    Attributes:
        value: The eigenvalue (Rayleigh quotient of ``vector``).
        vector: Unit vector, shape [D].
        residual: ‖Av − λv‖; the eigenvalue nearest to ``value`` is no farther than this.
        products: Number of products with the operator that it took.
        converged: Whether the stopping rule was met.
        min_value: An upper bound of the smallest eigenvalue, where the method gives it for nothing.
        asymmetry: The largest |uᵀAv − vᵀAu| that was seen of unit vectors, where the method gives
            it for nothing. More than rounding: the operator is not symmetric.
    """

    value: float
    vector: Tensor
    residual: float
    products: int
    converged: bool
    min_value: float | None = None
    asymmetry: float = 0.0


def power_iteration(
    matvec: Matvec,
    start: Tensor,
    *,
    max_iterations: int = 100,
    rtol: float = 1e-3,
    atol: float = 1e-6,
) -> Eigenpair:
    """Largest algebraic eigenvalue by power iteration.

    Plain power iteration finds the eigenvalue of largest magnitude. Where that one is negative,
    it is shifted to zero and the iteration goes on with A − λI, whose dominant eigenvalue is the
    wanted one. A value that has settled while the residual is still large (two eigenvalues of
    nearly one magnitude) is not taken for converged.

    Args:
        matvec: v ↦ Av, shape [D] to [D].
        start: Start vector, shape [D], not zero.
        max_iterations: At most so many products in each of the two phases.
        rtol: Stop when the residual is below √rtol relative and the eigenvalue changes by less
            than ``rtol`` relative …
        atol: … or ``atol`` absolute.

    Reference: Yao et al. (2020); thesis C.34 and its stopping parameters.
    """
    dominant = _power(matvec, start, max_iterations, rtol, atol)
    if dominant.value >= 0 or not math.isfinite(dominant.value):
        return dominant
    shift = dominant.value
    again = _power(lambda v: matvec(v) - shift * v, start, max_iterations, rtol, atol)
    return Eigenpair(
        value=again.value + shift,
        vector=again.vector,
        residual=again.residual,
        products=dominant.products + again.products,
        converged=dominant.converged and again.converged,
        min_value=shift,
    )


def _power(matvec: Matvec, start: Tensor, limit: int, rtol: float, atol: float) -> Eigenpair:
    vector = start / float(norm(start))
    value, residual, converged = math.nan, math.inf, False
    for products in range(1, limit + 1):
        image = matvec(vector)
        previous, value = value, float(vector @ image)
        residual = float(norm(image - value * vector))
        settled = abs(value - previous) <= max(atol, rtol * abs(value))
        converged = settled and residual <= max(atol, math.sqrt(rtol) * abs(value))
        length = float(norm(image))
        if converged or length == 0 or not math.isfinite(length):
            return Eigenpair(value, vector, residual, products, converged or length == 0)
        vector = image / length
    return Eigenpair(value, vector, residual, limit, converged)


def lanczos(
    matvec: Matvec,
    start: Tensor,
    *,
    max_iterations: int = 100,
    rtol: float = 1e-3,
    atol: float = 1e-6,
    min_iterations: int = 4,
    basis: int = 20,
) -> Eigenpair:
    """Largest algebraic eigenvalue by the Lanczos method, restarted from its Ritz vector.

    For a symmetric operator the error of a Ritz value is at most the residual, and about
    residual² / gap, with the gap to the next one. It stops when the smaller of the two is below
    ``rtol`` and the value has settled to that.

    Args:
        matvec: v ↦ Av, shape [D] to [D], in a tensor of its own.
        start: Start vector, shape [D], not zero; near the eigenvector saves products.
        max_iterations: At most so many products.
        rtol: Relative accuracy that is asked of the eigenvalue.
        atol: Absolute accuracy below which nothing more is asked.
        min_iterations: At least so many products, so that a start vector beside the wanted
            eigenvector can't pass for it.
        basis: At most so many vectors of length D are kept.

    Reference: Golub & Van Loan (2013), section 10.1.
    """
    vector, value, used, asymmetry = start / float(norm(start)), math.nan, 0, 0.0
    while True:
        limit = min(basis, max_iterations - used)
        pair, value = _lanczos_run(matvec, vector, limit, rtol, atol, min_iterations, value)
        used += pair.products
        asymmetry = max(asymmetry, pair.asymmetry)
        if pair.converged or used >= max_iterations or not math.isfinite(pair.value):
            return replace(pair, products=used, asymmetry=asymmetry)
        vector = pair.vector


def _lanczos_run(
    matvec: Matvec,
    start: Tensor,
    limit: int,
    rtol: float,
    atol: float,
    min_iterations: int,
    previous: float,
) -> tuple[Eigenpair, float]:
    """One run of at most ``limit`` products; also returns the value, for the settling test."""
    # Rows of one tensor, so that no product copies what is there already; it grows when full.
    basis = start.new_empty(min(limit, 4), len(start))
    basis[0] = start
    diagonal: list[float] = []
    off_diagonal: list[float] = []
    converged, asymmetry = False, 0.0
    while True:
        vectors = basis[: len(diagonal) + 1]
        image = matvec(vectors[-1])
        image, beta, overlaps = _orthogonalized(image, vectors)
        diagonal.append(overlaps[-1])
        asymmetry = max(asymmetry, _asymmetry(overlaps, off_diagonal))
        if not (math.isfinite(diagonal[-1]) and math.isfinite(beta)):
            return Eigenpair(math.nan, start, math.inf, len(diagonal), False), math.nan
        values, weights = _tridiagonal_eigh(diagonal, off_diagonal)
        value, residual = float(values[-1]), beta * abs(float(weights[-1, -1]))
        settled = abs(value - previous) <= max(atol, rtol * abs(value))
        gap = value - float(values[-2]) if len(values) > 1 else 0.0
        error = residual**2 / gap if gap > residual else residual
        small = error <= max(atol, rtol * abs(value))
        exhausted = beta <= 1e-7 * max(abs(float(values[0])), abs(value), 1e-30)
        converged = exhausted or (small and settled and len(diagonal) >= min_iterations)
        previous = value
        if converged or len(diagonal) >= limit:
            break
        off_diagonal.append(beta)
        if len(diagonal) == len(basis):
            larger = basis.new_empty(min(limit, 2 * len(basis)), len(start))
            larger[: len(basis)] = basis
            basis = larger
        torch.div(image, beta, out=basis[len(diagonal)])
    ritz = weights[:, -1].to(start) @ vectors
    lowest = float(values[0])
    pair = Eigenpair(
        value, ritz / float(norm(ritz)), residual, len(diagonal), converged, lowest, asymmetry
    )
    return pair, previous


def _orthogonalized(vector: Tensor, basis: Tensor) -> tuple[Tensor, float, list[float]]:
    """``vector``, changed in place, less its part in the span of ``basis``; its norm; what it lost.

    What is left of a vector that lay mostly in the span is mostly rounding: then once more.
    """
    before, overlaps = float(norm(vector)), basis @ vector
    lost = overlaps.tolist()
    while True:
        vector.addmv_(basis.T, overlaps, alpha=-1)
        after = float(norm(vector))
        if not 0 < after < 0.05 * before or after < 1e-12 * before:
            return vector, after, lost
        before, overlaps = after, basis @ vector


def _asymmetry(overlaps: list[float], off_diagonal: list[float]) -> float:
    """How far the projections of the last image are from those of a symmetric operator.

    There only the last two vectors overlap with it, the last but one by the last β.
    """
    if not off_diagonal:
        return 0.0
    expected = [*[0.0] * (len(overlaps) - 2), off_diagonal[-1]]
    return max(abs(x - y) for x, y in zip(overlaps, expected, strict=False))


def _tridiagonal_eigh(diagonal: list[float], off_diagonal: list[float]) -> tuple[Tensor, Tensor]:
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    if off_diagonal:
        beside = torch.tensor(off_diagonal, dtype=torch.float64)
        matrix += torch.diag(beside, 1) + torch.diag(beside, -1)
    return torch.linalg.eigh(matrix)
