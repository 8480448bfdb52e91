"""Lamps made for tests: lit when the test wants it, and telling all that they see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cockpit.lamps import Course, Lamp, Reading, Suggestion

__all__ = ["echo", "lamp_that", "lit_at"]


def lamp_that(read: Callable[[Course], Reading | None], name: str = "made", **changes: Any) -> Lamp:
    """A lamp that reads so, by default a warning that needs the loss."""
    settings: dict[str, Any] = {
        "title": name.replace("_", " ").capitalize(), "level": "warning", "group": "steps",
        "kind": "exact", "needs": ("Loss",), "means": "A test is running.", "do": "Wait.",
        "source": "tests", "sustain": 1, "inhibits": (), "text": "", **changes,
    }  # fmt: skip
    return Lamp(name=name, read=read, **settings)


def lit_at(steps: Iterable[int], name: str = "made", **changes: Any) -> Lamp:
    """A lamp that is over its threshold at these steps."""
    wanted = frozenset(steps)

    def read(course: Course) -> Reading:
        step = course.now.step
        severity = 2.0 if step in wanted else 0.0
        return Reading(severity, f"It is step {step}.", {"step": step}, ("0.weight",))

    return lamp_that(read, name, **changes)


def _all_that_is_seen(course: Course) -> Reading:
    now = course.now
    layers = {name: values.tolist() for name, values in now.layers.items()}
    text = repr((now.step, now.time, now.seconds, now.batch_size, now.lr, now.values, layers,
                 now.notes, now.facts, course.user, course.count, course.planned_steps,
                 course.layer_names, course.optimizer, course.groups,
                 [view.step for view in course.first], course.last("Loss", 300)))  # fmt: skip
    severity = 2.0 if course.count % 3 == 0 else 0.0
    numbers = {"loss": now.values["Loss"], "infinite": float("inf"), "count": course.count}
    return Reading(severity, text, numbers, suggestion=Suggestion("lr", factor=1 / 3))


echo = lamp_that(_all_that_is_seen, "echo")
"""Lit and dark in turn; its evidence is all that a lamp can see, in all digits."""
