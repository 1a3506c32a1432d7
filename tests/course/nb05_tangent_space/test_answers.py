"""What a net reads: its probabilities in eval mode, and the bars of two images."""

import torch
from torch import nn

from rolab.course.nb05_tangent_space.answers import bars, probabilities


def test_probabilities_are_those_of_eval_mode_and_the_mode_stays():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(4, 3)).train()
    x = torch.rand(5, 1, 2, 2)
    found = probabilities(net, x)
    assert net.training and torch.equal(found, probabilities(net, x))
    assert torch.allclose(found, (net[2](x.flatten(1))).softmax(1)) and not found.requires_grad


def test_each_image_has_its_bars_beside_those_of_the_other():
    panel = bars(torch.tensor([[0.2, 0.8], [0.6, 0.4]]), ("a", "b"), ("#ffffff", "#000000"), (0, 1, 0, 1))
    one, other = panel.marks
    assert (one.name, other.name) == ("a", "b") and one.offset == -other.offset != 0
    assert torch.equal(one.y, torch.tensor([0.2, 0.8])) and list(panel.x.ticks) == [0, 1]
