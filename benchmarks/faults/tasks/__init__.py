"""What the programs learn: small real data, cut so that a run takes seconds.

All of it is there offline: Fashion-MNIST and the King James Bible as Debian ships them, the rest as
scikit-learn does, or drawn. Where one of these is missing, loading it says so.
"""

from __future__ import annotations

from benchmarks.faults.tasks import (
    languages,
    measurements,
    pictures,
    scenes,
    series,
    tables,
    texts,
)
from benchmarks.faults.tasks.task import TASKS, Task, get

__all__ = ["TASKS", "Task", "get"]

_MODULES = (languages, measurements, pictures, scenes, series, tables, texts)
