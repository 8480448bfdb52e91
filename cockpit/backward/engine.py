"""Serves requests for statistics of the user's backward pass."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

import torch
from backpack import backpack
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from cockpit import linalg
from cockpit.backward import statistics as st
from cockpit.backward.capture import Capture, LayerCall
from cockpit.backward.combine import Part, combine, mean_gradient
from cockpit.backward.compiled import NotRepeated, Repetition, named_parameters
from cockpit.backward.coupling import couples_samples
from cockpit.backward.curvature import diag_ggn, diag_hutchinson
from cockpit.backward.evaluate import Direction, squared_sum, sum_of_squares
from cockpit.backward.exact_hessian import ExactDiagHessian
from cockpit.backward.extensions import Unsupported
from cockpit.backward.extensions.normalization import uses_batch_statistics
from cockpit.backward.first_order import (
    FIRST_ORDER,
    IndividualGradients,
    Questions,
    contributions_by_name,
)
from cockpit.backward.global_batch import mean_over_ranks, of_all_ranks
from cockpit.backward.gradients import AccumulatedGradients, GradientsOfPass, LocalGradients
from cockpit.backward.hessian import GlobalHessian, HessianOperator
from cockpit.backward.histogram import prepare
from cockpit.backward.loss_hessian import root_of_loss_hessian
from cockpit.backward.nodes import NodeUse, uses_beside
from cockpit.backward.passes import reaches_parameters_beside, undisturbed
from cockpit.backward.sample_axis import Layouts, SampleAxis
from cockpit.backward.stats import Absent, BackwardStats
from cockpit.distributed import RankLeft, Ranks, RanksApart, Share
from cockpit.losses import LossProbe
from cockpit.step import StepInfo

__all__ = ["BackwardEngine", "BackwardPass"]


class BackwardEngine:
    """Sees forward passes while attached, and opens a :class:`BackwardPass` for each tracked step.

    Args:
        model: The model that is trained.
        probe: Sees the calls of the loss function.
        seed: Of the engine's own random generators, from which all estimates draw.
        ranks: The processes that train this model.

    Attributes:
        generator: Draws what belongs to the samples, other numbers on each rank.
        common: Draws what belongs to the network, the same numbers on all ranks.
    """

    def __init__(
        self, model: nn.Module, probe: LossProbe, seed: int, ranks: Ranks | None = None
    ) -> None:
        self.ranks = Ranks() if ranks is None else ranks
        self.model = model
        self.probe = probe
        self.capture = Capture(model)
        self.exact_hessian = ExactDiagHessian(model, probe.loss_fn)
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        self.generator = torch.Generator(device).manual_seed(seed + SEEDS_APART * self.ranks.rank)
        self.common = torch.Generator(device).manual_seed(seed + 1)
        self.warm_start: Tensor | None = None
        for parameter in islice(model.parameters(), 1):
            prepare(parameter)
        self.costs: dict[type[st.Statistic], float] = {}
        self._sample_axis = SampleAxis()
        self._watching: list[BackwardPass] = []

    def attach(self, requests: frozenset[st.Statistic]) -> None:
        """See the forward passes from now on, for a step with these requests."""
        self.capture.attach()
        self.probe.attach()
        if any(isinstance(r, st.DiagCurvature) and r.curvature == "hessian" for r in requests):
            self.exact_hessian.attach()

    def detach(self) -> None:
        """See nothing any more; forget what was seen."""
        self.capture.detach()
        self.probe.detach()
        self.exact_hessian.detach()

    def forget(self) -> None:
        """Let go of the last forward pass."""
        self.capture.forget()
        self.probe.forget()
        self._unwatch()

    def _unwatch(self) -> None:
        for backward in self._watching:
            backward.unwatch()
        self._watching = []

    def begin(
        self,
        requests: frozenset[st.Statistic],
        loss: Tensor,
        batch_size: int,
        reduction: str,
        place: str,
    ) -> BackwardPass:
        """Serve what needs the graph, before the user's backward pass frees it.

        Args:
            requests: What is asked of this pass.
            loss: Of this rank's samples.
            batch_size: Their number.
            reduction: ``mean`` or ``sum``.
            place: Where the ranks meet for an eigenvalue.
        """
        parameters = {n: p for n, p in named_parameters(self.model) if p.requires_grad}
        backward = BackwardPass(parameters, requests, batch_size, reduction)
        # Where the user has extended the model for BackPACK, our own passes must neither run their
        # extensions nor clear what those will need.
        with (
            self.exact_hessian.quiet(),
            self.ranks.quiet(),
            backpack(retain_graph=True),
            self.capture.paused(),
            undisturbed(self.model),
        ):
            seen = self._repeat(backward, loss) if self.capture.compiled else loss
            if any(isinstance(r, (*FIRST_ORDER, st.DiagCurvature)) for r in requests):
                self._find_uses(backward, seen)
            _BeforeBackward(self, backward, loss, seen, place).serve()
        backward.watch(loss, LocalGradients if self.ranks.size > 1 else AccumulatedGradients)
        self._watching.append(backward)
        self.capture.collect(backward.calls)
        self.probe.differentiated = 0
        return backward

    @contextmanager
    def watching(self, on_loss: Callable[[], None]) -> Iterator[None]:
        """The context of the user's backward passes.

        Args:
            on_loss: Called when the loss function has been called inside.
        """
        self.probe.on_loss = on_loss
        try:
            with self.exact_hessian.quiet():
                yield
        finally:
            self.probe.on_loss = None
            self.capture.collect(None)

    def finish(self, backward: BackwardPass) -> None:
        """The user's backward pass is over; see :meth:`BackwardPass.finish`."""
        self.capture.collect(None)
        if backward.repetition is not None:
            self._finish_repetition(backward, backward.repetition)
        seen = self.probe.loss is not None
        try:
            backward.finish(one_of_several=seen and self.probe.differentiated > 1)
        finally:
            self._unwatch()  # others that were begun were not differentiated

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
        # torch's own losses are sums over the samples.
        if not (self.probe.is_torchs_own and self.probe.is_of(loss)):
            output = capture.output if self.probe.output is None else self.probe.output
            backward.is_coupled = couples_samples(loss, output, size, self.generator)
        losses = partial(self.probe.individual_graph, size)
        backward.tested = self._sample_axis.layouts(capture, losses, size, self.generator)

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
            grad = mean_over_ranks(own, parameters, ranks, share)
            parts = []
            for part in passes:
                questions = Questions(part.requests, info, previous_update, grad)
                parts.append(Part(part.batch_size, part.statistics(questions)))
            for part in passes:
                part.release()
            return of_all_ranks(combine(parts), grad, parameters, ranks, share)


