"""What a fault is, and the list of all of them, filled at import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.faults.programs import Program
from benchmarks.faults.setup import Setup

Kind = Literal["exact", "statistical"]
Applies = Callable[[Program], bool]


@dataclass(frozen=True)
class Fault:
    """A way to break a program, in one severity.

    Attributes:
        name: E.g. ``learning_rate_too_large-x30``.
        kind: The same without the severity: the averages are over kinds.
        root: The lamp that names its cause.
        accepted: Lamps that name the cause or what is as right to say; the root among them.
        nature: ``exact``: a lamp can see it itself; ``statistical``: only its traces.
        wrong: Whether the run is wrong by definition, however well it goes.
        advisory: Whether the right lamp is an advisory: it may be meant, or does no harm.
        onset: When it begins, as a share of the run.
        applies: Which programs can have it.
        inject: Breaks a setup.
        text: What is broken.
    """

    name: str
    kind: str
    root: str
    accepted: frozenset[str]
    nature: Kind
    wrong: bool
    advisory: bool
    onset: float
    applies: Applies
    inject: Callable[[Setup], None]
    text: str


FAULTS: dict[str, Fault] = {}


def fault(
    root: str,
    *also: str,
    nature: Kind = "exact",
    wrong: bool = False,
    advisory: bool = False,
    onset: Callable[[float], float] = lambda severity: 0.0,
    applies: Applies = lambda program: True,
    severities: Mapping[str, float] | None = None,
) -> Callable[[Callable[[Setup, float], None]], Callable[[Setup, float], None]]:
    """Register a function of a setup and a severity as a fault of its name.

    Args:
        root: The lamp that names the cause.
        *also: Lamps that are as right.
        nature: Exact or statistical.
        wrong: Whether it is wrong by definition.
        advisory: Whether the right lamp is an advisory.
        onset: When it begins, as a share of the run, by the severity.
        applies: Which programs can have it.
        severities: Their names and numbers; None: there is only one.
    """

    def register(inject: Callable[[Setup, float], None]) -> Callable[[Setup, float], None]:
        kind = inject.__name__
        for title, severity in (severities or {"": 1.0}).items():
            name = f"{kind}-{title}" if title else kind
            assert name not in FAULTS, name

            def broken(setup: Setup, severity: float = severity) -> None:
                inject(setup, severity)

            FAULTS[name] = Fault(
                name,
                kind,
                root,
                frozenset({root, *also}),
                nature,
                wrong,
                advisory,
                onset(severity),
                applies,
                broken,
                (inject.__doc__ or "").strip(),
            )
        return inject

    return register
