"""Whitened network for CIFAR-10, which two cores can train: its first layer is computed from the data."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.arguments import check_images, check_pixels
from rolab.nets.layers import Dropout, Standardize


class WhitenedNet(nn.Module):
    """Seven convolutions, the first of them fixed, and a linear layer: 1,160,064 learnt parameters.

        24 2×2 whitening filters → GELU → three groups with 64, 128, 256 filters → max pool 3 → linear / 9
        group: 3×3 conv → max pool 2 → batch norm → GELU → 3×3 conv → batch norm → GELU

    with dropout after each GELU. Takes pixels in [0, 1] of shape (N, 3, 32, 32), returns logits (N, 10).

        net = WhitenedNet()
        net.whiten(images)          # once, before training; the filters are saved with the weights

    The patches of natural images are strongly correlated: neighbouring pixels are nearly equal. With
    Σ = E[ppᵀ] = QΛQᵀ over the 12-dimensional 2×2 patches of the standardised images, the filters are the
    rows of ±(Λ + κI)^(−½) Qᵀ: what they return is uncorrelated, with variance λ/(λ + κ). With both signs GELU
    keeps either side. The layer is a buffer: no gradient is spent on it.

    The whitening is computed in single precision, also where the rest is in bfloat16: rounded to that, images
    drown a perturbation of a tenth of a grey level, before the filters bring out what is small.

    The shape is that of airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", with the
    whitening of Page 2019), with narrower groups, no learnt whitening bias, and dropout in the place of
    augmentation. As there, batch norm learns no scale, convolutions start as the identity on the
    channels that came in, and the logits are divided by 9.
    """

    filters: Tensor

    def __init__(self, dropout: float = 0.1, kappa: float = 5e-4) -> None:
        super().__init__()
        self.kappa = kappa
        self.standardize = Standardize()
        self.register_buffer("filters", torch.zeros(24, 3, 2, 2))
        self._whitened = False  # known only once the filters were looked at
        self.groups = nn.Sequential(
            nn.GELU(), Dropout(dropout), *_group(24, 64, dropout), *_group(64, 128, dropout),
            *_group(128, 256, dropout), nn.MaxPool2d(3), nn.Flatten(),
        )  # fmt: skip
        self.linear = nn.Linear(256, 10, bias=False)

    def whiten(self, images: Tensor) -> None:
        """Computes the whitening filters from images (N, 3, 32, 32) with pixels in [0, 1], in place.

        A few thousand images are enough for 78 numbers. The same images give the same filters.

        Raises:
            ValueError: the images are of another shape, or a pixel is NaN or outside [0, 1].
        """
        if images.ndim != 4 or images.shape[1] != 3 or len(images) < 1 or min(images.shape[2:]) < 2:
            raise ValueError(f"images: expected shape (N, 3, H, W), got {tuple(images.shape)}")
        check_pixels(images)
        moment, count = torch.zeros(12, 12, dtype=torch.float64), 0
        for some in images.split(1000):  # the patches of so many are held at a time
            columns = F.unfold(self.standardize(some.to(self.filters)), 2)  # (n, 12, patches of an image)
            patches = columns.transpose(1, 2).flatten(0, 1)
            moment += (patches.T @ patches).cpu()
            count += len(patches)
        eigenvalues, Q = torch.linalg.eigh(moment / count)
        whitening = (Q / (eigenvalues + self.kappa).sqrt()).T.flip(0).view(12, 3, 2, 2)
        self.filters.copy_(torch.cat([whitening, -whitening]))

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self._whitened = False

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, 3, 32, 32)
        # Asked once and not in each step, for a step on an accelerator would wait for the answer.
        self._whitened = self._whitened or bool(self.filters.any())
        if not self._whitened:
            raise ValueError(
                "filters: expected those of `net.whiten(images)`, got none; call it before the first use"
            )
        with torch.autocast(x.device.type, enabled=False):
            x = F.conv2d(self.standardize(x), self.filters)
        return self.linear(self.groups(x)) / 9


def _group(channels: int, width: int, dropout: float) -> list[nn.Module]:
    return [
        _convolution(channels, width), nn.MaxPool2d(2), _batch_norm(width), nn.GELU(), Dropout(dropout),
        _convolution(width, width), _batch_norm(width), nn.GELU(), Dropout(dropout),
    ]  # fmt: skip


def _convolution(channels: int, width: int) -> nn.Conv2d:
    """A 3×3 convolution whose first filters hand on the channels that come in."""
    convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[:channels])
    return convolution


def _batch_norm(width: int) -> nn.BatchNorm2d:
    """Batch normalisation without a scale; the running averages are those of the last few batches."""
    norm = nn.BatchNorm2d(width, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm
