"""Facts of the batch: by hand, and against plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from cockpit.backward.facts import hashes
from cockpit.backward.facts.inputs import Inputs, scale_spread
from cockpit.backward.stats import Absent
from tests.backward.facts.comparison import WAYS, assert_close, seen, take
from tests.references import facts as naive


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def holed(x: Tensor) -> Tensor:
    """With a NaN, an infinity, and a column (channel) without any finite number."""
    x = x.clone()
    x[0, 0], x[1, 1] = math.nan, -math.inf
    x[:, 2] = math.nan
    return x


BATCHES: dict[str, Callable[[], Tensor]] = {
    "table": lambda: draw(9, 4),
    "double precision": lambda: draw(9, 4).double(),
    "half precision": lambda: draw(9, 4).half(),
    "bfloat16": lambda: draw(9, 4).bfloat16(),
    "uncentred": lambda: draw(9, 4) + 1e4,
    "one feature": lambda: draw(9),
    "one sample": lambda: draw(1, 4),
    "images": lambda: draw(5, 3, 4, 6),
    "images, channels last": lambda: draw(5, 3, 4, 6).to(memory_format=torch.channels_last),
    "videos": lambda: draw(3, 2, 2, 3, 4),
    "sequences": lambda: draw(5, 7, 3),
    "transposed": lambda: draw(4, 9).T,
    "table with holes": lambda: holed(draw(9, 4)),
    "images with holes": lambda: holed(draw(5, 3, 4, 6)),
    "nothing finite": lambda: torch.full((3, 2), math.nan),
    "constant": lambda: torch.full((4, 3), 0.1),
    "constant and copied features": lambda: draw(9, 3)[:, [0, 1, 0, 2, 2, 2]].mul(
        torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    ),
    "equal samples": lambda: draw(4, 5)[[0, 1, 1, 2, 0, 3, 1]],
    "zeros and ones": lambda: (draw(40, 9) > 0).float(),
    "units of their own": lambda: draw(30, 12) * 10 ** torch.linspace(-1, 1, 12),
    "rare features": lambda: draw(64, 20) * (torch.arange(64)[:, None] % 40 == torch.arange(20)),
    "signs": lambda: draw(40, 12).sign(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BATCHES)
def test_floats_are_as_in_plain_loops(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(way, monkeypatch)
    x = BATCHES[name]()
    found = seen(Inputs(), inputs=x)
    assert found.pop("inputs.dtype") == str(x.dtype).removeprefix("torch.")
    assert found.pop("inputs.shape") == list(x.shape)
    rel = 1e-3 if name == "uncentred" else 2e-5
    expected = naive.inputs_facts(x.double() if x.dtype != torch.float64 else x)
    assert_close(found, expected, rel)


def test_numbers_by_hand() -> None:
    x = torch.tensor([[1.0, 10.0, 7.0], [3.0, 30.0, 7.0]])
    assert seen(Inputs(), inputs=x) == {
        "inputs.dtype": "float32",
        "inputs.shape": [2, 3],
        "inputs.nonfinite": 0,
        "inputs.mean": 9.666667,
        "inputs.std": 9.551033,  # √(1108 / 6 − 9.67²)
        "inputs.min": 1.0,
        "inputs.max": 30.0,
        "inputs.offset": 2.117817,  # √(453 / 3) / √(101 / 3)
        "inputs.scale_ratio": 10.0,
        "inputs.constant": 0.3333333,
        "inputs.duplicates": 0.0,
        "inputs.same_rows": 0.0,
    }


@pytest.mark.parametrize("way", WAYS)
def test_tokens(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(way, monkeypatch)
    group, first = Inputs(), torch.tensor([[1, 2, 3], [4, 5, 6], [1, 2, 3], [0, 0, 0]])
    second = torch.tensor([[4, 5, 6], [3, 2, 1]])
    assert seen(group, inputs=first) == {
        "inputs.dtype": "int64", "inputs.shape": [4, 3], "inputs.min": 0, "inputs.max": 6,
        "inputs.same_rows": 0.5,
    }  # fmt: skip
    assert seen(group, inputs=second) == {
        "inputs.dtype": "int64", "inputs.shape": [2, 3], "inputs.min": 1, "inputs.max": 6,
        "inputs.same_rows": 0.0, "inputs.repeated": 0.5, "inputs.same_tensor": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.uint16, torch.int16, torch.int32, torch.uint64, torch.bool]
)
def test_other_integers(dtype: torch.dtype) -> None:
    x = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 0, 1], [1, 1, 1]]).to(dtype)
    group = Inputs()
    found = seen(group, inputs=x)
    assert found.pop("inputs.dtype") == str(dtype).removeprefix("torch.")
    assert found.pop("inputs.shape") == [4, 3]
    assert_close(found, naive.inputs_facts(x))
    assert seen(group, inputs=x[:2])["inputs.repeated"] == 1.0


def test_what_was_there_in_the_batch_before() -> None:
    group, x = Inputs(), draw(6, 4, seed=1)
    assert "inputs.repeated" not in seen(group, inputs=x)
    later = torch.cat([x[:2], draw(6, 4, seed=2)])
    found = seen(group, inputs=later)
    assert found["inputs.repeated"] == naive.inputs_facts(later, x)["inputs.repeated"] == 0.25
    assert seen(group, inputs=draw(3, 2))["inputs.repeated"] == 0.0  # of another shape


def test_the_same_tensor_is_told_from_an_equal_one() -> None:
    group, x = Inputs(), draw(6, 4, seed=1)
    assert "inputs.same_tensor" not in seen(group, inputs=x)
    assert [seen(group, inputs=given)["inputs.same_tensor"] for given in (x, x.clone(), x)] == [
        True,
        False,
        False,
    ]
    assert seen(group, inputs=x.view(6, 2, 2))["inputs.same_tensor"]
    for _ in range(2):  # the first samples of a data set at each step: no choice of the user's
        assert not seen(group, inputs=x[:3])["inputs.same_tensor"]
    assert "inputs.same_tensor" not in seen(group, inputs=None)
    assert "inputs.same_tensor" not in seen(group, inputs=x)


def test_columns_whose_squares_have_no_place_are_left_out() -> None:
    """NaN is no spread, and no warning either."""
    count = np.full(9, 4.0)
    squares = np.array([*[4.0] * 8, np.inf])
    assert scale_spread(count, count, squares, -count / 2, count / 2) == 1.0


def test_positions_that_are_no_samples_are_not_compared() -> None:
    found = seen(Inputs(), inputs=torch.zeros(7, 2, dtype=torch.long), batch_size=2)
    assert list(found) == ["inputs.dtype", "inputs.shape", "inputs.min", "inputs.max"]


@pytest.mark.parametrize(
    "odd",
    [
        torch.randn(3, 2, dtype=torch.complex64),
        torch.eye(3).to_sparse(),
        torch.empty(0, 4),
        torch.empty(3, 4, device="meta"),
    ],
    ids=["complex", "sparse", "empty", "meta"],
)
def test_of_odd_tensors_only_kind_and_shape(odd: Tensor) -> None:
    assert list(seen(Inputs(), inputs=odd)) == ["inputs.dtype", "inputs.shape"]


def test_without_inputs_there_is_nothing() -> None:
    assert seen(Inputs()) == {}


def test_an_overwritten_batch_is_not_looked_at() -> None:
    with pytest.raises(Absent, match="overwritten"):
        seen(Inputs(), inputs=draw(3, 2), intact=False)


def test_numbers_that_are_the_negative_of_others_in_memory() -> None:
    x = torch.randn(3, 2, dtype=torch.complex64).conj().imag
    assert x.is_neg()
    assert seen(Inputs(), inputs=x) == seen(Inputs(), inputs=x.clone())


def test_a_subclass_of_tensor_is_a_tensor() -> None:
    class Image(Tensor):
        pass

    x = draw(3, 4)
    assert seen(Inputs(), inputs=x.as_subclass(Image)) == seen(Inputs(), inputs=x)


@pytest.mark.parametrize("way", ["compiled", "plain torch"])
@pytest.mark.parametrize("kind", ["normal", "signs", "bits", "one hot", "small integers", "bytes"])
def test_fingerprints_tell_rows_and_columns_apart(
    kind: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of numbers with few bits, too; here are 2 million pairs."""
    take(way, monkeypatch)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 300, generator=generator)
    x = {
        "normal": x,
        "signs": x.sign(),
        "bits": (x > 0).float(),
        "one hot": torch.eye(2000)[:, :300] + torch.eye(2000, 300).roll(300, 0),
        "small integers": (10 * x).round(),
        "bytes": (50 * x).clamp(-120, 120).to(torch.int8),
    }[kind]
    different = len(set(map(tuple, x.tolist())))
    of_rows, of_columns = hashes.fingerprints(x, True)
    assert len(set(of_rows.tolist())) == different
    assert len(set(of_columns.tolist())) == len(set(map(tuple, x.T.tolist())))


def test_the_batch_is_not_changed() -> None:
    x = holed(draw(9, 4))
    before = x.clone()
    seen(Inputs(), inputs=x)
    torch.testing.assert_close(x, before, rtol=0, atol=0, equal_nan=True)
    assert x._version == before._version + 3  # of holed(), none of its own
