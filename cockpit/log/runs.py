"""Finds the runs in a folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cockpit.log.writer import LOG_NAME


def find_runs(folder: str | os.PathLike[str]) -> list[Path]:
    """The folders at or below ``folder`` that hold a log, sorted by path.

    Symbolic links are not followed, neither to folders nor to logs: what is found lies inside.
    Folders that may not be read are passed over.

    Raises:
        NotADirectoryError: If ``folder`` is no folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(f"No folder {root}. Give the folder that holds the runs.")
    return sorted(
        Path(found)
        for found, _, files in os.walk(root, followlinks=False)
        if LOG_NAME in files and _is_plain_file(Path(found, LOG_NAME))
    )


def _is_plain_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
