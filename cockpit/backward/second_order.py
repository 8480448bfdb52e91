"""Second-order requests of one step, served before the user's backward pass frees the graph."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cockpit import linalg
from cockpit.backward import statistics as st
from cockpit.backward.backward_pass import BackwardPass
from cockpit.backward.curvature import diag_ggn, diag_hutchinson
from cockpit.backward.evaluate import squared_sum, sum_of_squares
from cockpit.backward.extensions import Unsupported
from cockpit.backward.extensions.normalization import uses_batch_statistics
from cockpit.backward.first_order import contributions_by_name
from cockpit.backward.hessian import GlobalHessian, HessianOperator
from cockpit.backward.layer_call import LayerCall
from cockpit.backward.loss_hessian import root_of_loss_hessian
from cockpit.backward.nodes import NodeUse
from cockpit.backward.passes import reaches_parameters_beside
from cockpit.backward.stats import Absent
from cockpit.distributed import RankLeft, RanksApart, Share

if TYPE_CHECKING:
    from cockpit.backward.engine import BackwardEngine

__all__ = ["BESIDE", "SecondOrder"]

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


# Products with the Hessian, at least: near the last eigenvector, and where another one may have
# become the largest unseen. That is looked into at the first and then at each so many searches.
QUICK, THOROUGH, SEARCHES = 4, 12, 16


class SecondOrder:
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
        output, repetition = probe.output, self._pass.repetition
        if output is None:
            output = engine.capture.output if repetition is None else repetition.call.outputs[0]
        if output is None:
            raise Unsupported("the model's output was not seen")
        if reaches_parameters_beside(self._loss, [output], self._pass.parameters.values()):
            raise Unsupported(f"{BESIDE}; the Gauss-Newton matrix of that is not computed")
        own = probe.is_torchs_own and probe.is_of(self._loss)
        if self._pass.is_coupled and not own:
            raise Unsupported("the loss couples the samples of the batch")
        root = root_of_loss_hessian(
            self._loss, output, probe.loss_fn, probe.target, engine.generator
        )

        if samples is None and self._coupled:
            what = "the loss couples" if self._pass.is_coupled else "batch statistics couple"
            raise Unsupported(
                f"{what} the samples: the exact Gauss-Newton diagonal would take a backward pass "
                "for each of them. Use curvature='ggn_mc' with many samples"
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
        shapes = {
            name: linalg.widened(self._pass.parameters[name].detach()).shape for name in found
        }
        return {name: square(part, shapes[name]) for name, part in found.items()}

    @property
    def _coupled(self) -> bool:
        """Whether batch statistics couple the samples, or what the loss was computed from does."""
        return self._pass.is_coupled or any(
            uses_batch_statistics(m) for m in self._engine.model.modules()
        )

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
        engine, size = self._engine, operator.size
        start = self._start_vector(operator)
        limits: dict[str, Any] = {
            "max_iterations": request.max_iterations,
            "rtol": request.rtol,
            "atol": request.atol,
        }
        if request.method == "power":
            return linalg.power_iteration(operator, start, **limits)
        cold = engine.warm_start is None or len(engine.warm_start) != size
        engine.searches = 1 if cold else engine.searches + 1
        thorough = engine.searches % SEARCHES == 1
        least = THOROUGH if thorough else QUICK
        return linalg.lanczos(operator, start, **limits, min_iterations=least)

    def _start_vector(self, operator: GlobalHessian) -> Tensor:
        """The last tracked step's eigenvector, the gradient, and a random vector.

        The gradient lies mostly along the sharpest directions (Gur-Ari et al., 2018). Where neither
        has a part in the eigenvector that is the sharpest by now, the random vector has.
        """
        engine, warm, size = self._engine, self._engine.warm_start, operator.size
        like = next(iter(self._pass.parameters.values()))
        dtype = torch.promote_types(like.dtype.to_real(), torch.float32)
        gradient = operator.gradient(dtype)
        start = torch.empty_like(gradient).uniform_(-1, 1, generator=engine.common)
        start.mul_(0.3 / float(linalg.norm(start)))
        length = float(linalg.norm(gradient))
        if 0 < length < math.inf:
            start.add_(gradient, alpha=0.2 / length)
        return start.add_(warm.to(start)) if warm is not None and len(warm) == size else start
