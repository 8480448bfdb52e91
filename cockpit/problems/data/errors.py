"""What can be wrong with a data file."""

from __future__ import annotations


class DamagedError(ValueError):
    """A file that is torn, damaged, or another one than it should be."""
