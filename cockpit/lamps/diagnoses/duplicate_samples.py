"""Samples that come several times in one batch."""

from __future__ import annotations

import math

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import STATISTICAL, Reading, above, lamp
from cockpit.lamps.network import is_integer, is_mask

SHARE = 0.5  # of the batch; oversampling a rare class stays below, unless it is very rare
FEW_NUMBERS, FEW_CODES, FEW_FLAGS = 2, 16, 32  # elements of a sample, below which equality is usual


@lamp(
    title="Samples several times in a batch",
    level="caution",
    group="data",
    kind="exact",
    needs=("inputs.same_rows", "inputs.shape"),
    means="Most samples of the batch are exact copies of another one in it.",
    do="Check how the data set uses its index (__getitem__) and whether something repeats records: "
    "a batch of copies has the information of a much smaller one.",
    source="our own",
    sustain=2,
    inhibits=(
        "same_batch",
        "class_imbalance",
        "sorted_data",
        "constant_features",
        "duplicated_features",
        "constant_output",
        "clamped_output",
        "wrong_output_size",
        STATISTICAL,
    ),
)
def duplicate_samples(course: Course) -> Reading | None:
    """Half of the batch or more equals another sample of it, in all elements, twice in a row.

    Samples that can only have few values are equal by nature, and are left out: one or two numbers,
    fewer than 16 whole numbers, fewer than 32 numbers between 0 and 1, one-hot rows, flags (whole
    numbers from 0 to 1: an attention mask). Drawing a rare class more often makes copies as well,
    but seldom half a batch; where it does, the lamp is right that the batch says less than its
    size.
    """
    share, shape = course.fact("inputs.same_rows"), course.fact("inputs.shape")
    if share is None or not shape or course.samples < 2 or _is_equal_by_nature(course, shape):
        return None
    return Reading(
        above(share, SHARE),
        f"{share:.0%} of the {course.samples} samples at step {course.now.step} equal another one "
        f"of the batch (over {SHARE:.0%}).",
        {"same_rows": share, "threshold": SHARE},
    )


def _is_equal_by_nature(course: Course, shape: list[int]) -> bool:
    if is_mask(course):
        return True
    size = math.prod(shape[1:])
    if size <= FEW_NUMBERS or (is_integer(course.fact("inputs.dtype")) and size < FEW_CODES):
        return True
    if course.fact("inputs.min") != 0 or course.fact("inputs.max") != 1:
        return False
    mean = course.fact("inputs.mean", math.nan)
    one_hot = any(math.isclose(mean * n, 1, rel_tol=1e-5) for n in shape[1:])
    return one_hot or size < FEW_FLAGS
