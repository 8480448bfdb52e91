"""What a run's lamps make of it: seen, what to try first, found healthy, could not be checked.

Plain data, from the log alone; ``cockpit report`` prints it, or writes it as a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cockpit.instruments.alerts import (
    EXPLAINED,
    Alert,
    Consequence,
    alerts,
    consequence_of,
    of_finding,
)
from cockpit.instruments.lamp_words import Words, grouped, reasons, words_of
from cockpit.instruments.run_summary import Fact, run_facts
from cockpit.lamps import LEVELS, replay
from cockpit.lamps.outcome import Finding, Outcome, root_of, silenced_in

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
        alert: What it said, as the page shows it: at its worst; in a long log, where it lit or grew
            worse.
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
        stalled: Whether its log has no end, and stopped growing.
        afterwards: Whether the lamps looked at the log only now, not while the run went on.
        entries: Lamps that are lit, then those that went out; in each the worst first.
        others: What else needs attention: events, values, how the run ended.
        healthy: What was checked and found healthy, by what it is about.
        hidden: What is not told apart from what was lit, as it would be a consequence of that.
        absent: What could not be checked, by the reason.
        silenced: Titles of lamps that the program left out.
    """

    name: str
    facts: tuple[Fact, ...]
    steps: tuple[int, int] | None
    over: bool
    stalled: bool
    afterwards: bool
    entries: tuple[Entry, ...]
    others: tuple[dict[str, Any], ...]
    healthy: Titles
    hidden: tuple[str, ...]
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
    def headline(self) -> str:
        """The worst of what is the case, and how much more there is as bad; or the verdict."""
        found = [entry.alert.message for entry in self.lit if entry.alert.level == self.level]
        found += [str(a["message"]) for a in self.others if a["level"] == self.level]
        if not found:
            return self.verdict
        return f"{found[0]}, and {len(found) - 1} more" if found[1:] else found[0]

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
    else:
        outcome = outcome.judged(log)
    steps = log.batch_sizes.step
    found = alerts(log, outcome)
    return Report(
        name=log.name,
        facts=tuple(run_facts(log)[1:]),
        steps=(int(steps[0]), int(steps[-1])) if steps.size else None,
        over=log.end is not None,
        stalled=log.status == "stalled",
        afterwards=afterwards,
        entries=tuple(_entries(log, outcome, found)),
        others=tuple(alert for alert in found if not alert["lamp"]),
        healthy=_titles(grouped(outcome.clear)),
        hidden=tuple(one.title for one in outcome.hidden),
        absent=_titles(reasons(outcome)),
        silenced=tuple(words_of(name).title for name in outcome.silenced),
    )


def _titles(parts: Iterable[tuple[str, list[str]]]) -> Titles:
    return tuple((what, tuple(titles)) for what, titles in parts)


def _entries(log: RunLog, outcome: Outcome, found: Iterable[dict[str, Any]]) -> list[Entry]:
    """Each lamp once, with all its times: those that are lit, then those that went out.

    Those that another one explained, whenever they were lit, stand under that one only.
    """
    past: dict[str, list[Episode]] = {}
    for episode in outcome.past:
        past.setdefault(episode.lamp, []).append(episode)
    lit = {episode.lamp: episode for episode in outcome.lit}
    latest = {name: episodes[-1] for name, episodes in past.items()} | lit
    roots = {name: {root_of(one, latest) for one in times} for name, times in past.items()}
    # What is not finite is among these, too.
    told = {alert["lamp"]: [Consequence(**one) for one in alert["consequences"]] for alert in found}
    entries = []
    for finding in outcome.findings:
        name = finding.root.lamp
        out = [past[other][-1] for other in roots if name in roots[other] and other not in lit]
        entry = _entry(log, finding, past.get(name, ()))
        now = told.get(name, entry.alert.consequences)
        explained = (*now, *map(consequence_of, out))[: max(len(now), EXPLAINED)]
        entries.append(replace(entry, alert=replace(entry.alert, consequences=explained)))
    alone = {name for name in past if name in roots[name]} | {f.root.lamp for f in outcome.findings}
    for name, episodes in past.items():
        if name not in lit and (name in alone or not roots[name] & alone):
            out = [past[other][-1] for other in roots if name in roots[other] and other != name]
            entries.append(_entry(log, Finding(_worst(episodes), tuple(out)), episodes))
    return sorted(entries, key=_rank)


def _worst(episodes: Sequence[Episode]) -> Episode:
    """The worst time of a lamp that went out, the last of several."""
    return min(episodes, key=lambda one: (LEVELS.index(one.level), -one.since))


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
    end = "when the log stopped growing" if report.stalled else "now"
    end = "when the run ended" if report.over else end
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
