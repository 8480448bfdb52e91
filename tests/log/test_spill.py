"""Long arrays: as others to those who use them, but in a file."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from cockpit.log import spill
from cockpit.log.growing import FIRST_ROOM, Growing, Numbers

MIB = 2**20

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere arrays stay in memory")


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_arrays_keep_what_is_put_into_them() -> None:
    rng = np.random.default_rng(0)
    kept = [(spill.empty((n, 5), np.float64), rng.random((n, 5))) for n in (1, 3000, 40_000)]
    for array, values in kept:
        array[:] = values
    spill.release()
    for array, values in kept:
        np.testing.assert_array_equal(array, values)


@on_linux
def test_long_arrays_do_not_stay_in_memory() -> None:
    before = resident()
    array = spill.empty((32 * MIB // 8,), np.float64)
    array[:] = 1.0
    assert resident() > before + 24 * MIB
    spill.release()
    assert resident() < before + 8 * MIB
    assert array.sum() == array.size


@on_linux
def test_pieces_are_used_again_when_nobody_looks_at_them() -> None:
    spill.empty((2**20,), np.int64)
    gc.collect()
    store = spill._store(os.getpid())
    assert store is not None
    end = store._end
    for _ in range(5):
        piece = spill.empty((2**20,), np.int64)
        assert not piece.any()  # nothing is left of who had it before
        piece[:] = 7
        view = piece[10:20]
        del piece
        gc.collect()
        assert (view == 7).all()  # in use as long as anything refers to it
        del view
        gc.collect()
    assert store._end == end


@on_linux
def test_a_full_disk_leaves_arrays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(spill.os, "posix_fallocate", full)
    array = spill.empty((2**21,), np.float64)
    array[:] = 2.0
    spill.release()
    assert array[-1] == 2.0


def test_without_a_place_for_files_arrays_are_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(spill.tempfile, "tempdir", str(tmp_path / "not there"))
    spill._store.cache_clear()
    try:
        assert spill.empty((2**20,), np.float64).shape == (2**20,)
        assert spill._store(os.getpid()) is None
    finally:
        spill._store.cache_clear()


def _overwrite(array: np.ndarray) -> None:
    spill.empty(array.shape, np.float64)[:] = 0.0


@on_linux
def test_a_fork_has_a_file_of_its_own() -> None:
    array = spill.empty((2**18,), np.float64)
    array[:] = 3.0
    child = multiprocessing.get_context("fork").Process(target=_overwrite, args=(array,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert (array == 3.0).all()


@pytest.mark.parametrize("width", [None, 3])
def test_views_of_growing_arrays_stay_as_they_were(width: int | None) -> None:
    rng = np.random.default_rng(1)
    growing, parts, views = Growing(np.float64, width), [], []
    for size in (1, FIRST_ROOM, 7, 20_000, 3):
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
