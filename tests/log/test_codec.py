"""Values to JSON and back, for all values that the classes can hold."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cockpit.log.codec import (
    MAX_CELLS,
    decode_value,
    encode_value,
    jsonable,
    number,
    pack_counts,
    unpack_counts,
)
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
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
notes = st.dictionaries(st.text(), anything, max_size=3)
counts = st.integers(0, 2**40)
bins = st.builds(
    Bins,
    st.floats(-10, -1e-3, allow_subnormal=False),
    st.floats(1e-3, 10, allow_subnormal=False),
    st.integers(1, 12),
)


def grids(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.int64, shape, elements=st.just(0) | counts)


@st.composite
def histograms_1d(draw: st.DrawFn) -> Histogram1d:
    over = draw(bins)
    one = st.builds(Counts1d, grids((over.count,)), counts, counts, counts, counts)
    layers = draw(st.lists(st.none() | one, max_size=4))
    return Histogram1d(over, draw(one), tuple(layers), draw(notes))


@st.composite
def histograms_2d(draw: st.DrawFn) -> Histogram2d:
    x, y = draw(bins), draw(bins)
    shape = (x.count + 2, y.count + 2)
    layers = draw(st.lists(st.none() | grids(shape), max_size=3))
    present = [c for c in layers if c is not None]
    is_sum = present and draw(st.booleans())
    network = np.sum(present, axis=0) if is_sum else draw(grids(shape))
    return Histogram2d(x, y, network, tuple(layers), draw(notes))


arrays = st.builds(
    Arrays,
    st.lists(
        st.none()
        | hnp.arrays(st.sampled_from(["float16", "float32", "float64", "i4"]), st.integers(0, 5)),
        max_size=3,
    ).map(tuple),
    notes,
)  # fmt: skip
scalars = st.builds(Scalar, st.floats(), notes)
per_layers = st.builds(PerLayer, st.floats(), st.lists(st.none() | st.floats()).map(tuple), notes)
words = st.text().filter(lambda word: word not in SPECIAL)
one_fact = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | words
facts = st.builds(
    Facts, st.dictionaries(st.text(), one_fact | st.lists(one_fact, max_size=4), max_size=5), notes
)
all_values = st.one_of(scalars, per_layers, arrays, histograms_1d(), histograms_2d(), facts)


def same(a: Any, b: Any, digits: int = 9) -> bool:
    """Equal, floats up to the digits that are kept; NaN equals NaN."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, float):
        is_close = math.isclose(a, b, rel_tol=0.5 * 10.0 ** (1 - digits), abs_tol=5e-324)
        return type(b) is float and (is_close or (math.isnan(a) and math.isnan(b)))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y, 7) for x, y in zip(a, b, strict=True))
    if isinstance(a, list):
        return type(b) is list and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if hasattr(a, "__dataclass_fields__"):
        names = [field.name for field in fields(a)]
        return type(a) is type(b) and all(same(getattr(a, n), getattr(b, n)) for n in names)
    return bool(a == b)


@given(all_values)
def test_values_come_back_through_json(value: Any) -> None:
    encoded = encode_value(value)
    text = json.dumps(encoded, allow_nan=False)
    back = decode_value(json.loads(text))
    assert same(value, back)
    assert encode_value(back) == encoded  # nothing is lost the second time


@given(hnp.arrays(np.int64, st.integers(0, 50), elements=st.integers(0, 2**63 - 1)))
def test_packed_counts_come_back(values: np.ndarray) -> None:
    packed = pack_counts(values)
    if values.size:
        np.testing.assert_array_equal(unpack_counts(packed, values.size), values)
    assert len(packed) == sum(max(1, -(-int(v).bit_length() // 7)) for v in values)


def test_digits_that_are_kept() -> None:
    value = PerLayer(math.pi * 1e-12, (math.pi * 1e12,))
    assert encode_value(value)["value"] == 3.14159265e-12
    assert encode_value(value)["layers"] == [3.141593e12]


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_nonfinite_numbers_are_strings_that_float_reads(value: float, text: str) -> None:
    assert encode_value(Scalar(value)) == {"kind": "scalar", "value": text}
    assert same(float(text), value)


def test_every_float32_comes_back_exactly() -> None:
    bits = np.random.default_rng(0).integers(0, 2**31, 2000, dtype=np.int64).astype(np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    back = np.array([number(float(v)) for v in values], dtype=np.float32)
    np.testing.assert_array_equal(back, values)


def test_the_network_histogram_is_not_stored_where_it_is_the_sum() -> None:
    one = np.random.default_rng(0).integers(0, 1000, (42, 42))
    bins_40 = Bins(-1, 1, 40)
    summed = encode_value(Histogram2d(bins_40, bins_40, 2 * one, (one, one)))
    other = encode_value(Histogram2d(bins_40, bins_40, 3 * one, (one, one)))
    assert (summed["network"], other["network"]) == ("sum", "stored")
    assert len(summed["counts"]) < len(other["counts"])


def test_empty_histogram() -> None:
    zero = Counts1d(np.zeros(5, np.int64), 0, 0, 0)
    encoded = encode_value(Histogram1d(Bins(0, 1, 5), zero))
    assert encoded["network"] == {"first": 0, "counts": []}
    assert same(decode_value(encoded).network, zero)  # type: ignore[union-attr]


class Odd:
    def __str__(self) -> str:
        return "odd \ud800"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1.0, np.nan]), [1.0, "NaN"]),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        (Path("a/b"), "a/b"),
        (Odd(), "odd ?"),
        ("\udcff", "?"),
        (2**70, float(2**70)),
        (10**400, hex(10**400)),
        (-math.inf, "-Infinity"),
        (np.float64(1.25), 1.25),
    ],
)
def test_what_users_log_becomes_json(given: Any, expected: Any) -> None:
    assert jsonable(given) == expected
    json.dumps(jsonable(given), allow_nan=False)


