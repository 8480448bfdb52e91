"""What the page asks for, checked: whatever arrives from a browser becomes this or is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cockpit.instruments import View
from cockpit.instruments.grouping import GROUPINGS
from cockpit.instruments.run_style import STYLES, RunStyle
from cockpit.log import RunLog

MAX_NAMES = 500
MAX_TEXT = 1_000
MAX_SEARCH = 200
MAX_COMPARED = 24
MAX_LABEL = 80
FOCUS_POINTS = 2_000


@dataclass(frozen=True)
class NumbersWish:
    """A table of numbers that the page shows.

    Attributes:
        instrument: Of which instrument; empty: the whole record.
        search: Words that its rows contain.
        stamp: The state of the run that it was made for.
        digest: Tells which table the page has.
    """

    instrument: str
    search: str
    stamp: str
    digest: str


class BadQuestionError(ValueError):
    """The request is not one that the page makes."""


@dataclass(frozen=True)
class Question:
    """One poll of the page.

    Attributes:
        run: Name of the run; empty: the latest.
        stamp: The state of the run that the page has, as the server named it.
        runs: The state of the list of runs that it has.
        offers: The state of what the run offers that it has.
        panels: Stamp and digest of what it shows, for each instrument that it wants to know of;
            ``None``: all of them, none of which it has.
        theme: ``"light"`` or ``"dark"``.
        view: The wishes for the view, not yet checked against the run.
        compare: Name and style of each run to draw, the one in front first; empty: ``run`` alone.
        table: The state of the table of runs that it has; ``None``: it shows none.
        numbers: The table of numbers that it shows, if one.
        lamps: The state of the list of lamps that it has.
    """

    run: str
    stamp: str
    runs: str
    offers: str
    panels: dict[str, tuple[str, str]] | None
    theme: str
    view: dict[str, Any]
    compare: tuple[tuple[str, RunStyle], ...] = ()
    table: str | None = None
    numbers: NumbersWish | None = None
    lamps: str = ""


def parse(body: Any) -> Question:
    """Check a request.

    Raises:
        BadQuestionError: If it is malformed.
    """
    if not isinstance(body, dict):
        raise BadQuestionError("expected a JSON object")
    view = body.get("view") or {}
    if not isinstance(view, dict):
        raise BadQuestionError("view: expected an object")
    return Question(
        run=_text(body, "run"),
        stamp=_text(body, "stamp"),
        runs=_text(body, "runs"),
        offers=_text(body, "offers"),
        panels=_panels(body.get("panels")),
        theme="dark" if body.get("theme") == "dark" else "light",
        view=view,
        compare=_compared(body.get("compare") or []),
        table=None if body.get("table") is None else _text(body, "table"),
        numbers=_numbers(body.get("numbers")),
        lamps=_text(body, "lamps"),
    )


def make_view(wish: dict[str, Any], log: RunLog) -> View:
    """The view that is wished for, as far as the run allows; the default for the rest."""
    quantity = wish.get("quantity")
    x = wish.get("x")
    grouping = wish.get("grouping")
    return View(
        step=_step(wish.get("step")),
        layers=_layers(wish.get("layers"), log),
        quantity=quantity if isinstance(quantity, str) and quantity in log.quantities else None,
        x=x if x in ("step", "epoch", "time") else "step",
        x_scale="log" if wish.get("xscale") == "log" else "linear",
        smoothing=_smoothing(wish.get("smoothing")),
        max_points=FOCUS_POINTS if wish.get("focus") else View().max_points,
        window=_window(wish.get("window")),
        search=_short(wish.get("search")),
        grouping=grouping if isinstance(grouping, str) and grouping in GROUPINGS else None,
        folded=_short_texts(wish.get("folded")),
        large=bool(wish.get("focus")),
    )


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key) or ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise BadQuestionError(f"{key}: expected a short text")
    return value


def _panels(given: Any) -> dict[str, tuple[str, str]] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or len(given) > MAX_NAMES:
        raise BadQuestionError("panels: expected an object with few names")
    checked = {}
    for name, token in given.items():
        if not isinstance(token, list) or len(token) != 2 or not all(_is_text(t) for t in token):
            raise BadQuestionError("panels: expected a stamp and a digest for each name")
        checked[name] = (token[0], token[1])
    return checked


def _compared(given: Any) -> tuple[tuple[str, RunStyle], ...]:
    """Name, place among the colors, and label of each run to compare."""
    if not isinstance(given, list) or len(given) > MAX_COMPARED:
        raise BadQuestionError(f"compare: expected at most {MAX_COMPARED} runs")
    checked = {}
    for one in given:
        if not isinstance(one, list) or len(one) != 3:
            raise BadQuestionError("compare: expected name, color and label of each run")
        name, color, label = one
        if not _is_text(name) or not _is_text(label) or type(color) is not int:
            raise BadQuestionError("compare: expected name, color and label of each run")
        checked[name] = RunStyle(label[:MAX_LABEL] or name, color % STYLES)
    return tuple(checked.items())


def _numbers(given: Any) -> NumbersWish | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise BadQuestionError("numbers: expected an object")
    return NumbersWish(*(_text(given, key) for key in ("instrument", "search", "stamp", "digest")))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _layers(value: Any, log: RunLog) -> tuple[str, ...] | None:
    wanted = {name for name in value if isinstance(name, str)} if isinstance(value, list) else set()
    return tuple(layer.name for layer in log.layers if layer.name in wanted) or None


def _short(value: Any) -> str:
    return value[:MAX_SEARCH] if isinstance(value, str) else ""


def _short_texts(value: Any) -> tuple[str, ...]:
    """Texts in an order that does not matter, so that equal views are equal."""
    given = value if isinstance(value, list) else []
    return tuple(sorted({text for text in given[:MAX_NAMES] if _is_text(text)}))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _step(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(min(max(number, 0), 2**62))


def _smoothing(value: Any) -> float | None:
    number = _number(value)
    return None if number is None else min(max(number, 0.0), 0.99)


def _window(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = _number(value[0]), _number(value[1])
    return None if low is None or high is None or low >= high else (low, high)
