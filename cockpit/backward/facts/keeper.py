"""Runs the groups of facts through the moments of a step, and keeps their faults apart."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from cockpit.backward import statistics as st
from cockpit.backward.facts.fetch import on_host, tensors_in, with_numbers
from cockpit.backward.facts.group import MOMENTS, Found, Group, Seen, Settled

if TYPE_CHECKING:
    from cockpit.backward.backward_pass import BackwardPass
    from cockpit.backward.stats import BackwardStats
    from cockpit.step import StepInfo

__all__ = ["FactsOfSteps"]


@dataclass
class _Step:
    """What was found of a step so far.

    Attributes:
        first: Its first backward pass, which may have come to nothing.
        found: Facts by group.
        left_out: What went wrong, by group.
    """

    first: weakref.ref[BackwardPass]
    found: dict[str, Found] = field(default_factory=dict)
    left_out: dict[str, Exception] = field(default_factory=dict)


class FactsOfSteps:
    """The facts of one cockpit's steps, on this process.

    Where a step has several backward passes, what belongs to a forward pass is of the first one.

    Args:
        groups: What is looked at.

    Attributes:
        param_groups: Tells the optimizers' parameter groups.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._asked = {
            moment: [g for g in groups if getattr(type(g), moment) is not getattr(Group, moment)]
            for moment in MOMENTS
        }
        self.param_groups: Callable[[], Sequence[Mapping[str, Any]]] = list
        self._step: _Step | None = None
        self._early: dict[str, Exception] = {}  # faults before there was a step
        self._any_settled = False
        self._groups = groups

    def use_clock(self, now: Callable[[], float]) -> None:
        """Which clock the groups ask for the time."""
        for group in self._groups:
            group.now = now

    def forward_begins(self) -> None:
        """The model is called."""
        self._tell("forward_begins")

    def evaluation_begins(self) -> None:
        """The model is called without a graph."""
        self._tell("evaluation_begins")

    def after_update(self, optimizer: Any, watched: bool) -> None:
        """An optimizer has stepped; the next step may be tracked, or not."""
        self._tell("after_update", optimizer, watched)

    def before_backward(self, first: BackwardPass, look: Callable[[], Seen]) -> None:
        """The first backward pass of a step whose facts are wanted is about to run.

        Args:
            first: The pass.
            look: Says what is known.
        """
        self._step = _Step(weakref.ref(first), left_out=self._early)
        self._early = {}
        try:
            seen = look()
            seen.is_first, seen.param_groups = not self._any_settled, self.param_groups()
        except Exception as error:
            self._step.left_out["step"] = error
            return
        self._ask("before_backward", seen)

    def pass_returns(self, part: BackwardPass) -> None:
        """A backward pass of the user has just returned."""
        self._ask("pass_returns", part)

    def after_backward(self, part: BackwardPass) -> None:
        """A backward pass of the step is over."""
        self._ask("after_backward", part)

    def before_update(self, optimizer: Any) -> None:
        """An optimizer is about to step."""
        self._ask("before_update", optimizer)

    def settle(
        self,
        stats: BackwardStats,
        passes: Sequence[BackwardPass],
        info: StepInfo,
        sizes: Sequence[int] = (),
    ) -> None:
        """The update is known: add the facts to ``stats``, with what must be known of them.

        Args:
            stats: Of the whole step.
            passes: Its backward passes on this process.
            info: The step.
            sizes: Nᵣ of each process.
        """
        if self._step is None or self._step.first() is not passes[0]:
            return
        self._ask("settled", Settled(passes, info, stats, sizes))
        step, self._step = self._step, None
        request = st.StepFacts()
        stats.network[request] = _put_together(step)
        stats.left_out |= {f"facts of the {name}": e for name, e in step.left_out.items()}
        self._any_settled = True
        notes = {"parts": len(passes), "ranks": info.ranks}
        stats.notes[request] = {name: f"1 of {n}" for name, n in notes.items() if n > 1}

    def _tell(self, moment: str, *about: Any) -> None:
        for group in self._asked[moment]:
            try:
                getattr(group, moment)(*about)
            except Exception as error:
                self._early[group.name] = error

    def _ask(self, moment: str, *about: Any) -> None:
        step = self._step
        if step is None or step.first() is None:
            return
        for group in self._asked[moment]:
            if group.name in step.left_out:
                continue
            try:
                with torch.no_grad():
                    step.found.setdefault(group.name, {}).update(getattr(group, moment)(*about))
            except Exception as error:
                step.left_out[group.name] = error


def _put_together(step: _Step) -> dict[str, Any]:
    """All facts on the host; what fails there costs its group."""
    tensors = {name: tensors_in(found) for name, found in step.found.items()}
    numbers = iter(on_host([x for several in tensors.values() for x in several]))
    facts: dict[str, Any] = {}
    for name, found in step.found.items():
        own = [next(numbers) for _ in tensors[name]]
        try:
            facts |= with_numbers(found, iter(own))
        except Exception as error:
            step.left_out[name] = error
    return facts
