"""Synthetic runs: logs of made-up trainings, to look around and to test with. Imports no torch.

>>> write_run("runs/first", steps=200, layers=6)  # all quantities
>>> write_run("runs/bad", diverge_at=120)  # NaN a few steps later
>>> write_run("runs/long", steps=1_000_000, quantities=("Loss", "Alpha"))  # some seconds
>>> write_kind("deep", "runs/deep")  # one of those that `cockpit demo --synthetic` shows
"""

from __future__ import annotations

from cockpit.synthetic.course import Course
from cockpit.synthetic.kinds import KINDS, Kind, write_kind
from cockpit.synthetic.lamps import lamp_line
from cockpit.synthetic.layers import make_layers, make_residual_layers
from cockpit.synthetic.live import keep_writing
from cockpit.synthetic.quantities import QUANTITIES
from cockpit.synthetic.run import write_run
from cockpit.synthetic.training import Training

__all__ = [
    "Course", "KINDS", "Kind", "QUANTITIES", "Training", "keep_writing", "lamp_line",
    "make_layers", "make_residual_layers", "write_kind", "write_run",
]  # fmt: skip
