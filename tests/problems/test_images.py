from __future__ import annotations

import pytest
import torch

from cockpit.problems.data import SOURCES, Batches, ImageSet, Labeled, fit_images, load


def numbered(n: int) -> Labeled:
    images = torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 1, 2, 2)
    return Labeled(images, torch.arange(n))


def test_fashion_mnist_is_what_its_authors_describe(fashion_mnist: ImageSet) -> None:
    assert fashion_mnist.title == "Fashion-MNIST"
    assert fashion_mnist.train.images.shape == (60_000, 1, 28, 28)
    assert fashion_mnist.test.images.shape == (10_000, 1, 28, 28)
    assert fashion_mnist.train.images.dtype == torch.uint8
    assert fashion_mnist.train.labels.bincount().tolist() == [6_000] * 10
    assert fashion_mnist.test.labels.bincount().tolist() == [1_000] * 10
    assert [fashion_mnist.classes[label] for label in fashion_mnist.train.labels[:2]] == [
        "Ankle boot",
        "T-shirt/top",
    ]


def test_digits_are_all_of_scikit_learns() -> None:
    digits = load("digits")
    assert (len(digits.train), len(digits.test)) == (1_500, 297)
    assert digits.train.images.shape[1:] == (1, 8, 8)
    assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)
    assert digits.train.labels[:5].tolist() == [0, 1, 2, 3, 4]


def test_an_unknown_data_set_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=f"expected one of {', '.join(SOURCES)}"):
        load("cifar-1000")


def test_one_epoch_shows_each_image_once_scaled_with_its_label() -> None:
    batches = Batches(numbered(10), 4, keep_last=True)
    epoch = list(batches)
    assert [len(labels) for _, labels in epoch] == [4, 4, 2]
    assert len(batches) == 3
    labels = torch.cat([labels for _, labels in epoch])
    images = torch.cat([images for images, _ in epoch])
    assert labels.sort().values.tolist() == list(range(10))
    assert torch.equal(images[:, 0, 0, 0], labels / 255)
    assert images.dtype == torch.float32


def test_a_smaller_last_batch_is_dropped_unless_wanted() -> None:
    assert [len(labels) for _, labels in Batches(numbered(10), 4)] == [4, 4]


def test_the_order_depends_on_the_seed_alone() -> None:
    def orders(seed: int) -> list[list[int]]:
        batches = Batches(numbered(8), 8, seed=seed)
        return [labels.tolist() for _ in range(2) for _, labels in batches]

    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = orders(0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert orders(0) == first
    assert orders(1) != first
    assert first[0] != first[1]


def test_take_goes_on_from_epoch_to_epoch() -> None:
    taken = list(Batches(numbered(6), 2).take(7))
    assert [epoch for epoch, _, _ in taken] == [0, 0, 0, 1, 1, 1, 2]
    in_order = [label for _, _, labels in taken[:6] for label in labels.tolist()]
    assert sorted(in_order[:6]) == sorted(in_order[6:]) == list(range(6))


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_size_that_cannot_be_is_refused(batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"got batch_size={batch_size}, expected 1 to 10"):
        Batches(numbered(10), batch_size)


def test_images_are_padded_all_around_and_channels_repeated() -> None:
    images = torch.rand(2, 1, 28, 28)
    framed = fit_images(images, (3, 32, 32))
    assert framed.shape == (2, 3, 32, 32)
    for channel in range(3):
        assert torch.equal(framed[:, channel, 2:30, 2:30], images[:, 0])
    assert framed.sum() == pytest.approx(3 * images.sum().item(), rel=1e-5)


def test_small_images_are_enlarged_by_a_whole_factor() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert fit_images(image, (1, 5, 5))[0, 0].tolist() == [
        [1, 1, 2, 2, 0],
        [1, 1, 2, 2, 0],
        [3, 3, 4, 4, 0],
        [3, 3, 4, 4, 0],
        [0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize("shape", [(1, 20, 28), (1, 28, 20), (4, 28, 28)])
def test_images_that_do_not_fit_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"got images of shape \(3, 28, 28\), expected"):
        fit_images(torch.zeros(1, 3, 28, 28), shape)


def test_batches_are_framed_for_the_network() -> None:
    images, _ = next(iter(Batches(numbered(4), 2, shape=(3, 4, 4))))
    assert images.shape == (2, 3, 4, 4)
