"""How the panels of a run are laid out on one landscape page: pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from math import inf, log

from cockpit.instruments.panel import GROUPS, Group, Heatmap, Panel

COLUMN = 4.04  # inches, the width of a column: four of them fill a sheet of A3
HISTORY, GAUGE, JOINT, LAYERS = 1.85, 3.5, 3.3, 2.5  # inches, heights that panels would like
FIXED = 0.75  # inches of each of them are title, legend and labels, whatever its height
TITLE = 0.55  # inches, what one more group in a column costs
GAP = 0.2  # inches between panels
LANDSCAPE = 2**0.5  # width over height, of any A format
HEADER = 0.9  # inches of a page that no column has
FEWEST_COLUMNS = 2  # of a page
MOST_COLUMNS = 4  # of one group

Column = list[Panel]


@dataclass(frozen=True)
class Block:
    """Columns that stand side by side and belong together.

    Attributes:
        groups: One group with its columns, or several groups below each other in one column.
    """

    groups: tuple[tuple[Group, tuple[Column, ...]], ...]

    @property
    def columns(self) -> int:
        """How many columns wide it is."""
        return max(len(columns) for _, columns in self.groups)

    def stacks(self) -> list[list[Panel]]:
        """All panels of each of its columns."""
        if len(self.groups) == 1:
            return list(self.groups[0][1])
        return [[panel for _, (column,) in self.groups for panel in column]]


def wanted_height(panel: Panel) -> float:
    """The height, in inches, that suits a panel in a column of the usual width."""
    if "below" in panel.side:
        return GAUGE
    if panel.side:
        return JOINT
    if panel.multiples:
        return JOINT
    if any(isinstance(mark, Heatmap) for mark in panel.marks):
        return LAYERS
    return HISTORY


def page_size(columns: int) -> tuple[float, float]:
    """Width and height in inches of a landscape page with this many columns."""
    width = max(FEWEST_COLUMNS, columns) * COLUMN + 0.4
    return width, width / LANDSCAPE


def split(heights: Sequence[float], parts: int) -> list[list[int]]:
    """Indices of consecutive runs of panels, such that the tallest run is as low as possible.

    Args:
        heights: Of the panels, in order.
        parts: Number of runs, at most as many as there are panels.
    """
    count = len(heights)
    best, lowest = [list(range(count))], inf
    for cuts in combinations(range(1, count), parts - 1):
        runs = [list(range(a, b)) for a, b in pairwise((0, *cuts, count))]
        tallest = max(sum(heights[i] for i in run) for run in runs)
        if tallest < lowest:
            best, lowest = runs, tallest
    return best


def arrange(panels: Sequence[Panel]) -> list[Block]:
    """The blocks of a page, left to right, whose panels come closest to their wanted heights.

    Tries every way to let groups share a column, and every number of columns of the others.
    """
    members = {group: [p for p in panels if p.group == group] for group in GROUPS}
    present = [group for group in GROUPS if members[group]]
    best: list[Block] = []
    lowest = inf
    for parts in _partitions(present):
        choices = [
            range(1, 1 + min(len(members[part[0]]), MOST_COLUMNS)) if len(part) == 1 else (1,)
            for part in parts
        ]
        for numbers in product(*choices):
            if sum(numbers) < min(FEWEST_COLUMNS, len(panels)):
                continue
            blocks = [_block(part, members, n) for part, n in zip(parts, numbers, strict=True)]
            if (cost := misfit(blocks)) < lowest:
                best, lowest = blocks, cost
    return best


def misfit(blocks: Sequence[Block]) -> float:
    """How far pictures are from their wanted heights: mean squared logarithm of their stretch."""
    room = page_size(sum(block.columns for block in blocks))[1] - HEADER
    stretches = [
        stretch(stack, room - TITLE * len(block.groups))
        for block in blocks
        for stack in block.stacks()
    ]
    return sum(log(s) ** 2 for s in stretches) / max(len(stretches), 1)


def stretch(column: Sequence[Panel], height: float) -> float:
    """By how much the pictures of a column are larger than wanted if it has this height."""
    fixed = FIXED * len(column) + GAP * (len(column) - 1)
    wanted = sum(wanted_height(panel) - FIXED for panel in column)
    return max(height - fixed, 0.1 * wanted) / wanted


def heights(column: Sequence[Panel], height: float) -> list[float]:
    """Heights of the panels of a column that together, with gaps, have this height."""
    factor = stretch(column, height)
    return [FIXED + factor * (wanted_height(panel) - FIXED) for panel in column]


def group_heights(block: Block, height: float) -> list[float]:
    """Heights of the groups of a block that together have this height."""
    if len(block.groups) == 1:
        return [height]
    factor = stretch(block.stacks()[0], height - TITLE * len(block.groups))
    return [
        TITLE + sum(FIXED + factor * (wanted_height(panel) - FIXED) for panel in column)
        for _, (column,) in block.groups
    ]


def _partitions(groups: list[Group]) -> Iterator[list[list[Group]]]:
    """All ways to put groups together, each in order of its first group."""
    if not groups:
        yield []
        return
    first, rest = groups[0], groups[1:]
    for size in range(len(rest) + 1):
        for mates in combinations(rest, size):
            others = [group for group in rest if group not in mates]
            for parts in _partitions(others):
                yield [[first, *mates], *parts]


def _block(part: list[Group], members: dict[Group, list[Panel]], number: int) -> Block:
    made = []
    for group in part:
        runs = split([wanted_height(p) for p in members[group]], number)
        made.append((group, tuple([members[group][i] for i in run] for run in runs)))
    return Block(tuple(made))
