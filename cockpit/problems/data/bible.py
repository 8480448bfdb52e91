"""The King James Bible: 4.4 million characters of real English text, which Debian ships.

Reference: Debian's package ``bible-kjv-text`` (text of 1611, in the public domain).
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.folders import DataFile, Origin, read_from
from cockpit.problems.data.sources import Stored
from cockpit.problems.data.texts import TextSet, text_set

ORIGIN = Origin(
    name="bible",
    title="the King James Bible",
    files=(
        DataFile(
            "bible.data",
            "6c746c2acc8a34bfded980883ff1701a5d68934a1c853ebf88a07b978fe0ae0e",
            suffix="",
        ),
    ),
    debian="bible-kjv-text",
    system=Path("/usr/lib"),
)

_MAGIC = b"EC02Compressed Data File"
_TABLE = 0x54  # after it: the size of a block, the number of blocks, where each begins
_COMPRESS = b"\x1f\x9d\x90"  # how a file by Unix's compress begins; the blocks have lost it


def read(folder: Path) -> TextSet:
    """The text in ``folder``.

    Raises:
        DamagedError: If the file is damaged or is another one.
    """
    content = b"".join(unpacked(read_from(folder, ORIGIN.files[0])))
    return text_set(ORIGIN.name, ORIGIN.title, content.decode("ascii"), str(folder))


def unpacked(content: bytes) -> Iterator[bytes]:
    """The blocks of a file in the format of the program ``bible``, each undone by gzip.

    Raises:
        DamagedError: If it is no such file, or there is no gzip here.
    """
    if not content.startswith(_MAGIC):
        raise DamagedError(f"got the first bytes {content[:24]!r}, expected {_MAGIC!r}")
    gzip = shutil.which("gzip")
    if gzip is None:
        raise DamagedError("this text is packed by Unix's compress; install gzip, which undoes it")
    size, number = struct.unpack_from(">2I", content, _TABLE)
    starts = struct.unpack_from(f">{number}I", content, _TABLE + 8)
    for start, end in pairwise((*starts, len(content))):
        packed = _COMPRESS + content[start:end]
        done = subprocess.run([gzip, "-dc"], input=packed, capture_output=True, check=False)
        last = end == len(content)
        if done.returncode or (len(done.stdout) != size and not last):
            raise DamagedError(f"the block at {start} gives {len(done.stdout)} bytes, not {size}")
        yield done.stdout


SOURCE = Stored(ORIGIN, TextSet, read)
