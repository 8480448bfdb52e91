"""Where a data set comes from: files that are looked for and fetched, or something made here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.fetching import Progress, Report, fetch
from cockpit.problems.data.folders import Origin, candidates
from cockpit.problems.data.sets import DataSet
from cockpit.problems.data.texts import TextSet, read_text


class Source(ABC):
    """A data set that can be had by its name."""

    name: str
    title: str
    makes: type[DataSet]

    @abstractmethod
    def where(self) -> str | None:
        """Where it is on this machine, without reading it; None if it is not here."""

    @abstractmethod
    def load(self, report: Report, progress: Progress | None = None) -> DataSet:
        """The data set; fetched if need be.

        Raises:
            FileNotFoundError: If it can't be had.
            ValueError: If it is not what it should be.
            ModuleNotFoundError: If a package for it is missing.
        """


@dataclass(frozen=True)
class Stored(Source):
    """A data set in files.

    Attributes:
        origin: The files, and where they are to be had.
        makes: What kind of data set it is.
        read: Reads it from a folder; raises ``DamagedError`` if a file is not what it should be.
    """

    origin: Origin
    makes: type[DataSet]
    read: Callable[[Path], DataSet]

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of its origin."""
        return self.origin.name

    @property
    def title(self) -> str:  # type: ignore[override]
        """That of its origin."""
        return self.origin.title

    def where(self) -> str | None:
        """The first folder that holds all its files."""
        return next((str(folder) for folder in candidates(self.origin)), None)

    def load(self, report: Report, progress: Progress | None = None) -> DataSet:
        """From the first folder where it is sound, else fetched."""
        for folder in candidates(self.origin):
            try:
                return self.read(folder)
            except DamagedError as error:
                report(f"{error}; looking elsewhere")
        fetched = fetch(self.origin, report, progress)
        if fetched is None:
            names = ", ".join(file.stored_name for file in self.origin.published)
            raise FileNotFoundError(
                f"got no {self.title} on this machine nor from the network; "
                f"set $COCKPIT_DATA to a folder that holds it ({names}), or choose other data"
            )
        return self.read(fetched)


@dataclass(frozen=True)
class Made(Source):
    """A data set that needs no files of ours.

    Attributes:
        name: Our name for it.
        title: Its own name.
        makes: What kind of data set it is.
        make: Makes it.
    """

    name: str
    title: str
    makes: type[DataSet]
    make: Callable[[], DataSet]

    def where(self) -> str:
        """It is always there."""
        return "made here"

    def load(self, report: Report, progress: Progress | None = None) -> DataSet:
        """Make it."""
        return self.make()


@dataclass(frozen=True)
class OwnText(Source):
    """A text file of the user's.

    Attributes:
        path: Where it is.
    """

    path: Path

    makes = TextSet

    @property
    def name(self) -> str:  # type: ignore[override]
        """The file's name."""
        return self.path.name

    @property
    def title(self) -> str:  # type: ignore[override]
        """The file's name."""
        return self.path.name

    def where(self) -> str | None:
        """The path, if the file exists."""
        return str(self.path) if self.path.is_file() else None

    def load(self, report: Report, progress: Progress | None = None) -> DataSet:
        """Read the file."""
        return read_text(self.path)
