"""What an instrument is, and the list of all of them, filled at import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cockpit.instruments.grouping import GROUPINGS
from cockpit.instruments.panel import GROUPS, Group, Panel, Text

if TYPE_CHECKING:
    from cockpit.log import RunLog

FEWEST_POINTS = 20
EVERY_POINT = 2**31  # no curve has more
Builder = Callable[["RunLog", "View"], Panel | None]


@dataclass(frozen=True)
class Help:
    """What a user reads behind the "?" of a panel, in plain words.

    Attributes:
        shows: What it shows.
        good: What a healthy run looks like.
        bad: What trouble looks like.
        do: What to do about it.
        source: Where definition and interpretation come from.
    """

    shows: str
    good: str
    bad: str
    do: str
    source: str


@dataclass(frozen=True)
class View:
    """How a user wants to look at a run.

    Attributes:
        step: Show the run as of this step (``None``: the latest).
        layers: Names of parameters to pick out (``None``: the whole network).
        quantity: What the layers instrument shows (``None``: it chooses).
        x: The horizontal axis of histories.
        x_scale: Its scale; on a logarithmic one the start has its place at the left end.
        smoothing: 0 (none) to below 1; ``None`` chooses gently by the number of points.
        max_points: How many points a line has at most.
        window: The visible part of the horizontal axis, in its units (``None``: all).
        search: Words that the rows of pictures by layer have to contain (empty: all rows).
        grouping: How those rows are grouped: ``module``, ``type`` or ``depth`` (``None``: not).
        folded: Groups that are one row.
        large: Whether there is room for more than the essential.
        unit: Of a time axis: s, min, h or d (``None``: what suits the run's length).

    Raises:
        ValueError: If a value is not among those named.
    """

    step: int | None = None
    layers: tuple[str, ...] | None = None
    quantity: str | None = None
    x: Literal["step", "epoch", "time"] = "step"
    smoothing: float | None = None
    max_points: int = 800
    window: tuple[float, float] | None = None
    search: str = ""
    grouping: Literal["module", "type", "depth"] | None = None
    folded: tuple[str, ...] = ()
    large: bool = False
    unit: str | None = None
    x_scale: Literal["linear", "log"] = "linear"

    @property
    def every_point(self) -> bool:
        """Whether nothing is to be summarized, as for a table."""
        return self.max_points >= EVERY_POINT

    def __post_init__(self) -> None:
        if self.unit not in (None, "s", "min", "h", "d"):
            raise ValueError(f"unit must be 's', 'min', 'h', 'd' or None, got {self.unit!r}.")
        if self.x not in ("step", "epoch", "time"):
            raise ValueError(f"x must be 'step', 'epoch' or 'time', got {self.x!r}.")
        if self.grouping not in (None, *GROUPINGS):
            raise ValueError(
                f"grouping must be None or one of {', '.join(GROUPINGS)}, got {self.grouping!r}."
            )
        if self.x_scale not in ("linear", "log"):
            raise ValueError(f"x_scale must be 'linear' or 'log', got {self.x_scale!r}.")
        if self.smoothing is not None and not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be None or in [0, 1), got {self.smoothing}.")
        if self.max_points < FEWEST_POINTS:
            raise ValueError(f"max_points must be at least {FEWEST_POINTS}, got {self.max_points}.")


@dataclass(frozen=True)
class Instrument:
    """A view of a run, called as ``instrument(log, view) -> Panel | None``.

    Attributes:
        name: How commands and addresses call it, e.g. ``grad_norm``.
        title: How people read it.
        group: Where it stands.
        needs: Quantities that it shows; one of them suffices.
        help: Its explanation.
        build: Makes the panel; ``None`` where the run has nothing for it.
        order: Place within its group.
        claims: Whether it shows a scalar that the user logged under this name.
        companions: Names of instruments that stand beside it in full screen.
    """

    name: str
    title: str
    group: Group
    needs: tuple[str, ...]
    help: Help
    build: Builder
    order: int = 100
    claims: Callable[[str], bool] = lambda name: False
    companions: tuple[str, ...] = ()

    def __call__(self, log: RunLog, view: View | None = None) -> Panel | None:
        """The panel for a run; ``None`` where the run has nothing for it."""
        panel = self.build(log, view or View())
        return panel and replace(panel, title=panel.title or self.title, group=self.group)


# A family makes instruments from what it finds in a log (e.g. one per quantity of the user).
Family = Callable[["RunLog"], tuple[Instrument, ...]]

_instruments: dict[str, Instrument] = {}
_families: dict[str, Family] = {}


class UnknownInstrumentError(LookupError):
    """There is no instrument of this name."""


class NothingToShowError(LookupError):
    """The run has no records for what was asked."""


def instrument(
    *,
    name: str,
    title: str,
    group: Group,
    needs: tuple[str, ...],
    help: Help,
    order: int = 100,
    claims: Callable[[str], bool] = lambda name: False,
    companions: tuple[str, ...] = (),
) -> Callable[[Builder], Instrument]:
    """Register a function as an instrument; see :class:`Instrument` for the arguments.

    Raises:
        ValueError: If the name is taken or the group does not exist.
    """
    if name in _instruments:
        raise ValueError(f"An instrument named {name!r} exists already; choose another name.")
    if group not in GROUPS:
        raise ValueError(f"Instrument {name!r}: group must be one of {GROUPS}, got {group!r}.")

    def register(build: Builder) -> Instrument:
        made = Instrument(name, title, group, needs, help, build, order, claims, companions)
        _instruments[name] = made
        return made

    return register


def family(prefix: str) -> Callable[[Family], Family]:
    """Register a function that makes instruments named ``prefix:...`` from a log."""

    def register(make: Family) -> Family:
        _families[prefix] = make
        return make

    return register


def _place(one: Instrument) -> tuple[int, int, str]:
    return GROUPS.index(one.group), one.order, one.name


def in_page_order(instruments: Iterable[Instrument]) -> tuple[Instrument, ...]:
    """Instruments in the order of the page."""
    return tuple(sorted(instruments, key=_place))


def all_instruments() -> tuple[Instrument, ...]:
    """All instruments that do not depend on a log, in the order of the page."""
    return in_page_order(_instruments.values())


def instruments_for(log: RunLog) -> tuple[Instrument, ...]:
    """All instruments for a run, those made from its own quantities included, in page order."""
    made = [one for make in _families.values() for one in make(log)]
    return in_page_order([*_instruments.values(), *made])


def get(name: str, log: RunLog | None = None) -> Instrument:
    """The instrument of this name.

    Args:
        name: E.g. ``"alpha"``, or ``"custom:my_quantity"`` together with a log.
        log: The run, for the instruments that are made from its own quantities.

    Raises:
        UnknownInstrumentError: If there is none; the message lists those that exist.
    """
    known = {one.name: one for one in (instruments_for(log) if log else all_instruments())}
    if name not in known:
        raise UnknownInstrumentError(
            f"There is no instrument {name!r}. Choose one of: {', '.join(known)}."
        )
    return known[name]


def panels(
    log: RunLog, view: View | None = None, names: Sequence[str] = ()
) -> list[tuple[Instrument, Panel]]:
    """Every panel that a run has something for, in page order.

    An instrument that fails on odd data yields a panel that says so, and hides no other.

    Args:
        log: The run.
        view: How to look at it.
        names: Of the instruments wanted, in the order wanted; all if empty.

    Raises:
        UnknownInstrumentError: If there is no instrument of one of the names.
    """
    shown = []
    for one in [get(name, log) for name in names] if names else instruments_for(log):
        try:
            panel = one(log, view)
        except Exception as error:
            text = f"could not be drawn: {type(error).__name__}: {error}"
            panel = Panel(one.title, one.group, marks=(Text(0.5, 0.5, text, "caution", "center"),))
        if panel is not None:
            shown.append((one, panel))
    return shown
