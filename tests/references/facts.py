"""Facts of a batch in plain loops over plain numbers."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from torch import Tensor

__all__ = ["features_of", "gain", "inputs_facts", "labels_facts", "outputs_facts", "targets_facts"]

Row = tuple[float, ...]


def mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def variance(numbers: Sequence[float]) -> float:
    """Over the count; of equal numbers exactly 0."""
    if len(set(numbers)) == 1:
        return 0.0
    center = mean(numbers)
    return mean([(x - center) ** 2 for x in numbers])


def finite(numbers: Iterable[float]) -> list[float]:
    return [x for x in numbers if math.isfinite(x)]


def rows_of(x: Tensor) -> list[Row]:
    """The samples' elements, one after the other."""
    return [tuple(sample.flatten().tolist()) for sample in x]


def features_of(x: Tensor) -> list[list[float]]:
    """Elements by feature: of images [N, C, *, *] by channel."""
    if x.dim() > 3:
        return [x[:, channel].flatten().tolist() for channel in range(x.shape[1])]
    return [list(column) for column in zip(*rows_of(x), strict=True)]


def gain(weights: Iterable[Tensor]) -> float:
    """Median over weights of the root mean square of their elements, times the root of fan-in."""
    found = []
    for weight in weights:
        rows = rows_of(weight.detach().double())
        elements = [x for row in rows for x in row]
        found.append(math.sqrt(mean([x**2 for x in elements]) * len(rows[0])))
    return statistics.median(found)


def extremes(prefix: str, x: Tensor) -> dict[str, Any]:
    numbers = x.flatten().tolist()
    good = finite(numbers)
    found: dict[str, Any] = {f"{prefix}.nonfinite": len(numbers) - len(good)}
    if good:
        found |= {f"{prefix}.min": min(good), f"{prefix}.max": max(good)}
    return found


def inputs_facts(x: Tensor, before: Tensor | None = None) -> dict[str, Any]:
    """All facts of a batch, with the batch before."""
    found: dict[str, Any] = {}
    if x.is_floating_point():
        found |= _numbers(x)
    else:
        codes = [int(code) for code in x.flatten().tolist()]
        found |= {"inputs.min": min(codes), "inputs.max": max(codes)}
    rows = Counter(map(str, rows_of(x)))  # as words NaN equals NaN
    found["inputs.same_rows"] = sum(n for n in rows.values() if n > 1) / len(x)
    if before is not None:
        known = set(map(str, rows_of(before)))
        found["inputs.repeated"] = sum(str(row) in known for row in rows_of(x)) / len(x)
    return found


def _numbers(x: Tensor) -> dict[str, Any]:
    found, everything = extremes("inputs", x), finite(x.flatten().tolist())
    features = [finite(feature) for feature in features_of(x)]
    if everything:
        found["inputs.mean"] = mean(everything)
        found["inputs.std"] = math.sqrt(variance(everything))
    spreads = [variance(f) if f else 0.0 for f in features]
    centers = [mean(f) if f else 0.0 for f in features]
    if any(spreads):
        squares = mean([m**2 for m in centers])
        found["inputs.offset"] = math.sqrt(squares) / math.sqrt(mean(spreads))
    if x.dim() == 2:
        varying = [v for v in spreads if v > 0]
        if varying:
            found["inputs.scale_ratio"] = math.sqrt(max(varying) / min(varying))
            found |= _scale_spread(features, spreads)
        found["inputs.constant"] = 1 - len(varying) / len(spreads)
        found["inputs.duplicates"] = _copies(features_of(x), spreads) / len(spreads)
    return found


def _scale_spread(features: list[list[float]], spreads: list[float]) -> dict[str, float]:
    usual = []
    for feature, spread in zip(features, spreads, strict=True):
        std = math.sqrt(spread)
        if std > 0 and max(feature) - min(feature) <= 5 * std:
            usual.append(std)
    if len(usual) < 8:
        return {}
    usual.sort()

    def decile(number: int) -> float:
        place = number / 10 * (len(usual) - 1)
        low = math.floor(place)
        high = min(low + 1, len(usual) - 1)
        return usual[low] + (place - low) * (usual[high] - usual[low])

    return {"inputs.scale_spread": decile(9) / decile(1)}


def _copies(features: list[list[float]], spreads: list[float]) -> int:
    count = 0
    for j, feature in enumerate(features):
        earlier = [features[i] for i in range(j) if spreads[i] > 0]
        count += feature in earlier
    return count


def targets_facts(target: Tensor) -> dict[str, Any]:
    """All facts of targets, integers or floats."""
    found = extremes("targets", target)
    if target.is_floating_point():
        good = finite(target.flatten().tolist())
        if good:
            found["targets.mean"] = mean(good)
            found["targets.std"] = math.sqrt(variance(good))
        if len(target) > 1:
            outputs = [finite(column) for column in zip(*rows_of(target), strict=True)]
            found["targets.variance"] = mean([variance(o) if o else 0.0 for o in outputs])
        return found
    counts, highest = Counter(target.flatten().tolist()), found["targets.max"]
    if 0 <= highest < 1000:
        found["targets.counts"] = [counts[k] for k in range(highest + 1)]
    return found


def outputs_facts(x: Tensor) -> dict[str, Any]:
    """All facts of outputs."""
    found, numbers = extremes("outputs", x), x.flatten().tolist()
    good = finite(numbers)
    at_bound = 0
    for bound in {min(good), max(good)} if good else ():
        times = numbers.count(bound)
        at_bound += times if times > 1 else 0
    found["outputs.at_bound"] = at_bound / len(numbers)
    found["outputs.zeros"] = numbers.count(0) / len(numbers)
    if x.dim() > 1:
        off = [abs(s - 1) for s in x.sum(1).flatten().tolist()]
        found["outputs.sum_to_one"] = min(numbers) >= 0 and all(o <= 1e-3 for o in off)
    if len(x) > 1 and good:
        columns = [finite(column) for column in zip(*rows_of(x), strict=True)]
        over_samples = mean([variance(c) if c else 0.0 for c in columns])
        whole = variance(good)
        found["outputs.spread"] = math.sqrt(over_samples / whole) if whole else 0.0
    return found


def labels_facts(outputs: Tensor, labels: Tensor, ignored: int = -100) -> dict[str, Any]:
    """Where each label stands, one after the other; at most 1024 of them."""
    rows = outputs.movedim(1, -1).reshape(-1, outputs.shape[1]).double().tolist()
    flat = labels.reshape(-1).tolist()
    taken = min(len(flat), 1024)
    places = [k * len(flat) // taken for k in range(taken)]
    pairs = [(rows[k], flat[k]) for k in places if flat[k] != ignored and flat[k] >= 0]
    pairs = [(row, y) for row, y in pairs if not math.isnan(row[y])]
    if not pairs:
        return {}
    right, quarters = 0, [Fraction(0)] * 4
    for row, y in pairs:
        larger = sum(row[other] > row[y] for _, other in pairs)
        equal = sum(row[other] == row[y] for _, other in pairs)
        begin, end = Fraction(larger, len(pairs)), Fraction(larger + equal, len(pairs))
        for k in range(4):
            inside = min(end, Fraction(k + 1, 4)) - max(begin, Fraction(k, 4))
            quarters[k] += max(inside, Fraction(0)) / (end - begin)
        right += all(row[y] > row[c] for c in range(len(row)) if c != y)
    return {
        "labels.right": right / len(pairs),
        "labels.quarters": [float(share / len(pairs)) for share in quarters],
    }
