"""What the page hears of the lamps beside the alerts: who watches, who cannot, who was lit."""

from __future__ import annotations

from typing import Any

from cockpit.instruments.lamp_words import grouped, reasons, words_of
from cockpit.lamps.outcome import Outcome

OVER = 50  # lamps that went out


def lamps(outcome: Outcome) -> dict[str, Any]:
    """How the lamps of a run stand, for the page's list of them.

    ``about`` has the longer explanation of those that are or were lit.
    """
    shone = {episode.lamp for episode in (*outcome.lit, *outcome.past)}
    return {
        "watched": outcome.watched,
        "watching": outcome.able,
        "healthy": [{"group": group, "titles": titles} for group, titles in grouped(outcome.clear)],
        "hidden": [one.title for one in outcome.hidden],
        "absent": [{"why": why, "titles": titles} for why, titles in reasons(outcome)],
        "silenced": [words_of(name).title for name in outcome.silenced],
        "past": [
            {
                "level": episode.level,
                "title": words_of(episode.lamp).title,
                "since": episode.since,
                "until": episode.until,
                "evidence": episode.reading.evidence,
            }
            for episode in outcome.past[-OVER:]
        ],
        "about": {name: _about(name) for name in sorted(shone)},
    }


def _about(name: str) -> dict[str, Any]:
    words = words_of(name)
    return {
        "text": words.text, "source": words.source, "kind": words.kind, "page": words.page,
    }  # fmt: skip
