from __future__ import annotations

import numpy as np
import pytest

from cockpit.instruments import View, panels
from cockpit.instruments.panel import Axis, Heatmap, Line, Panel, Points
from cockpit.log import RunLog
from cockpit.render.geometry import (
    Box,
    columns,
    equal_ranges,
    legend_marks,
    panel_boxes,
    rows,
)
from cockpit.render.pagination import (
    GAUGE,
    HISTORY,
    JOINT,
    LAYERS,
    arrange,
    group_heights,
    heights,
    page_size,
    split,
    wanted_height,
)
from tests.synthetic import write_run

X = np.arange(3.0)
HEAT = Heatmap(X, X, np.ones((2, 2)))


def test_rows_and_columns_fill_the_box():
    box = Box(1, 2, 10, 8)
    top, bottom = rows(box, (3, 1), 0.4)
    assert (top.top, bottom.bottom) == pytest.approx((10, 2))
    assert top.height == pytest.approx(3 * bottom.height)
    assert top.bottom - bottom.top == pytest.approx(0.4)
    left, right = columns(box, (1, 1), 1.0)
    assert (left.left, right.right) == pytest.approx((1, 11))
    assert right.left - left.right == pytest.approx(1.0)


def test_inset_never_turns_inside_out():
    assert Box(0, 0, 1, 1).inset(2, 2, 2, 2).width > 0


@pytest.mark.parametrize(
    ("panel", "height"),
    [
        (Panel(), HISTORY),
        (Panel(side={"below": Panel()}), GAUGE),
        (Panel(marks=(HEAT,), side={"top": Panel(), "right": Panel()}), JOINT),
        (Panel(marks=(HEAT,)), LAYERS),
    ],
)
def test_wanted_heights(panel, height):
    assert wanted_height(panel) == height


def test_split_keeps_order_and_balances():
    assert split([3, 1, 1, 1], 2) == [[0], [1, 2, 3]]
    assert split([1, 1, 1, 3], 2) == [[0, 1, 2], [3]]
    assert split([2.0], 1) == [[0]]


def panel_of(group):
    return Panel("t", group)


def test_heights_of_a_column_fill_it():
    column = [Panel(), Panel(side={"below": Panel()}), Panel()]
    assert sum(heights(column, 9.0)) + 0.2 * 2 == pytest.approx(9.0)
    assert heights(column, 9.0)[1] > heights(column, 9.0)[0]


def test_every_panel_is_placed_once_in_its_group(tmp_path):
    shown = [p for _, p in panels(RunLog(write_run(tmp_path / "run", steps=30)), View())]
    blocks = arrange(shown)
    placed = [
        (group, panel.title)
        for block in blocks
        for group, cols in block.groups
        for col in cols
        for panel in col
    ]
    assert sorted(placed) == sorted((p.group, p.title) for p in shown)
    gradients = next(cols for b in blocks for g, cols in b.groups if g == "gradients")
    titles = [p.title for col in gradients for p in col]
    assert titles == [p.title for p in shown if p.group == "gradients"]


def test_groups_that_share_a_column_fill_it():
    blocks = arrange([panel_of("step size"), panel_of("curvature"), *[panel_of("gradients")] * 8])
    shared = next(block for block in blocks if len(block.groups) == 2)
    assert [group for group, _ in shared.groups] == ["step size", "curvature"]
    assert sum(group_heights(shared, 8.0)) == pytest.approx(8.0, abs=0.3)


def test_two_panels_stand_side_by_side():
    blocks = arrange([panel_of("step size"), panel_of("performance")])
    assert sum(block.columns for block in blocks) == 2


def test_one_panel_and_none():
    assert [block.columns for block in arrange([panel_of("curvature")])] == [1]
    assert arrange([]) == []


def test_pages_are_landscape():
    for count in (1, 2, 5):
        width, height = page_size(count)
        assert width / height == pytest.approx(2**0.5)


def test_boxes_of_a_panel_do_not_overlap():
    panel = Panel(
        "t", y=Axis("y"), note="n", marks=(HEAT,),
        side={"top": Panel(), "right": Panel(), "below": Panel(x=Axis("step"))},
    )  # fmt: skip
    box = Box(0, 0, 4, 5)
    boxes = panel_boxes(panel, box)
    main, top, right, below = (boxes[k] for k in ("main", "top", "right", "below"))
    assert below.top < main.bottom
    assert main.top < top.bottom
    assert main.right < right.left
    assert (main.left, main.width) == (top.left, top.width)
    assert (main.bottom, main.height) == (right.bottom, right.height)
    for part in boxes.values():
        assert part.left >= 0
        assert part.right <= 4
        assert part.top < 5


def test_equal_axes_get_the_same_unit():
    panel = Panel(x=Axis(range=(-1, 1)), y=Axis(range=(-1, 1)), equal=True)
    wide = equal_ranges(panel, Box(0, 0, 4, 2))
    assert wide.x.range == (-2, 2)
    assert wide.y.range == (-1, 1)
    tall = equal_ranges(panel, Box(0, 0, 2, 4))
    assert (tall.x.range, tall.y.range) == ((-1, 1), (-2, 2))


def test_legend_names_each_label_once_and_only_where_there_is_a_choice():
    one = Line(X, X, "loss")
    assert legend_marks(Panel(marks=(one,))) == []
    other = Line(X, X, "valid", "secondary")
    assert legend_marks(Panel(marks=(one, Line(X, X, "loss"), other))) == [one, other]
    cross = Points(X, X, "not finite", "warning", "cross")
    assert legend_marks(Panel(marks=(Line(X, X), cross))) == [cross]
    assert legend_marks(Panel(marks=(HEAT, cross))) == []
