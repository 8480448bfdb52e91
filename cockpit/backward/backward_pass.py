"""One backward pass of the user, from its opening to its statistics."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cockpit.backward import statistics as st
from cockpit.backward.compiled import Repetition
from cockpit.backward.first_order import IndividualGradients
from cockpit.backward.gradients import GradientsOfPass
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.nodes import NodeUse
from cockpit.backward.objective import MORE, is_multiple
from cockpit.backward.questions import FIRST_ORDER, Questions
from cockpit.backward.sample_axis import Layouts
from cockpit.backward.stats import Absent, BackwardStats

__all__ = ["BackwardPass"]


class BackwardPass:
    """One tracked backward pass: collects, then answers.

    Args:
        parameters: Trainable parameters by name.
        requests: What was asked of this step.
        batch_size: N.
        reduction: ``mean`` or ``sum``, of the loss that is differentiated.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        requests: frozenset[st.Statistic],
        batch_size: int,
        reduction: str,
    ) -> None:
        self.parameters = parameters
        self.requests = requests
        self.batch_size = batch_size
        self.mean_scale = 1.0 if reduction == "mean" else 1.0 / batch_size
        self.stats = BackwardStats()
        self.calls: list[LayerCall | NodeUse] = []
        self.uses: list[NodeUse] = []
        self.superseded: dict[LayerCall, set[int]] = {}
        self.tested: Layouts = {}
        self.is_coupled = False
        self.repetition: Repetition | None = None
        self.unseen = ""  # why there are no individual gradients, if there can't be any
        self.reached: frozenset[str] = frozenset()  # parameters that it gave a gradient, or zeros
        self.rough = ""  # why there is no curvature, if there can't be any
        self._individual: IndividualGradients | None = None
        self._handle: RemovableHandle | None = None
        self._loss_gradient: Tensor | None = None
        self._loss: Tensor | None = None
        self._root: Tensor | None = None  # what is differentiated
        self._is_derived = False  # whether that is not the loss itself
        self._versions = {name: p._version for name, p in parameters.items()}
        self._names = {id(p): name for name, p in parameters.items()}
        self._gradients: GradientsOfPass | None = None

    def name_of(self, parameter: nn.Parameter) -> str | None:
        """The name of a trainable parameter."""
        return self._names.get(id(parameter))

    @property
    def weight(self) -> float:
        """What one sample counts for in the user's gradient, relative to the mean objective."""
        return self._factor / (self.batch_size * self.mean_scale)

    @property
    def _factor(self) -> float:
        """The user differentiates so many times the loss; 1 where that is zero."""
        return 1.0 if self._loss_gradient is None else float(self._loss_gradient) or 1.0

    @property
    def grad_scale(self) -> float:
        """What this pass gives to the parameters, times this, is the ḡ of its samples."""
        return self.mean_scale / self._factor

    @property
    def given(self) -> tuple[Mapping[str, Tensor], Mapping[str, tuple[int, int]]]:
        """What it has given to the parameters so far, by name, and where that was in memory.

        Nothing any more once it is finished.
        """
        watched = self._gradients
        return ({}, {}) if watched is None else (watched.so_far(), watched.memory)

    def watch(self, loss: Tensor) -> None:
        """Watch the parameters, and learn the factor between what is differentiated and the loss.

        Args:
            loss: Differentiated itself, or through a multiple (AMP, accumulation).
        """
        self._gradients = GradientsOfPass(self.parameters)
        self._loss = loss

        def see(grad: Tensor) -> None:
            if not self.receiving:
                return
            before, self._loss_gradient = self._loss_gradient, grad.detach()
            if before is not None:
                self._loss_gradient = before + grad.detach()

        self._handle = loss.register_hook(see)

    def begins_from(self, root: Tensor, grad: Tensor | None) -> None:
        """The user's pass, or a further one of this loss, begins here with this gradient."""
        self._is_derived = self._is_derived or root is not self._loss
        value = root.detach().sum() if grad is None else (root.detach() * grad.detach()).sum()
        self._root = value if self._root is None else self._root + value

    @property
    def receiving(self) -> bool:
        """Whether the user's pass runs at present; to be set around it."""
        return self._gradients is not None and self._gradients.receiving

    @receiving.setter
    def receiving(self, runs: bool) -> None:
        if self._gradients is not None:
            self._gradients.receiving = runs

    def unwatch(self) -> None:
        """Take the hooks away."""
        if self._handle is not None:
            self._handle.remove()
        if self._gradients is not None:
            self._gradients.end()
        self._handle, self._gradients = None, None

    def finish(self, one_of_several: bool) -> None:
        """Take what must be taken before the parameters change: ḡ and the layers' contributions.

        ḡ is what this backward pass gave to the parameters, in the scale of the loss itself.

        Args:
            one_of_several: Whether it went through further calls of the loss function.

        Raises:
            Absent: If the loss was not differentiated, or is one of several.
        """
        given = {} if self._gradients is None else self._gradients.take()
        self.reached = frozenset(given)
        self.unwatch()
        if one_of_several:
            raise Absent(
                "the loss function was called more than once in this step. Pass the loss that you "
                "call backward() on as loss=…"
            )
        if self._loss_gradient is None or self._root is None or self._loss is None:
            raise Absent(
                "the loss was not differentiated inside the context. Pass the loss that you call "
                "backward() on, or that it is computed from, as loss=…"
            )
        loss, self._loss = self._loss.detach(), None
        if self._is_derived and not is_multiple(self._root, loss, self._loss_gradient):
            raise Absent(MORE)
        if any(p._version != self._versions[name] for name, p in self.parameters.items()):
            raise Absent(
                "the parameters changed before the backward pass was over, or before the context "
                "was left. Pass the optimizer to Cockpit(...), and let it step after the pass"
            )
        grad_scale = self.grad_scale
        for name, own in given.items():
            self.stats.grad[name] = own if grad_scale == 1.0 else own.mul_(grad_scale)
        scale = self.batch_size * self.mean_scale / self._factor
        for call, parameters in self.superseded.items():
            call.superseded = parameters  # of this loss; another may have been looked at since
        if any(isinstance(r, FIRST_ORDER) for r in self.requests):
            self._individual = IndividualGradients(
                self.calls, self.parameters, self.batch_size, scale, self.tested
            )
            if self.unseen:
                self._individual.missing = dict.fromkeys(self.parameters, self.unseen)
            self._individual.drop_unused(self.stats)
        self.repetition = None
        self.calls, self.uses, self.tested, self.superseded = [], [], {}, {}

    def statistics(self, questions: Questions) -> BackwardStats:
        """Answer the first-order requests; see :meth:`BackwardEngine.answer`."""
        if self._individual is not None:
            self._individual.answer(self.stats, questions)
        if self.is_coupled:
            self.stats.coupled = tuple(self.parameters)
        return self.stats

    def release(self) -> None:
        """Let go of the layers' inputs and output gradients."""
        individual, self._individual = self._individual, None
        if individual is not None:
            individual.release()
