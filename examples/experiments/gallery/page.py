"""What was found, kept beside the figures; and the page made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from examples.experiments.gallery.claim import Claim
from examples.experiments.gallery.experiment import Experiment

FOLDER, PAGE = "gallery", "gallery.md"
VERDICTS = {True: "holds", False: "**does not hold**", None: "undecided"}
HEAD = """\
# The gallery

The experiments by which the thesis *Understanding Deep Learning Optimization via Benchmarking and
Debugging* (Schneider, 2022) argues for Cockpit, on this implementation. `make gallery` makes this
page and its figures anew, `make gallery ARGS=--quick` a quick form of it,
and `make gallery ARGS="--only {example}"` one experiment; each is a script in
[`examples/experiments/`](../examples/experiments). In brackets are 95 % confidence intervals of the
mean over the seeds. A claim is *undecided* where its threshold lies in that interval, or where the
seeds were fewer than three.
"""


@dataclass(frozen=True)
class Finding:
    """What an experiment found, as it is kept between runs.

    Attributes:
        form: ``full`` or ``quick``.
        seconds: How long its runs took to train.
        data: Names of the data sets.
        claims: With the numbers found.
    """

    form: str
    seconds: int
    data: tuple[str, ...]
    claims: tuple[Claim, ...]


def keep(finding: Finding, name: str, docs: Path) -> None:
    """Write a finding beside the figure of its experiment."""
    path = docs / FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = asdict(finding)
    for claim in content["claims"]:
        claim["holds"] = None if claim["holds"] is None else bool(claim["holds"])  # not numpy's
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def kept(name: str, docs: Path) -> Finding | None:
    """The finding of an experiment, if there is one."""
    path = docs / FOLDER / f"{name}.json"
    if not path.exists():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    claims = tuple(Claim(**claim) for claim in content["claims"])
    return Finding(content["form"], content["seconds"], tuple(content["data"]), claims)


def page(experiments: Sequence[Experiment], docs: Path) -> str:
    """The page of all experiments that have been run, as Markdown."""
    found = [(each, finding) for each in experiments if (finding := kept(each.name, docs))]
    if not found:
        raise ValueError(f"nothing in {docs / FOLDER}: run an experiment first")
    parts = [HEAD.format(example=found[0][0].name), _summary(found)]
    parts += [_section(each, finding) for each, finding in found]
    return "\n".join(parts)


def _summary(found: Iterable[tuple[Experiment, Finding]]) -> str:
    rows = [
        (f"[{each.number}](#{_anchor(each)})", claim.text, claim.found, VERDICTS[claim.holds])
        for each, finding in found
        for claim in finding.claims
    ]
    return _table(("experiment", "claim", "number here", "verdict"), rows)


def _section(each: Experiment, finding: Finding) -> str:
    claims = [(c.text, c.found, VERDICTS[c.holds]) for c in finding.claims]
    return "\n".join(
        (
            f"## {_heading(each)}",
            "",
            f"![{each.title}]({FOLDER}/{each.name}.png)",
            "",
            each.text,
            "",
            _table(("claim", "number here", "verdict"), claims),
            f"Thesis: {each.source}. Data: {', '.join(finding.data)}. Form: {finding.form}, "
            f"{_duration(finding.seconds)} of training. "
            f"Script: [`{each.name}.py`](../examples/experiments/{each.name}.py).",
            "",
        )
    )


def _heading(each: Experiment) -> str:
    return f"{each.number}. {each.title}"


def _anchor(each: Experiment) -> str:
    """As GitHub makes it of the heading."""
    letters = "".join(c for c in _heading(each).lower() if c.isalnum() or c in " -_")
    return letters.replace(" ", "-")


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |" for line in cells) + "\n"
