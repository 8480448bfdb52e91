"""Uses of parameters that no layer rule covers, found as nodes of the autograd graph."""

from cockpit.backward.nodes.graph import uses_beside
from cockpit.backward.nodes.use import NodeUse

__all__ = ["NodeUse", "uses_beside"]
