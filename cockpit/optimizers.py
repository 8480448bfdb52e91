"""What can be learned from the user's optimizers: learning rates, and that a step was made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
from torch import nn

from cockpit.backward.compiled import named_parameters

__all__ = ["Optimizers"]


class Optimizers:
    """One optimizer, several, or none.

    Args:
        given: As the user passed it.
        model: Its parameters are looked up among the optimizers' groups.

    Raises:
        TypeError: If something has no ``param_groups``.
    """

    def __init__(self, given: Any, model: nn.Module) -> None:
        if given is None:
            self._all: list[Any] = []
        elif isinstance(given, Iterable):
            self._all = list(given)
        else:
            self._all = [given]
        for optimizer in self._all:
            if not hasattr(optimizer, "param_groups"):
                raise TypeError(
                    "optimizer is a torch.optim.Optimizer, several, or None; got "
                    f"{type(optimizer).__name__}."
                )
        self._model = model
        self._handles: list[Any] = []
        self._counts = [0] * len(self._all)

    def around_step(self, before: Callable[[Any], None], after: Callable[[Any], None]) -> None:
        """Call back before and after each ``optimizer.step()``, where the optimizers can tell.

        Args:
            before: Is told which optimizer it is.
            after: The same.
        """
        if not all(hasattr(o, "register_step_post_hook") for o in self._all):
            return

        def hook(which: int) -> Callable[..., None]:
            def count(*_: Any) -> None:
                self._counts[which] += 1
                after(self._all[which])

            return count

        self._handles = [o.register_step_post_hook(hook(i)) for i, o in enumerate(self._all)]
        self._handles += [o.register_step_pre_hook(lambda o, *_: before(o)) for o in self._all]

    def release(self) -> None:
        """Take the hooks off the optimizers."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def begin_step(self) -> None:
        """Forget the steps made so far."""
        self._counts = [0] * len(self._all)

    @property
    def can_tell(self) -> bool:
        """Whether steps are noticed."""
        return bool(self._handles)

    @property
    def any_stepped(self) -> bool:
        """Whether one of them has stepped since :meth:`begin_step`."""
        return any(self._counts)

    def stepped(self, parameters: Collection[nn.Parameter]) -> bool:
        """Whether all that hold one of these parameters have stepped since :meth:`begin_step`."""
        wanted = {id(p) for p in parameters}
        holders = [
            any(id(p) in wanted for group in o.param_groups for p in group["params"])
            for o in self._all
        ]
        counts = [c for c, holds in zip(self._counts, holders, strict=True) if holds]
        return all(counts or self._counts)

    @property
    def name(self) -> str | None:
        """Class name, or names, of the optimizers."""
        return ", ".join(type(o).__name__ for o in self._all) or None

    def groups(self) -> list[dict[str, Any]]:
        """The parameter groups of all of them, in order."""
        return [group for o in self._all for group in o.param_groups]

    def describe_step(self) -> dict[str, Any]:
        """What :class:`StepInfo` says of the optimizer."""
        groups = self.groups()
        names = {id(p): name for name, p in named_parameters(self._model)}
        group_of = {
            names[id(p)]: i for i, g in enumerate(groups) for p in g["params"] if id(p) in names
        }
        plain = (
            bool(groups)
            and all(type(o) is torch.optim.SGD for o in self._all)
            and all(g["momentum"] == 0 and g["weight_decay"] == 0 for g in groups)
        )
        return {
            "optimizer": self.name,
            "learning_rates": tuple(float(g["lr"]) for g in groups if "lr" in g),
            "group_of": group_of,
            "plain_sgd": plain,
        }
