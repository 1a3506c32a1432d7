"""What the tests of the CIFAR-10 networks share: smooth random images, and the two networks."""

import torch
from torch.nn import functional as F

from rolab.nets import VGG, WhitenedNet


def smooth_images(n: int, seed: int = 0) -> torch.Tensor:
    """Random images whose neighbouring pixels and colours are alike, as in photographs."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, 3, 8, 8, generator=generator) + torch.rand(n, 1, 8, 8, generator=generator)
    fine = F.interpolate(coarse, size=32, mode="bilinear") / 2
    return (fine + 0.02 * torch.rand(n, 3, 32, 32, generator=generator)).clamp(0, 1)


def whitened(seed: int = 0, **more) -> WhitenedNet:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        net = WhitenedNet(**more)
    net.whiten(smooth_images(50))
    return net


def vgg(seed: int = 0) -> VGG:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return VGG()
