"""A rank that does something else than the others holds none of them up, and the log says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.log import RunLog
from tests.distributed.faults import JOBS, STEPS
from tests.distributed.processes import launch

ALL = list(range(STEPS))
WITHOUT_2 = [0, 1, 3, 4, 5]
VAIN = "rank 1 was waited for in vain"
# Steps with a record of the loss, and what the log says.
EXPECTED: dict[str, tuple[list[int], str]] = {
    # At step 3 only one rank waits for the end of an α.
    "one_step_outside": ([0, 1, 4, 5], VAIN),
    "never_inside": ([], VAIN),
    "loss_unseen": (WITHOUT_2, "rank 1: the loss was not seen"),
    "empty_batch": (WITHOUT_2, "rank 1: the mini-batch has no samples"),
    "uneven_last_batch": (ALL, ""),
    "fault_on_rank_1": (
        [0, 1],
        "switched off: RuntimeError: rank 1: ZeroDivisionError: a fault of",
    ),
    "product_fails_on_rank_1": (ALL, "no second derivative (rank 1: RuntimeError: not impl"),
    "iteration_ends_early_on_rank_1": (ALL, "the ranks came to different ends"),
    "iteration_fails_on_rank_1": (ALL, "HessMaxEV is switched off: RuntimeError: rank 1: Memory"),
    "curvature_unknown_on_rank_1": (ALL, "on rank 1: not on this rank"),
    "rank_1_closes": ([0, 1, 2], "rank 1 tracks no more: its cockpit is closed"),
    "other_quantities": ([], "the ranks track different quantities"),
    "sharded": ([], "parameters are sharded over processes"),
    "wrapped_inside": ([], "a part of the model is in DistributedDataParallel"),
    "quantity_fails_on_rank_1": ([0, 1, 2], VAIN),
    "fewer_batches": ([0, 1, 2, 3], VAIN),
    "only_rank_0_has_a_cockpit": ([], "each rank needs a cockpit of its own"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two ranks have trained all of it, to the end."""
    folder = tmp_path_factory.mktemp("faults")
    launch("faults", 2, folder)
    return folder


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_recorded(name: str, folder: Path) -> None:
    steps, message = EXPECTED[name]
    log = RunLog(folder / name)
    assert log.status == "finished"
    recorded = list(log.series("Loss").step) if "Loss" in log.quantities and steps else []
    assert recorded == steps
    messages = [event["message"] for event in log.events]
    assert any(message in text for text in messages) if message else messages == []


def test_models_of_one_rank_are_tracked_by_themselves(folder: Path) -> None:
    for rank in (0, 1):
        log = RunLog(folder / "local_models" / str(rank))
        assert list(log.series("Loss").step) == ALL
        assert set(log.batch_sizes.value) == {4 + rank}


def test_each_training_is_tested() -> None:
    assert {*EXPECTED, "local_models"} == set(JOBS)
