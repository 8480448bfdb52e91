"""Serves requests for statistics of the user's backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from backpack import backpack
from torch import Tensor, nn

from cockpit.backward import statistics as st
from cockpit.backward.backward_pass import BackwardPass
from cockpit.backward.capture import Capture
from cockpit.backward.combine import Part, combine, mean_gradient
from cockpit.backward.compiled import NotRepeated, Repetition, named_parameters
from cockpit.backward.coupling import couples_samples, keeps_samples_apart
from cockpit.backward.elements import Elements
from cockpit.backward.evaluate import Direction
from cockpit.backward.exact_hessian import ExactDiagHessian
from cockpit.backward.facts import GROUPS, FactsOfSteps, Seen, scan
from cockpit.backward.global_batch import mean_over_ranks, of_all_ranks
from cockpit.backward.histogram import prepare
from cockpit.backward.nodes import uses_beside
from cockpit.backward.objective import factor_of
from cockpit.backward.passes import reaches_parameters_beside, undisturbed
from cockpit.backward.questions import FIRST_ORDER, Questions
from cockpit.backward.sample_axis import Findings, SampleAxis
from cockpit.backward.second_order import BESIDE, SecondOrder
from cockpit.backward.stats import BackwardStats
from cockpit.backward.user_passes import Watcher, watched
from cockpit.distributed import Ranks, Share
from cockpit.linalg import ByParameter
from cockpit.losses import LossProbe
from cockpit.step import StepInfo

__all__ = ["BackwardEngine"]


SEEDS_APART = 2**32  # between the generators of two ranks


class BackwardEngine:
    """Sees forward passes while attached, and opens a :class:`BackwardPass` for each tracked step.

    Args:
        model: The model that is trained.
        probe: Sees the calls of the loss function.
        seed: Of the engine's own random generators, from which all estimates draw.
        ranks: The processes that train this model.

    """

    def __init__(
        self, model: nn.Module, probe: LossProbe, seed: int, ranks: Ranks | None = None
    ) -> None:
        self.ranks = Ranks() if ranks is None else ranks
        self.model = model
        self.probe = probe
        self.capture = Capture(model)
        self.exact_hessian = ExactDiagHessian(model, probe.loss_fn)
        self._seed = seed
        self._generators: dict[tuple[torch.device, int], torch.Generator] = {}
        self.warm_start: Tensor | None = None
        self.searches = 0  # for eigenvalues, with this warm start
        for parameter in {p.dtype: p for p in model.parameters()}.values():
            prepare(parameter)
            scan.prepare(parameter.dtype)
        self.costs: dict[type[st.Statistic], float] = {}
        self.facts = FactsOfSteps([group() for group in GROUPS])
        self.capture.on_forward = self.facts.forward_begins
        self.capture.on_evaluation = self.facts.evaluation_begins
        self._sample_axis = SampleAxis()
        self._elements = Elements(self._own_passes)
        self._watching: list[BackwardPass] = []
        self._findings: dict[BackwardPass, Findings] = {}

    @property
    def generator(self) -> torch.Generator:
        """Draws what belongs to the samples, other numbers on each rank."""
        return self._generator(self._seed + SEEDS_APART * self.ranks.rank)

    @property
    def common(self) -> torch.Generator:
        """Draws what belongs to the network, the same numbers on all ranks."""
        return self._generator(self._seed + 1)

    def _generator(self, seed: int) -> torch.Generator:
        """Where the parameters are: a model may be moved after its cockpit was made."""
        device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        if (device, seed) not in self._generators:
            self._generators[device, seed] = torch.Generator(device).manual_seed(seed)
        return self._generators[device, seed]

    def attach(self, requests: frozenset[st.Statistic]) -> None:
        """See the forward passes from now on, for a step with these requests."""
        self.capture.attach()
        self.probe.attach()
        if any(isinstance(r, st.DiagCurvature) and r.curvature == "hessian" for r in requests):
            self.exact_hessian.attach()
        else:
            self.exact_hessian.detach()

    def detach(self) -> None:
        """See nothing any more; forget what was seen."""
        if not self.capture.attached:
            return  # as at every untracked step
        self.capture.detach()
        self.probe.detach()
        self.exact_hessian.detach()

    def forget(self) -> None:
        """Let go of the last forward pass."""
        if not self.capture.attached:
            return
        self.capture.forget()
        self.probe.forget()
        self._unwatch()

    def _unwatch(self) -> None:
        for backward in self._watching:
            backward.unwatch()
        self._watching, self._findings = [], {}

    def begin(
        self,
        requests: frozenset[st.Statistic],
        loss: Tensor,
        batch_size: int,
        reduction: str,
        place: str,
        losses: Tensor | None = None,
    ) -> BackwardPass:
        """Serve what needs the graph, before the user's backward pass frees it.

        Args:
            requests: What is asked of this pass.
            loss: Of this rank's samples.
            batch_size: Their number.
            reduction: ``mean`` or ``sum``.
            place: Where the ranks meet for an eigenvalue.
            losses: ℓₙ, shape [N], if known.
        """
        parameters = {n: p for n, p in named_parameters(self.model) if p.requires_grad}
        backward = BackwardPass(parameters, requests, batch_size, reduction)
        if self.ranks.synchronized:
            backward.rough = "SyncBatchNorm couples the samples of several processes"
        with self._own_passes():
            seen = self._repeat(backward, loss) if self.capture.compiled else loss
            if st.StepFacts() in requests:
                look = partial(self._seen, backward, loss, seen, losses)
                self.facts.before_backward(backward, look)
            if any(isinstance(r, (*FIRST_ORDER, st.DiagCurvature)) for r in requests):
                self._find_uses(backward, seen)
            SecondOrder(self, backward, loss, seen, place).serve()
        self.probe.drop_elements()
        backward.watch(loss)
        self._watching.append(backward)
        self.probe.differentiated.clear()
        return backward

    def _seen(
        self, backward: BackwardPass, loss: Tensor, root: Tensor, losses: Tensor | None
    ) -> Seen:
        """What is known of a pass that is about to run; ``root``: where its graph can be seen."""
        probe, capture = self.probe, self.capture
        inputs, intact = capture.input_behind(loss)
        output = capture.output_behind(loss) if probe.output is None else probe.output
        return Seen(
            model=self.model,
            parameters=backward.parameters,
            batch_size=backward.batch_size,
            inputs=inputs,
            intact=intact,
            output=output,
            target=probe.target,
            loss_fn=None if probe.loss is None else probe.loss_fn,
            losses=losses,
            root=root,
            edges=capture.edges(),
        )

    @contextmanager
    def _own_passes(self) -> Iterator[None]:
        # Where the user has extended the model for BackPACK, our own passes must neither run their
        # extensions nor clear what those will need.
        with (
            self.exact_hessian.quiet(),
            self.ranks.quiet(),
            backpack(retain_graph=True),
            self.capture.paused(),
            undisturbed(self.model),
        ):
            yield

    def is_in_scale(self, root: Tensor, grad: Tensor | None, loss: Tensor) -> bool:
        """Whether a loss is a term of what is about to be differentiated, with a factor of 1."""
        with self._own_passes():
            return factor_of(root, grad, loss) == 1

    def concerns(self, root: Tensor) -> bool:
        """Whether a pass that begins here goes through the model.

        A reentrant checkpoint hides the parameters from the graph, but not the model's output.
        """
        return reaches_parameters_beside(root, [], self.trained) or self.capture.leads_to(root)

    def individual_losses(
        self, loss: Tensor, given: Tensor | None, batch_size: int
    ) -> Tensor | None:
        """ℓₙ, shape [N]: those that the user has passed, or the loss function's; perhaps unknown.

        Args:
            loss: Their mean or sum.
            given: Passed, shape [N].
            batch_size: N.
        """
        probe, output = self.probe, self.capture.output_behind(loss)
        probe.given = given
        if given is not None:
            return given.detach().flatten()
        probe.find_elements(
            lambda elements: self._elements.layout(
                elements, probe.output, output, batch_size, self.generator
            )
        )
        losses = probe.individual_graph(batch_size)
        return None if losses is None else losses.detach()

    @property
    def trained(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return [p for p in self.model.parameters() if p.requires_grad]

    @contextmanager
    def watching(self, watcher: Watcher) -> Iterator[None]:
        """The context of the user's backward passes, of which ``watcher`` is told."""
        self.probe.keeps = True
        try:
            with self.exact_hessian.quiet(), watched(watcher):
                yield
        finally:
            self.probe.keeps = False
            self.receive(None)

    def receive(self, backward: BackwardPass | None) -> None:
        """What hooks see from now on belongs to this pass; ``None``: it is not looked at."""
        for other in self._watching:
            other.receiving = other is backward
        self.probe.receiving = backward is not None
        self.capture.collect(None if backward is None else backward.calls)

    def finish(self, backward: BackwardPass, told: bool) -> None:
        """The user's backward pass is over; see :meth:`BackwardPass.finish`.

        Args:
            backward: The pass.
            told: Whether the user said which loss it is of.
        """
        self.receive(None)
        if backward.repetition is not None:
            self._finish_repetition(backward, backward.repetition)
        self.facts.after_backward(backward)
        try:
            backward.finish(one_of_several=not told and len(self.probe.differentiated) > 1)
            if backward in self._findings:
                self._sample_axis.learn(self._findings[backward])
        finally:
            self._unwatch()

    def _repeat(self, backward: BackwardPass, loss: Tensor) -> Tensor:
        """A loss on the graph of a repeated forward pass, equal to ``loss`` in its derivatives."""
        try:
            repetition = self.capture.repeat()
        except NotRepeated as reason:
            backward.unseen = backward.rough = str(reason)
            return loss
        backward.repetition = repetition
        self.probe.replace(repetition.call.outputs, repetition.outputs)
        outputs, parameters = repetition.call.outputs, backward.parameters.values()
        if reaches_parameters_beside(loss, outputs, parameters):
            backward.rough = BESIDE
        elif any(isinstance(r, (st.DiagCurvature, st.MaxEigenvalue)) for r in backward.requests):
            try:
                return repetition.surrogate(loss)
            except RuntimeError as error:
                backward.rough = f"the loss can't be differentiated twice: {error}"
        return torch.stack([x.float().sum() for x in repetition.outputs]).sum()

    def _finish_repetition(self, backward: BackwardPass, repetition: Repetition) -> None:
        outputs, grads = repetition.gradients()
        if any(call is not repetition.call for call in self.capture.differentiated()):
            backward.unseen = "the compiled model was called several times in this step"
        elif outputs:
            with self.capture.paused(), undisturbed(self.model):
                backward.calls = self.capture.backpropagate(outputs, grads)

    def _find_uses(self, backward: BackwardPass, loss: Tensor) -> None:
        """Find what the layer calls do not tell: uses beside them, and where the samples are."""
        capture, size = self.capture, backward.batch_size
        parameters = backward.parameters.values()
        calls = capture.living()
        for call in calls:
            call.superseded = set()
        backward.uses = uses_beside(loss, parameters, calls, size)
        backward.superseded = {call: call.superseded for call in calls}
        capture.watch(backward.uses)
        backward.is_coupled = self._is_coupled(loss, size)
        losses = partial(self.probe.individual_graph, size)
        findings = self._sample_axis.find(
            capture, losses, size, self.generator, backward.is_coupled
        )
        self._findings[backward], backward.tested = findings, findings.known

    def _is_coupled(self, loss: Tensor, batch_size: int) -> bool:
        """Whether the samples are compared on the way from the model to the loss."""
        probe, output = self.probe, self.capture.output_behind(loss)
        if probe.is_torchs_own and probe.is_of(loss):
            # It is a sum over the elements that it is given.
            if keeps_samples_apart(probe.arguments, output):
                return False
        else:
            output = output if probe.output is None else probe.output
        return couples_samples(loss, output, batch_size, self.generator)

    def answer(
        self,
        passes: Sequence[BackwardPass],
        info: StepInfo,
        previous_update: Mapping[str, Direction] | None,
        share: Share,
    ) -> BackwardStats:
        """Serve the first-order requests of a step, once the update is known.

        Args:
            passes: The parts of the step, finished; they let go of their tensors.
            info: The step.
            previous_update: s of the step before by name, if known.
            share: What this rank has of the global batch; the passes are of this rank.
        """
        ranks, parameters = self.ranks, passes[0].parameters
        with self.capture.paused(), torch.no_grad():
            own = mean_gradient([(part.batch_size, part.stats.grad) for part in passes])
            grad = ByParameter.of(mean_over_ranks(own, parameters, ranks, share))
            parts = []
            for part in passes:
                questions = Questions(part.requests, info, previous_update, grad)
                parts.append(Part(part.batch_size, part.statistics(questions)))
            for part in passes:
                part.release()
            stats = of_all_ranks(combine(parts), grad, parameters, ranks, share)
            self.facts.settle(stats, passes, info, share.sizes)
            return stats
