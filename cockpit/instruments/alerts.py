"""What needs attention in a run: its lit lamps, its events, its values, and how it ended.

Levels as in aviation: a warning asks to act now, a caution to know now and act later, an advisory
to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cockpit.instruments.lamp_panels import curves_of, panels_of
from cockpit.instruments.lamp_words import suggestion_words, words_of
from cockpit.instruments.registry import all_instruments
from cockpit.instruments.sparkline import Sparkline, sparkline
from cockpit.lamps import LEVELS, UnknownLampError, get
from cockpit.lamps.outcome import Outcome

if TYPE_CHECKING:
    from cockpit.lamps import Episode
    from cockpit.lamps.outcome import Finding
    from cockpit.log import RunLog

SHOWN = 40  # alerts
NAMED = 4  # quantities in one alert
EXPLAINED = 12  # consequences of one alert
LISTED = 20  # layers

# kind of event: what to do about it
ADVICE = {
    "nonfinite": "Lower the learning rate, or look for a division by zero or a logarithm of zero "
    "in the model or the loss.",
    "fault": "Training goes on without this quantity. The log holds the traceback; "
    "strict=True raises instead.",
    "failed": "Look at the traceback in the terminal of the training.",
    "stalled": "Look whether the training process still runs; a killed one can be resumed into "
    "the same folder.",
}


@dataclass(frozen=True)
class Consequence:
    """What an alert explains.

    Attributes:
        level: As of alerts.
        title: What is the case.
        evidence: The numbers, in a sentence.
        step: The first step it was seen at.
    """

    level: str
    title: str
    evidence: str = ""
    step: int | None = None


@dataclass
class Alert:
    """One thing that needs attention.

    Attributes:
        id: Stays the same while the alert lasts and gets no worse.
        level: warning, caution or advisory.
        kind: What kind of event it comes from; ``lamp``.
        quantity: The quantity it is about, if one.
        message: What is the case.
        advice: What to do.
        step: The first step it was seen at.
        last: The last one; None: of a lamp that is lit.
        count: At how many steps it was seen.
        lamp: Name of the lamp, if it is one.
        means: What its being lit means, in a sentence.
        evidence: The numbers, with their threshold, in a sentence: as the log has it, from where
            the lamp lit or grew worse; of a report on a short run, from the worst step.
        numbers: The same by name.
        layers: Parameters or modules that it is about.
        suggestion: What a program would change.
        consequences: What else is the case, because of this.
        panels: Names of the instruments that show it.
        curve: The course of a quantity that tells.
    """

    id: str
    level: str
    kind: str
    quantity: str | None
    message: str
    advice: str
    step: int | None = None
    last: int | None = None
    count: int = 1
    lamp: str | None = None
    means: str = ""
    evidence: str = ""
    numbers: dict[str, float | str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    suggestion: str = ""
    consequences: tuple[Consequence, ...] = ()
    panels: tuple[str, ...] = ()
    curve: Sparkline | None = None


def alerts(log: RunLog, outcome: Outcome | None = None) -> list[dict[str, Any]]:
    """The alerts of a run, warnings first, in a level lamps first; JSON-able.

    Args:
        log: The run.
        outcome: How its lamps stand; by default as the log says.
    """
    outcome = Outcome.of_log(log) if outcome is None else outcome
    lamps = [of_finding(log, finding) for finding in outcome.findings]
    events = [*_events(log), *_status(log)]
    if (nonfinite := _nonfinite(log)) and not _is_told(nonfinite, outcome.findings, lamps):
        events.append(nonfinite)
    events.sort(key=lambda a: -(a.last if a.last is not None else -1))
    ordered = sorted([*lamps, *events], key=lambda a: LEVELS.index(a.level))
    return [asdict(alert) for alert in ordered[:SHOWN]]


def of_finding(log: RunLog, finding: Finding) -> Alert:
    """The alert of a lit lamp and those that it explains."""
    root, level = finding.root, finding.level
    words, reading = words_of(root.lamp), root.reading
    panels = panels_of(root.lamp, reading.layers, all_instruments())
    return Alert(
        id=f"lamp/{root.lamp}/{root.since}/{level}",
        level=level,
        kind="lamp",
        quantity=None,
        message=words.title,
        advice=words.do,
        step=root.since,
        lamp=root.lamp,
        means=words.means,
        evidence=reading.evidence,
        numbers={name: _plain(value) for name, value in reading.numbers.items()},
        layers=reading.layers[:LISTED],
        suggestion=suggestion_words(reading.suggestion),
        consequences=tuple(map(consequence_of, finding.consequences[:EXPLAINED])),
        panels=tuple(panels),
        curve=curve_of(log, root),
    )


def curve_of(log: RunLog, episode: Episode) -> Sparkline | None:
    """The course of the first quantity that a lamp reads, of those that have one."""
    try:
        lamp = get(episode.lamp)
    except UnknownLampError:
        return None
    wanted = curves_of(lamp)
    for name in (need for need in lamp.needs if need in wanted):
        if name in log.quantities and (curve := sparkline(log, name, episode.since)):
            return curve
    return None


def _plain(value: float) -> float | str:
    """A number as JSON holds it."""
    return float(value) if np.isfinite(value) else str(value)


def consequence_of(episode: Episode) -> Consequence:
    """A lamp that another one explains."""
    title = words_of(episode.lamp).title
    return Consequence(episode.level, title, episode.reading.evidence, episode.since)


def _is_told(nonfinite: Alert, findings: Sequence[Finding], lamps: list[Alert]) -> bool:
    """Whether a lamp says why there are values that are no numbers; then its alert lists them."""
    for place, finding in enumerate(findings):
        names = [episode.lamp for episode in (finding.root, *finding.consequences)]
        if any(name.startswith("nonfinite") or name == "diverged" for name in names):
            told = Consequence(nonfinite.level, nonfinite.message.rstrip("."), "", nonfinite.step)
            known = lamps[place].consequences
            lamps[place] = replace(lamps[place], consequences=(*known, told))
            return True
    return False


def _events(log: RunLog) -> list[Alert]:
    """One alert for all events of one kind about one quantity."""
    found: dict[str, Alert] = {}
    for event in log.events:
        # What is not finite is found in the values themselves: all of it, as one alert.
        if event.get("level") in LEVELS and event.get("kind") != "nonfinite":
            _add_event(found, event)
    return list(found.values())


def _add_event(found: dict[str, Alert], event: dict[str, Any]) -> None:
    level, kind, quantity = event["level"], str(event.get("kind")), event.get("quantity")
    quantity = quantity if isinstance(quantity, str) else None
    key = f"{level}/{kind}/{quantity or ''}"
    step = event.get("step")
    known = found.get(key)
    if known is None:
        message = str(event.get("message", ""))
        advice = ADVICE.get(kind, "")
        found[key] = Alert(key, level, kind, quantity, message, advice, step, step)
        return
    known.count += 1
    if step is not None:
        known.last = step if known.last is None else max(known.last, step)


def _nonfinite(log: RunLog) -> Alert | None:
    """One alert for all quantities with NaN or ±Inf values: they share a cause."""
    first: dict[str, int] = {}
    last, count = -1, 0
    for name in log.quantities:
        series = log.series(name)
        bad = series.step[~np.isfinite(series.value)]
        if bad.size:
            first[name] = int(bad[0])
            last, count = max(last, int(bad[-1])), max(count, bad.size)
    if not first:
        return None
    names = sorted(first, key=lambda name: first[name])
    listed = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        listed += f" and {len(names) - NAMED} more"
    message = f"{listed}: not a finite number."
    key = f"warning/nonfinite/{first[names[0]]}"
    start, advice = first[names[0]], ADVICE["nonfinite"]
    return Alert(key, "warning", "nonfinite", None, message, advice, start, last, count)


def _status(log: RunLog) -> list[Alert]:
    if log.status == "failed":
        said = str((log.end or {}).get("message") or "")
        message = f"The run failed: {said}" if said else "The run failed."
        return [_of_run("warning", "failed", message, log.last_step)]
    if log.status == "stalled":
        message = "The log has stopped growing, without an end."
        return [_of_run("caution", "stalled", message, log.last_step)]
    return []


def _of_run(level: str, kind: str, message: str, step: int | None) -> Alert:
    return Alert(f"{level}/{kind}/", level, kind, None, message, ADVICE[kind], step, step)
