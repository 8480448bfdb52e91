"""The short version of all benchmarks."""

from __future__ import annotations

import sys

from benchmarks import overhead

overhead.main(sys.argv[1:])
