"""Readers of data files, on small files in the true formats."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import shutil
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from cockpit.problems import data
from cockpit.problems.data import bible, cifar, mnist, svhn, war_and_peace
from cockpit.problems.data.errors import DamagedError
from cockpit.problems.data.folders import Archive, DataFile
from cockpit.problems.data.pickles import unpickle
from cockpit.problems.data.sources import Stored
from tests.problems.test_idx import as_idx

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``$COCKPIT_DATA``, empty; and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COCKPIT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def with_digests(file: DataFile, content: bytes) -> DataFile:
    return replace(file, digest=md5(content))


def python_2_pickle(value: dict[str, object]) -> bytes:
    """As CIFAR's files are: keys and bytes are strings of Python 2."""
    return pickle.dumps({key.encode(): item for key, item in value.items()}, protocol=2)


def cifar_batch(n: int, key: str, classes: int) -> tuple[bytes, np.ndarray, list[int]]:
    pixels = RANDOM.integers(0, 256, (n, 3072), dtype=np.uint8)
    labels = RANDOM.integers(0, classes, n).tolist()
    content = python_2_pickle({"data": pixels, key: labels, "batch_label": b"batch"})
    return content, pixels, labels


def small_cifar(monkeypatch, root: Path, number: int) -> tuple[Stored, list, dict[str, bytes]]:
    """CIFAR-10 (0) or CIFAR-100 (1) with three pictures in each file."""
    origin = (cifar.CIFAR10, cifar.CIFAR100)[number]
    key, classes = (("labels", cifar.CLASSES), ("fine_labels", tuple(map(str, range(100)))))[number]
    made = [cifar_batch(3, key, len(classes)) for _ in origin.files]
    contents = {file.name: batch[0] for file, batch in zip(origin.files, made, strict=True)}
    files = tuple(with_digests(file, contents[file.name]) for file in origin.files)
    origin = replace(origin, files=files, urls=())
    source = Stored(origin, data.ImageSet, cifar.reader(origin, key, classes))
    monkeypatch.setitem(data.SOURCES, origin.name, source)
    return source, made, contents


@pytest.mark.parametrize("number", [0, 1])
def test_cifar_is_read_from_a_folder(monkeypatch, root: Path, number: int) -> None:
    source, made, contents = small_cifar(monkeypatch, root, number)
    assert source.where() is None
    folder = root / source.origin.other_folders[0]
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    assert source.where() == str(folder)
    found = data.load(source.name)
    assert len(found.train) == 3 * (len(made) - 1)
    assert len(found.test) == 3
    assert len(found.classes) == (10, 100)[number]
    _, pixels, labels = made[-1]
    assert found.test.labels.tolist() == labels
    # Red comes first, row by row.
    assert found.test.images[1, 2, 5, 7] == int(pixels[1, 2 * 1024 + 5 * 32 + 7])
    assert torch.equal(found.train.images[:3].flatten(1), torch.from_numpy(made[0][1]))


def test_cifar_is_unpacked_from_its_archive(monkeypatch, root: Path) -> None:
    source, made, contents = small_cifar(monkeypatch, root, 0)
    path = root / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            member = root / name
            member.write_bytes(content)
            archive.add(member, f"cifar-10-batches-py/{name}")
            member.unlink()
    digest = md5(path.read_bytes())
    origin = replace(source.origin, archive=Archive(path.name, digest))
    source = replace(source, origin=origin, read=cifar.reader(origin, "labels", cifar.CLASSES))
    lines: list[str] = []
    found = source.load(lines.append)
    assert lines == [f"unpacking {path} …"]
    assert found.train.labels.tolist() == [label for batch in made[:5] for label in batch[2]]
    assert source.where() == found.found
    assert "cache" in found.found

    shutil.rmtree(found.found)
    damaged = replace(source, origin=replace(origin, archive=Archive(path.name, "0" * 32)))
    with pytest.raises(FileNotFoundError, match="got no CIFAR-10"):
        damaged.load(lines.append)
    assert "got MD5" in lines[-1]


