"""Bring a data set into the cache: from an archive, Debian or the web, always checked."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.folders import (
    Archive,
    DataFile,
    Origin,
    cache_folder,
    check_as_it_is,
    read_checked,
    search_path,
)

Report = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes so far, bytes in all or 0)."""

_CHUNK = 1 << 18
_TIMEOUT_S = 30
_APT_TIMEOUT_S = 600


class FetchError(RuntimeError):
    """The data could not be brought here by this way; no text where there is no such way."""


@dataclass(frozen=True)
class Task:
    """What to fetch, where to put it, and whom to tell."""

    origin: Origin
    target: Path
    report: Report
    progress: Progress | None = None


def fetch(origin: Origin, report: Report, progress: Progress | None = None) -> Path | None:
    """Fetch a data set into the cache, by the first way that works.

    Returns:
        Its folder, or None if no way worked; ``report`` was told why.
    """
    if not (origin.urls or origin.debian or origin.archive):
        return None
    target = cache_folder() / origin.name
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        report(f"cannot write to the cache {target} ({error}); set XDG_CACHE_HOME elsewhere")
        return None
    task = Task(origin, target, report, progress)
    ways = (from_own_archive, from_debian, from_web)
    return target if any(_works(way, task) for way in ways) else None


def _works(way: Callable[[Task], None], task: Task) -> bool:
    """Whether the data came by this way; if not, it is reported why."""
    try:
        way(task)
    except FetchError as error:
        if str(error):
            task.report(str(error))
        return False
    return True


def keep(file: DataFile | Archive, path: Path, task: Task) -> None:
    """Put a fetched file, or what is in a fetched archive, into the cache if it is the right one.

    Raises:
        FetchError: If it is damaged or another file.
    """
    try:
        if isinstance(file, Archive):
            check_as_it_is(path, file.digest)
            _unpack(path, task)
        else:
            read_checked(path, file)
            with path.open("rb") as source:
                _store(source, task.target / file.stored_name)
    except (DamagedError, tarfile.TarError, EOFError) as error:
        raise FetchError(str(error)) from error


def _unpack(path: Path, task: Task) -> None:
    """Take the data set's files out of an archive, whatever the folders in it."""
    wanted = {file.name: file for file in task.origin.files}
    with tarfile.open(path) as archive:
        for member in archive:
            file = wanted.pop(Path(member.name).name, None)
            content = archive.extractfile(member) if file else None
            if file and content:
                _store(content, task.target / file.stored_name)
    if wanted:
        raise DamagedError(f"{path} holds no {', '.join(wanted)}")


def _store(source: IO[bytes], path: Path) -> None:
    """Copy into the cache. The last step is atomic: others see the whole file or none."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as copy:
        shutil.copyfileobj(source, copy)
    os.chmod(copy.name, 0o644)
    os.replace(copy.name, path)


def from_own_archive(task: Task) -> None:
    """Unpack an archive that lies where data sets are looked for.

    Raises:
        FetchError: If there is none, or it is damaged.
    """
    archive = task.origin.archive
    folders = search_path(task.origin) if archive else ()
    paths = [folder / archive.name for folder in folders if archive]
    found = next((path for path in paths if path.is_file()), None)
    if archive is None or found is None:
        raise FetchError("")
    task.report(f"unpacking {found} …")
    keep(archive, found, task)


def from_debian(task: Task) -> None:
    """Unpack Debian's package of the data set, without root and without installing it.

    Raises:
        FetchError: If there is no apt here, or it cannot get the package.
    """
    origin = task.origin
    if origin.debian is None or origin.system is None:
        raise FetchError("")
    if not shutil.which("apt-get"):
        raise FetchError(f"{origin.title}: no Debian package to be had here")
    task.report(f"fetching {origin.title} from Debian's package {origin.debian} …")
    with tempfile.TemporaryDirectory(dir=task.target, prefix=".apt-") as scratch:
        folder = Path(scratch)
        package = _download_package(origin.debian, folder)
        _call(["dpkg-deb", "-x", str(package), str(folder / "content")], folder)
        content = folder / "content" / origin.system.relative_to("/")
        for file in origin.files:
            path = content / file.stored_name
            if not path.is_file():
                raise FetchError(f"Debian's package {origin.debian} holds no {file.stored_name}")
            keep(file, path, task)


def _download_package(name: str, folder: Path) -> Path:
    """The package file; with lists of our own where the machine's are missing or old."""
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    own = ["-o", f"Dir::State::Lists={lists}", "-o", "APT::Sandbox::User=root"]
    try:
        _call(["apt-get", "download", name], folder)
    except FetchError:
        _call(["apt-get", *own, "update"], folder)
        _call(["apt-get", *own, "download", name], folder)
    found = next(folder.glob("*.deb"), None)
    if found is None:
        raise FetchError(f"apt-get brought no package {name}")
    return found


def _call(command: list[str], folder: Path) -> None:
    """Run a command quietly in ``folder``; its last line of complaint becomes the error."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_APT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{' '.join(command[:2])}: {error}") from error
    if done.returncode != 0:
        complaint = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise FetchError(f"{' '.join(command)} failed: {complaint}")


def from_web(task: Task) -> None:
    """Download every file that is not there yet, from the first address that has it.

    Raises:
        FetchError: If a file could be had nowhere; says what was tried and what to do.
    """
    origin = task.origin
    if not origin.urls:
        raise FetchError("")
    for file in origin.published:
        if isinstance(file, DataFile) and _is_there(file, task.target):
            continue
        complaints = []
        for url in origin.urls:
            complaint = _download_from(url, file, task)
            if complaint is None:
                break
            complaints.append(complaint)
        else:
            raise FetchError(
                f"{origin.title} could not be downloaded ({'; '.join(complaints)}). "
                f"Without a network, put {file.stored_name} and its like into {task.target} "
                "or into a folder that $COCKPIT_DATA names."
            )


def _is_there(file: DataFile, target: Path) -> bool:
    """Whether an earlier try has brought this file."""
    try:
        return bool(read_checked(target / file.stored_name, file))
    except (OSError, DamagedError):
        return False


def _download_from(url: str, file: DataFile | Archive, task: Task) -> str | None:
    """Download one file from a folder on the web into the cache; the complaint if that fails."""
    # A download is resumed from its own server only: another may have compressed it otherwise.
    server = urllib.parse.urlsplit(url).hostname
    partial = task.target / f"{file.stored_name}.{server}.part"
    task.report(f"downloading {url}{file.stored_name}")
    try:
        download(f"{url}{file.stored_name}", partial, file.name, task.progress)
        try:
            keep(file, partial, task)
        finally:
            partial.unlink(missing_ok=True)
    except FetchError as error:
        return str(error)
    return None


def download(url: str, partial: Path, name: str, progress: Progress | None = None) -> None:
    """Download ``url`` to ``partial``, going on where an earlier try ended.

    Raises:
        FetchError: If the server or the network fails; what came so far stays for the next try.
    """
    done = total = 0
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            resumed = answer.status == 206
            done = have if resumed else 0
            total = done + int(answer.headers.get("Content-Length") or 0)
            with partial.open("ab" if resumed else "wb") as out:
                while chunk := answer.read(_CHUNK):
                    out.write(chunk)
                    done += len(chunk)
                    if progress is not None:
                        progress(name, done, total)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is left to send; the checksum decides
            raise FetchError(f"{url}: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{url}: {getattr(error, 'reason', error)}") from error
    if total and done < total:
        raise FetchError(f"{url}: the connection ended at {done} of {total} bytes; try again")
