"""The training programs: each as a user would have written it, each really learning something.

They are split. Thresholds may be set by what happens in those of ``setting``; those of ``held_out``
are only scored. Programs whose scores were looked at are held out no more: they move to
``setting``, and others are written in their place. Both splits have each kind of architecture, but
no program of one is one of the other with another seed: network, optimizer, batch size, or data are
others.
"""

from __future__ import annotations

from benchmarks.faults.programs import held_out, setting
from benchmarks.faults.programs.program import Optimizer, Program, Split

__all__ = ["PROGRAMS", "Optimizer", "Program", "Split"]

PROGRAMS: dict[str, Program] = {
    one.name: one for one in (*setting.programs(), *held_out.programs())
}
