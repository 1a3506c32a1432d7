"""A small net and small images, for the tests of what happens to single pixels."""

import torch
from torch import nn

from rolab.data import Dataset
from rolab.experiments.single_pixel import count_misread


class SmallNet(nn.Module):
    """A net for images of 6 × 5 pixels, with its weights from a seed."""

    def __init__(self, seed: int = 0, classes: int = 4):
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, classes))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return 3 * self.net(x)


def small_images():
    """Twelve, which the net of seed 0 gets right."""
    images = (torch.rand(12, 1, 6, 5, generator=torch.Generator().manual_seed(1)) * 2 - 0.6).clamp(0, 1)
    return Dataset(images, SmallNet()(images).argmax(1))


def counted(out):
    """The census of the small net and images, as a record."""
    return count_misread({"a": SmallNet()}, small_images(), out, {"all": None}, progress=False)
