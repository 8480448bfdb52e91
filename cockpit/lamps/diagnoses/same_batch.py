"""The same samples at every step."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Level, Reading, lamp
from cockpit.lamps.network import is_mask

FEW_VALUES = 0.5  # share of equal rows within a batch from which equal batches mean nothing
WHOLE = 0.99  # epochs a step: then a batch is the whole data set
PARTS = 0.5
LARGEST = 4096  # power of two that may be the batch of a loader
MULTIPLES = {4: 128, 8: 512, 5: 250}  # up to which multiples of these numbers may be one


@lamp(
    title="The same batch at every step",
    level="caution",
    group="data",
    kind="exact",
    needs=("inputs.repeated",),
    means="All samples of the batch were in the batch before as well, step after step.",
    do="Take the next batch of one loader (for batch in loader) instead of the first one of a new "
    "loader; if the batch is your whole data set, this is as it should be.",
    source="next(iter(loader)) within the loop is a well-known slip",
    sustain=3,
    inhibits=(
        "class_imbalance",
        "constant_features",
        "duplicated_features",
        "wrong_output_size",
        "overfitting",
        "batch_too_large",
        "batch_too_small",
        "converged",
    ),
)
def same_batch(course: Course) -> Reading | None:
    """The share of samples that were in the previous tracked batch is 1, three times in a row.

    Gradient descent on a whole data set looks the same, and so does the deliberate test whether a
    network can learn one batch by heart. If the loop logs ``epoch``, it is known which it is: with
    one step an epoch the batch is the whole data set (advisory); with several it is a mistake
    (warning). If not: a loader makes a new tensor of its batch at each step, so who gives the model
    the very same one again and again means to (advisory). Of new ones, a power of 2 (up to 4,096)
    and other usual numbers (24, 48, 96, 100, 384) are taken for a loader's batch (caution), and any
    other number for a data set, as all of it is for LBFGS (advisory). Data whose samples have few
    different values (half of the batch equal to another sample of it) repeat themselves by nature,
    and so do flags, as an attention mask has; so they don't count.
    """
    repeated = course.fact("inputs.repeated")
    if repeated is None or is_mask(course):
        return None
    few_values = course.fact("inputs.same_rows", 0.0) >= FEW_VALUES
    return Reading(
        2.0 if repeated >= 1 and not few_values else 0.0,
        f"{repeated:.0%} of the {course.samples} samples at step {course.now.step} were in the "
        "tracked batch before, too (expected: not all).",
        {"repeated": repeated},
        level=_level(course),
    )


def _level(course: Course) -> Level:
    """What epochs, if the loop logs them, and the size of the batch say."""
    if "LBFGS" in course.optimizer:
        return "advisory"
    epochs = course.user.get("epoch", [])
    if len(epochs) > 1 and epochs[-1][0] > epochs[0][0]:
        rate = (epochs[-1][1] - epochs[0][1]) / (epochs[-1][0] - epochs[0][0])
        if rate >= WHOLE or rate <= PARTS:
            return "advisory" if rate >= WHOLE else "warning"
    if course.fact("inputs.same_tensor", False):
        return "advisory"
    return "caution" if _is_usual(course.samples) else "advisory"


def _is_usual(count: int) -> bool:
    """Whether a loader's batch may have so many samples."""
    is_power = count <= LARGEST and not count & (count - 1)
    return is_power or any(not count % n and count <= most for n, most in MULTIPLES.items())
