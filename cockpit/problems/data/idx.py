"""The IDX format of the MNIST family: a typed header and big-endian numbers.

Reference: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats".
"""

from __future__ import annotations

import gzip
import math
import zlib

import numpy as np

from cockpit.problems.data.errors import DamagedError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"


class IdxError(DamagedError):
    """A file that is not what an IDX file must be."""


def unpack(content: bytes) -> bytes:
    """Undo gzip where there is gzip.

    Raises:
        IdxError: If the compressed data is torn or damaged.
    """
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise IdxError(f"the gzip data is damaged ({error}); fetch the file again") from error


def parse_idx(content: bytes) -> np.ndarray:
    """Array in an IDX file's (uncompressed) content, in native byte order.

    Args:
        content: Two zero bytes, a type code, the number of dimensions, one big-endian uint32 for
            each of them, then the elements.

    Returns:
        A writable array of that shape.

    Raises:
        IdxError: If the header is no IDX header, or the length is not what the header says.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise IdxError(
            f"got the first bytes {content[:4].hex(' ') or '(none)'}; expected an IDX header: "
            "00 00, a type code of 08-0e, the number of dimensions"
        )
    dtype, dimensions = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise IdxError(f"got {len(content)} bytes; the header alone needs {start}")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">u4"))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise IdxError(f"got {len(content)} bytes; shape {shape} needs {expected}")
    elements = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return elements.astype(dtype.newbyteorder("="))
