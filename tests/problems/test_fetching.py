"""Finding and fetching, against a web server and an apt-get of our own on this machine."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.problems import data
from cockpit.problems.data import fashion_mnist, fetching, folders
from cockpit.problems.data.__main__ import main
from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.fetching import FetchError, Task
from cockpit.problems.data.folders import Archive, DataFile, Origin

CONTENT = {"images": bytes(range(256)) * 4000, "labels": b"labels" * 50}
FILES = tuple(DataFile(name, hashlib.sha256(c).hexdigest()) for name, c in CONTENT.items())


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; knows ranges; may end a transfer early."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/{name}.gz": gzip.compress(c, mtime=0) for name, c in CONTENT.items()}
        self.cut: int | None = None
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        content = self.server.files.get(self.path)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if content is None or start >= len(content):
            self.send_error(404 if content is None else 416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : self.server.cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("COCKPIT_DATA", raising=False)
    return tmp_path / "cache" / "cockpit"


@pytest.fixture
def origin(server: Server) -> Origin:
    return Origin("toy", "Toy", FILES, (server.url,))


def put(folder: Path, *, packed: bool = True) -> Path:
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


def task(origin: Origin, target: Path, **more: object) -> Task:
    target.mkdir(parents=True, exist_ok=True)
    return Task(origin, target, lambda line: None, **more)


def assert_complete(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["images.gz", "labels.gz"]
    for file in FILES:
        assert folders.read_checked(folder / f"{file.name}.gz", file) == CONTENT[file.name]


def test_folders_are_searched_in_order(tmp_path: Path, monkeypatch, cache: Path) -> None:
    origin = Origin("toy", "Toy", FILES, system=tmp_path / "system", other_folders=("Toy/raw",))
    assert list(folders.candidates(origin)) == []
    expected = [put(tmp_path / "system")]
    assert list(folders.candidates(origin)) == expected
    expected.insert(0, put(cache / "toy", packed=False))
    assert list(folders.candidates(origin)) == expected
    monkeypatch.setenv("COCKPIT_DATA", str(tmp_path / "mine"))
    expected.insert(0, put(tmp_path / "mine" / "Toy" / "raw"))
    assert list(folders.candidates(origin)) == expected
    expected.insert(0, put(tmp_path / "mine" / "toy"))
    assert list(folders.candidates(origin)) == expected
    monkeypatch.setenv("COCKPIT_DATA", str(tmp_path / "mine" / "toy"))
    assert next(folders.candidates(origin)) == tmp_path / "mine" / "toy"


def test_the_cache_is_in_the_home_folder_by_default(monkeypatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert folders.cache_folder() == Path.home() / ".cache" / "cockpit"


def test_a_folder_with_a_file_missing_is_no_candidate(tmp_path: Path, monkeypatch) -> None:
    (put(tmp_path / "toy") / "labels.gz").unlink()
    monkeypatch.setenv("COCKPIT_DATA", str(tmp_path))
    assert list(folders.candidates(Origin("toy", "Toy", FILES))) == []


def test_a_file_with_another_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(b"something else")
    with pytest.raises(DamagedError, match=r"labels: got SHA-256 .*, expected"):
        folders.read_checked(tmp_path / "labels", FILES[1])


def test_files_are_downloaded_checked_and_kept(server, origin, cache: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    folder = fetching.fetch(origin, lambda line: None, lambda *state: seen.append(state))
    assert folder == cache / "toy"
    assert_complete(folder)
    assert [state for state in seen if state[1] == state[2]] == [
        (name, len(server.files[f"/{name}.gz"]), len(server.files[f"/{name}.gz"]))
        for name in CONTENT
    ]


def test_a_broken_download_is_resumed(server, origin, cache: Path) -> None:
    server.cut = 1000
    with pytest.raises(FetchError, match="1000"):
        fetching.from_web(task(origin, cache / "toy"))
    server.cut, server.ranges = None, []
    fetching.from_web(task(origin, cache / "toy"))
    assert server.ranges == ["bytes=1000-", None]
    assert_complete(cache / "toy")


def test_a_download_that_was_complete_already_is_kept(server, origin, cache: Path) -> None:
    partial = cache / "toy" / "images.gz.127.0.0.1.part"
    work = task(origin, cache / "toy")
    partial.write_bytes(server.files["/images.gz"])
    fetching.from_web(work)
    assert_complete(cache / "toy")


def test_files_that_are_there_are_not_downloaded_again(server, origin, cache: Path) -> None:
    put(cache / "toy")
    (cache / "toy" / "labels.gz").write_bytes(b"damaged")
    fetching.from_web(task(origin, cache / "toy"))
    assert len(server.ranges) == 1
    assert_complete(cache / "toy")


def test_a_wrong_content_is_not_kept(server, origin, cache: Path) -> None:
    server.files["/images.gz"] = gzip.compress(b"an error page")
    with pytest.raises(FetchError, match="got SHA-256"):
        fetching.from_web(task(origin, cache / "toy"))
    assert list((cache / "toy").iterdir()) == []


def tar_of_all(content: dict[str, bytes] = CONTENT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, member in content.items():
            info = tarfile.TarInfo(f"toy-1.0/{name}")
            info.size = len(member)
            archive.addfile(info, io.BytesIO(member))
    return packed.getvalue()


def test_an_archive_is_downloaded_resumed_and_unpacked(server, cache: Path) -> None:
    packed = tar_of_all()
    server.files["/toy.tar.gz"] = packed
    files = tuple(replace(file, suffix="") for file in FILES)
    archive = Archive("toy.tar.gz", hashlib.sha256(packed).hexdigest())
    origin = Origin("toy", "Toy", files, (server.url,), archive)
    server.cut = 100
    with pytest.raises(FetchError, match="ended at 100 of"):
        fetching.from_web(task(origin, cache / "toy"))
    server.cut, server.ranges = None, []
    assert fetching.fetch(origin, lambda line: None) == cache / "toy"
    assert server.ranges == ["bytes=100-"]
    assert sorted(path.name for path in (cache / "toy").iterdir()) == ["images", "labels"]
    assert list(folders.candidates(origin)) == [cache / "toy"]
    for file in files:
        assert folders.read_from(cache / "toy", file) == CONTENT[file.name]


def test_an_archive_with_a_wrong_content_is_not_unpacked(server, cache: Path) -> None:
    server.files["/toy.tar.gz"] = tar_of_all({"images": b"evil", "labels": b"evil"})
    archive = Archive("toy.tar.gz", hashlib.sha256(tar_of_all()).hexdigest())
    origin = Origin("toy", "Toy", FILES, (server.url,), archive)
    with pytest.raises(FetchError, match="got SHA-256"):
        fetching.from_web(task(origin, cache / "toy"))
    assert list((cache / "toy").iterdir()) == []


def test_a_digest_of_32_digits_is_md5(tmp_path: Path) -> None:
    file = DataFile("labels", hashlib.md5(CONTENT["labels"], usedforsecurity=False).hexdigest())
    (tmp_path / "labels").write_bytes(CONTENT["labels"])
    assert folders.read_from(tmp_path, file) == CONTENT["labels"]
    (tmp_path / "labels").write_bytes(b"others")
    with pytest.raises(DamagedError, match=r"got MD5 .*, expected"):
        folders.read_from(tmp_path, file)


def test_the_next_address_is_tried(server, origin, cache: Path) -> None:
    here = server.url.replace("127.0.0.1", "localhost")
    moved = replace(origin, urls=(f"{here}gone/", server.url))
    fetching.from_web(task(moved, cache / "toy"))
    assert_complete(cache / "toy")


def test_without_a_network_the_error_says_what_to_do(origin, cache: Path) -> None:
    lines: list[str] = []
    nowhere = replace(origin, urls=("http://127.0.0.1:9/",))
    assert fetching.fetch(nowhere, lines.append) is None
    assert "Connection refused" in lines[-1]
    assert f"put images.gz and its like into {cache / 'toy'}" in lines[-1]


def test_a_cache_that_cannot_be_written_is_reported(tmp_path: Path, monkeypatch, origin) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    lines: list[str] = []
    assert fetching.fetch(origin, lines.append) is None
    assert "set XDG_CACHE_HOME elsewhere" in lines[0]


@pytest.fixture
def debian(origin: Origin) -> Origin:
    return replace(origin, urls=(), debian="toy-package", system=Path("/usr/share/toy"))


@pytest.fixture
def apt(tmp_path: Path, monkeypatch) -> Path:
    """A folder on the PATH with an ``apt-get`` that brings ``package.deb`` of that folder."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("packages can be built on Debian and its like only")
    folder = tmp_path / "bin"
    put(folder / "content" / "usr" / "share" / "toy")
    control = folder / "content" / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        "Package: toy-package\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n"
    )
    command = ["dpkg-deb", "--build", str(folder / "content"), str(folder / "package.deb")]
    subprocess.run(command, check=True, capture_output=True)
    script = folder / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$@" >>{folder}/calls\ncp {folder}/package.deb .\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def test_debians_package_is_unpacked(apt: Path, debian, cache: Path) -> None:
    assert fetching.fetch(debian, lambda line: None) == cache / "toy"
    assert_complete(cache / "toy")
    assert (apt / "calls").read_text() == "download toy-package\n"


