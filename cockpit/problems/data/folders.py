"""Where data sets lie on this machine, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cockpit.problems.data.idx import IdxError, unpack


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
        name: Its name without ``.gz``.
        sha256: Of the *uncompressed* content: distributors compress anew.
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Origin:
    """A data set as the world keeps it.

    Attributes:
        name: Our name for it, and that of its folder.
        title: Its own name.
        files: What belongs to it.
        urls: Folders on the web that hold ``<file>.gz``, best first.
        debian: The Debian package that ships it, if one does.
        system: The folder where that package puts it.
        other_folders: Names that other tools give to its folder, below a data root.
    """

    name: str
    title: str
    files: tuple[DataFile, ...]
    urls: tuple[str, ...] = ()
    debian: str | None = None
    system: Path | None = None
    other_folders: tuple[str, ...] = ()


def cache_folder() -> Path:
    """Where fetched data is kept: ``$XDG_CACHE_HOME/cockpit``, or ``~/.cache/cockpit``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "cockpit"


def search_path(origin: Origin) -> Iterator[Path]:
    """Folders that may hold the data set, in order: ``$COCKPIT_DATA``, the cache, the system."""
    root = os.environ.get("COCKPIT_DATA", "")
    if root:
        yield from (Path(root).expanduser() / name for name in (origin.name, *origin.other_folders))
        yield Path(root).expanduser()
    yield cache_folder() / origin.name
    if origin.system is not None:
        yield origin.system


def find_file(folder: Path, name: str) -> Path | None:
    """The file ``name`` or ``name.gz`` in ``folder``, if there is one."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def candidates(origin: Origin) -> Iterator[Path]:
    """Folders that hold a file by each of the data set's names, in order; none has been read."""
    for folder in search_path(origin):
        if all(find_file(folder, file.name) for file in origin.files):
            yield folder


def read_checked(path: Path, file: DataFile) -> bytes:
    """The uncompressed content of a data file.

    Raises:
        IdxError: If it is damaged, or is not that file.
    """
    try:
        content = unpack(path.read_bytes())
    except IdxError as error:
        raise IdxError(f"{path}: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise IdxError(f"{path}: got SHA-256 {found}, expected {file.sha256}; fetch the file again")
    return content
