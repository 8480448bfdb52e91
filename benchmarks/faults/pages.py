"""A page for each lamp: what it means, on what evidence, and how often it is wrong."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.faults.injections import FAULTS
from benchmarks.faults.shares import Share
from benchmarks.faults.sight import ALARMS
from cockpit.lamps import LEVELS, Lamp, all_lamps
from cockpit.lamps.lamp import STATISTICAL

KINDS = {"exact": "it sees the fault itself", "statistical": "it sees the fault's traces"}
SPLITS = {
    "held_out": "on programs that set no threshold",
    "setting": "on the programs that thresholds were set by, so rather too well",
}
CORPUS, TABLES = "benchmarks/faults", "benchmarks/results/faults.md"
LEVEL_WORDS = {
    "warning": "act now: the run is lost or wrong as it stands",
    "caution": "act soon",
    "advisory": "know",
}


def write(folder: Path, results: Path) -> list[Path]:
    """Write all pages and their list; those of lamps that are gone are removed.

    Args:
        folder: Of the pages.
        results: Of the scores, ``faults.json`` or ``faults-setting.json``, if there are any.
    """
    measured = measurements(results)
    texts = {f"{one.name}.md": page(one, measured) for one in all_lamps()}
    texts["README.md"] = contents(measured)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def measurements(results: Path) -> Mapping[str, Any]:
    """The scores by split, those on programs that set no threshold if they are there."""
    for name in ("faults.json", "faults-setting.json"):
        if (results / name).exists():
            found = json.loads((results / name).read_text(encoding="utf-8"))
            return {split: found[split] for split in SPLITS if split in found}
    return {}


def contents(measured: Mapping[str, Any]) -> str:
    """The list of all lamps, and how well they work as a whole."""
    parts = ["# The lamps\n\nWhat each says, how it knows, and how often it is wrong.\n"]
    for level in LEVELS:
        parts.append(f"\n## {level.capitalize()}: {LEVEL_WORDS[level]}\n\n")
        parts += [f"- [{one.title}]({one.name}.md). {one.means}\n" for one in _of_level(level)]
    parts.append(f"\n## How well it works\n\n{working(measured)}")
    return "".join(parts)


def working(measured: Mapping[str, Any]) -> str:
    """The measures of success on programs that set no threshold."""
    found = measured.get("held_out")
    if found is None:
        return (
            "Not measured yet: the programs that set no threshold were not scored. What is "
            f"measured, and how: [{CORPUS}](../../{CORPUS}).\n"
        )
    return (
        "Faults of many kinds were put into small programs that train well, and the lamps were "
        f"looked at in both. This is {SPLITS['held_out']}; all tables, also against others' "
        f"rules: [{TABLES}](../../{TABLES}).\n\n{found['headline']}\n{found['described']}"
    )


def _of_level(level: str) -> Sequence[Lamp]:
    return sorted((one for one in all_lamps() if one.level == level), key=lambda one: one.title)


def page(one: Lamp, measured: Mapping[str, Any]) -> str:
    """The page of a lamp."""
    after = "at the first reading" if one.sustain == 1 else f"after {one.sustain} readings in a row"
    explained = ["all statistical ones" if n == STATISTICAL else f"`{n}`" for n in one.inhibits]
    caused = [f"`{name}`" for name, fault in FAULTS.items() if fault.root == one.name]
    lines = [
        f"# {one.title}\n",
        f"`{one.name}` · usually {one.level} ({LEVEL_WORDS[one.level]}) · {one.kind}: "
        f"{KINDS[one.kind]}\n",
        f"**What it means.** {one.means}\n",
        f"**What to do.** {one.do}\n",
        f"## How it knows\n\n{inspect.cleandoc(one.text)}\n",
        f"{_reads(one)} It lights {after}, and goes out after twice as many below half of its "
        "threshold.\n",
    ]
    if explained:
        lines.append(f"It explains, if they are lit as well: {_listed(explained)}.\n")
    lines.append(f"Source: {one.source}.\n")
    lines.append(f"## How often it is wrong\n\n{wrong(one, measured)}\n")
    if caused:
        lines.append(f"Faults of the corpus that it has to name: {_listed(caused)}.\n")
    return "\n".join(lines)


def _reads(one: Lamp) -> str:
    if not one.needs:
        return "It reads the header of the log."
    return (
        f"It reads {_listed([f'`{name}`' for name in one.needs])}; where one of them is not "
        "tracked, it says so instead of staying dark."
    )


def wrong(one: Lamp, measured: Mapping[str, Any]) -> str:
    """What the corpus says of a lamp, in words."""
    split = next((name for name in SPLITS if name in measured), None)
    if split is None:
        return "Not measured yet: the corpus of `benchmarks/faults/` was not scored as a whole."
    found = measured[split]
    false = Share.of(_alarmed(run, one.name) for run in found["healthy"])
    lit = [run for run in found["faulty"] if _alarmed(run, one.name, alone=True)]
    right = Share.of(one.name in FAULTS[run["fault"]].accepted for run in lit)
    return (
        f"Measured {SPLITS[split]} (share, number, Wilson's interval of 95 %): it lit as a caution "
        f"or warning in {false} of the healthy runs. Where it lit in a run with a harmful fault "
        f"and no other lamp explained it, it was an accepted cause in {right}."
    )


def _alarmed(run: Mapping[str, Any], name: str, *, alone: bool = False) -> bool:
    """Whether a lamp lit as a caution or warning; ``alone``: and stood for itself."""
    lit = run["lamps"]["all"]
    return any(
        lamp == name and level in ALARMS and not (alone and cause is not None)
        for _, lamp, level, cause in lit
    )


def _listed(words: Sequence[str]) -> str:
    """In a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
