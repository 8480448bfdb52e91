"""Where the samples are in a tensor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Layout", "layouts_along"]


@dataclass(frozen=True)
class Layout:
    """The samples run along one axis, alone or folded with another axis (positions, windows).

    Attributes:
        axis: The axis.
        minor: Of a folded axis: index t·N + n (positions before samples) instead of n·T + t.
    """

    axis: int = 0
    minor: bool = False

    def split(self, x: Tensor, batch_size: int) -> Tensor:
        """``x`` with the samples first, [N, …]; what was folded with them stays where it was."""
        size = x.shape[self.axis]
        if size == batch_size:
            return x.movedim(self.axis, 0)
        folded = (size // batch_size, batch_size) if self.minor else (batch_size, -1)
        return x.unflatten(self.axis, folded).movedim(self.axis + self.minor, 0)

    def rows(self, x: Tensor, batch_size: int) -> Tensor:
        """``x`` with as many axes, the first one being [N·T], the T rows of a sample together."""
        if self == Layout():
            return x
        if x.shape[self.axis] == batch_size:
            return x.movedim(self.axis, 0)
        return self.split(x, batch_size).flatten(0, 1)

    def explains(self, grad: Tensor, weighed: Tensor, weights: Tensor, tolerance: float) -> bool:
        """Whether ``weighed`` is ``grad`` with the sample's weight on each element.

        Args:
            grad: In this layout, as far as is known.
            weighed: As ``grad``.
            weights: Of the samples, shape [N].
            tolerance: Relative to the largest element.
        """
        if grad.shape[self.axis] % len(weights):
            return False
        expected = self.split(grad, len(weights))
        expected = expected * weights.to(grad.dtype).view(-1, *[1] * (expected.dim() - 1))
        off = (self.split(weighed, len(weights)) - expected).abs().amax()
        return bool(off <= tolerance * grad.abs().amax())


def layouts_along(shape: Iterable[int], axes: Iterable[int], batch_size: int) -> list[Layout]:
    """All layouts that a shape allows, with the samples along one of ``axes``.

    Those with an axis of exactly N come first.
    """
    sizes = tuple(shape)
    alone = [Layout(k) for k in axes if sizes[k] == batch_size]
    folded = [
        Layout(k, minor)
        for k in axes
        if sizes[k] > batch_size and sizes[k] % batch_size == 0
        for minor in (False, True)
    ]
    return alone + folded
