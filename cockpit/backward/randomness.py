"""The random generators that a user's modules and hooks may draw from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

__all__ = ["RandomState", "random_state_kept"]


@dataclass(frozen=True, eq=False)
class RandomState:
    """Of the global generators of torch, Python and numpy.

    Attributes:
        torch: Of the CPU's generator, then of each GPU's if these are in use.
        python: As ``random.getstate()`` gives it.
        numpy: As ``numpy.random.get_state()`` gives it.
    """

    torch: tuple[Tensor, ...]
    python: tuple[Any, ...]
    numpy: dict[str, Any]

    @classmethod
    def now(cls) -> RandomState:
        """As they are."""
        others = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        return cls(
            (torch.random.get_rng_state(), *others),
            random.getstate(),
            dict(np.random.get_state(legacy=False)),
        )

    def restore(self) -> None:
        """Put them all back to what they were."""
        torch.random.set_rng_state(self.torch[0])
        if len(self.torch) > 1:
            torch.cuda.set_rng_state_all(list(self.torch[1:]))
        random.setstate(self.python)
        np.random.set_state(self.numpy)

    def is_the_present(self) -> bool:
        """Whether nothing has been drawn since."""
        now = RandomState.now()
        return (
            self.python == now.python
            and all(torch.equal(x, y) for x, y in zip(self.torch, now.torch, strict=False))
            and all(map(np.array_equal, tree_leaves(self.numpy), tree_leaves(now.numpy)))
        )


@contextmanager
def random_state_kept() -> Iterator[RandomState]:
    """Take back what is drawn inside; yields the state before."""
    before = RandomState.now()
    try:
        yield before
    finally:
        before.restore()
