"""Shares of units that are out of action, layer by layer."""

from __future__ import annotations

from cockpit.lamps.course import Course

__all__ = ["any_units", "unit_shares"]

RECENT = 8  # tracked steps in which such a share would have shown


def unit_shares(course: Course, what: str, count: int) -> dict[str, float]:
    """The smallest share in the last tracked steps, by module in the order of the model.

    Smallest: a unit that a batch happens not to use is not dead, and in small batches that is the
    fate of many. Modules without a value in all of these steps are left out.

    Args:
        course: The run so far.
        what: ``dead`` or ``saturated``.
        count: Of how many tracked steps; fewer give nothing.
    """
    recent = list(course.steps)[-count:]
    if len(recent) < count:
        return {}
    shares = [step.units.get(what, {}) for step in recent]
    found = {
        module: min(share[module] for share in shares)
        for module in shares[-1]
        if all(module in share for share in shares)
    }
    layers = course.header.get("layers") or ()
    order = {layer.get("module"): i for i, layer in enumerate(layers)}
    if all(module in order for module in found):  # activations have no parameters, and no place
        return dict(sorted(found.items(), key=lambda pair: order[pair[0]]))
    return found


def any_units(course: Course, what: str) -> bool:
    """Whether one of the last tracked steps has such a share.

    Args:
        course: The run so far.
        what: ``dead`` or ``saturated``.
    """
    recent = list(course.steps)[-RECENT:]
    return any(what in step.units for step in reversed(recent))
