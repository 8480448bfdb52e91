"""Curvature at the bound that the learning rate sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import Reading, above, lamp
from cockpit.lamps.statistics import median, rate

RECENT = 4  # values of λ_max: that of a mini-batch is noisy


def _unfit(course: Course) -> str:
    if course.optimizer != "SGD" or not course.groups:
        return (
            "for SGD without or with momentum only: with "
            f"{course.optimizer or 'an unknown optimizer'} the bound is one on preconditioned "
            "curvature, which is not tracked"
        )
    if len({_settings(group) for group in course.groups}) > 1 or len(set(course.now.lr)) > 1:
        return "the parameter groups have different settings: there is no one bound"
    if course.groups[0].get("dampening"):
        return "no bound is known with dampening"
    return ""


def _settings(group: Mapping[str, Any]) -> tuple[float, ...]:
    """Momentum, Nesterov, dampening, weight decay."""
    names = ("momentum", "nesterov", "dampening", "weight_decay")
    return tuple(float(group.get(name) or 0) for name in names)


def bound(momentum: float, nesterov: bool) -> float:
    """Largest lr · λ at which gradient descent on a quadratic is stable.

    2 (1 + β) with heavy-ball momentum, 2 (1 + β) / (1 + 2 β) with Nesterov's.

    >>> bound(0.0, False), bound(0.9, False)
    (2.0, 3.8)

    Reference: Cohen et al. (2021), section 2 and appendix B.
    """
    return 2 * (1 + momentum) / (1 + 2 * momentum if nesterov else 1)


@lamp(
    title="At the edge of stability",
    level="advisory",
    group="steps",
    kind="statistical",
    needs=("HessMaxEV",),
    means="The sharpest direction is as steep as this learning rate can bear; it holds the "
    "curvature down.",
    do="Nothing while the loss falls, as networks often train there; if it does not, lower the "
    "learning rate.",
    source="Cohen et al. (2021)",
    sustain=3,
    unfit=_unfit,
)
def edge_of_stability(course: Course) -> Reading | None:
    """Where gradient descent on a quadratic would begin to diverge.

    On a quadratic, gradient descent diverges where the learning rate times the largest eigenvalue
    of the Hessian, λ_max plus weight decay, is above 2; with momentum β above 2 (1 + β), with
    Nesterov's form of it above 2 (1 + β) / (1 + 2 β). Networks drift to that edge and stay.

    The median of the last 4 values of λ_max counts. It is that of a mini-batch, and larger than
    that of all data. With Adam and others the bound is one on another matrix: the lamp is absent.
    """
    if _unfit(course):
        return None
    lr, sharpness = rate(course.now), median(course.last("HessMaxEV", RECENT), RECENT // 2)
    if lr is None or lr <= 0 or math.isnan(sharpness):
        return None
    momentum, nesterov, _, decay = _settings(course.groups[0])
    limit = bound(momentum, bool(nesterov))
    product = lr * (sharpness + decay)
    return Reading(
        above(max(product, 0.0), limit),
        f"Learning rate × λ_max is {product:.2f} (the edge: {limit:.2f}) in the median of the "
        f"last {RECENT} values.",
        {"product": product, "threshold": limit, "max_ev": sharpness},
    )
