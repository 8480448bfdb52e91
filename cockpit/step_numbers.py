"""The numbers of a loop's steps, and which may come next."""

from __future__ import annotations

from collections import deque

__all__ = ["StepNumbers"]

MEMORY = 64  # distances between steps that are remembered
REACH = 64  # numbers that are looked at ahead; a longer way is a jump, not a stride


class StepNumbers:
    """Learns from the numbers seen so far.

    Attributes:
        last: The last number; ``None`` before the first.
        restarts: How often the numbers went back.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self.restarts = 0
        self._strides = deque([1], maxlen=MEMORY)  # what is likely, until it is forgotten

    def take(self, step: int) -> None:
        """A step begins."""
        if self.last is not None:
            if step > self.last:
                self._strides.append(step - self.last)
            else:
                self.restarts += 1
        self.last = step

    @property
    def are_unknown(self) -> bool:
        """Whether nothing but a guess can be said of the numbers to come."""
        return len(self._strides) == 1

    def coming(self) -> range:
        """The numbers that may come next: one where the steps are evenly numbered."""
        if self.last is None:
            return range(1)
        least, most = min(self._strides), max(self._strides)
        return range(self.last + least, self.last + min(most, least + REACH) + 1)