def test_an_archive_that_lacks_a_file_is_refused(monkeypatch, root: Path) -> None:
    source, _, contents = small_cifar(monkeypatch, root, 1)
    path = root / "cifar-100-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        (root / "train").write_bytes(contents["train"])
        archive.add(root / "train", "cifar-100-python/train")
    (root / "train").unlink()
    origin = replace(source.origin, archive=Archive(path.name, md5(path.read_bytes())))
    lines: list[str] = []
    with pytest.raises(FileNotFoundError):
        replace(source, origin=origin).load(lines.append)
    assert lines[-1].endswith("holds no test")


def test_a_pickle_can_run_nothing(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> object:
            return Path.touch, (tmp_path / "ran",)

    with pytest.raises(DamagedError, match="which no data file needs"):
        unpickle(pickle.dumps({"data": Bomb()}))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "cannot be read"),
        (b"no pickle", "cannot be read"),
        (pickle.dumps([1]), "got a pickled list"),
    ],
)
def test_what_is_no_pickle_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(DamagedError, match=complaint):
        unpickle(content)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"data": np.zeros((2, 3), np.uint8)}, r"got 'data' of shape \(2, 3\)"),
        ({"data": None}, "got 'data' of shape None"),
        ({"labels": [1]}, "got no list of 2 labels"),
        ({"labels": [1, 10]}, "got a label outside 0 to 9"),
    ],
)
def test_a_cifar_file_that_does_not_fit_is_refused(change, complaint: str) -> None:
    whole = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 9]}
    images, labels = cifar.parse(whole, "labels", 10)
    assert images.shape == (2, 3, 32, 32)
    assert labels.tolist() == [0, 9]
    with pytest.raises(DamagedError, match=complaint):
        cifar.parse({**whole, **change}, "labels", 10)


def svhn_file(path: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    pixels = RANDOM.integers(0, 256, (32, 32, 3, n), dtype=np.uint8)
    digits = RANDOM.integers(1, 11, (n, 1), dtype=np.uint8)
    savemat(path, {"X": pixels, "y": digits}, do_compression=True)
    return pixels, digits


def test_svhn_is_read(monkeypatch, root: Path) -> None:
    made = [
        svhn_file(root / file.name, n) for file, n in zip(svhn.ORIGIN.files, (4, 3), strict=True)
    ]
    files = tuple(with_digests(f, (root / f.name).read_bytes()) for f in svhn.ORIGIN.files)
    monkeypatch.setattr(svhn, "ORIGIN", replace(svhn.ORIGIN, files=files))
    found = svhn.read(root)
    assert (len(found.train), len(found.test)) == (4, 3)
    pixels, digits = made[0]
    assert found.train.images[3, 1, 5, 7] == int(pixels[5, 7, 1, 3])
    assert found.train.labels.tolist() == [digit % 10 for digit in digits[:, 0]]
    assert found.train.images.is_contiguous()

    (root / files[1].name).write_bytes(b"another file")
    with pytest.raises(DamagedError, match="got MD5"):
        svhn.read(root)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"X": np.zeros((32, 32, 3, 2), np.uint8)}, "no Matlab file with X and y"),
        ({"X": np.zeros((32, 32, 2), np.uint8), "y": [1, 2]}, "got X of shape"),
        ({"X": np.zeros((32, 32, 3, 2)), "y": [1, 2]}, "got X of shape"),
    ],
)
def test_a_matlab_file_that_does_not_fit_is_refused(
    tmp_path: Path, content, complaint: str
) -> None:
    savemat(tmp_path / "x.mat", content)
    with pytest.raises(DamagedError, match=complaint):
        svhn.parse(tmp_path / "x.mat")


