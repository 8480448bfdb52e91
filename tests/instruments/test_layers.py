"""Layers as rows: groups, filter, order, folding; and the pictures made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.instruments import View, get
from cockpit.instruments.grouping import GROUPINGS, ROOT, group_names, matches
from cockpit.instruments.layer_histograms import shares
from cockpit.instruments.layer_history import MAX_LAYERS, chosen_styles
from cockpit.instruments.layer_rows import Row, layer_rows
from cockpit.instruments.layers import MAX_SAMPLE, medians, most_columns, summarize
from cockpit.instruments.panel import Heatmap, Line, Points, Text
from cockpit.log.record import Bins, Counts1d, Histogram1d, Layer
from tests.instruments.logs import per_layer, write_log

NAN = float("nan")


def layer(name: str, kind: str = "Linear") -> Layer:
    return Layer(name, (2,), name.rpartition(".")[0], kind)


NET = (
    layer("stem.conv.weight", "Conv2d"),
    layer("stem.norm.weight", "BatchNorm2d"),
    layer("body.0.conv.weight", "Conv2d"),
    layer("body.0.conv.bias", "Conv2d"),
    layer("body.1.conv.weight", "Conv2d"),
    layer("head.weight"),
)


def transformer(blocks: int) -> tuple[Layer, ...]:
    inner = [layer(f"h.{b}.{part}.weight") for b in range(blocks) for part in ("q", "k", "v", "o")]
    return (layer("embedding.weight", "Embedding"), *inner, layer("head.weight"))


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        ("module", ["stem.conv", "stem.norm", "body.0", "body.0", "body.1", "head"]),
        ("type", ["Conv2d", "BatchNorm2d", "Conv2d", "Conv2d", "Conv2d", "Linear"]),
        ("depth", ["depth 1", "depth 2", "depth 3", "depth 3", "depth 4", "depth 5"]),
    ],
)
def test_groups(grouping, expected):
    assert group_names(NET, grouping) == expected


@pytest.mark.parametrize(("blocks", "groups"), [(6, 8), (12, 14), (25, 27), (96, 98)])
def test_modules_of_a_deep_network_are_its_blocks(blocks, groups):
    names = group_names(transformer(blocks), "module")
    assert len(set(names)) == groups
    assert names[1:5] == ["h.0"] * 4


@pytest.mark.parametrize("blocks", [3, 25, 100])
def test_depths_are_stretches_of_equally_many_modules(blocks):
    layers = transformer(blocks)
    names = group_names(layers, "depth")
    distinct = list(dict.fromkeys(names))
    assert 5 <= len(distinct) <= 10
    sizes = [names.count(name) for name in distinct]
    assert len(set(sizes[:-1])) == 1
    assert 0 < sizes[-1] <= sizes[0]


def test_parameters_of_the_model_itself_have_a_group():
    assert group_names((layer("scale"), layer("a.b.weight")), "module")[0] == ROOT
    assert all(GROUPINGS[name](()) == [] for name in GROUPINGS)


@pytest.mark.parametrize(
    ("search", "found"),
    [("", 6), ("CONV", 4), ("body weight", 2), ("conv2d", 4), ("linear", 1), ("body linear", 0)],
)
def test_filter_by_words_of_name_and_type(search, found):
    assert sum(matches(one, search) for one in NET) == found


def test_rows_without_groups_keep_the_order_of_the_model():
    rows = layer_rows(NET, View(search="conv2d"))
    assert [row.members for row in rows] == [(0,), (2,), (3,), (4,)]
    assert not any(row.heading for row in rows)


def test_open_and_folded_groups():
    rows = layer_rows(NET, View(grouping="type", folded=("Conv2d", "no such group")))
    assert rows == (
        Row("Conv2d", (0, 2, 3, 4), True, 4),
        Row("BatchNorm2d", (), True, 1),
        Row("stem.norm.weight", (1,), group="BatchNorm2d"),
        Row("Linear", (), True, 1),
        Row("head.weight", (5,), group="Linear"),
    )
    assert [row.label(18) for row in rows[:2]] == ["▸ Conv2d (4)", "▾ BatchNorm2d (1)"]


def test_labels_leave_out_what_the_heading_says():
    rows = layer_rows(NET, View(grouping="module", search="body.0"))
    assert [row.label(18) for row in rows] == ["▾ body.0 (2)", "conv.weight", "conv.bias"]


@given(
    st.sampled_from([None, "module", "type", "depth"]),
    st.sampled_from(["", "weight", "conv", "x"]),
    st.sets(st.sampled_from(["Conv2d", "depth 3", "stem.conv", "head"])),
)
def test_every_layer_that_matches_is_in_one_row(grouping, search, folded):
    rows = layer_rows(NET, View(grouping=grouping, search=search, folded=tuple(folded)))
    members = sorted(i for row in rows for i in row.members)
    assert members == [i for i, one in enumerate(NET) if matches(one, search)]


def test_unknown_grouping_is_refused():
    with pytest.raises(ValueError, match="module, type, depth, got 'color'"):
        View(grouping="color")


def of(panel, kind):
    return [mark for mark in panel.marks if isinstance(mark, kind)]


@pytest.fixture
def grouped(tmp_path):
    layers = (layer("a.weight", "Conv2d"), layer("b.weight"), layer("c.weight", "Conv2d"))
    values = [per_layer(1.0, 1.0, 5.0, 3.0), per_layer(1.0, 2.0, 7.0, NAN)]
    return write_log(tmp_path, {"GradNorm": values}, layers=layers)


def test_a_folded_group_has_the_median_of_its_layers(grouped):
    panel = get("layers")(grouped, View(grouping="type", folded=("Conv2d",)))
    (heatmap,) = of(panel, Heatmap)
    np.testing.assert_array_equal(heatmap.z, [[2, 2], [NAN, NAN], [5, 7]])
    assert heatmap.y_labels == ("Conv2d", "Linear", "b.weight")
    assert heatmap.headings == (0, 1)
    assert panel.note == "3 parameters · 1 folded group"


def test_filter_and_what_it_leaves(grouped):
    panel = get("layers")(grouped, View(search="c."))
    assert of(panel, Heatmap)[0].y_labels == ("c.weight",)
    assert panel.note == "1 of 3 parameters"
    nothing = get("layers")(grouped, View(search="nowhere"))
    assert of(nothing, Text)[0].text == "No layer matches “nowhere”."
    assert nothing.note == "0 of 3 parameters"


def test_picked_layers_have_arrows_and_where_there_is_room_lines(grouped):
    view = View(layers=("a.weight", "c.weight"), grouping="type", folded=("Conv2d",), large=True)
    panel = get("layers")(grouped, view)
    assert [(p.label, p.y.tolist(), p.role) for p in of(panel, Points)] == [
        ("a.weight", [0.5], "primary"),
        ("c.weight", [0.5], "secondary"),
    ]
    below = panel.side["below"]
    assert {m.label: m.role for m in of(below, Line) if m.label} == {
        "a.weight": "primary", "c.weight": "secondary",
    }  # fmt: skip
    assert below.x == panel.x
    assert get("layers")(grouped, View(layers=("a.weight",))).side == {}


def test_a_layer_has_the_same_color_wherever_it_is_measured(tmp_path):
    values = {
        "GradNorm": [per_layer(1.0, 1.0, 2.0, 3.0)] * 2,
        "UpdateSize": [per_layer(1.0, None, None, 3.0)] * 2,
    }
    log = write_log(tmp_path, values)
    view = View(layers=("0.weight", "2.weight"), large=True)
    for quantity in values:
        below = get("layers")(log, View(**{**vars(view), "quantity": quantity})).side["below"]
        (role,) = {m.role for m in of(below, Line) if m.label == "2.weight"}
        assert role == "secondary"


def test_no_more_layers_have_a_style_than_can_be_told_apart(tmp_path):
    many = tuple(layer(f"{i}.weight") for i in range(20))
    log = write_log(tmp_path, {"GradNorm": [per_layer(1.0, *range(20))]}, layers=many)
    styles = chosen_styles(log, View(layers=tuple(one.name for one in many)))
    assert len(set(styles.values())) == len(styles) == MAX_LAYERS


def test_the_window_is_summarized_anew(tmp_path):
    values = [per_layer(1.0, float(i), 1.0, 1.0) for i in range(500)]
    panel = get("layers")(write_log(tmp_path, {"GradNorm": values}), View(window=(100.0, 120.0)))
    (heatmap,) = of(panel, Heatmap)
    np.testing.assert_array_equal(heatmap.z[0], np.arange(99.0, 122.0))
    assert panel.x.range == (100.0, 120.0)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_medians_are_those_of_numpy(rows, columns, seed):
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, columns))
    values[random.random((rows, columns)) < 0.3] = NAN
    values[random.random((rows, columns)) < 0.1] = np.inf
    finite = np.where(np.isfinite(values), values, NAN)
    known = np.isfinite(finite).any(axis=0)
    result = medians(values)
    np.testing.assert_allclose(result[known], np.nanmedian(finite[:, known], axis=0))
    assert np.isnan(result[~known]).all()


def test_very_many_steps_are_sampled():
    x = np.arange(10.0 * MAX_SAMPLE)
    _, cells = summarize(x, x[:, None], 2)
    assert cells[:, 0] == pytest.approx([2.5 * MAX_SAMPLE, 7.5 * MAX_SAMPLE], rel=0.02)


@pytest.mark.parametrize("rows", [1, 100, 400, 1000])
def test_a_heat_map_stays_small_however_many_rows(rows):
    assert most_columns(View(), rows) * rows <= 20_000
    assert 20 <= most_columns(View(), rows) <= most_columns(View(max_points=2_000), rows) <= 200


BINS = Bins(-1.0, 1.0, 4)
NARROW = Counts1d(np.array([0, 50, 50, 0]), 0, 0, 10)
WIDE = Counts1d(np.array([10, 40, 40, 0]), 5, 5, 0)
EMPTY = Counts1d(np.zeros(4, int), 0, 0, 0)


def test_shares_of_rows_and_of_groups():
    histogram = Histogram1d(BINS, NARROW + WIDE, (NARROW, WIDE, None, EMPTY))
    rows = (Row("a", (0,)), Row("both", (0, 1), True, 2), Row("absent", (2,)), Row("none", (3,)))
    result = shares(histogram, rows)
    np.testing.assert_allclose(result[0], [NAN, NAN, 0.5, 0.5, NAN, NAN])
    np.testing.assert_allclose(result[1], [0.025, 0.05, 0.45, 0.45, NAN, 0.025])
    assert np.isnan(result[2:]).all()


def test_gradient_elements_by_layer(tmp_path):
    histogram = Histogram1d(BINS, NARROW + WIDE, (NARROW, None, WIDE))
    log = write_log(tmp_path, {"GradHist1d": [histogram]}, steps=(7,))
    panel = get("layer_histograms")(log, View(layers=("2.weight",)))
    (heatmap,) = of(panel, Heatmap)
    np.testing.assert_allclose(heatmap.x_edges, [-1.5, -1, -0.5, 0, 0.5, 1, 1.5])
    assert heatmap.y_labels == ("0.weight", "0.bias", "2.weight")
    assert panel.current == "step 7"
    assert panel.note == "1 of 2 rows nearly all between −0.5 and 0.5 · 3 parameters · 1 picked"
    assert [p.y.tolist() for p in of(panel, Points)] == [[2.5]]


def test_no_histograms_by_layer_no_picture(tmp_path):
    log = write_log(tmp_path, {"GradHist1d": [Histogram1d(BINS, NARROW)]})
    assert get("layer_histograms")(log, View()) is None
