"""Where data sets lie on this machine, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.idx import IdxError, unpack

_ALGORITHMS = {32: ("md5", "MD5"), 64: ("sha256", "SHA-256")}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
        name: Its name, without the suffix.
        digest: Of the *uncompressed* content (distributors compress anew), in hexadecimal: MD5 or
            SHA-256, which its length tells. Empty where none is known: then nothing is fetched.
        suffix: What its name has besides on the web, in packages and in the cache.
    """

    name: str
    digest: str
    suffix: str = ".gz"

    @property
    def stored_name(self) -> str:
        """Its name as it is published and kept."""
        return f"{self.name}{self.suffix}"


@dataclass(frozen=True)
class Archive:
    """A tar file that holds the files of a data set, each without a suffix.

    Attributes:
        name: Its name.
        digest: Of the archive as it is published: MD5 or SHA-256, in hexadecimal.
    """

    name: str
    digest: str

    @property
    def stored_name(self) -> str:
        """Its name as it is published."""
        return self.name


@dataclass(frozen=True)
class Origin:
    """A data set as the world keeps it.

    Attributes:
        name: Our name for it, and that of its folder.
        title: Its own name.
        files: What belongs to it.
        urls: Folders on the web that hold the files, or the archive, best first.
        archive: What they are published in, if not one by one.
        debian: The Debian package that ships it, if one does.
        system: The folder where that package puts it.
        other_folders: Names that other tools give to its folder, below a data root.
    """

    name: str
    title: str
    files: tuple[DataFile, ...]
    urls: tuple[str, ...] = ()
    archive: Archive | None = None
    debian: str | None = None
    system: Path | None = None
    other_folders: tuple[str, ...] = ()

    @property
    def published(self) -> tuple[DataFile | Archive, ...]:
        """What the web holds: the files one by one, or the archive."""
        return (self.archive,) if self.archive else self.files


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


def find_file(folder: Path, file: DataFile) -> Path | None:
    """The file in ``folder``, with its suffix or without, if it is there."""
    names = (file.name, file.stored_name, f"{file.name}.gz")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def candidates(origin: Origin) -> Iterator[Path]:
    """Folders that hold a file by each of the data set's names, in order; none has been read."""
    for folder in search_path(origin):
        if all(find_file(folder, file) for file in origin.files):
            yield folder


def read_checked(path: Path, file: DataFile) -> bytes:
    """The uncompressed content of a data file.

    Raises:
        DamagedError: If it is damaged, or is not that file.
    """
    try:
        content = unpack(path.read_bytes())
    except IdxError as error:
        raise DamagedError(f"{path}: {error}") from error
    if file.digest:
        algorithm, _ = _ALGORITHMS[len(file.digest)]
        found = hashlib.new(algorithm, content, usedforsecurity=False)
        _compare(path, found.hexdigest(), file.digest)
    return content


def read_from(folder: Path, file: DataFile) -> bytes:
    """The checked content of a data file that is in ``folder``, whatever its suffix.

    Raises:
        DamagedError: If it is damaged, or is not that file.
        FileNotFoundError: If it is not there.
    """
    return read_checked(find_file(folder, file) or folder / file.name, file)


def check_as_it_is(path: Path, expected: str) -> None:
    """Compare a large file, compressed or not, with its checksum; it is not held in memory.

    Raises:
        DamagedError: If it is another one.
    """
    algorithm, _ = _ALGORITHMS[len(expected)]
    found = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            found.update(chunk)
    _compare(path, found.hexdigest(), expected)


def _compare(path: Path, found: str, expected: str) -> None:
    if found != expected:
        _, name = _ALGORITHMS[len(expected)]
        raise DamagedError(f"{path}: got {name} {found}, expected {expected}; fetch the file again")