def test_what_is_no_matlab_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mat").write_bytes(b"text")
    with pytest.raises(DamagedError, match="no Matlab file"):
        svhn.parse(tmp_path / "x.mat")


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_is_read_packed_or_not(monkeypatch, root: Path, packed: bool) -> None:
    arrays = [
        RANDOM.integers(0, 10, shape, dtype=np.uint8) for shape in ((5, 28, 28), 5, (2, 28, 28), 2)
    ]
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    files = []
    for file, array in zip(mnist.ORIGIN.files, arrays, strict=True):
        content = as_idx(array)
        files.append(with_digests(file, content))
        name = file.stored_name if packed else file.name
        (folder / name).write_bytes(gzip.compress(content) if packed else content)
    origin = replace(mnist.ORIGIN, files=tuple(files))
    read = mnist.reader(origin, tuple("0123456789"))
    monkeypatch.setitem(data.SOURCES, "mnist", Stored(origin, data.ImageSet, read))
    found = data.load("mnist")
    assert (found.title, found.found) == ("MNIST", str(folder))
    assert torch.equal(found.train.images[:, 0], torch.from_numpy(arrays[0]))
    assert found.test.labels.tolist() == arrays[3].tolist()


TEXT = b"In the beginning God created the heaven and the earth.\n" * 40


def packed_by_compress(content: bytes) -> bytes:
    """LZW as by Unix's compress, with literals alone: nine bits each, the table cleared in time."""
    bits, codes = [], []
    for place, byte in enumerate(content):
        if place and place % 200 == 0:
            codes.append(256)
            # A clear code fills its group of eight codes.
            codes += [0] * (-len(codes) % 8)
        codes.append(byte)
    for code in codes:
        bits += [code >> bit & 1 for bit in range(9)]
    bits += [0] * (-len(bits) % 8)
    return np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()


def bible_data(blocks: list[bytes], size: int) -> bytes:
    packed = [packed_by_compress(block) for block in blocks]
    start = 0x5C + 4 * len(packed) + 3
    starts = np.cumsum([start, *map(len, packed)])[:-1].tolist()
    head = b"EC02Compressed Data File".ljust(0x54, b"\0")
    table = struct.pack(f">2I{len(starts)}I", size, len(packed), *starts)
    return head + table + b"\x1f\x9d\x90" + b"".join(packed)


@pytest.mark.skipif(shutil.which("gzip") is None, reason="gzip undoes Unix's compress")
def test_the_bible_is_unpacked_block_by_block(monkeypatch, root: Path) -> None:
    blocks = [TEXT[:1024], TEXT[1024:2048], TEXT[2048:]]
    content = bible_data(blocks, size=1024)
    assert b"".join(bible.unpacked(content)) == TEXT
    (root / "bible.data").write_bytes(content)
    file = replace(bible.ORIGIN.files[0], digest=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(bible, "ORIGIN", replace(bible.ORIGIN, files=(file,)))
    found = bible.read(root)
    assert (found.train + found.test).encode() == TEXT
    with pytest.raises(DamagedError, match="bytes, not 1000"):
        list(bible.unpacked(bible_data(blocks, size=1000)))


def test_what_is_no_bible_is_refused() -> None:
    with pytest.raises(DamagedError, match="expected b'EC02Compressed"):
        list(bible.unpacked(b"something else"))


def test_war_and_peace_is_read_where_the_user_has_put_it(root: Path) -> None:
    lines: list[str] = []
    with pytest.raises(FileNotFoundError, match=r"got no War and Peace .*war-and-peace\.txt"):
        data.load("war-and-peace", report=lines.append)
    assert lines == []
    (root / "war-and-peace.txt").write_text("“Well, Prince, so Genoa and Lucca …”\n" * 20)
    found = data.load("war-and-peace")
    assert (found.name, found.title) == ("war-and-peace", "War and Peace")
    assert found.train.startswith("“Well, Prince")
    assert found.found == str(root / war_and_peace.ORIGIN.files[0].name)
