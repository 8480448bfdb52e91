"""The page docs/models.md: what Cockpit says of each case.

``python -m tests.cases.page`` writes it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from tests.cases import architectures, forms, layers, losses, precision, several, training
from tests.cases.case import Case
from tests.cases.verdicts import COLUMNS, Verdict

__all__ = ["CHAPTERS", "PAGE", "rows", "without_numbers", "written"]

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
CHAPTERS: dict[str, list[Case]] = {
    "Forms": forms.CASES,
    "Layers": layers.CASES,
    "Architectures": architectures.CASES,
    "Losses": losses.CASES,
    "Loops": training.CASES,
    "Number formats, compilers, checkpoints": precision.CASES,
    "Several processes": several.CASES,
}
SIGNS = {"exact": "=", "contribution": "Σ", "estimate": "≈", "absent": "–"}
KINDS = {sign: kind for kind, sign in SIGNS.items()}

INTRODUCTION = """\
# What Cockpit says of which model

Each row is a small model in a training of a few large steps, each column a quantity. The tests run
them all with Cockpit, compare every number in the log, network-wide and for each parameter, with a
naive loop in double precision that knows nothing of Cockpit, and fail if a number is wrong, if
nothing is said of a missing one, if the training is not bit for bit the one without Cockpit, or if
a cell is not what this page says. The page is written by `python -m tests.cases.page`.

| sign | meaning |
|---|---|
| = | *exact*: the definition, but for rounding |
| Σ | *contribution*: exact, but the samples are coupled (see below); the log marks it |
| ≈ 50 % | *estimate*: random, right on average; the log marks it (see *curvature*) |
| – 3 | *absent*: no number; the log says why, in the words of reason 3 at the end |
| = 3 | exact, but absent at some of the steps, for reason 3 |

**Coupled samples.** Batch normalization in training mode computes with the mean and the variance of
the mini-batch, and a loss may compare samples with each other. Then no sample has a gradient of its
own. There gₙ is by definition *the contribution of sample n to the batch gradient*: N times the
gradient of the batch loss with respect to the parameters where sample n goes through them, all
other samples held in their place. So (1/N) Σ gₙ = ḡ still, exactly. In the tests it comes from a
model with parameters of its own for every sample.

**Accuracy.** "Exact" is a relative error of at most 10⁻⁶ in double precision (the log keeps seven
digits), 10⁻³ in single precision, and the rounding of the number format in half precision;
`HessMaxEV` 10⁻³, as asked of its solver here. The column *error* has the largest one that was found
in the row, `HessMaxEV` aside. What rounding leaves of a zero is not compared: a bias before batch
normalization, or of an attention layer's keys, has no gradient, and a ratio to it no meaning.

**Curvature.** `HessTrace`, `TICDiag` and `TICTrace` refer to the generalized Gauss-Newton matrix:
by default a Monte-Carlo estimate, with `curvature="ggn"` exactly (the columns that say `ggn`).
Where it does not exist, `curvature="hutchinson"` estimates the Hessian itself, with a large
variance. The number beside an estimate is an upper bound of the relative standard deviation of a
single draw; the default is one, and S of them divide it by √S. With gradient accumulation
`HessMaxEV` is that of the first micro-batch; there the number says how far that is from the whole.

**Several processes.** In the last chapter two or three processes train one model, each with its own
share of the mini-batch (with torch's gloo, on a CPU). The log, which the first process writes, is
compared with the same naive loop over the samples of all, which knows nothing of processes: N is
their number, and every sample has the same weight, also where the processes have different numbers
of them. Batch normalization computes with the statistics of each process's own share,
`SyncBatchNorm` with those of all. Torch's own `SyncBatchNorm` runs on GPUs only; here the same
class computes the same by other means.
"""


def evaluated(chapters: Mapping[str, list[Case]]) -> dict[str, dict[str, dict[str, Verdict]]]:
    """All verdicts, by chapter, case and column."""
    found: dict[str, dict[str, dict[str, Verdict]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for chapter, cases in chapters.items():
            found[chapter] = several.verdicts_of_all(cases, Path(folder) / chapter)
    return found


def written(found: Mapping[str, Mapping[str, Mapping[str, Verdict]]]) -> str:
    """The page."""
    reasons: dict[str, int] = {}
    tables = []
    for chapter, cases in found.items():
        head = ["", *COLUMNS, "error"]
        tables += [f"\n## {chapter}\n", _line(head), _line(["---"] * len(head))]
        for name, verdicts in cases.items():
            cells = [_cell(verdicts[column], reasons) for column in COLUMNS]
            tables.append(_line([name, *cells, _largest_error(verdicts)]))
    ending = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([INTRODUCTION, *tables, "\n## Reasons\n", *ending, ""])


def rows(page: str) -> dict[str, dict[str, Verdict]]:
    """The verdicts that a page holds, by case and column."""
    reasons = dict(re.findall(r"^(\d+)\. (.*)$", page, re.MULTILINE))
    found = {}
    for cells in _tables(page):
        columns = zip(COLUMNS, cells[1 : 1 + len(COLUMNS)], strict=True)
        found[cells[0]] = {column: _parsed(cell, reasons) for column, cell in columns}
    return found


def without_numbers(verdict: Verdict) -> tuple[str, str]:
    """What of a verdict is the same on every machine: no numbers, nothing that torch says."""
    reason = re.sub(r"\([^()]*\)", "()", verdict.reason)
    return verdict.kind, re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "#", reason)


def _tables(page: str) -> Iterator[list[str]]:
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 2 + len(COLUMNS) and cells[0] not in ("", "---"):
            yield cells


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(verdict: Verdict, reasons: dict[str, int]) -> str:
    parts = [SIGNS[verdict.kind]]
    if verdict.kind == "estimate":
        parts.append(f"{verdict.error:.0%}".replace("%", " %"))
    if verdict.reason:
        parts.append(str(reasons.setdefault(verdict.reason, len(reasons) + 1)))
    return " ".join(parts)


def _parsed(cell: str, reasons: Mapping[str, str]) -> Verdict:
    sign, *rest = cell.replace(" %", "%").split()
    numbers = [part for part in rest if not part.endswith("%")]
    return Verdict(KINDS[sign], reason=reasons[numbers[0]] if numbers else "")


def _largest_error(verdicts: Mapping[str, Verdict]) -> str:
    errors = [
        v.error
        for name, v in verdicts.items()
        if name != "HessMaxEV" and v.kind in ("exact", "contribution")
    ]
    return f"{max(errors):.0e}" if errors else SIGNS["absent"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    PAGE.write_text(written(evaluated(CHAPTERS)))
