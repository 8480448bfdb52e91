"""What a run's lamps make of it: seen, what to try first, found healthy, could not be checked.

Plain data, from the log alone; ``cockpit report`` prints it, or writes it as a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cockpit.instruments.alerts import Alert, alerts, of_finding
from cockpit.instruments.lamp_words import Words, grouped, reasons, words_of
from cockpit.instruments.run_summary import Fact, run_facts
from cockpit.lamps import LEVELS, replay
from cockpit.lamps.outcome import Finding, Outcome, silenced_in

if TYPE_CHECKING:
    from cockpit.lamps import Episode
    from cockpit.log import RunLog

__all__ = ["Entry", "Report", "report_on"]

Span = tuple[int, int | None]  # steps; None: until the end
Titles = tuple[tuple[str, tuple[str, ...]], ...]  # what they have in common, and titles of lamps


@dataclass(frozen=True)
class Entry:
    """A lamp that was lit, and what it explains.

    Attributes:
        alert: What it said at its worst, as the page shows it.
        words: What there is to say of the lamp at any time.
        spans: From when to when it was lit, in order.
    """

    alert: Alert
    words: Words
    spans: tuple[Span, ...]

    @property
    def is_lit(self) -> bool:
        """Whether it is lit still, or was when the run ended."""
        return self.spans[-1][1] is None


@dataclass(frozen=True)
class Report:
    """What there is to say of a run.

    Attributes:
        name: Of the run.
        facts: About the run, as in the head of a page.
        steps: The first and the last tracked step; None before there are any.
        over: Whether the run has ended.
        afterwards: Whether the lamps looked at the log only now, not while the run went on.
        entries: Lamps that are lit, then those that went out; in each the worst first.
        others: What else needs attention: events, values, how the run ended.
        healthy: What was checked and found healthy, by what it is about.
        absent: What could not be checked, by the reason.
        silenced: Titles of lamps that the program left out.
    """

    name: str
    facts: tuple[Fact, ...]
    steps: tuple[int, int] | None
    over: bool
    afterwards: bool
    entries: tuple[Entry, ...]
    others: tuple[dict[str, Any], ...]
    healthy: Titles
    absent: Titles
    silenced: tuple[str, ...]

    @property
    def lit(self) -> tuple[Entry, ...]:
        """The lamps that are lit, or were when the run ended."""
        return tuple(entry for entry in self.entries if entry.is_lit)

    @property
    def out(self) -> tuple[Entry, ...]:
        """The lamps that went out."""
        return tuple(entry for entry in self.entries if not entry.is_lit)

    @property
    def level(self) -> str:
        """The worst of what is the case; empty: nothing is."""
        levels = [entry.alert.level for entry in self.lit]
        levels += [str(alert["level"]) for alert in self.others]
        return min(levels, key=LEVELS.index, default="")

    @property
    def try_first(self) -> str:
        """What to do about the worst of what is the case; empty: nothing."""
        advice = [(entry.alert.level, entry.alert.advice) for entry in self.lit]
        advice += [(alert["level"], alert["advice"]) for alert in self.others]
        known = [(LEVELS.index(level), text) for level, text in advice if text]
        return min(known, key=lambda pair: pair[0])[1] if known else ""

    @property
    def verdict(self) -> str:
        """Everything in one sentence."""
        return _verdict(self) + _beside(self)


def report_on(log: RunLog, *, anew: bool = False) -> Report:
    """The report on a run.

    Args:
        log: The run.
        anew: Look at the log with the lamps of this version, whatever those of the run said.
            So it is done anyway where no lamps watched the run.
    """
    outcome = Outcome.of_log(log)
    afterwards = anew or not outcome.watched
    if afterwards:
        outcome = Outcome.of_board(replay(log, silenced=silenced_in(log.header)))
    steps = log.batch_sizes.step
    others = [alert for alert in alerts(log, outcome) if not alert["lamp"]]
    return Report(
        name=log.name,
        facts=tuple(run_facts(log)[1:]),
        steps=(int(steps[0]), int(steps[-1])) if steps.size else None,
        over=log.status != "running",
        afterwards=afterwards,
        entries=tuple(_entries(log, outcome)),
        others=tuple(others),
        healthy=_titles(grouped(outcome.healthy)),
        absent=_titles(reasons(outcome)),
        silenced=tuple(words_of(name).title for name in outcome.silenced),
    )


def _titles(parts: Iterable[tuple[str, list[str]]]) -> Titles:
    return tuple((what, tuple(titles)) for what, titles in parts)


def _entries(log: RunLog, outcome: Outcome) -> list[Entry]:
    """Each lamp once, with all its times: those that are lit, then those that went out."""
    past: dict[str, list[Episode]] = {}
    for episode in outcome.past:
        past.setdefault(episode.lamp, []).append(episode)
    lit = {episode.lamp for episode in outcome.lit}
    entries = [
        _entry(log, finding, past.get(finding.root.lamp, ())) for finding in outcome.findings
    ]
    for name, episodes in past.items():
        if name not in lit and not _is_told(episodes, past):
            entries.append(_entry(log, _worst(episodes, past), episodes))
    return sorted(entries, key=_rank)


def _is_told(episodes: Sequence[Episode], past: dict[str, list[Episode]]) -> bool:
    """Whether a lamp that went out stands under the one that explained it."""
    causes = [past.get(episode.cause or "", ()) for episode in episodes]
    return all(any(one.cause is None for one in cause) for cause in causes)


def _worst(episodes: Sequence[Episode], past: dict[str, list[Episode]]) -> Finding:
    """The worst time of a lamp that went out, and those that it explained."""
    root = min(episodes, key=lambda one: (LEVELS.index(one.level), -one.since))
    explained = [
        others[-1]
        for name, others in past.items()
        if name != root.lamp and any(other.cause == root.lamp for other in others)
    ]
    return Finding(root, tuple(explained))


def _entry(log: RunLog, finding: Finding, past: Sequence[Episode]) -> Entry:
    root = finding.root
    alert = of_finding(log, finding)
    spans: list[Span] = [(episode.since, episode.until) for episode in past]
    if root.until is None:
        spans.append((root.since, None))
    else:  # what it explained is over, too: its own level counts
        alert = replace(alert, level=root.level)
    return Entry(alert, words_of(root.lamp), tuple(sorted(spans, key=lambda span: span[0])))


def _rank(entry: Entry) -> tuple[bool, int, int]:
    return not entry.is_lit, LEVELS.index(entry.alert.level), entry.spans[0][0]


def _verdict(report: Report) -> str:
    lit = [entry.alert.level for entry in report.lit]
    counts = [counted(lit.count(level), level) for level in LEVELS if level in lit]
    end = "when the run ended" if report.over else "now"
    if counts:
        listed = " and ".join([", ".join(counts[:-1]), counts[-1]] if counts[1:] else counts)
        return f"{listed} lit {end}."
    if report.out:
        return f"No lamp lit {end}; {counted(len(report.out), 'lamp')} lit before went out."
    watched = sum(len(titles) for _, titles in report.healthy)
    if not watched:
        return "No lamp could tell anything."
    return f"No lamp was lit; {counted(watched, 'lamp')} found nothing wrong."


def _beside(report: Report) -> str:
    """How much needs attention beside the lamps."""
    levels = [alert["level"] for alert in report.others]
    counts = [counted(levels.count(level), level) for level in LEVELS if level in levels]
    return f" Beside the lamps: {', '.join(counts)}." if counts else ""


def counted(number: int, word: str) -> str:
    """A number and what it counts, e.g. ``2 advisories``."""
    plural = "advisories" if word == "advisory" else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"
