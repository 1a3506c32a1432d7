"""A net, and data that it mostly reads correctly."""

import pytest
from small_nets import Small, data_for
from torch import nn

from rolab.data import Dataset


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return Small(0).eval()


@pytest.fixture(scope="module")
def data(model) -> Dataset:
    return data_for(model, 230)  # more than one batch, and the last one is not full
