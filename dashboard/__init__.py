"""The live page: ``cockpit ui RUNS/``.

A Dash app on a plain threaded server. The page asks for news by itself, a few times a second;
the server reads on in the logs and answers with what changed. Nothing here imports torch.
"""

from __future__ import annotations

from cockpit.dashboard.background import start_background
from cockpit.dashboard.server import PortInUseError, serve

__all__ = ["PortInUseError", "serve", "start_background"]
