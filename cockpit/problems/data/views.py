"""How a problem's network sees a data set: what is an input, what a target.

A view is what makes another real data set serve the same network: images are framed, rare
characters are put together. It takes data of one kind only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from cockpit.problems.data.framing import Framed
from cockpit.problems.data.images import ImageSet, Labeled
from cockpit.problems.data.sets import DataSet, PairSet, Samples
from cockpit.problems.data.texts import Passages, TextSet, encode, vocabulary

Split = tuple[Samples, Samples]
"""What is trained on, and what is tested on."""


class View(ABC):
    """Makes a network's samples from a data set."""

    takes: ClassVar[type[DataSet]]

    def __call__(self, data: DataSet) -> Split:
        """The training and the test samples.

        Raises:
            ValueError: If the data is of another kind, or does not fit the network.
        """
        if not isinstance(data, self.takes):
            raise ValueError(
                f"got {data.title}, which is {data.kind}; this problem takes {self.takes.kind}"
            )
        return self.split(data)

    @abstractmethod
    def split(self, data: Any) -> Split:
        """The samples, of data of the right kind."""


@dataclass(frozen=True)
class AsDrawn(View):
    """Pairs of numbers, as they are."""

    takes = PairSet

    def split(self, data: PairSet) -> Split:
        """Nothing is changed."""
        return data.train, data.test


@dataclass(frozen=True)
class Classified(View):
    """Images in a frame, float32 in [0, 1], and their classes.

    Attributes:
        shape: (channels, height, width) that the network takes.
        classes: Number of classes that it knows.
    """

    takes = ImageSet

    shape: tuple[int, int, int]
    classes: int = 10

    def split(self, data: ImageSet) -> Split:
        """Framed images with labels; there may be fewer classes than the network knows."""
        if len(data.classes) > self.classes:
            raise ValueError(
                f"got {data.title} with {len(data.classes)} classes; the network knows "
                f"{self.classes}; choose other data"
            )
        return Framed(data.train, self.shape), Framed(data.test, self.shape)


@dataclass(frozen=True)
class ToItself:
    """Samples whose targets are their inputs."""

    samples: Samples

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen inputs, twice."""
        inputs, _ = self.samples.take(chosen)
        return inputs, inputs


@dataclass(frozen=True)
class Reconstructed(View):
    """Images in a frame, float32 in [0, 1], each of which is its own target.

    Attributes:
        shape: (channels, height, width) that the network takes and makes.
    """

    takes = ImageSet

    shape: tuple[int, int, int]

    def split(self, data: ImageSet) -> Split:
        """Framed images, twice."""
        return self._to_itself(data.train), self._to_itself(data.test)

    def _to_itself(self, images: Labeled) -> Samples:
        return ToItself(Framed(images, self.shape))


@dataclass(frozen=True)
class NextCharacter(View):
    """Passages of a text as codes, and the same, one character further.

    Attributes:
        length: Characters of a passage.
        codes: Number of codes that the network knows. The last one stands for all characters that
            are too rare to have their own.
    """

    takes = TextSet

    length: int
    codes: int

    def split(self, data: TextSet) -> Split:
        """Passages that follow each other without overlap."""
        known = vocabulary(data.train, self.codes)
        train, test = (encode(part, known) for part in (data.train, data.test))
        return Passages(train, self.length), Passages(test, self.length)
