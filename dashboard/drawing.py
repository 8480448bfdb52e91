"""Panels as the JSON that the page draws, each made once for all who look at it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cockpit.dashboard.encode import encode
from cockpit.dashboard.kept import Kept
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
    """The latest drawings of a run."""

    def __init__(self) -> None:
        self._kept: Kept[Drawing] = Kept(KEPT)

    def get(
        self, instrument: Instrument, log: RunLog, view: View, theme: str, stamp: str
    ) -> Drawing:
        """The drawing of an instrument for the run as of ``stamp``."""
        key = (instrument.name, view, theme)
        return self._kept.get(key, stamp, lambda: draw(instrument, log, view, theme))


def draw(instrument: Instrument, log: RunLog, view: View, theme: str) -> Drawing:
    """Draw one instrument for one run."""

    def make() -> tuple[Panel | None, str]:
        return instrument(log, view), Horizontal(log, view).axis.label

    return drawing_of(instrument, make, theme)


def drawing_of(
    instrument: Instrument, make: Callable[[], tuple[Panel | None, str]], theme: str
) -> Drawing:
    """Draw a panel; one that fails says so in its place, and hides no other.

    Args:
        instrument: Whose panel it is.
        make: Makes the panel, and the label of the axis that is the course of the run.
        theme: ``light`` or ``dark``.
    """
    try:
        panel, label = make()
        text = "null" if panel is None else _panel_text(panel, theme, label)
    except Exception as error:
        log_messages.exception("Instrument %s could not be drawn", instrument.name)
        reason = f"could not be drawn: {type(error).__name__}: {error}"
        marks = (Text(0.5, 0.5, reason, "caution", "center"),)
        text = _panel_text(Panel(instrument.title, instrument.group, marks=marks), theme, "")
    return Drawing(hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), text)


def panel_size(panel: Panel) -> str:
    """How much room a panel needs: more for a map, or with panels at its sides."""
    roomy = panel.side or panel.multiples or any(isinstance(m, Heatmap) for m in panel.marks)
    return "tall" if roomy else "normal"


def panel_words(panel: Panel, theme: str, horizontal: str) -> dict[str, Any]:
    """What the page hears of a panel: its texts, its size on the page, and the figure.

    ``history`` names the figure's axes that are the course of the run: the page zooms them
    together.
    """
    drawn = figure_dict(panel, theme)
    return {
        "title": panel.title,
        "current": panel.current,
        "note": panel.note,
        "size": panel_size(panel),
        "history": _history_axes(drawn["layout"], horizontal) if horizontal else [],
        "figure": lean(drawn),
    }


def _panel_text(panel: Panel, theme: str, horizontal: str) -> str:
    return encode(panel_words(panel, theme, horizontal))


def _history_axes(layout: dict[str, Any], label: str) -> list[str]:
    """The axes with this label, and those that are tied to one of them without a label."""
    axes = {name: axis for name, axis in layout.items() if name.startswith("xaxis")}
    leader = {name: axis.get("matches", name.replace("axis", "")) for name, axis in axes.items()}
    named = {leader[name] for name, axis in axes.items() if axis["title"]["text"] == label}
    return [name for name in axes if leader[name] in named]
