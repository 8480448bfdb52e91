"""What a data set is: something to train on, something to test on, and where it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor


class Samples(Protocol):
    """Pairs of an input and a target, taken by their numbers."""

    def __len__(self) -> int:
        """Number of pairs."""
        ...

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs and the targets with these numbers (int64, shape [N]); N comes first."""
        ...


@dataclass(frozen=True)
class DataSet:
    """A data set in memory.

    Attributes:
        name: Our name for it.
        title: Its own name, for people.
        train: What is trained on.
        test: What is not.
        found: Where it was found.
        kind: What it consists of, in words: problems take data of one kind.
        unit: What its parts are made of.
    """

    kind: ClassVar[str]
    unit: ClassVar[str]

    name: str
    title: str
    train: Any
    test: Any
    found: str


@dataclass(frozen=True)
class Pairs:
    """Inputs and targets as they are.

    Attributes:
        inputs: Shape [n, ...].
        targets: Shape [n, ...].
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.inputs)

    def take(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """The chosen pairs."""
        return self.inputs[chosen], self.targets[chosen]


@dataclass(frozen=True)
class PairSet(DataSet):
    """A data set of :class:`Pairs`."""

    kind: ClassVar[str] = "pairs of numbers"
    unit: ClassVar[str] = "pairs"

    train: Pairs
    test: Pairs
