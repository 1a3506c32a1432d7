"""Data sets: rows, devices, and what is wrong with them."""

import pytest
import torch

from rolab.data import Dataset
from rolab.errors import DataError


def test_rows_of_a_data_set(mnist_test):
    test = mnist_test
    rows = torch.tensor([3, 1, 4])
    assert test[rows].labels.tolist() == [0, 2, 4] and torch.equal(test[rows].images, test.images[rows])
    assert len(test[:100]) == len(test[test.labels == 5][:100]) == 100
    assert test[7].images.shape == (1, 1, 28, 28)


def test_a_data_set_moves_to_a_device(mnist_test):
    moved = mnist_test[:2].to("meta")
    assert moved.images.device.type == moved.labels.device.type == "meta" and len(moved) == 2


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 28, 28), torch.zeros(2, dtype=torch.int64), r"images must be a 4-dim.*\(2, 28, 28\)"),
        (torch.zeros(2, 1, 28, 28).double(), torch.zeros(2, dtype=torch.int64), r"images must .*float64"),
        (torch.zeros(2, 1, 28, 28), torch.zeros(2), r"labels must be a 1-dimensional tensor of torch\.int64"),
        (
            torch.zeros(2, 1, 28, 28),
            torch.zeros(3, dtype=torch.int64),
            r"2 images need as many labels, not 3",
        ),
    ],
)
def test_a_data_set_says_what_is_wrong_with_it(images, labels, message):
    with pytest.raises(DataError, match=message):
        Dataset(images, labels)
