"""Figures as JSON: what plotly.js reads is what was meant."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cockpit.dashboard.encode import encode


def decode(spec: dict[str, str]) -> np.ndarray:
    """As plotly.js does."""
    flat = np.frombuffer(base64.b64decode(spec["bdata"]), dtype=f"<{spec['dtype']}")
    return flat.reshape([int(n) for n in spec["shape"].split(",")]) if "shape" in spec else flat


def round_trip(values: np.ndarray) -> np.ndarray:
    return decode(json.loads(encode({"y": values}))["y"])


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=2), elements=st.floats()))
def test_floats_keep_seven_digits(values: np.ndarray) -> None:
    back = round_trip(values)
    assert back.shape == values.shape
    np.testing.assert_allclose(back, values, rtol=1e-6)


@given(hnp.arrays(np.int64, hnp.array_shapes(max_dims=1), elements=st.integers(-(2**52), 2**52)))
def test_integers_are_exact(values: np.ndarray) -> None:
    np.testing.assert_array_equal(round_trip(values), values)


@given(hnp.arrays(np.int64, hnp.array_shapes(max_dims=1), elements=st.integers(0, 2**31 - 1)))
def test_steps_are_exact(steps: np.ndarray) -> None:
    np.testing.assert_array_equal(round_trip(steps.astype(float)), steps)


def test_steps_take_four_bytes() -> None:
    assert json.loads(encode(np.arange(10.0)))["dtype"] == "i4"
    assert json.loads(encode(np.linspace(0, 1, 10)))["dtype"] == "f4"


def test_plain_values() -> None:
    content = {"a": [1, "x", None, True], "b": np.float32(0.5), "c": np.array(["p", "q"])}
    assert json.loads(encode(content)) == {"a": [1, "x", None, True], "b": 0.5, "c": ["p", "q"]}


def test_what_json_cannot_say_becomes_null() -> None:
    content = {"range": [math.nan, 1.0], "deep": ({"at": math.inf},), "y": np.array([math.nan])}
    read = json.loads(encode(content), parse_constant=pytest.fail)
    assert read["range"] == [None, 1.0]
    assert read["deep"] == [{"at": None}]
    assert np.isnan(decode(read["y"])).all()


def test_strange_values_are_refused() -> None:
    with pytest.raises(TypeError, match="plain values"):
        encode({"a": object()})
