"""How samples are cut into batches, in an order that a seed alone decides."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from cockpit.problems.data.framing import Framed
from cockpit.problems.data.sets import Samples


class Batches:
    """Shuffled batches; each iteration is one epoch.

    The order comes from a generator of its own: the same seed gives the same batches,
    and the global random state is not touched.

    Args:
        data: What to cut.
        batch_size: Samples per batch.
        shape: Frame of images, see :func:`fit_images`; None: as they are.
        seed: Of the order.
        device: Where the batches go.
        keep_last: Whether a smaller last batch is given as well.

    Raises:
        ValueError: If no batch can be cut.
    """

    def __init__(
        self,
        data: Samples,
        batch_size: int,
        *,
        shape: tuple[int, int, int] | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
        keep_last: bool = False,
    ) -> None:
        if not 1 <= batch_size <= len(data):
            raise ValueError(
                f"got batch_size={batch_size}, expected 1 to {len(data)}, the number of samples"
            )
        self._data = data if shape is None else Framed(data, shape)
        self._batch_size = batch_size
        self._device = device
        self._keep_last = keep_last
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Batches per epoch."""
        full, rest = divmod(len(self._data), self._batch_size)
        return full + bool(rest and self._keep_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of (inputs, targets); images are float32 [N, *shape], labels int64 [N]."""
        yield from self._epoch(first=0)

    def take(self, steps: int, first: int = 0) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Batches number ``first`` to ``steps``, epoch after epoch, as (epoch, inputs, targets).

        The first ones are left out without being cut: so a run goes on where it was.
        """
        for _ in range(first // len(self)):
            self._order()
        epoch, place = divmod(first, len(self))
        left = steps - first
        while left > 0:
            for inputs, targets in self._epoch(place):
                yield epoch, inputs, targets
                left -= 1
                if left <= 0:
                    return
            epoch, place = epoch + 1, 0

    def _order(self) -> Tensor:
        return torch.randperm(len(self._data), generator=self._generator)

    def _epoch(self, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of the next epoch, from one of them on."""
        order = self._order()
        for number in range(first, len(self)):
            start = number * self._batch_size
            yield self._batch(order[start : start + self._batch_size])

    def _batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        inputs, targets = self._data.take(chosen)
        return inputs.to(self._device), targets.to(self._device)
