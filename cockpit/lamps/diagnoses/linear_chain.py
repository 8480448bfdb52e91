"""Two linear layers with nothing between them."""

from __future__ import annotations

from cockpit.lamps.course import Course
from cockpit.lamps.lamp import MOST_NAMES, Reading, lamp
from cockpit.lamps.network import network


@lamp(
    title="Linear layers without activation between",
    level="caution",
    group="model",
    kind="exact",
    needs=("model.linear_chain",),
    means="A linear layer gets what another one returned, at most normalized over the batch or "
    "dropped out: together they are one linear map, as if there were a single layer.",
    do="Put the activation between them that was forgotten, or merge the two.",
    source="DeepLocalize, NeuraLint: a missing activation is among the usual faults",
)
def linear_chain(course: Course) -> Reading | None:
    """A product of two matrices is one matrix: two such layers can do no more than one.

    Some chains are meant: where the space between is narrower than what comes in and what goes out
    (a factorization of low rank, an adapter, the code of an autoencoder), and where a convolution
    of each channel by itself meets one of single pixels. These do not count. Two convolutions in
    a row are an advisory, because some networks have them (the lateral and the output convolutions
    of a feature pyramid, a transposed one that enlarges scores): together they are one with a
    larger filter. It is a caution if both look at single pixels, where that one is no larger; or if
    their filters are alike. Where something is rearranged between them (pixels, to enlarge a
    picture), or they belong to different modules (a residual block, which gets what the stem
    returns, and adds it), only if half of the model's layers follow each other so. Dropout and
    BatchNorm in between change nothing: for each batch they are linear, too. LayerNorm is not; a
    forgotten activation beside it is not seen. Where all layers of a model, three or more, follow
    each other so, nothing of this excuses it.
    """
    chains = course.first_fact("model.linear_chain")
    if chains is None:
        return None
    count = len(network(course).weights)
    is_all = len(chains) >= min(max(count - 1, 2), MOST_NAMES)
    found = [chain for chain in chains if is_all or not _is_meant(course, chain)]
    serious = [chain for chain in found if is_all or not _is_usual(course, chain, len(found))]
    found.sort(key=lambda chain: chain not in serious)
    which = f": {', '.join(found[:3])}" if found else ""
    layers = tuple(dict.fromkeys(name for chain in found for name in _ends(chain)))
    return Reading(
        2.0 if found else 0.0,
        f"{len(found)} pairs of linear layers have no activation between (expected: none){which}.",
        {"pairs": len(found)},
        layers=layers,
        level=None if serious else "advisory",
    )


def _ends(chain: str) -> tuple[str, str]:
    before, _, after = chain.partition(" -> ")
    return before, after


def _is_usual(course: Course, chain: str, count: int) -> bool:
    """Whether two convolutions follow each other as they do in some networks.

    Args:
        course: The run so far.
        chain: The names of both.
        count: Of all chains of the network.
    """
    model, names = network(course), _ends(chain)
    before, after = (model.weight_of(name) for name in names)
    if before is None or after is None or min(len(before), len(after)) < 3:
        return False
    if {*before[2:], *after[2:]} == {1}:
        return False
    transposed = any(model.is_transposed(name) for name in names)
    is_seam = before[0] != after[1] or len({name.rpartition(".")[0] for name in names}) > 1
    is_rare = 2 * count < len(model.weights) - 1
    return transposed or before[2:] != after[2:] or (is_seam and is_rare)


def _is_meant(course: Course, chain: str) -> bool:
    """Whether two layers do together what one could not, or not as cheaply."""
    before, after = (network(course).weight_of(name) for name in _ends(chain))
    if before is None or after is None:
        return False
    if before[0] < min(before[1], after[0]):
        return True
    is_single = len(before) > 2 and before[1] == 1 and set(after[2:]) == {1}
    return is_single or (len(after) > 2 and after[1] == 1 and set(before[2:]) == {1})
