"""The runs that a page looks at together: one alone, or several laid over each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from cockpit.dashboard.drawing import Drawing, drawing_of
from cockpit.dashboard.question import Question, make_view
from cockpit.dashboard.runs import OpenRun, RunIndex, UnknownRunError
from cockpit.instruments import Instrument, View, instruments_for
from cockpit.instruments.compare import common_view
from cockpit.instruments.horizontal import Horizontal
from cockpit.instruments.overlay import Part, Room, overlay
from cockpit.instruments.panel import Panel
from cockpit.instruments.registry import in_page_order
from cockpit.instruments.run_style import RunStyle

CARD = Room(legend=False)  # the head of the page names the runs
LARGE = Room(lines=24, maps=12)

Member = tuple[RunStyle, OpenRun]


class Group:
    """One run, and those that are compared.

    Args:
        run: The run that the head of the page is about.
        members: Style and reader of each run that is drawn, the one in front first; none where
            the run is shown alone, as it is.
        absent: Names of runs that were asked for and are not there.
    """

    def __init__(
        self, run: OpenRun, members: Sequence[Member] = (), absent: Sequence[str] = ()
    ) -> None:
        self.run = run
        self.absent = list(absent)
        self._members = tuple(members)

    @property
    def stamp(self) -> str:
        """Changes whenever anything about one of the runs does."""
        if not self._members:
            return self.run.stamp
        stamps = [self.run.stamp, *(one.stamp for _, one in self._members)]
        return hashlib.blake2b(" ".join(stamps).encode(), digest_size=12).hexdigest()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold all the runs, each read on once."""
        runs = {id(one): one for one in (self.run, *(one for _, one in self._members))}
        with ExitStack() as stack:
            for one in sorted(runs.values(), key=lambda r: r.log.path):  # always in one order
                stack.enter_context(one.lock)
            for one in runs.values():
                one.refresh()
            yield

    def instruments(self) -> tuple[Instrument, ...]:
        """Those of all the runs, in page order."""
        if not self._members:
            return instruments_for(self.run.log)
        found = {one.name: one for _, run in self._members for one in run.instruments()}
        return in_page_order(found.values())

    def drawing(self, instrument: Instrument, question: Question) -> Drawing:
        """What an instrument shows of the runs."""
        if not self._members:
            log = self.run.log
            view = make_view(question.view, log)
            return self.run.drawings.get(instrument, log, view, question.theme, self.stamp)
        room = LARGE if question.view.get("focus") == instrument.name else CARD
        views = self._views(question)
        styles = tuple(style for style, _ in self._members)
        key = (instrument.name, tuple(views), question.theme, styles, room)

        def make() -> tuple[Panel | None, str]:
            return self._panel(instrument, views, room)

        return self.run.comparisons.get(
            key, self.stamp, lambda: drawing_of(instrument, make, question.theme)
        )

    def _views(self, question: Question) -> list[View]:
        """The view of each run: its own layers, and what all have to agree on."""
        logs = [run.log for _, run in self._members]
        return [common_view(make_view(question.view, log), logs) for log in logs]

    def _panel(
        self, instrument: Instrument, views: Sequence[View], room: Room
    ) -> tuple[Panel | None, str]:
        """The runs' panels laid over each other, and the label of the course of the run."""
        parts: list[Part] = []
        picked = any(view.layers for view in views)
        for (style, run), view in zip(self._members, views, strict=True):
            if picked and not view.layers:
                continue  # it has none of the chosen layers
            if (panel := run.panel(instrument.name, view)) is not None:
                parts.append((style, panel))
        label = Horizontal(self._members[0][1].log, views[0]).axis.label
        return (overlay(parts, room) if parts else None), label


def gather(index: RunIndex, name: str, wanted: Sequence[tuple[str, RunStyle]]) -> Group:
    """Open the runs that a page asks for.

    Args:
        index: The runs there are.
        name: Of the run that the head of the page is about.
        wanted: Name and style of each run to compare; none for one run alone.

    Raises:
        UnknownRunError: If there is no run ``name``.
    """
    run = index.open(name)
    members: list[Member] = []
    absent = []
    for other, style in wanted:
        try:
            members.append((style, index.open(other)))
        except UnknownRunError:
            absent.append(other)
    return Group(run, members, absent)
