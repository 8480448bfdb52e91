"""Values to JSON objects and back.

``decode_value(encode_value(v))`` gives ``v`` back, up to the rounding of floats that
:func:`encode_value` documents. Every form is described in ``docs/log.md``.
"""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cockpit.log.parse import SPECIAL
from cockpit.log.record import (
    Arrays,
    Bins,
    Counts1d,
    Facts,
    Histogram1d,
    Histogram2d,
    PerLayer,
    Scalar,
    Value,
)

NETWORK_DIGITS = 9  # tells all float32 numbers apart
LAYER_DIGITS = 7
MAX_CELLS = 1 << 22  # of one histogram; a damaged line must not make the reader allocate gigabytes
MAX_DEPTH = 32  # of what users log


def number(value: float, digits: int = NETWORK_DIGITS) -> float | str:
    """A float as JSON can hold it: rounded, or ``"NaN"``, ``"Infinity"``, ``"-Infinity"``."""
    value = float(value)
    if math.isfinite(value):
        return float(f"{value:.{digits}g}")
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def jsonable(value: Any, depth: int = 0) -> Any:
    """Whatever users log, as JSON holds it; what JSON has no form for becomes a string.

    Numpy and torch scalars become numbers, arrays lists, non-finite floats strings.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")  # no lone surrogates
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else number_or_text(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else number(value)
    if depth >= MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return {jsonable(str(key)): jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item, depth + 1) for item in value]
    if hasattr(value, "tolist"):  # numpy and torch, scalars and arrays
        return jsonable(value.tolist(), depth + 1)
    return jsonable(str(value))


def number_or_text(value: int) -> float | str:
    """An integer beyond 64 bits: as a float where one is large enough, else its digits."""
    try:
        return float(value)
    except OverflowError:
        return hex(value)


def encode_value(value: Value) -> dict[str, Any]:
    """The JSON object of a value.

    Network-wide floats keep 9 significant digits, those of layers 7; counts are exact.

    Raises:
        TypeError: If ``value`` is none of the value classes.
        ValueError: If counts do not fit their bins.
    """
    encode = _ENCODERS.get(type(value))
    if encode is None:
        raise TypeError(
            f"A log holds Scalar, PerLayer, Arrays, Histogram1d, Histogram2d and Facts; got "
            f"{type(value).__name__}. Wrap a number as Scalar(float(x))."
        )
    encoded: dict[str, Any] = encode(value)
    if value.notes:
        encoded["notes"] = jsonable(value.notes)
    return encoded


def decode_value(encoded: Any) -> Value:
    """The value of a JSON object.

    Raises:
        ValueError: If the kind is unknown or the object is damaged.
    """
    try:
        decode = _DECODERS[encoded["kind"]]
        notes = encoded.get("notes") or {}
        return decode(encoded, notes if isinstance(notes, dict) else {"notes": notes})
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError) as error:
        raise ValueError(f"Not a value of a log: {error!r}") from error


def _encode_scalar(value: Scalar) -> dict[str, Any]:
    return {"kind": "scalar", "value": number(value.value)}


def _decode_scalar(encoded: dict[str, Any], notes: dict[str, Any]) -> Scalar:
    return Scalar(float(encoded["value"]), notes)


def _encode_per_layer(value: PerLayer) -> dict[str, Any]:
    layers = [None if x is None else number(x, LAYER_DIGITS) for x in value.layers]
    return {"kind": "per_layer", "value": number(value.value), "layers": layers}


def _decode_per_layer(encoded: dict[str, Any], notes: dict[str, Any]) -> PerLayer:
    layers = tuple(None if x is None else float(x) for x in encoded["layers"])
    return PerLayer(float(encoded["value"]), layers, notes)


def _encode_arrays(value: Arrays) -> dict[str, Any]:
    return {"kind": "arrays", "arrays": [_encode_array(a) for a in value.layers]}


def _encode_array(values: np.ndarray | None) -> dict[str, str] | None:
    if values is None:
        return None
    flat = np.ascontiguousarray(values).reshape(-1)
    if flat.dtype.kind not in "fiu":
        raise TypeError(f"Arrays holds arrays of floats or integers; got {flat.dtype}.")
    flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
    return {"dtype": flat.dtype.str, "data": base64.b64encode(flat.tobytes()).decode()}


def _decode_arrays(encoded: dict[str, Any], notes: dict[str, Any]) -> Arrays:
    return Arrays(tuple(_decode_array(a) for a in encoded["arrays"]), notes)


def _decode_array(encoded: dict[str, str] | None) -> np.ndarray | None:
    if encoded is None:
        return None
    dtype = np.dtype(encoded["dtype"])
    if dtype.kind not in "fiu":
        raise ValueError(f"Arrays holds floats or integers; got {dtype}.")
    values = np.frombuffer(base64.b64decode(encoded["data"], validate=True), dtype)
    return values.astype(dtype.newbyteorder("="))


def _encode_facts(value: Facts) -> dict[str, Any]:
    return {"kind": "facts", "facts": jsonable(value.facts)}


def _decode_facts(encoded: dict[str, Any], notes: dict[str, Any]) -> Facts:
    return Facts({str(name): _fact(fact) for name, fact in encoded["facts"].items()}, notes)


def _fact(fact: Any) -> Any:
    """A fact as it was: words that stand for NaN and ±Inf are numbers again."""
    if isinstance(fact, list):
        return [_fact(item) for item in fact]
    return SPECIAL.get(fact, fact) if isinstance(fact, str) else fact


def _encode_bins(bins: Bins) -> dict[str, Any]:
    return {"low": float(bins.low), "high": float(bins.high), "count": int(bins.count)}


def _decode_bins(encoded: dict[str, Any]) -> Bins:
    bins = Bins(float(encoded["low"]), float(encoded["high"]), int(encoded["count"]))
    if not 0 < bins.count <= MAX_CELLS:
        raise ValueError(f"A histogram has 1 to {MAX_CELLS} bins; got {bins.count}.")
    return bins


def _encode_histogram1d(value: Histogram1d) -> dict[str, Any]:
    return {
        "kind": "histogram1d",
        "bins": _encode_bins(value.bins),
        "network": _encode_counts(value.network, value.bins),
        "by_layer": [None if c is None else _encode_counts(c, value.bins) for c in value.layers],
    }


def _encode_counts(counts: Counts1d, bins: Bins) -> dict[str, Any]:
    """Counts without their empty ends; the other numbers only where they are not zero."""
    cells = _checked(counts.counts, (bins.count,))
    filled = np.flatnonzero(cells)
    first, last = (int(filled[0]), int(filled[-1])) if filled.size else (0, -1)
    encoded: dict[str, Any] = {"first": first, "counts": cells[first : last + 1].tolist()}
    for name in ("under", "over", "zeros", "nonfinite"):
        if amount := int(getattr(counts, name)):
            encoded[name] = amount
    return encoded


def _checked(counts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    cells = np.asarray(counts)
    if cells.shape != shape or cells.dtype.kind not in "iu" or (cells < 0).any():
        raise ValueError(
            f"A histogram needs integer counts >= 0 of shape {shape}; got {cells.dtype} of "
            f"shape {cells.shape}. Make the counts fit the bins."
        )
    return cells.astype(np.int64, copy=False)


def _decode_histogram1d(encoded: dict[str, Any], notes: dict[str, Any]) -> Histogram1d:
    bins = _decode_bins(encoded["bins"])
    layers = tuple(None if c is None else _decode_counts(c, bins) for c in encoded["by_layer"])
    return Histogram1d(bins, _decode_counts(encoded["network"], bins), layers, notes)


def _decode_counts(encoded: dict[str, Any], bins: Bins) -> Counts1d:
    given = np.asarray(encoded["counts"], dtype=np.int64).reshape(-1)
    first = int(encoded.get("first", 0))
    if first < 0 or first + given.size > bins.count:
        raise ValueError(f"{given.size} counts from bin {first} do not fit {bins.count} bins.")
    counts = np.zeros(bins.count, dtype=np.int64)
    counts[first : first + given.size] = given
    amounts = (int(encoded.get(name, 0)) for name in ("under", "over", "zeros", "nonfinite"))
    return Counts1d(counts, *amounts)


def _encode_histogram2d(value: Histogram2d) -> dict[str, Any]:
    """All counts in one compressed string.

    The network's counts are nearly always the sum of the layers'; then they are left out.
    """
    shape = (value.x.count + 2, value.y.count + 2)
    network = _checked(value.network, shape)
    layers = [None if c is None else _checked(c, shape) for c in value.layers]
    blocks = [c for c in layers if c is not None]
    is_sum = bool(blocks) and np.array_equal(network, np.sum(blocks, axis=0))
    stored = blocks if is_sum else [network, *blocks]
    packed = zlib.compress(pack_counts(np.concatenate([c.reshape(-1) for c in stored])), 6)
    return {
        "kind": "histogram2d",
        "x": _encode_bins(value.x),
        "y": _encode_bins(value.y),
        "network": "sum" if is_sum else "stored",
        "by_layer": [int(c is not None) for c in layers],
        "counts": base64.b64encode(packed).decode(),
    }


def _decode_histogram2d(encoded: dict[str, Any], notes: dict[str, Any]) -> Histogram2d:
    x, y = _decode_bins(encoded["x"]), _decode_bins(encoded["y"])
    present = [bool(p) for p in encoded["by_layer"]]
    is_sum = encoded["network"] == "sum"
    shape = (sum(present) + (not is_sum), x.count + 2, y.count + 2)
    size = math.prod(shape)
    if not 0 < size <= MAX_CELLS:
        raise ValueError(f"A record holds 1 to {MAX_CELLS} histogram cells; got {size}.")
    try:
        packed = base64.b64decode(encoded["counts"], validate=True)
        raw = zlib.decompressobj().decompress(packed, 10 * size)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(f"Damaged histogram: {error}") from error
    cells = unpack_counts(raw, size).reshape(shape)
    network = cells.sum(axis=0) if is_sum else cells[0]
    blocks = iter(cells if is_sum else cells[1:])
    layers = tuple(next(blocks) if p else None for p in present)
    return Histogram2d(x, y, network, layers, notes)


def pack_counts(counts: np.ndarray) -> bytes:
    """Non-negative integers as unsigned LEB128: 7 bits a byte, low first, high bit = more."""
    large = np.flatnonzero(counts > 127)  # few: most cells of a histogram are empty
    rest = counts[large]
    extra = np.zeros(large.shape, dtype=np.int64)
    for bits in range(7, 63, 7):
        extra += rest >= 1 << bits
    lengths = np.ones(counts.shape, dtype=np.int64)
    lengths[large] += extra
    starts = np.cumsum(lengths) - lengths
    packed = np.zeros(int(lengths.sum()), dtype=np.uint8)
    packed[starts] = counts & 127
    position = starts[large]
    while rest.size:
        packed[position] |= 128
        rest, position = rest >> 7, position + 1
        packed[position] = rest & 127
        goes_on = rest > 127
        rest, position = rest[goes_on], position[goes_on]
    return packed.tobytes()


def unpack_counts(packed: bytes, size: int) -> np.ndarray:
    """The ``size`` integers of :func:`pack_counts`, int64.

    Raises:
        ValueError: If ``packed`` holds another number of integers.
    """
    raw = np.frombuffer(packed, dtype=np.uint8)
    ends = np.flatnonzero(raw < 128)
    if ends.size != size or (raw.size and ends[-1] != raw.size - 1):
        raise ValueError(f"Damaged histogram: {size} counts expected, got {ends.size}.")
    starts = np.concatenate(([0], ends[:-1] + 1))
    place = np.arange(raw.size) - np.repeat(starts, ends - starts + 1)
    if place.max() > 8:
        raise ValueError("Damaged histogram: a count beyond 63 bits.")
    parts = (raw & 127).astype(np.int64) << (7 * place)
    return np.asarray(np.add.reduceat(parts, starts))


_ENCODERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Scalar: _encode_scalar,
    PerLayer: _encode_per_layer,
    Arrays: _encode_arrays,
    Histogram1d: _encode_histogram1d,
    Histogram2d: _encode_histogram2d,
    Facts: _encode_facts,
}
_DECODERS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Value]] = {
    "scalar": _decode_scalar,
    "per_layer": _decode_per_layer,
    "arrays": _decode_arrays,
    "histogram1d": _decode_histogram1d,
    "histogram2d": _decode_histogram2d,
    "facts": _decode_facts,
}
