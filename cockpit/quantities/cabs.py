"""The batch size that CABS suggests."""

from __future__ import annotations

from torch import Tensor

from cockpit.backward.statistics import SqNorms, Statistic
from cockpit.backward.stats import BackwardStats
from cockpit.log.record import Scalar
from cockpit.quantities.base import Absent, Quantity, scalar
from cockpit.quantities.scatter import trace_of_covariance
from cockpit.step import StepInfo

__all__ = ["CABS", "cabs"]


def cabs(learning_rates: Tensor, traces: Tensor, loss: float) -> Tensor:
    """Suggested batch size B = Σ η Tr(Σ̂) / L_B, in samples.

    Args:
        learning_rates: η of each parameter, for the mean-reduced loss, shape [P].
        traces: (1/N) Σₙ‖gₙ − ḡ‖² of each parameter, shape [P].
        loss: L_B > 0.

    Reference: Balles et al. (2017), eq. 22; thesis C.6.
    """
    return (learning_rates * traces).sum() / loss


class CABS(Quantity):
    """Batch size with the best expected gain per cost of SGD at this learning rate, in samples.

    Derived for plain SGD; with any other optimizer the record says ``assumption: outside``.
    Reference: Balles et al. (2017); thesis C.5, C.6.
    """

    def requires(self) -> frozenset[Statistic]:
        """‖gₙ‖²."""
        return frozenset({SqNorms()})

    def compute(self, info: StepInfo, stats: BackwardStats) -> Scalar:
        """The suggestion at this step."""
        if info.optimizer is None or not info.learning_rates:
            raise Absent("CABS needs a learning rate. Pass the optimizer to Cockpit(...)")
        if not info.loss > 0:
            raise Absent(f"CABS needs a positive loss; got {info.loss:.6g}")
        traces = trace_of_covariance(stats.rows(SqNorms()), stats.sq_grad_norms)
        # A summed loss moves the parameters N times as far as a mean-reduced one; DDP averages.
        factor = info.batch_size / info.ranks if info.reduction == "sum" else 1
        missing = [name for name in stats.grad if name not in info.group_of]
        if missing:
            raise Absent(f"the optimizer does not hold {missing[0]}")
        rates = traces.new_tensor([info.learning_rates[info.group_of[n]] for n in stats.grad])
        suggestion = cabs(factor * rates, traces, info.loss)
        return scalar(suggestion, assumption=outside_plain_sgd(info))


def outside_plain_sgd(info: StepInfo) -> str | None:
    """The note of quantities that are derived for plain SGD, where another optimizer is used."""
    return None if info.plain_sgd else f"outside: derived for plain SGD, used with {info.optimizer}"
