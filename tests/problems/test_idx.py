from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cockpit.problems.data.idx import IdxError, parse_idx, unpack

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def as_idx(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda code: arrays.arrays(code, arrays.array_shapes(max_dims=4, max_side=4))
    )
)
def test_what_was_written_is_read(array: np.ndarray) -> None:
    found = parse_idx(as_idx(array))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_the_array_may_be_written_to() -> None:
    found = parse_idx(as_idx(np.zeros(3, "u1")))
    found[0] = 1
    assert found.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "expected an IDX header"),
        (b"\1\0\x08\1\0\0\0\0", "expected an IDX header"),
        (b"\0\0\x07\1\0\0\0\0", "expected an IDX header"),
        (b"\0\0\x08\3\0\0\0\0", "got 8 bytes; the header alone needs 16"),
        (as_idx(np.zeros((2, 3), "u1"))[:-1], r"got 17 bytes; shape \(2, 3\) needs 18"),
        (as_idx(np.zeros((2, 3), "u1")) + b"x", r"got 19 bytes; shape \(2, 3\) needs 18"),
        (b"\0\0\x08\2" + b"\xff" * 8, "needs 184467440"),
    ],
)
def test_what_is_no_idx_file_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(IdxError, match=complaint):
        parse_idx(content)


def test_gzip_is_undone_and_plain_content_left_alone() -> None:
    assert unpack(gzip.compress(b"abc")) == b"abc"
    assert unpack(b"abc") == b"abc"


@pytest.mark.parametrize("damage", [lambda c: c[:-4], lambda c: c[:12] + b"\xff\xff" + c[14:]])
def test_damaged_gzip_is_refused(damage) -> None:
    with pytest.raises(IdxError, match="damaged"):
        unpack(damage(gzip.compress(b"abcdefgh" * 100)))