def test_what_contains_itself_ends_somewhere() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert json.dumps(jsonable(endless)).count("[") == 32


BINS = Bins(-1.0, 1.0, 3)
GRID = np.zeros((5, 5), np.int64)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0.5, TypeError),
        (None, TypeError),
        (Arrays((np.array(["a"]),)), TypeError),
        (Histogram1d(BINS, Counts1d(np.zeros(4, np.int64), 0, 0, 0)), ValueError),
        (Histogram1d(BINS, Counts1d(np.zeros(3), 0, 0, 0)), ValueError),
        (Histogram2d(BINS, BINS, GRID - 1), ValueError),
        (Histogram2d(BINS, BINS, GRID, (GRID[:3],)), ValueError),
    ],
)
def test_wrong_values_are_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="got"):
        encode_value(value)


ONE_BIN = {"low": 0, "high": 1, "count": 1}
GOOD_1D = {"kind": "histogram1d", "bins": ONE_BIN, "network": {"counts": [1]}, "by_layer": []}
GOOD_2D = encode_value(Histogram2d(BINS, BINS, GRID + 1, (GRID, None)))


def test_the_templates_of_damaged_values_are_good() -> None:
    decode_value(GOOD_1D)
    decode_value(GOOD_2D)


@pytest.mark.parametrize(
    "encoded",
    [
        None,
        7,
        "scalar",
        [],
        {},
        {"kind": ["scalar"]},
        {"kind": "unknown", "value": 1},
        {"kind": "scalar"},
        {"kind": "scalar", "value": []},
        {"kind": "scalar", "value": "high"},
        {"kind": "per_layer", "value": 1, "layers": 3},
        {"kind": "per_layer", "value": 1, "layers": [{}]},
        {"kind": "facts"},
        {"kind": "facts", "facts": 3},
        {"kind": "facts", "facts": ["inputs.mean", 0.5]},
        {"kind": "arrays", "arrays": [{"dtype": "O", "data": ""}]},
        {"kind": "arrays", "arrays": [{"dtype": "<f4", "data": "AAA="}]},
        {"kind": "arrays", "arrays": [{"dtype": "<f4", "data": "§"}]},
        {**GOOD_1D, "network": None},
        {**GOOD_1D, "network": {"counts": [1, 2]}},
        {**GOOD_1D, "network": {"counts": [1], "first": -1}},
        {**GOOD_1D, "network": {"counts": [10**30]}},
        {**GOOD_1D, "network": {"counts": "many"}},
        {**GOOD_1D, "bins": {**ONE_BIN, "count": 10**12}},
        {**GOOD_1D, "bins": {**ONE_BIN, "count": 0}},
        {**GOOD_2D, "counts": "§"},
        {**GOOD_2D, "counts": "AAAA"},
        {**GOOD_2D, "counts": 5},
        {**GOOD_2D, "by_layer": [1, 1]},
        {**GOOD_2D, "by_layer": [1] * (MAX_CELLS // 25)},
        {**GOOD_2D, "x": {**ONE_BIN, "count": MAX_CELLS}},
    ],
)
def test_damaged_values_raise_a_value_error(encoded: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_value(encoded)


def test_counts_beyond_63_bits_are_damage() -> None:
    with pytest.raises(ValueError, match="63 bits"):
        unpack_counts(b"\xff" * 9 + b"\x01", 1)


def test_notes_that_are_no_object_are_kept_as_one() -> None:
    assert decode_value({"kind": "scalar", "value": 1, "notes": "odd"}).notes == {"notes": "odd"}
