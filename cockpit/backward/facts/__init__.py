"""Facts of a step: exact checks of its batch, the model and the loss; a file for each group.

A new group is a subclass of :class:`~cockpit.backward.facts.group.Group` in a new file, and its
place in :data:`GROUPS`. ``docs/facts.md`` lists all facts.
"""

from __future__ import annotations

from cockpit.backward.facts.gradient import Gradient
from cockpit.backward.facts.group import Found, Group, Seen, Settled
from cockpit.backward.facts.inputs import Inputs
from cockpit.backward.facts.keeper import FactsOfSteps
from cockpit.backward.facts.labels import Labels
from cockpit.backward.facts.loss import Loss
from cockpit.backward.facts.model import Model
from cockpit.backward.facts.optimizer import Optimizer
from cockpit.backward.facts.outputs import Outputs
from cockpit.backward.facts.targets import Targets
from cockpit.backward.facts.time import Time
from cockpit.backward.facts.units import Units
from cockpit.backward.facts.update import Update

__all__ = ["GROUPS", "FactsOfSteps", "Found", "Group", "Seen", "Settled"]

GROUPS: tuple[type[Group], ...] = (
    *(Inputs, Targets, Outputs, Labels, Loss, Model),
    *(Units, Gradient, Optimizer, Update, Time),
)
