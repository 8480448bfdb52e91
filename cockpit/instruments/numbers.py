"""Numbers as short texts for panels."""

from __future__ import annotations

import math
import re

import numpy as np

MINUS = "\N{MINUS SIGN}"


def format_number(value: float, digits: int = 3) -> str:
    """A number in few characters: ``0.0123``, ``1.23e−5``, ``12,300``, ``NaN``, ``−Inf``.

    Args:
        value: Any float.
        digits: Significant digits.

    Returns:
        Text with a real minus sign; plain notation from 0.001 up to below a million.
    """
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else f"{MINUS}Inf"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if -3 <= exponent < 6:
        text = f"{rounded:,.{max(digits - 1 - exponent, 0)}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    else:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{int(power)}"
    return text.replace("-", MINUS)


def format_count(count: float) -> str:
    """A count with thousands separators, abbreviated from a million on: ``12,345``, ``3.4 M``."""
    for size, unit in ((1e9, "G"), (1e6, "M")):
        if abs(count) >= size:
            return f"{format_number(count / size)} {unit}"
    return f"{int(count):,}"


def format_share(part: float, whole: float) -> str:
    """A share in percent that never rounds something to nothing: ``12 %``, ``< 0.1 %``, ``0 %``."""
    if whole <= 0 or not np.isfinite(part):
        return f"{MINUS} %"
    percent = 100.0 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{format_number(percent, 2 if percent < 10 else 3 if percent > 99 else 2)} %"


def format_duration(seconds: float) -> str:
    """A duration in its two largest units: ``42 s``, ``3 min 20 s``, ``2 h 05 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def shorten(name: str, length: int = 18) -> str:
    """A dotted name in few characters that keeps what tells layers apart: numbers, and its end.

    ``encoder.layers.3.attention.weight`` becomes ``enc.lay.3.att.weight``; where that is still too
    long, it loses its first parts: ``…3.att.weight``.
    """
    if len(name) <= length:
        return name
    *path, last = name.split(".")
    parts = [*(re.sub(r"([^\W\d]{3})[^\W\d]+", r"\1", part) for part in path), last]
    short = ".".join(parts)
    if len(short) <= length:
        return short
    while len(parts) > 1 and len(short) >= length:
        del parts[0]
        short = ".".join(parts)
    return "…" + short[-(length - 1) :]
