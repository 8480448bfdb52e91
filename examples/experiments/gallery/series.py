"""A quantity of several runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cockpit.log import RunLog


def stack(logs: Sequence[RunLog], name: str) -> np.ndarray:
    """Its values, [runs, T]; of runs that were tracked at the same steps."""
    return np.stack([log.series(name).value for log in logs])
