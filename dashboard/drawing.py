"""Panels as the JSON that the page draws, each made once for all who look at it."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from cockpit.dashboard.encode import encode
from cockpit.dashboard.lean import lean
from cockpit.instruments import Instrument, View
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.panel import Heatmap, Panel, Text
from cockpit.log import RunLog
from cockpit.render.plotly import figure_dict

log_messages = logging.getLogger("cockpit.dashboard")

KEPT = 96  # drawings of a run: about three views of all instruments


@dataclass(frozen=True)
class Drawing:
    """One instrument's panel, ready to be sent.

    Attributes:
        digest: Tells whether the page has this very drawing already.
        text: The JSON object; ``null`` where the run has nothing for the instrument.
    """

    digest: str
    text: str


class Drawings:
    """The latest drawings of a run, the least used forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], tuple[str, Drawing]] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, instrument: Instrument, log: RunLog, view: View, theme: str, stamp: str
    ) -> Drawing:
        """The drawing of an instrument for the run as of ``stamp``."""
        key = (instrument.name, view, theme)
        with self._lock:
            known = self._kept.get(key)
            if known and known[0] == stamp:
                self._kept.move_to_end(key)
                return known[1]
        made = draw(instrument, log, view, theme)
        with self._lock:
            self._kept[key] = (stamp, made)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made


def draw(instrument: Instrument, log: RunLog, view: View, theme: str) -> Drawing:
    """Draw one instrument; one that fails says so in its place, and hides no other."""
    try:
        panel = instrument(log, view)
        label = Horizontal(log, view).axis.label
        text = "null" if panel is None else _panel_text(panel, theme, label)
    except Exception as error:
        log_messages.exception("Instrument %s could not be drawn", instrument.name)
        reason = f"could not be drawn: {type(error).__name__}: {error}"
        marks = (Text(0.5, 0.5, reason, "caution", "center"),)
        text = _panel_text(Panel(instrument.title, instrument.group, marks=marks), theme, "")
    return Drawing(hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), text)


def _size(panel: Panel) -> str:
    """How much room a panel needs: more for a map, or with panels at its sides."""
    roomy = panel.side or any(isinstance(mark, Heatmap) for mark in panel.marks)
    return "tall" if roomy else "normal"


def _panel_text(panel: Panel, theme: str, horizontal: str) -> str:
    """A panel as JSON: its texts, its size on the page, and the figure.

    ``history`` names the figure's axes that are the course of the run: the page zooms them
    together.
    """
    drawn = figure_dict(panel, theme, all_names=True)
    drawn["data"] = [lean(trace) for trace in drawn["data"]]
    axes = [
        name
        for name, axis in drawn["layout"].items()
        if name.startswith("xaxis") and _title(axis) == horizontal
    ]
    words = {
        "title": panel.title,
        "current": panel.current,
        "note": panel.note,
        "size": _size(panel),
        "history": axes if horizontal else [],
        "figure": drawn,
    }
    return encode(words)


def _title(axis: dict[str, Any]) -> str:
    return str(axis["title"]["text"])