def test_package_lists_are_brought_where_they_are_missing(apt: Path, debian, cache: Path) -> None:
    script = apt / "apt-get"
    refuse = '[ "$1" = download ] && { echo "E: no such package" >&2; exit 100; }\n'
    lines = script.read_text().splitlines(keepends=True)
    script.write_text("".join([*lines[:2], refuse, lines[2]]))
    fetching.from_debian(task(debian, cache / "toy"))
    calls = (apt / "calls").read_text().splitlines()
    assert [call.split()[-1] for call in calls] == ["toy-package", "update", "toy-package"]
    assert_complete(cache / "toy")


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo E: locked >&2; exit 1", "E: locked"),
        ("exit 0", "brought no package"),
        ("echo broken >x.deb", "dpkg-deb"),
    ],
)
def test_an_apt_that_fails_is_an_error(apt, debian, cache, script: str, complaint: str) -> None:
    (apt / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(FetchError, match=complaint):
        fetching.from_debian(task(debian, cache / "toy"))
    assert list((cache / "toy").iterdir()) == []


def test_a_package_without_the_files_is_an_error(apt: Path, debian, cache: Path) -> None:
    elsewhere = replace(debian, system=Path("/usr/share/other"))
    with pytest.raises(FetchError, match="holds no images"):
        fetching.from_debian(task(elsewhere, cache / "toy"))


def test_without_apt_the_next_way_is_tried(debian, origin, cache: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    lines: list[str] = []
    assert fetching.fetch(replace(debian, urls=origin.urls), lines.append) == cache / "toy"
    assert lines[0] == "Toy: no Debian package to be had here"


@pytest.fixture
def no_fashion_mnist(monkeypatch) -> None:
    lost = replace(fashion_mnist.ORIGIN, urls=(), debian=None, system=None)
    source = replace(fashion_mnist.SOURCE, origin=lost)
    monkeypatch.setitem(data.SOURCES, "fashion-mnist", source)


@pytest.mark.usefixtures("no_fashion_mnist")
def test_digits_stand_in_and_it_is_said() -> None:
    lines: list[str] = []
    found = data.load("fashion-mnist", fallback=True, report=lines.append)
    assert found.name == "digits"
    assert "stand in for it" in lines[-1]


@pytest.mark.usefixtures("no_fashion_mnist")
def test_without_a_stand_in_missing_data_is_an_error(capsys) -> None:
    with pytest.raises(FileNotFoundError, match="COCKPIT_DATA to a folder"):
        data.load("fashion-mnist")
    assert main([]) == 1
    assert "COCKPIT_DATA" in capsys.readouterr().err


@pytest.mark.usefixtures("no_fashion_mnist")
def test_a_damaged_folder_is_passed_over(tmp_path: Path, monkeypatch) -> None:
    for file in fashion_mnist.ORIGIN.files:
        (tmp_path / file.name).write_bytes(b"\0\0\x08\1\0\0\0\0")
    monkeypatch.setenv("COCKPIT_DATA", str(tmp_path))
    lines: list[str] = []
    with pytest.raises(FileNotFoundError):
        data.load("fashion-mnist", report=lines.append)
    assert "looking elsewhere" in lines[0]


def test_the_command_says_where_the_data_is(capsys) -> None:
    assert main(["digits"]) == 0
    assert capsys.readouterr().out == "scikit-learn's digits: 1500 + 297 images, scikit-learn\n"
    assert main(["nothing"]) == 1
