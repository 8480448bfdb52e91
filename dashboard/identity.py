"""How a page is recognized: which folder it shows, without telling the path."""

from __future__ import annotations

import hashlib
from pathlib import Path


def folder_id(folder: str | Path) -> str:
    """A short digest of the folder's real path."""
    real = str(Path(folder).resolve())
    return hashlib.blake2b(real.encode(errors="surrogateescape"), digest_size=12).hexdigest()