SEEDS_APART = 2**32  # between the generators of two ranks
NO_SECOND = "an operation of the model has no second derivative ({})"
MATH = "; run the forward pass under torch.nn.attention.sdpa_kernel(SDPBackend.MATH)"


def _limit(error: Exception) -> Absent | None:
    """The reason, where torch itself can't do what is asked; ``None`` for any other error."""
    text = str(error).splitlines()[0] if str(error) else ""
    if "not implemented" in text:
        return Absent(NO_SECOND.format(text.rstrip(".")) + (MATH if "attention" in text else ""))
    if "double backward" in text:
        return Absent(COMPILED.format(text))
    if "use_reentrant" in text:
        return Absent("a checkpoint of the model is reentrant; give it use_reentrant=False")
    return None


COMPILED = (
    "a compiled function that Cockpit does not know can't be differentiated twice ({}). Pass the "
    "compiled model to Cockpit(...)"
)
BESIDE = "the loss depends on the parameters in another way than through one output of the model"


class _BeforeBackward:
    """Serves the second-order requests of one step."""

    def __init__(
        self,
        engine: BackwardEngine,
        backward: BackwardPass,
        loss: Tensor,
        seen: Tensor,
        place: str,
    ) -> None:
        self._engine, self._pass, self._ranks, self._place = engine, backward, engine.ranks, place
        self._loss, self._seen = loss, seen  # on the user's graph, and on one that was seen
        self._hessian: HessianOperator | None = None

    def serve(self) -> None:
        """Answer all of them; what goes wrong is kept as the answer.

        Raises:
            RanksApart: If a rank does not come to find an eigenvalue.
            RankLeft: If it will not come any more.
        """
        stats, costs = self._pass.stats, self._engine.costs
        for request in sorted(self._pass.requests, key=str):  # they draw from one generator
            if self._pass.rough and isinstance(request, (st.DiagCurvature, st.MaxEigenvalue)):
                stats.errors[request] = Absent(self._pass.rough)
                continue
            began = time.perf_counter()
            try:
                if isinstance(request, st.DiagCurvature):
                    stats.by_parameter[request] = self._diagonal(request)
                elif isinstance(request, st.MaxEigenvalue):
                    stats.network[request] = self._max_eigenvalue(request)
            except (RanksApart, RankLeft):
                raise
            except (Unsupported, Absent) as reason:
                stats.errors[request] = Absent(str(reason))
            except (NotImplementedError, RuntimeError) as error:
                stats.errors[request] = _limit(error) or error
            except Exception as error:
                stats.errors[request] = error
            costs[type(request)] = costs.get(type(request), 0.0) + time.perf_counter() - began

    @property
    def _operator(self) -> HessianOperator:
        if self._hessian is None:
            self._hessian = HessianOperator(
                self._seen, list(self._pass.parameters.values()), self._pass.mean_scale
            )
        return self._hessian

    def _diagonal(self, request: st.DiagCurvature) -> dict[str, Tensor]:
        engine, parameters = self._engine, self._pass.parameters
        if request.curvature == "hessian":
            scale = self._pass.mean_scale
            exact = engine.exact_hessian.compute(engine.probe, parameters)
            return {name: part * scale for name, part in exact.items()}
        if request.curvature == "hutchinson":
            return diag_hutchinson(self._operator, parameters, request.samples, engine.generator)
        return self._diag_ggn(None if request.curvature == "ggn" else request.samples)

    def _diag_ggn(self, samples: int | None) -> dict[str, Tensor]:
        engine, probe = self._engine, self._engine.probe
        if samples is None and self._coupled:
            raise Unsupported(
                "batch statistics couple the samples: the exact Gauss-Newton diagonal would take a "
                "backward pass for each of them. Use curvature='ggn_mc' with many samples"
            )
        output, repetition = probe.output, self._pass.repetition
        if output is None:
            output = engine.capture.output if repetition is None else repetition.call.outputs[0]
        if output is None:
            raise Unsupported("the model's output was not seen")
        if reaches_parameters_beside(self._loss, [output], self._pass.parameters.values()):
            raise Unsupported(f"{BESIDE}; the Gauss-Newton matrix of that is not computed")
        root = root_of_loss_hessian(
            self._loss, output, probe.loss_fn, probe.target, engine.generator
        )

        def backpropagate(column: Tensor) -> list[LayerCall | NodeUse]:
            if repetition is None:
                return engine.capture.backpropagate(output, column)
            return engine.capture.backpropagate(*repetition.carry(output, column))

        size, generator = self._pass.batch_size, engine.generator
        diagonal = diag_ggn(backpropagate, root, self._squared_sums, size, samples, generator)
        return {name: part * self._pass.mean_scale for name, part in diagonal.items()}

    def _squared_sums(self, calls: list[LayerCall | NodeUse]) -> dict[str, Tensor]:
        done = self._pass
        found, missing = contributions_by_name(calls, done.name_of, done.batch_size, done.tested)
        if missing:
            name, reason = next(iter(missing.items()))
            raise Unsupported(f"{name}: {reason}")
        square = squared_sum if self._coupled else sum_of_squares
        shapes = {name: self._pass.parameters[name].shape for name in found}
        return {name: square(part, shapes[name]) for name, part in found.items()}

    @property
    def _coupled(self) -> bool:
        """Whether batch statistics couple the samples."""
        return any(uses_batch_statistics(m) for m in self._engine.model.modules())

    def _max_eigenvalue(self, request: st.MaxEigenvalue) -> linalg.Eigenpair:
        """All ranks run the same iteration, on products that they form together."""
        ranks = self._ranks
        words = ranks.agree(f"{self._place}/{request}", "", size=self._pass.batch_size)
        share = Share(tuple(word["size"] for word in words), ranks.rank)
        pair = ranks.together(
            lambda: self._solve(request, GlobalHessian(self._operator, ranks, share.weight))
        )
        if math.isfinite(float(pair.vector.sum())):
            self._engine.warm_start = pair.vector
        return pair

    def _solve(self, request: st.MaxEigenvalue, operator: GlobalHessian) -> linalg.Eigenpair:
        solve = linalg.lanczos if request.method == "lanczos" else linalg.power_iteration
        return solve(
            operator,
            self._start_vector(operator),
            max_iterations=request.max_iterations,
            rtol=request.rtol,
            atol=request.atol,
        )

    def _start_vector(self, operator: HessianOperator | GlobalHessian) -> Tensor:
        """The last tracked step's eigenvector and the gradient, with something random added.

        An eigenvector that is no longer the largest could not be left without; and the gradient
        lies mostly along the sharpest directions (Gur-Ari et al., 2018).
        """
        engine, warm, size = self._engine, self._engine.warm_start, operator.size
        like = next(iter(self._pass.parameters.values()))
        dtype = torch.promote_types(like.dtype, torch.float32)
        start = operator.gradient(dtype)
        length = float(start.norm())
        if not 0 < length < math.inf:
            start, length = torch.zeros_like(start), 1.0
        if warm is None or len(warm) != size:
            noise = torch.randn(size, generator=engine.common, device=like.device, dtype=dtype)
            return start.div_(length).add_(noise, alpha=1 / math.sqrt(size))
        # Its own elements at other places are as good as random numbers, and cheaper.
        draw = torch.randint(size, (), generator=engine.common, device=like.device)
        start.mul_(0.2 / length).add_(warm)
        return start.add_(warm.roll(int(draw)), alpha=0.1)


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
        self.rough = ""  # why there is no curvature, if there can't be any
        self._individual: IndividualGradients | None = None
        self._handle: RemovableHandle | None = None
        self._loss_gradient: Tensor | None = None
        self._versions = {name: p._version for name, p in parameters.items()}
        self._names = {id(p): name for name, p in parameters.items()}
        self._gradients: GradientsOfPass | None = None

    def name_of(self, parameter: nn.Parameter) -> str | None:
        """The name of a trainable parameter."""
        return self._names.get(id(parameter))

    @property
    def differentiated(self) -> bool:
        """Whether the user's backward pass has begun."""
        return self._loss_gradient is not None

    @property
    def weight(self) -> float:
        """What one sample counts for in the user's gradient, relative to the mean objective."""
        return self._factor / (self.batch_size * self.mean_scale)

    @property
    def _factor(self) -> float:
        """The user differentiates so many times the loss; 1 where that is zero."""
        return 1.0 if self._loss_gradient is None else float(self._loss_gradient) or 1.0

    def watch(
        self, loss: Tensor, kind: Callable[[Mapping[str, nn.Parameter]], GradientsOfPass]
    ) -> None:
        """Watch the parameters, and learn the factor between what is differentiated and the loss.

        Args:
            loss: Differentiated itself, or through a multiple (AMP, accumulation).
            kind: How the parameters are watched.
        """
        self._gradients = kind(self.parameters)

        def see(grad: Tensor) -> None:
            before, self._loss_gradient = self._loss_gradient, grad.detach()
            if before is not None:
                self._loss_gradient = before + grad.detach()

        self._handle = loss.register_hook(see)

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
        self.unwatch()
        if one_of_several:
            raise Absent(
                "the loss function was called more than once in this step. Pass the loss that you "
                "call backward() on as loss=…"
            )
        if self._loss_gradient is None:
            raise Absent(
                "the loss was not differentiated inside the context. Pass the loss that you call "
                "backward() on, or that it is computed from, as loss=…"
            )
        if any(p._version != self._versions[name] for name, p in self.parameters.items()):
            raise Absent(
                "the parameters changed before the backward pass was over, or before the context "
                "was left. Pass the optimizer to Cockpit(...), and let it step after the pass"
            )
        grad_scale = self.mean_scale / self._factor
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
