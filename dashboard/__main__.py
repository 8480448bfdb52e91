"""``python -m cockpit.dashboard FOLDER``: the page as an own process."""

from __future__ import annotations

import sys

from cockpit.dashboard.command import main

sys.exit(main())
