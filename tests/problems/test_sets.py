"""Views of data sets: what a network is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cockpit.problems.data import ImageSet, Labeled, load, source
from cockpit.problems.data.draws import regression
from cockpit.problems.data.texts import TextSet, encode, text_set, vocabulary
from cockpit.problems.data.views import AsDrawn, Classified, NextCharacter, Reconstructed


def pictures(classes: int = 10) -> ImageSet:
    images = torch.arange(48, dtype=torch.uint8).reshape(3, 1, 4, 4)
    labeled = Labeled(images, torch.tensor([0, 1, 2]))
    names = tuple(str(number) for number in range(classes))
    return ImageSet("toy", "Toy", labeled, labeled, "here", names)


def test_classified_images_are_framed_and_scaled() -> None:
    train, _ = Classified((3, 6, 6))(pictures())
    images, labels = train.take(torch.tensor([2, 0]))
    assert images.shape == (2, 3, 6, 6)
    assert labels.tolist() == [2, 0]
    assert images[0, 1, 1, 1].item() == pytest.approx(32 / 255)


def test_reconstructed_images_are_their_own_targets() -> None:
    _, test = Reconstructed((1, 4, 4))(pictures())
    images, targets = test.take(torch.tensor([1]))
    assert torch.equal(images, targets)
    assert images[0, 0, 0, 0].item() == pytest.approx(16 / 255)


def test_more_classes_than_the_network_knows_are_refused() -> None:
    assert len(Classified((1, 4, 4), classes=100)(pictures())[0]) == 3
    with pytest.raises(ValueError, match="got Toy with 100 classes; the network knows 10"):
        Classified((1, 4, 4))(pictures(classes=100))


@pytest.mark.parametrize("view", [AsDrawn(), Classified((1, 4, 4)), NextCharacter(5, 9)])
def test_data_of_another_kind_is_refused(view) -> None:
    others = [pictures(), regression(), text_set("t", "T", "some text " * 9, "here")]
    for data in others:
        if isinstance(data, view.takes):
            view(data)
        else:
            with pytest.raises(ValueError, match=f"which is {data.kind}; this problem takes"):
                view(data)


def test_passages_follow_each_other_and_targets_are_one_further() -> None:
    text = "abcdefghij" * 5
    train, test = NextCharacter(length=4, codes=20)(text_set("t", "T", text, "here"))
    assert (len(train), len(test)) == (9, 2)  # of 40 and of 10 characters
    pieces, further = train.take(torch.tensor([0, 1]))
    assert pieces.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert further.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert pieces.dtype == torch.int64
    last, _ = train.take(torch.tensor([8]))
    assert last.tolist() == [[2, 3, 4, 5]]


def test_frequent_characters_have_codes_of_their_own_and_others_share_one() -> None:
    known = vocabulary("aaaaabbbb  c", size=4)
    assert [chr(point) for point in known] == ["a", "b", " "]
    assert encode("abc dé€", known).tolist() == [0, 1, 3, 2, 3, 3, 3]
    assert vocabulary("ab", size=83).tolist() == [97, 98]
    with pytest.raises(ValueError, match="got 300 characters, expected at most 255"):
        encode("a", np.arange(300))


def test_a_text_of_the_users_own_is_read(tmp_path) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes("\ufeffÄ text.\r\n".encode() * 100)
    found = load(str(path))
    assert isinstance(found, TextSet)
    assert found.title == "own.txt"
    assert found.train[:8] == "Ä text.\n"
    assert source(str(path)).where() == str(path)
    assert len(found.test) / (len(found.train) + len(found.test)) == pytest.approx(0.2, abs=0.01)


def test_what_is_no_text_is_refused(tmp_path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ValueError, match=r"picture\.png is no text in UTF-8"):
        load(str(path))
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="too short"):
        load(str(path))


def test_the_noisy_line_has_the_slope_of_the_thesis() -> None:
    data = load("noisy-line")
    assert len(data.train) == len(data.test) == 100
    x, y = data.train.take(torch.arange(100))
    assert x.shape == y.shape == (100, 1)
    slope = ((x * y).mean() / x.square().mean()).item()
    assert slope == pytest.approx(1.4, abs=0.3)
    assert (y - 1.4 * x).std().item() == pytest.approx(1, abs=0.2)
    assert not torch.equal(regression(1).train.inputs, x)


def test_the_quadratics_draws_are_normal_and_always_the_same() -> None:
    first, second = load("normal-100d"), load("normal-100d")
    assert torch.equal(first.train.inputs, second.train.inputs)
    assert first.train.inputs.shape == first.test.inputs.shape == (1000, 100)
    assert first.train.inputs.std().item() == pytest.approx(0.6, rel=0.01)
    assert not torch.equal(first.train.inputs, first.test.inputs)
