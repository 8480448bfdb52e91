"""Where axes have ticks, and what is written there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cockpit.instruments.numbers import MINUS
from cockpit.instruments.panel import Axis
from cockpit.instruments.scales import to_scale

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
Tick = tuple[float, str]


def decade_text(exponent: int) -> str:
    """A power of ten in few characters: ``0.01``, ``1``, ``100``, ``10⁴``, ``10⁻⁸``."""
    if -2 <= exponent <= 3:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(SUPERSCRIPTS)


def linear_texts(values: Sequence[float]) -> list[str]:
    """Texts of evenly spaced ticks, with as many decimals as the most exact one needs.

    Large ones are written in thousands, millions or billions (k, M, G), very small or very large
    ones with an exponent.
    """
    at = np.asarray(values, dtype=float)
    largest = float(np.abs(at).max(initial=0.0))
    gap = float(np.min(np.diff(at))) if len(at) > 1 else largest
    if largest == 0 or gap <= 0:
        return [f"{v:g}" for v in at]
    if largest < 1e-3 or largest >= 1e13:
        return [f"{v:.3g}".replace("e-0", "e-").replace("-", MINUS) for v in at]
    unit, size = "", 1.0
    for name, power in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if largest >= 10 * power or (power > 1e3 and largest >= power):
            unit, size = name, power
            break
    scaled, close = at / size, 1e-3 * gap / size
    decimals = next((d for d in range(6) if np.abs(scaled.round(d) - scaled).max() < close), 6)
    texts = [f"{v / size:.{decimals}f}" for v in at]
    return [("0" if float(t) == 0 else t.replace("-", MINUS) + unit) for t in texts]


def log_ticks(low: float, high: float, most: int = 6) -> list[Tick]:
    """Ticks of a logarithmic axis: decades, or 1, 2, 5 where few decades are in sight.

    Args:
        low: Lower end, positive.
        high: Upper end.
        most: About how many ticks have room.
    """
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    decades = list(range(first, last + 1))
    if len(decades) >= 3:
        stride = -(-len(decades) // most)
        shown = [d for d in decades if d % stride == 0]
        return [(10.0**d, decade_text(d)) for d in shown]
    for factors in ((1, 3), (1, 2, 5), range(1, 10)):
        values = [
            f * 10.0**d for d in range(first - 1, last + 1) for f in factors
            if low <= f * 10.0**d * (1 + 1e-9) and f * 10.0**d <= high * (1 + 1e-9)
        ]  # fmt: skip
        if len(values) >= 3:
            break
    if len(values) < 2:  # less than one digit in sight
        values = [float(v) for v in np.linspace(low, high, 4)[1:-1]]
    return [(v, _digits_text(v)) for v in values]


def _digits_text(value: float) -> str:
    exponent = int(np.floor(np.log10(value) + 1e-9))
    if -3 <= exponent <= 3:
        return f"{float(f'{value:.3g}'):g}"
    digit = value / 10.0**exponent
    prefix = "" if abs(digit - 1) < 1e-6 else f"{digit:.2g}·"
    return prefix + "10" + str(exponent).translate(SUPERSCRIPTS)


def symlog_ticks(low: float, high: float, axis: Axis, most: int = 6) -> list[Tick]:
    """Ticks of a symlog axis: zero if it is in sight, and decades that keep their distance."""
    start = round(np.log10(axis.linthresh))
    end = int(np.floor(np.log10(max(abs(low), abs(high), axis.linthresh))))
    candidates = [(0.0, "0")]
    for exponent in range(end, start - 1, -1):
        text = decade_text(exponent)
        candidates += [(10.0**exponent, text), (-(10.0**exponent), MINUS + text)]
    ends = to_scale(np.array([low, high]), axis)
    apart = float(ends[1] - ends[0]) / (most + 0.5)
    ticks: list[tuple[float, Tick]] = []
    for tick in candidates:
        position = float(to_scale(np.array(tick[0]), axis))
        if low <= tick[0] <= high and all(abs(position - other) >= apart for other, _ in ticks):
            ticks.append((position, tick))
    return [tick for _, tick in sorted(ticks)]
