"""Data sets: rows, devices, and what is wrong with them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rolab.data import Dataset
from rolab.errors import DataError


def test_rows_of_a_data_set(mnist_test):
    test = mnist_test
    rows = torch.tensor([3, 1, 4])
    assert test[rows].labels.tolist() == [0, 2, 4] and torch.equal(test[rows].images, test.images[rows])
    assert len(test[:100]) == len(test[test.labels == 5][:100]) == 100
    for seven in (7, np.int64(7), torch.tensor(7), [7], -9993):
        assert test[seven].images.shape == (1, 1, 28, 28) and test[seven].labels.tolist() == [9]
    assert len(test[:0]) == 0 and len(list(test[:3])) == 3


@pytest.mark.parametrize("rows", [True, None, (slice(None), 0)])
def test_what_are_no_rows_is_refused(mnist_test, rows):
    with pytest.raises((DataError, IndexError)):
        mnist_test[:3][rows]


def test_a_data_set_moves_to_a_device(mnist_test):
    moved = mnist_test[:2].to("meta")
    assert moved.images.device.type == moved.labels.device.type == "meta" and len(moved) == 2


def test_perturbed_images_keep_their_labels_and_may_leave_the_pixel_box(mnist_test):
    data, d = mnist_test[:4], torch.linspace(-2, 2, 4).view(-1, 1, 1, 1).expand(4, 1, 28, 28)
    moved = data.perturbed(d)
    assert torch.equal(moved.images, data.images + d) and torch.equal(moved.labels, data.labels)
    assert torch.equal(moved[1:].images, moved.images[1:]) and torch.equal(data.images, mnist_test.images[:4])
    with pytest.raises(
        DataError, match=r"^perturbation: expected shape \(4, 1, 28, 28\), got \(3, 1, 28, 28\)"
    ):
        data.perturbed(d[:3])


IMAGES, LABELS = torch.rand(3, 1, 4, 4), torch.tensor([0, 1, 2])


@pytest.mark.parametrize(
    ("images", "came"),
    [
        (IMAGES[:, 0], r"float32 of shape \(3, 4, 4\)$"),
        (IMAGES.double(), r"float64 of shape"),
        ((255 * IMAGES).byte(), "uint8 of shape"),
        (IMAGES[:, :0], r"shape \(3, 0, 4, 4\)$"),
        (IMAGES.numpy(), "ndarray$"),
        (IMAGES.tolist(), "list$"),
    ],
)
def test_images_of_another_form_are_refused(images, came):
    with pytest.raises(DataError, match=rf"^images: expected a float32 tensor \(N, C, H, W\), got .*{came}"):
        Dataset(images, LABELS)


@pytest.mark.parametrize(
    ("labels", "came"),
    [
        (LABELS.float(), "float32 of shape"),
        (LABELS.byte(), "uint8 of shape"),
        (LABELS.bool(), "bool of shape"),
        (LABELS[:, None], r"int64 of shape \(3, 1\)$"),
        (torch.eye(3, dtype=torch.int64), r"int64 of shape \(3, 3\)$"),
        (LABELS.numpy(), "ndarray$"),
        ([0, 1, 2], "list$"),
    ],
)
def test_labels_of_another_form_are_refused(labels, came):
    with pytest.raises(
        DataError, match=rf"^labels: expected an int64 tensor \(N,\), class numbers, got .*{came}"
    ):
        Dataset(IMAGES, labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:2], "expected 3, as many as images, got 2"),
        (LABELS - 1, "expected class numbers from 0 up, got -1"),
        (LABELS.to("meta"), "expected on cpu, as the images are, got meta"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(DataError, match=f"^labels: {message}"):
        Dataset(IMAGES, labels)


@given(st.floats(-300, 300), st.integers(0, 5))
def test_a_pixel_lies_in_0_to_1(value, place):
    """Wherever it stands; a quarter of a grey level is rounding, half of one is not."""
    images = torch.full((2, 3, 1, 1), 0.5)
    images.view(-1)[place] = value
    if 0 <= value <= 1:
        assert torch.equal(Dataset(images, LABELS[:2]).images, images)
    elif not -0.5 / 255 < value < 1 + 0.5 / 255:
        with pytest.raises(DataError, match=r"^images: expected pixels in \[0, 1\], got numbers from .* to"):
            Dataset(images, LABELS[:2])


@pytest.mark.parametrize(
    ("change", "came"),
    [
        (lambda x: 255 * x, "got numbers from 0 to 255$"),
        (lambda x: (x - 0.1307) / 0.3081, "got numbers from -0.424213 to 2.82149$"),
        (lambda x: 2 * x - 1, "got numbers from -1 to 1$"),
        (lambda x: x / x.max() * math.inf, "got NaN in 20 of 20 images$"),
        (lambda x: x.where(x > 0, math.nan), "got NaN in 20 of 20 images$"),
        (lambda x: x.where(x < 1, math.inf), "got numbers from 0 to inf$"),
    ],
)
def test_pixels_in_another_unit_are_refused_with_their_range(mnist_test, change, came):
    images = change(mnist_test.images[:20])
    with pytest.raises(DataError, match=rf"^images: expected pixels in \[0, 1\], {came}"):
        Dataset(images, mnist_test.labels[:20])


def test_rounding_is_no_other_unit():
    x = torch.rand(50, 1, 8, 8)
    for rounded in (x, x.bfloat16().float(), ((x - 0.1307) / 0.3081) * 0.3081 + 0.1307, x.clamp(0, 1e-9)):
        assert len(Dataset(rounded, torch.zeros(50, dtype=torch.int64))) == 50


@pytest.mark.parametrize("rows", [slice(0, 40), 3, slice(10, 50), torch.arange(40), slice(0, 90)])
def test_a_small_part_does_not_keep_the_whole_in_memory(rows):
    """A view would: ten images of MNIST would hold 188 MB."""
    whole = Dataset(torch.rand(100, 1, 4, 4), torch.arange(100))
    part = whole[rows]
    assert torch.equal(part.labels, whole.labels[[rows] if isinstance(rows, int) else rows])
    assert torch.equal(part.images, whole.images[part.labels])
    assert part.images.untyped_storage().nbytes() <= 2 * part.images.nbytes
