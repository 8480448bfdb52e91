"""Labeled images in memory, and how they are cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Labeled:
    """Images with their classes.

    Attributes:
        images: uint8, shape [n, channels, height, width].
        labels: int64, shape [n].
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)


@dataclass(frozen=True)
class ImageSet:
    """A data set of labeled images.

    Attributes:
        name: Our name for it.
        title: Its own name, for people.
        train: What is trained on.
        test: What is not.
        classes: Names of the classes; a label is an index into them.
        found: Where it was found.
    """

    name: str
    title: str
    train: Labeled
    test: Labeled
    classes: tuple[str, ...]
    found: str


def fit_images(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images in another frame: enlarged by a whole factor, zero-padded around, channels repeated.

    So Fashion-MNIST ([N, 1, 28, 28]) serves a network for [N, 3, 32, 32], and digits
    ([N, 1, 8, 8]) one for [N, 1, 28, 28].

    Args:
        images: Shape [N, channels, height, width].
        shape: Wanted (channels, height, width).

    Returns:
        Shape [N, *shape].

    Raises:
        ValueError: If the images are larger than the frame, or the channels do not divide.
    """
    channels, height, width = shape
    got_channels, got_height, got_width = images.shape[1:]
    if got_height > height or got_width > width or channels % got_channels:
        raise ValueError(
            f"got images of shape {tuple(images.shape[1:])}, expected some that fit into {shape}: "
            "no larger, and with a number of channels that divides it; choose other data"
        )
    factor = min(height // got_height, width // got_width)
    if factor > 1:
        images = images.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    below, right = height - images.shape[2], width - images.shape[3]
    frame = (right // 2, right - right // 2, below // 2, below - below // 2)
    return functional.pad(images, frame).repeat(1, channels // got_channels, 1, 1)


class Batches:
    """Shuffled batches of images in [0, 1]; each iteration is one epoch.

    The order comes from a generator of its own: the same seed gives the same batches,
    and the global random state is not touched.

    Args:
        data: What to cut.
        batch_size: Images per batch.
        shape: Frame of the images, see :func:`fit_images`; None: as they are.
        seed: Of the order.
        device: Where the batches go.
        keep_last: Whether a smaller last batch is given as well.

    Raises:
        ValueError: If no batch can be cut.
    """

    def __init__(
        self,
        data: Labeled,
        batch_size: int,
        *,
        shape: tuple[int, int, int] | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
        keep_last: bool = False,
    ) -> None:
        if not 1 <= batch_size <= len(data):
            raise ValueError(
                f"got batch_size={batch_size}, expected 1 to {len(data)}, the number of images"
            )
        self._data = data
        self._batch_size = batch_size
        self._shape = shape
        self._device = device
        self._keep_last = keep_last
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Batches per epoch."""
        full, rest = divmod(len(self._data), self._batch_size)
        return full + bool(rest and self._keep_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of (images float32 [N, *shape], labels int64 [N])."""
        order = torch.randperm(len(self._data), generator=self._generator)
        for start in range(0, len(self) * self._batch_size, self._batch_size):
            yield self._batch(order[start : start + self._batch_size])

    def take(self, steps: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """``steps`` batches, epoch after epoch, as (epoch, images, labels)."""
        for step in range(steps):
            epoch, place = divmod(step, len(self))
            if place == 0:
                batches = iter(self)
            images, labels = next(batches)
            yield epoch, images, labels

    def _batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        images = self._data.images[chosen].float().div_(255)
        if self._shape is not None:
            images = fit_images(images, self._shape)
        return images.to(self._device), self._data.labels[chosen].to(self._device)
