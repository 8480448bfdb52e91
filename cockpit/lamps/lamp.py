"""What a lamp is, and the list of all of them, filled at import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cockpit.lamps.course import Course

__all__ = [
    "LEVELS",
    "MOST_NAMES",
    "STATISTICAL",
    "STAYS",
    "TOO_LONG",
    "Lamp",
    "Level",
    "Reading",
    "Suggestion",
    "UnknownLampError",
    "above",
    "all_lamps",
    "below",
    "checked",
    "get",
    "lamp",
]

Level = Literal["warning", "caution", "advisory"]
LEVELS: tuple[Level, ...] = ("warning", "caution", "advisory")
Kind = Literal["exact", "statistical"]
Group = Literal["data", "model", "loss", "optimizer", "steps"]

STATISTICAL = "statistical"
"""In ``inhibits``: all statistical lamps."""

STAYS = 0.75
"""Severity of a reading that neither lights a lamp nor puts it out."""

TOO_LONG = (
    "diverged",
    "edge_of_stability",
    "exploding_gradients",
    "learning_rate_too_large",
    "no_warm_up",
    "oscillation",
    "update_ratio",
)
"""Lamps that show steps that are too long, whatever made them so: for ``inhibits``."""

MOST_NAMES = 20
"""So many names a list of facts has at most; there may be more, then."""


@dataclass(frozen=True)
class Suggestion:
    """What to change, for a program to act on.

    Attributes:
        change: What: ``lr``, ``batch_size``, ``stop``, or a word of the lamp's own.
        factor: By how much to multiply it; None: see ``value``.
        value: What to set it to; None: see ``factor``.
        layers: Parameters or modules to look at.
    """

    change: str
    factor: float | None = None
    value: float | None = None
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What a lamp makes of the run at one tracked step.

    Attributes:
        severity: 1 at the lamp's threshold. It lights from 1 on, and goes out below ½.
        evidence: The numbers in words, with their threshold: one sentence.
        numbers: The same by name.
        layers: Parameters or modules that it is about.
        level: Instead of the lamp's own, if this case is another one.
        suggestion: What a program could do about it.
        unsure: Whether it explains no statistical lamp, whatever the lamp's ``inhibits`` says: it
            is not sure enough to hide all of them.
    """

    severity: float
    evidence: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    level: Level | None = None
    suggestion: Suggestion | None = None
    unsure: bool = False


Diagnosis = Callable[["Course"], Reading | None]


@dataclass(frozen=True)
class Lamp:
    """A diagnosis, called as ``lamp(course) -> Reading | None``.

    Attributes:
        name: How logs and programs call it, e.g. ``learning_rate_too_large``: the cause.
        title: How people read it.
        level: *warning*: act now, the run is lost or wrong as it stands; *caution*: act soon;
            *advisory*: know.
        group: What it is about.
        kind: *exact*: it sees the fault itself; *statistical*: its traces.
        needs: What of a run it reads: names of quantities, or dotted names of facts. Where one is
            not tracked, the lamp is absent, and says so.
        means: What it says, in one sentence.
        do: What to do, in one sentence.
        source: Where the diagnosis comes from.
        sustain: It lights after so many readings in a row, and goes out after twice as many.
        inhibits: Lamps that show its consequences: names, or :data:`STATISTICAL`.
        read: The statistic; None where the step tells nothing.
        text: The docstring: what is behind it, for its page in the docs.
        unfit: Says of a run why it cannot be judged, in words; empty: it can be.
    """

    name: str
    title: str
    level: Level
    group: Group
    kind: Kind
    needs: tuple[str, ...]
    means: str
    do: str
    source: str
    sustain: int
    inhibits: tuple[str, ...]
    read: Diagnosis
    text: str
    unfit: Callable[[Course], str] | None = None

    def __call__(self, course: Course) -> Reading | None:
        """What the run looks like to it now; None if this step tells nothing."""
        return self.read(course)

    def explains(self, other: Lamp) -> bool:
        """Whether the other one shows a consequence of what this one names."""
        return other.name in self.inhibits or (
            STATISTICAL in self.inhibits and other.kind == "statistical" and other is not self
        )


def checked(given: Any, lamp: Lamp) -> Reading | None:
    """What a lamp returned, everything in it of its type; a lamp of the user's may be careless.

    Args:
        given: What it returned.
        lamp: The lamp.

    Raises:
        TypeError: If it is no reading, or there is something else where a number belongs.
        ValueError: If there is no such level.
    """
    if given is None:
        return None
    if not isinstance(given, Reading):
        raise TypeError(f"a lamp returns a Reading or None; got {type(given).__name__}")
    if (given.level or lamp.level) not in LEVELS:
        raise ValueError(f"a level is one of {', '.join(LEVELS)}; got {given.level or lamp.level}")
    severity = _number(given.severity)
    if severity < 1:  # nothing else of it is looked at, and most readings are so
        return given if type(given.severity) is float else replace(given, severity=severity)
    suggestion = given.suggestion
    if suggestion is not None:
        suggestion = Suggestion(
            str(suggestion.change),
            None if suggestion.factor is None else _number(suggestion.factor),
            None if suggestion.value is None else _number(suggestion.value),
            _names(suggestion.layers),
        )
    return replace(
        given,
        severity=severity,
        evidence=str(given.evidence),
        numbers={str(name): _number(value) for name, value in given.numbers.items()},
        layers=_names(given.layers),
        suggestion=suggestion,
    )


def _number(value: Any) -> float:
    if isinstance(value, str | bytes):  # float() would read it
        raise TypeError(f"expected a number; got {value!r}")
    return float(value)


def _names(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(map(str, given))


_lamps: dict[str, Lamp] = {}


class UnknownLampError(LookupError):
    """There is no lamp of this name."""


def lamp(
    *,
    title: str,
    level: Level,
    group: Group,
    kind: Kind,
    needs: tuple[str, ...],
    means: str,
    do: str,
    source: str,
    sustain: int = 1,
    inhibits: tuple[str, ...] = (),
    unfit: Callable[[Course], str] | None = None,
) -> Callable[[Diagnosis], Lamp]:
    """Register a function as a lamp of its name; see :class:`Lamp` for the arguments.

    Raises:
        ValueError: If the name is taken.
    """

    def register(read: Diagnosis) -> Lamp:
        name = read.__name__
        if name in _lamps:
            raise ValueError(f"A lamp named {name!r} exists already; choose another name.")
        made = Lamp(
            name=name,
            title=title,
            level=level,
            group=group,
            kind=kind,
            needs=needs,
            means=means,
            do=do,
            source=source,
            sustain=sustain,
            inhibits=inhibits,
            read=read,
            text=(read.__doc__ or "").strip(),
            unfit=unfit,
        )
        _lamps[name] = made
        return made

    return register


def all_lamps() -> tuple[Lamp, ...]:
    """All lamps: warnings first, then by name."""
    return tuple(sorted(_lamps.values(), key=lambda one: (LEVELS.index(one.level), one.name)))


def get(name: str) -> Lamp:
    """The lamp of this name.

    Raises:
        UnknownLampError: If there is none; the message lists those that exist.
    """
    if name not in _lamps:
        raise UnknownLampError(
            f"There is no lamp {name!r}. Choose one of: {', '.join(sorted(_lamps))}."
        )
    return _lamps[name]


def above(value: float, threshold: float) -> float:
    """Severity of a value that is bad where it is large; both positive."""
    return value / threshold


def below(value: float, threshold: float) -> float:
    """Severity of a value that is bad where it is small; both positive."""
    return threshold / max(value, threshold * 1e-12)
