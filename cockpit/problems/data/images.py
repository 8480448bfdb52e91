"""Labeled images in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from cockpit.problems.data.sets import DataSet


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

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen images in [0, 1], float32, and their labels."""
        return self.images[chosen].float().div_(255), self.labels[chosen]


@dataclass(frozen=True)
class ImageSet(DataSet):
    """A data set of labeled images.

    Attributes:
        classes: Names of the classes; a label is an index into them.
    """

    kind: ClassVar[str] = "images"
    unit: ClassVar[str] = "images"

    train: Labeled
    test: Labeled
    classes: tuple[str, ...] = ()
