"""The net of which as much as possible can be proved: what its card says."""

import pytest
import torch
from torch import nn

from rolab.certify import certified
from rolab.data import Dataset
from rolab.evaluation import accuracy_percent
from rolab.experiments.certified_net import U, proved_accuracy
from rolab.sets import pixel_box


def test_the_card_says_which_share_is_proved_in_the_pixel_box():
    """Of all test images, those that are misread among the rest; here some of each kind."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3)).eval()
    images = torch.rand(40, 1, 2, 3)
    test = Dataset(images, model(images).argmax(1))
    test.labels[::7] = (test.labels[::7] + 1) % 3
    found = proved_accuracy(model, test)
    assert found == pytest.approx(accuracy_percent(certified(model, test, lambda x: U & pixel_box(x))))
    assert 0 < found < 100 * 34 / 40
