"""Long arrays: as others to those who use them, but in a file."""

from __future__ import annotations

import errno
import gc
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from cockpit.log import spill
from cockpit.log.growing import Growing, Numbers

MIB = 2**20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere arrays stay in memory")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store of the test's own."""
    monkeypatch.setattr(spill, "_store", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(spill.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(spill, "IN_MEMORY", ())
    spill.use()
    assert spill._store is not None
    return spill._store


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def in_a_fork(action: Callable[[], None]) -> None:
    """Run something in a forked child, and wait."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process has threads
        child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_arrays_keep_what_is_put_into_them() -> None:
    rng = np.random.default_rng(0)
    kept = [(spill.empty((n, 5), np.float64), rng.random((n, 5))) for n in (1, 3000, 40_000)]
    for array, values in kept:
        array[:] = values
    spill.release()
    for array, values in kept:
        np.testing.assert_array_equal(array, values)


def test_long_arrays_do_not_stay_in_memory() -> None:
    before = resident()
    array = spill.empty((32 * MIB // 8,), np.float64)
    array[:] = 1.0
    assert resident() > before + 24 * MIB
    spill.release()
    assert resident() < before + 8 * MIB
    assert array.sum() == array.size


def test_pieces_are_used_again_when_nobody_looks_at_them(store: Any) -> None:
    spill.empty((2**20,), np.int64)
    end = store._end
    for _ in range(5):
        piece = spill.empty((2**20,), np.int64)
        assert not piece.any()  # nothing is left of who had it before
        piece[:] = 7
        view = piece[10:20]
        del piece
        assert (view == 7).all()  # in use as long as anything refers to it
        del view
    assert store._end == end


def test_no_two_arrays_share_a_place_if_one_is_dropped_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me, self.array = self, spill.empty((2**17,), np.float64)

    allocate = os.posix_fallocate
    spill.empty((2**17,), np.float64)  # a free piece
    kept = Cycle()

    def collect_and_allocate(*args: int) -> None:
        gc.collect(0)  # the young ones
        allocate(*args)

    monkeypatch.setattr(spill.os, "posix_fallocate", collect_and_allocate)
    del kept
    arrays = [spill.empty((2**17,), np.float64) for _ in range(4)]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [array.min() for array in arrays] == [array.max() for array in arrays] == [0, 1, 2, 3]


@pytest.mark.parametrize("what", ["posix_fallocate", "ftruncate"])
def test_a_full_disk_leaves_arrays_in_memory(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(spill.os, what, full)
    monkeypatch.setattr(spill, "_store", spill._store if what == "posix_fallocate" else None)
    spill.use()
    array = spill.empty((2**21,), np.float64)
    array[:] = 2.0
    spill.release()
    assert array[-1] == 2.0


def test_what_a_full_disk_gave_before_it_refused_is_given_back(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate = os.posix_fallocate

    def refuse_half(file: int, start: int, size: int) -> None:
        allocate(file, start, size // 2)
        raise OSError(errno.ENOSPC, "no space left on device")

    before = os.fstat(store._file).st_blocks
    monkeypatch.setattr(spill.os, "posix_fallocate", refuse_half)
    spill.empty((2**21,), np.float64)
    assert os.fstat(store._file).st_blocks == before


def test_without_a_folder_for_files_arrays_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(spill, "_store", None)
    monkeypatch.setattr(spill.tempfile, "gettempdir", none)
    spill.use()
    assert spill._store is None


def test_a_file_system_without_holes_gives_its_pieces_back_too(store: Any) -> None:
    class Plain:
        def madvise(self, *_: int) -> None:
            raise OSError(errno.EOPNOTSUPP, "not supported")

    mapped, store._map = store._map, Plain()
    for _ in range(3):
        spill.empty((2**20,), np.float64)
    assert store._end == 2**23
    store._map = mapped


def test_nothing_is_kept_in_a_file_that_is_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    kinds = {mount[1]: mount[2] for mount in mounts}
    place = next(p for p in tmp_path.resolve().parents if str(p) in kinds)
    monkeypatch.setattr(spill, "_store", None)
    monkeypatch.setattr(spill, "IN_MEMORY", (kinds[str(place)],))
    spill.use()
    assert spill._store is None


def test_without_being_asked_arrays_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "_store", None)
    assert spill.empty((2**20,), np.float64).flags.owndata
    spill.release()
    assert spill._store is None


def test_the_file_is_in_no_core_dump(store: Any) -> None:
    spill.empty((2**20,), np.float64)[:] = 1.0
    text = Path("/proc/self/smaps").read_text()
    start = f"{store.address:x}-"
    flags = re.search(rf"^{start}.*?^VmFlags:(.*?)$", text, re.MULTILINE | re.DOTALL)
    assert flags is not None
    assert "dd" in flags[1].split()


def test_a_fork_leaves_alone_what_it_inherits() -> None:
    array, other = spill.empty((2**18,), np.float64), spill.empty((2**18,), np.float64)
    array[:], other[:] = 3.0, 4.0
    kept = {"array": array, "other": other}

    def drop_one_and_make_another() -> None:
        nonlocal array
        del array
        kept.clear()
        assert spill.empty((2**18,), np.float64).flags.owndata
        spill.empty((2**18,), np.float64)[:] = 0.0

    in_a_fork(drop_one_and_make_another)
    assert (array == 3.0).all()
    assert (other == 4.0).all()


@pytest.mark.parametrize("width", [None, 3])
def test_views_of_growing_arrays_stay_as_they_were(width: int | None) -> None:
    rng = np.random.default_rng(1)
    growing, parts, views = Growing(np.float64, width), [], []
    assert len(growing.view) == 0
    for size in (1, 256, 7, 20_000, 3):
        parts.append(rng.random(size if width is None else (size, width)))
        growing.append(parts[-1])
        views.append(growing.view)
        assert len(growing) == sum(map(len, parts))
    spill.release()
    for number, view in enumerate(views, start=1):
        np.testing.assert_array_equal(view, np.concatenate(parts[:number]))
    with pytest.raises(ValueError, match="read-only"):
        views[0][0] = 0.0


def test_numbers_are_there_as_soon_as_they_are_added() -> None:
    numbers = Numbers("q")
    numbers.add(5)
    assert (len(numbers), numbers[-1]) == (1, 5)
    numbers.extend([6, 7])
    numbers.settle()
    numbers.add(8)
    assert list(numbers.view) == [5, 6, 7, 8]
    with pytest.raises(TypeError):
        numbers.extend([9, None])
    assert list(numbers.view) == [5, 6, 7, 8]
